/* tamisd: reads its configuration, opens the core, then the door, and waits for a signal. */
#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "aggregator/core.h"
#include "aggregator/durable.h"
#include "aggregator/ledger.h"
#include "aggregator/rpc/chronicle.h"
#include "aggregator/rpc/config.h"
#include "aggregator/rpc/log.h"
#include "aggregator/rpc/metrics.h"
#include "aggregator/rpc/notify.h"
#include "aggregator/rpc/process.h"
#include "aggregator/rpc/service.h"
#include "proto/key.h"
#include "signer/signer.h"

enum {
  SWEEP_EVERY_MS = 10 * 60 * 1000,
  UNFINISHED_SECONDS = 24 * 3600, /* an upload that nobody has touched for so long is forgotten */
  WAKE_MS = 1000,
  DRAIN_LOOK_MS = 50,
  PEM_SIZE_MAX = 1 << 20,
};

struct arguments {
  const char *config, *ready_file;
  bool is_check, is_follower;
};

struct daemon {
  const struct arguments *arguments;
  struct config config;
  struct log log;
  sigset_t signals;
  char *certificate, *key, *client_ca;
  struct signer *signer;
  bool has_lost_signer; /* it ended by itself */
  struct core *core;
  struct service *service;
  struct metrics *metrics;
};

static const struct argp_option options[] = {
    {"config", 'c', "FILE", 0, "Configuration, YAML (needed)", 0},
    {"check-config", 'n', NULL, 0, "Check the configuration and what it names, then stop", 0},
    {"follow", 'f', NULL, 0, "Be the standby of the server that `follow` names, until SIGUSR1", 0},
    {"ready-file", 'r', "FILE", 0, "Write the address there once serving", 0},
    {0}};

static const char help_text[] =
    "The Tamis aggregation server.\v"
    "Keys of the configuration (paths are relative to its folder):\n"
    "  listen: HOST:PORT, [IPV6]:PORT or unix:/PATH; port 0: any\n"
    "  state: FOLDER            journal, blobs, projection\n"
    "  genesis: FILE            first entry of the log\n"
    "  keys: {aggregator: FILE, log: FILE}\n"
    "  signer: unix:/PATH       a tamis-signd, instead of keys.log\n"
    "  tls: {certificate: FILE, key: FILE, client_ca: FILE}\n"
    "  follow: {address: HOST:PORT, log_key: VKEY, operator_key: FILE, ca: FILE,\n"
    "    folder: FOLDER}        the stopped primary's state, for its last entries\n"
    "  metrics: 127.0.0.1:PORT  /metrics and /healthz\n"
    "  flow: bounded | wan      least memory, or windows for long paths\n"
    "  threads: N               for judging; 0: all processors\n"
    "  limits: {calls, streams_per_connection, streams_per_principal,\n"
    "    uploads_per_client, upload_memory_mib, network_memory_mib, blob_mib,\n"
    "    reserve_mib, progress_kib_per_second, progress_seconds,\n"
    "    request_seconds, session_seconds, drain_seconds, loops, workers}\n"
    "  log: {level: error|warn|info|debug, format: text|json}\n"
    "\nSIGTERM or SIGINT: finish what is under way, then stop; a second one: stop at once.\n"
    "SIGUSR1, with --follow: serve the log from now on, when its key has been handed over\n"
    "(tamis-signd --take-over).\n"
    "\nExit codes: 0 stopped as asked; 1 failed; 2 wrong usage; 9 the configuration is not valid.";

static error_t on_option(int key, char *value, struct argp_state *state) {
  struct arguments *arguments = state->input;
  switch (key) {
  case 'c': arguments->config = value; return 0;
  case 'n': arguments->is_check = true; return 0;
  case 'f': arguments->is_follower = true; return 0;
  case 'r': arguments->ready_file = value; return 0;
  case ARGP_KEY_ARG: argp_error(state, "what is %s?", value); return EINVAL;
  case ARGP_KEY_END:
    if (!arguments->config) argp_error(state, "which configuration? --config FILE");
    return 0;
  default: return ARGP_ERR_UNKNOWN;
  }
}

