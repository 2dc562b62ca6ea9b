/* The rival of bench-upload: a gRPC C core server behind the same rpc.c, with the same channel
 * arguments as tamisd, whose one method counts bytes and forgets them. Its memory is glibc's own
 * way (fast, and never given back), or with `lean` tamisd's. */
#include <malloc.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "aggregator/rpc/rpc.h"
#include "proto/chunk.h"

static atomic_uint_fast64_t counted;

static void bare_open(struct rpc_call *call) {
  rpc_read(call);
}

static void bare_message(struct rpc_call *call, struct rpc_message *message) {
  atomic_fetch_add(&counted, rpc_message_size(message));
  rpc_message_free(message);
  rpc_read(call);
}

static void bare_end(struct rpc_call *call) {
  rpc_reply(call, malloc(1), 0);
}

/* As in tamisd's main.c: receive buffers are mapped one by one, and every page of them is new. */
static void memory_as_in_tamisd(void) {
  mallopt(M_ARENA_MAX, 2);
  mallopt(M_MMAP_THRESHOLD, 64 << 10);
  mallopt(M_TRIM_THRESHOLD, 4 << 20);
  mallopt(M_TOP_PAD, 1 << 20);
}

/* bare_server ADDRESS NETWORK-MIB [lean]: serves until SIGTERM, then says what it counted. */
int main(int argc, char **argv) {
  const struct rpc_method method = {.path = "/tamis.bench.Bare/Count",
                                    .request_max = CHUNK_PAYLOAD_MAX + CHUNK_PREFIX_MAX,
                                    .open = bare_open,
                                    .message = bare_message,
                                    .end = bare_end};
  struct rpc_options options = {.loops = 2,
                                .workers = 1, /* has nothing to do */
                                .message_max = 4 << 20,
                                .metadata_max = 8192,
                                .calls_max = 4096,
                                .streams_per_connection_max = 128};
  struct rpc_server *server = NULL;
  struct fault fault;
  sigset_t signals;
  int signal = 0;
  bool is_lean = argc == 4 && strcmp(argv[3], "lean") == 0;
  if (argc != 3 && !is_lean) {
    fprintf(stderr, "usage: bare_server ADDRESS NETWORK-MIB [lean]\n");
    return 2;
  }
  options.listen = argv[1];
  options.network_memory = strtoull(argv[2], NULL, 10) << 20;
  if (is_lean) memory_as_in_tamisd();
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, NULL);
  if (rpc_server_open(&options, &method, 1, &server, &fault) != TAMIS_OK) {
    fprintf(stderr, "bare_server: %s\n", fault.text);
    return 1;
  }
  printf("%s\n", rpc_server_address(server));
  fflush(stdout);
  sigwait(&signals, &signal);
  rpc_server_close(server);
  printf("%llu\n", (unsigned long long)atomic_load(&counted));
  return 0;
}
