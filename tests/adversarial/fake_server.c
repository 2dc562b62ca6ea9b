/* The door of tamisd before a fake core, for hostile tests: short limits, and a line of metrics on
 * request. */
#include <signal.h>
#include <unistd.h>
#include "aggregator/rpc/metrics.h"
#include "tests/adversarial/fake_core.h"

static uint64_t now_ms(void *context) {
  struct timespec now;
  (void)context;
  clock_gettime(CLOCK_REALTIME, &now);
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* fake_server FOLDER: prints "ADDRESS METRICS_PORT", serves until SIGTERM, exits 0 when nothing was
 * left under way. */
int main(int argc, char **argv) {
  struct service *service = NULL;
  struct metrics *metrics = NULL;
  struct fault fault;
  struct log log = {STDERR_FILENO, LOG_LEVEL_DEBUG, LOG_FORMAT_TEXT};
  sigset_t signals;
  int signal = 0;
  if (argc != 2) return 2;
  setenv("GRPC_VERBOSITY", "NONE", 0);
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, NULL);
  struct core *core = fake_core_open(argv[1]);
  struct service_options options = {
      .core = core,
      .log = &log,
      .rpc = {.listen = "127.0.0.1:0", .loops = 2, .workers = 4},
      .now_ms = now_ms,
  };
  service_limits_default(&options.limits);
  options.limits.session_lifetime_ms = 3000;
  options.limits.request_ms = 1000;
  options.limits.progress_window_ms = 2000;
  options.limits.upload_memory_bytes = 4 << 20;
  options.limits.streams_per_connection = 2000; /* so that the limit per principal is what is met */
  options.limits.blob_bytes = 64 << 20;
  if (service_open(&options, &service, &fault) ||
      metrics_open("127.0.0.1:0", service, &metrics, &fault)) {
    fprintf(stderr, "fake_server: %s\n", fault.text);
    return 1;
  }
  printf("%s %u\n", service_address(service), metrics_port(metrics));
  fflush(stdout);
  sigwait(&signals, &signal);
  service_drain(service);
  bool is_over = service_wait(service, 5000);
  metrics_close(metrics);
  service_shut(service);
  service_free(service);
  fake_core_close(core);
  return !is_over;
}