static uint64_t unix_now_ms(void *context) {
  struct timespec now;
  (void)context;
  clock_gettime(CLOCK_REALTIME, &now);
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Before any thread. The core of gRPC never recovers from running out of descriptors
 * (grpc-c-core.md 7). It lays receive buffers of 64 KiB ready for every connection that was busy
 * once: mapped one by one they take memory only when bytes come and give it back when these are
 * gone. What is smaller shares two arenas instead of sixteen. (All of this, the lookahead and the
 * smaller budget of parts together: 100 updates of 4 MiB left 40 to 45 MiB resident instead of 95.)
 */
static void process_prepare(struct daemon *daemon) {
  struct rlimit files;
  if (!getrlimit(RLIMIT_NOFILE, &files)) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  mallopt(M_ARENA_MAX, 2);
  mallopt(M_MMAP_THRESHOLD, 64 << 10);
  mallopt(M_TRIM_THRESHOLD, 4 << 20);
  mallopt(M_TOP_PAD, 1 << 20);
  sigemptyset(&daemon->signals);
  sigaddset(&daemon->signals, SIGCHLD);
  process_begin(&daemon->signals);
}

static enum tamis_status pem_read(const char *path, char **text, struct fault *fault) {
  *text = NULL;
  if (!path) return TAMIS_OK;
  FILE *file = fopen(path, "re");
  if (!file) return fault_set(fault, TAMIS_BAD_CONFIG, "%s: %s", path, strerror(errno));
  *text = calloc(1, PEM_SIZE_MAX + 1);
  size_t length = *text ? fread(*text, 1, PEM_SIZE_MAX, file) : 0;
  fclose(file);
  if (length && strstr(*text, "-----BEGIN ")) return TAMIS_OK;
  return fault_set(fault, TAMIS_BAD_CONFIG, "%s holds no PEM", path);
}

static enum tamis_status tls_read(struct daemon *daemon, struct fault *fault) {
  const struct config_tls *tls = &daemon->config.tls;
  enum tamis_status status = pem_read(tls->certificate, &daemon->certificate, fault);
  if (!status) status = pem_read(tls->key, &daemon->key, fault);
  if (!status) status = pem_read(tls->client_ca, &daemon->client_ca, fault);
  return status;
}

static void tell(void *context, enum notice_level level, const char *event, const char *sentence) {
  static const enum log_level levels[] = {LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR};
  log_event(context, levels[level], event, log_text("sentence", sentence), log_end());
}

static enum tamis_status core_start(struct daemon *daemon, struct fault *fault) {
  const struct config *config = &daemon->config;
  struct core_options wanted = {
      .state_dir = config->state,
      .genesis_path = config->genesis,
      .aggregator_key_path = config->keys.aggregator,
      .signer = daemon->signer,
      .reserve_bytes = (uint64_t)config->limits.reserve_mib << 20,
      .threads = (int)config->threads,
      .now_ms = unix_now_ms,
      .on_entry = chronicle_tell,
      .entry_context = &daemon->log,
      .notice = {tell, &daemon->log},
  };
  return core_open(&wanted, &daemon->core, fault);
}

/* Before any thread: a child has only the one that made it. */
static enum tamis_status signer_begin(struct daemon *daemon, struct fault *fault) {
  const struct config *config = &daemon->config;
  if (config->signer)
    return signer_connect(config->signer + strlen("unix:"), &daemon->signer, fault);
  return signer_start(config->keys.log, ledger_is_new(config->state), &daemon->signer, fault);
}

static void limits_from(const struct config_limits *from, struct service_limits *limits) {
  service_limits_default(limits);
  limits->calls = from->calls;
  limits->streams_per_connection = from->streams_per_connection;
  limits->streams_per_principal = from->streams_per_principal;
  limits->uploads_per_client = from->uploads_per_client;
  limits->upload_memory_bytes = (uint64_t)from->upload_memory_mib << 20;
  limits->network_memory_bytes = (uint64_t)from->network_memory_mib << 20;
  limits->blob_bytes = (uint64_t)from->blob_mib << 20;
  limits->progress_bytes_per_second = (uint64_t)from->progress_kib_per_second << 10;
  limits->progress_window_ms = (uint64_t)from->progress_seconds * 1000;
  limits->request_ms = (uint64_t)from->request_seconds * 1000;
  limits->session_lifetime_ms = (uint64_t)from->session_seconds * 1000;
}

static enum tamis_status service_start(struct daemon *daemon, struct fault *fault) {
  const struct config *config = &daemon->config;
  struct service_options wanted = {
      .core = daemon->core,
      .log = &daemon->log,
      .rpc = {.listen = config->listen,
              .certificate = daemon->certificate,
              .key = daemon->key,
              .client_ca = daemon->client_ca,
              .is_wan = config->flow == CONFIG_FLOW_WAN,
              .loops = (int)config->limits.loops,
              .workers = (int)config->limits.workers},
      .now_ms = unix_now_ms,
  };
  limits_from(&config->limits, &wanted.limits);
  return service_open(&wanted, &daemon->service, fault);
}

static enum tamis_status announce(struct daemon *daemon, struct fault *fault) {
  const char *address = service_address(daemon->service);
  char line[512];
  int length = snprintf(line, sizeof line, "%s\n", address);
  log_event(&daemon->log, LOG_LEVEL_INFO, "serving", log_text("address", address),
            log_text("origin", core_origin(daemon->core)),
            log_integer("entries", (int64_t)core_size(daemon->core)),
            log_integer("metrics_port", daemon->metrics ? metrics_port(daemon->metrics) : 0),
            log_end());
  notify_ready(address);
  if (!daemon->arguments->ready_file) return TAMIS_OK;
  return durable_replace(daemon->arguments->ready_file, line, (size_t)length, fault);
}

static enum tamis_status start(struct daemon *daemon, struct fault *fault) {
  enum tamis_status status = key_library_start();
  if (!status) status = signer_begin(daemon, fault);
  if (!status) status = tls_read(daemon, fault);
  if (!status) status = core_start(daemon, fault);
  if (!status) status = service_start(daemon, fault);
  if (!status && daemon->config.metrics)
    status = metrics_open(daemon->config.metrics, daemon->service, &daemon->metrics, fault);
  if (!status) status = announce(daemon, fault);
  return status;
}

/* The signal that came within `ms`, or 0. */
static int wait_signal(const struct daemon *daemon, uint64_t ms) {
  struct timespec wait = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};
  int signal = sigtimedwait(&daemon->signals, NULL, &wait);
  return signal > 0 ? signal : 0;
}

