/* The gRPC C core behind a table of methods and six callbacks: completion queues, batches and
 * slices stay in rpc.c.
 *
 * A call lives on one loop, which is one thread: its callbacks never overlap and need no lock. What
 * takes longer than about 100 us goes to a worker by rpc_work and comes back to the loop. After
 * every callback has returned, `close` is the last one, once, whatever happened. */
#ifndef TAMIS_RPC_H
#define TAMIS_RPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "proto/fault.h"

struct rpc_server;
struct rpc_call;
struct rpc_message;

struct rpc_method {
  const char *path;   /* "/tamis.v1.Client/Poll" */
  size_t request_max; /* bytes of one message; a larger one is refused with BAD_REQUEST */
  size_t state_size;  /* of the zeroed memory that rpc_state gives */
  const void *row;    /* the handler's own description of this method, from rpc_row */
  void *context;      /* from rpc_context */
  void (*open)(struct rpc_call *call);
  /* One message; the handler frees it. The next comes after the next rpc_read. */
  void (*message)(struct rpc_call *call, struct rpc_message *message);
  void (*end)(
      struct rpc_call *call); /* the client has sent everything: never for a broken stream */
  void (*sent)(struct rpc_call *call); /* the last rpc_send has left */
  void (*tick)(struct rpc_call *call); /* the time given to rpc_tick_in has passed */
  void (*gone)(struct rpc_call
                   *call); /* the client left or its deadline passed: stop waiting for anything */
  void (*close)(struct rpc_call *call); /* last: release what the state holds */
};

struct rpc_options {
  const char *listen;                        /* "127.0.0.1:0", "[::1]:7443", "unix:/run/tamis" */
  const char *certificate, *key, *client_ca; /* PEM text; certificate NULL: plain text */
  bool
      is_wan; /* windows that grow to the path's delay, at the price of memory (grpc-c-core.md 4) */
  int loops, workers;    /* threads */
  size_t message_max;    /* bytes */
  size_t network_memory; /* that the transport's buffers may take, bytes */
  size_t metadata_max;
  uint32_t calls_max, streams_per_connection_max;
};

/* Opens the port and serves `methods`, which must outlive the server. Refuses a port in use. */
enum tamis_status rpc_server_open(const struct rpc_options *options,
                                  const struct rpc_method *methods, size_t method_count,
                                  struct rpc_server **server, struct fault *fault);
/* "127.0.0.1:43117": with the port that the system chose. */
const char *rpc_server_address(const struct rpc_server *server);
/* No new connections or calls from here on; returns at once. */
void rpc_server_drain(struct rpc_server *server);
/* True when every call has ended; waits for that at most `wait_ms`. */
bool rpc_server_wait(struct rpc_server *server, uint32_t wait_ms);
/* Breaks the calls that are left; after rpc_server_drain. */
void rpc_server_cancel(struct rpc_server *server);
/* Drains, breaks what is left, frees. Whoever holds calls (rpc_hold) must have let go of them. */
void rpc_server_close(struct rpc_server *server);

/* Every call received is answered once, or its client left before. All of one moment. */
struct rpc_counters {
  uint64_t received;
  uint64_t answered[TAMIS_STATUS_COUNT];
  uint64_t unknown_method;
  uint64_t gone;
  uint64_t in_flight;
  uint64_t ending; /* of these: counted as answered, though the answer has not left yet */
};
void rpc_server_counters(struct rpc_server *server, struct rpc_counters *counters);
/* Calls received, less those with an outcome and those that still wait for one. Other than 0: a
 * call was lost without a word, or counted twice. */
int64_t rpc_unaccounted(const struct rpc_counters *counters);

/* For handlers, on the call's loop only. */
void *rpc_state(struct rpc_call *call);
void *rpc_context(const struct rpc_call *call);
const void *rpc_row(const struct rpc_call *call);
void rpc_read(struct rpc_call *call); /* asks for one message; no effect while one is awaited */
/* `bytes` is malloc'd and taken. One message at a time: wait for `sent`. */
void rpc_send(struct rpc_call *call, uint8_t *bytes, size_t length);
/* Sends `prefix` (copied) and then `bytes` in place; `release(context)` is called once, from any
 * thread, when the transport has let go of them. */
void rpc_send_shared(struct rpc_call *call, const uint8_t *prefix, size_t prefix_length,
                     const void *bytes, size_t length, void (*release)(void *context),
                     void *context);
/* One message and OK. */
void rpc_reply(struct rpc_call *call, uint8_t *bytes, size_t length);
void rpc_end(struct rpc_call *call); /* OK, nothing more */
/* "NAME: sentence" and the trailer tamis-status; with BAD_OFFSET also tamis-offset, where the
 * client should start. */
void rpc_refuse(struct rpc_call *call, enum tamis_status status, const char *sentence);
void rpc_refuse_offset(struct rpc_call *call, uint64_t offset, const char *sentence);
/* Breaks the call off without waiting for anything; `gone` follows. */
void rpc_break(struct rpc_call *call);
bool rpc_is_answered(const struct rpc_call *call); /* refused, replied or ended */
/* Calls `tick` after about `ms` (a tenth of a second fine); again after each call of this;
 * RPC_NEVER stops it. */
enum { RPC_NEVER = -1 };
void rpc_tick_in(struct rpc_call *call, int64_t ms);
uint64_t rpc_clock_ms(void); /* monotonic */

/* Runs `work` on a worker, then `done` on the loop. One at a time per call; the call stays until
 * `done` returned. */
void rpc_work(struct rpc_call *call, void (*work)(struct rpc_call *call),
              void (*done)(struct rpc_call *call));
/* Keeps the call, without a worker, until exactly one rpc_post from any thread, or rpc_release on
 * the loop. */
void rpc_hold(struct rpc_call *call);
void rpc_post(struct rpc_call *call, void (*done)(struct rpc_call *call));
void rpc_release(struct rpc_call *call);
bool rpc_is_alive(const struct rpc_call *call); /* any thread: is the client still there? */

/* A message as it came: many slices. Any thread, one at a time. */
size_t rpc_message_size(const struct rpc_message *message);
/* Copies up to `length` bytes from the start; gives back how many. */
size_t rpc_message_head(const struct rpc_message *message, uint8_t *bytes, size_t length);
/* All of it, malloc'd, the caller frees it. */
uint8_t *rpc_message_copy(const struct rpc_message *message);
/* Visits the bytes after `skip`, piece by piece, in order, until `visit` answers other than
 * TAMIS_OK. */
enum tamis_status rpc_message_visit(const struct rpc_message *message, size_t skip,
                                    enum tamis_status (*visit)(void *context, const uint8_t *bytes,
                                                               size_t length),
                                    void *context);
void rpc_message_free(struct rpc_message *message);

#endif