/* Until the signal to stop, or the end of our signer. */
static int serve(struct daemon *daemon) {
  uint64_t beat_ms = notify_interval_ms(), swept_ms = rpc_clock_ms();
  if (!beat_ms || beat_ms > WAKE_MS) beat_ms = WAKE_MS;
  for (;;) {
    int signal = wait_signal(daemon, beat_ms);
    if (signal == SIGHUP)
      log_event(&daemon->log, LOG_LEVEL_WARN, "needs restart",
                log_text("sentence", "the configuration is read at start only"), log_end());
    else if (signal == SIGUSR1)
      log_event(&daemon->log, LOG_LEVEL_WARN, "not a standby",
                log_text("sentence", "this server serves its log already"), log_end());
    else if (signal == SIGCHLD)
      daemon->has_lost_signer = true;
    if (daemon->has_lost_signer || signal == SIGTERM || signal == SIGINT) return signal;
    notify_alive();
    if (rpc_clock_ms() - swept_ms < SWEEP_EVERY_MS) continue;
    blob_sweep(core_blobs(daemon->core), UNFINISHED_SECONDS);
    swept_ms = rpc_clock_ms();
  }
}

/* What is under way may finish until the deadline or a second signal. */
static void drain(struct daemon *daemon, int reason) {
  uint64_t until = rpc_clock_ms() + (uint64_t)daemon->config.limits.drain_seconds * 1000;
  if (daemon->has_lost_signer)
    log_event(&daemon->log, LOG_LEVEL_ERROR, "signer ended",
              log_text("sentence", "nothing can be acknowledged without the log's signer; start "
                                   "tamisd again"),
              log_end());
  log_event(&daemon->log, LOG_LEVEL_INFO, "stopping", log_text("signal", strsignal(reason)),
            log_end());
  notify_stopping();
  service_drain(daemon->service);
  while (!service_wait(daemon->service, 0)) {
    int signal = wait_signal(daemon, DRAIN_LOOK_MS);
    bool is_order = signal == SIGTERM || signal == SIGINT;
    if (is_order || daemon->has_lost_signer || rpc_clock_ms() >= until) {
      log_event(&daemon->log, LOG_LEVEL_WARN, "breaking off what is under way", log_end());
      return;
    }
  }
}

static void stop(struct daemon *daemon) {
  metrics_close(daemon->metrics);
  if (daemon->service) service_shut(daemon->service);
  if (daemon->core) core_close(daemon->core);
  signer_close(daemon->signer);
  service_free(daemon->service);
  if (daemon->arguments->ready_file) unlink(daemon->arguments->ready_file);
  free(daemon->certificate);
  free(daemon->key);
  free(daemon->client_ca);
}

static int run(struct daemon *daemon) {
  struct fault fault = {.status = TAMIS_OK};
  enum tamis_status status = start(daemon, &fault);
  if (!status) {
    drain(daemon, serve(daemon));
  } else {
    log_event(&daemon->log, LOG_LEVEL_ERROR, "cannot start",
              log_text("status", tamis_status_name(status)), log_text("sentence", fault.text),
              log_end());
  }
  stop(daemon);
  if (!status) log_event(&daemon->log, LOG_LEVEL_INFO, "stopped", log_end());
  if (status == TAMIS_BAD_CONFIG) return EXIT_CONFIG;
  return status || daemon->has_lost_signer ? EXIT_FAILED : EXIT_SUCCESS;
}

/* The standby is a program of its own, which needs the client's side: this process becomes it, and
 * it becomes tamisd again when it is promoted. */
static int become_standby(char **argv) {
  process_become("tamis-standby", argv);
  fprintf(stderr, "tamisd: cannot start tamis-standby, which belongs beside tamisd: %s\n",
          strerror(errno));
  return EXIT_FAILED;
}

int main(int argc, char **argv) {
  const struct argp parser = {.options = options, .parser = on_option, .doc = help_text};
  struct arguments arguments = {0};
  struct daemon daemon = {.arguments = &arguments};
  struct fault fault;
  argp_err_exit_status = EXIT_USAGE;
  argp_program_version = "tamisd " TAMIS_VERSION;
  argp_parse(&parser, argc, argv, 0, NULL, &arguments);
  if (arguments.is_follower && !arguments.is_check) return become_standby(argv);
  if (config_read(arguments.config, &daemon.config, &fault)) {
    fprintf(stderr, "tamisd: %s\n", fault.text);
    return EXIT_CONFIG;
  }
  daemon.log = (struct log){STDERR_FILENO, daemon.config.log.level, daemon.config.log.format};
  int code = EXIT_SUCCESS;
  if (arguments.is_check) {
    printf("%s is valid\n", arguments.config);
  } else {
    process_prepare(&daemon);
    code = run(&daemon);
  }
  config_close(&daemon.config);
  return code;
}
