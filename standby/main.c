/* tamis-standby: what `tamisd --follow` becomes until it is promoted, and then it is tamisd again.
 */
#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "aggregator/durable.h"
#include "aggregator/http.h"
#include "aggregator/rpc/config.h"
#include "aggregator/rpc/log.h"
#include "aggregator/rpc/notify.h"
#include "aggregator/rpc/process.h"
#include "proto/key.h"
#include "standby/follower.h"
#include "standby/promote.h"

enum { LOOK_MS = 200, TELL_SECONDS = 60 };

struct arguments {
  const char *config, *ready_file;
};

struct standby {
  const struct arguments *arguments;
  struct config config;
  struct log log;
  sigset_t signals;
  struct follower *follower;
  struct http *http;
  atomic_uint_fast64_t entries, covered, shown, missing; /* for /metrics */
  atomic_bool is_reachable;
  bool was_behind, has_told, was_reachable;
  time_t told_at;
};

static const struct argp_option options[] = {
    {"config", 'c', "FILE", 0, "tamisd's configuration, with `follow` (needed)", 0},
    {"follow", 'f', NULL, 0, "As it was given to tamisd", 0},
    {"ready-file", 'r', "FILE", 0, "Write `following ADDRESS` there once nothing is behind", 0},
    {0}};

static error_t on_option(int key, char *value, struct argp_state *state) {
  struct arguments *arguments = state->input;
  switch (key) {
  case 'c': arguments->config = value; return 0;
  case 'f': return 0;
  case 'r': arguments->ready_file = value; return 0;
  case ARGP_KEY_ARG: argp_error(state, "what is %s?", value); return EINVAL;
  case ARGP_KEY_END:
    if (!arguments->config) argp_error(state, "which configuration? --config FILE");
    return 0;
  default: return ARGP_ERR_UNKNOWN;
  }
}

/* ---- telling ---- */

static void get(void *context, const char *path, struct http_answer *answer) {
  struct standby *standby = context;
  char text[2048];
  uint64_t shown = standby->shown, entries = standby->entries;
  if (strcmp(path, "/healthz") == 0) {
    http_words(answer, standby->is_reachable ? 200 : 503,
               standby->is_reachable ? "following\n" : "out of reach\n");
    return;
  }
  if (strcmp(path, "/metrics") != 0) {
    http_words(answer, 404, "/metrics or /healthz\n");
    return;
  }
  snprintf(text, sizeof text,
           "# HELP tamis_follow_entries Entries copied and checked\n"
           "# TYPE tamis_follow_entries gauge\ntamis_follow_entries %" PRIu64 "\n"
           "# HELP tamis_follow_covered Entries under a checkpoint that is held\n"
           "# TYPE tamis_follow_covered gauge\ntamis_follow_covered %" PRIu64 "\n"
           "# HELP tamis_follow_lag Entries of the primary's checkpoint that are missing here\n"
           "# TYPE tamis_follow_lag gauge\ntamis_follow_lag %" PRIu64 "\n"
           "# HELP tamis_follow_missing_files Updates whose file the primary did not have\n"
           "# TYPE tamis_follow_missing_files gauge\ntamis_follow_missing_files %" PRIu64 "\n"
           "# HELP tamis_follow_reachable Did the primary answer the last time\n"
           "# TYPE tamis_follow_reachable gauge\ntamis_follow_reachable %d\n",
           entries, standby->covered, shown > entries ? shown - entries : 0,
           (uint64_t)standby->missing, standby->is_reachable ? 1 : 0);
  http_words(answer, 200, text);
}

static void refused(const struct standby *standby, const char *event, const struct fault *fault) {
  log_event(&standby->log, LOG_LEVEL_ERROR, event,
            log_text("status", tamis_status_name(fault->status)), log_text("sentence", fault->text),
            log_end());
}

static void tell_ready(struct standby *standby) {
  const char *path = standby->arguments->ready_file, *address = standby->config.follow.address;
  char line[512];
  notify_ready(address);
  int length = snprintf(line, sizeof line, "following %.400s\n", address);
  if (path) durable_replace(path, line, (size_t)length, NULL);
}

/* When it catches up, when it falls behind, and now and then while it is. */
static void tell_progress(struct standby *standby) {
  struct follower_progress progress;
  time_t now = time(NULL);
  follower_progress(standby->follower, &progress);
  standby->entries = progress.entries;
  standby->covered = progress.covered;
  standby->shown = progress.shown;
  standby->missing = progress.missing;
  bool is_behind = progress.shown > progress.covered || progress.shown == 0;
  if (standby->has_told && is_behind == standby->was_behind &&
      (!is_behind || now - standby->told_at < TELL_SECONDS))
    return;
  log_event(&standby->log, LOG_LEVEL_INFO, is_behind ? "behind" : "caught up",
            log_integer("entries", (int64_t)progress.entries),
            log_integer("lag", (int64_t)(progress.shown - progress.covered)),
            log_integer("files", (int64_t)progress.blobs), log_end());
  if (!is_behind && (standby->was_behind || !standby->has_told)) tell_ready(standby);
  standby->was_behind = is_behind;
  standby->has_told = true;
  standby->told_at = now;
}

static void tell_reach(struct standby *standby, bool is_reachable, const struct fault *fault) {
  standby->is_reachable = is_reachable;
  if (is_reachable != standby->was_reachable && !is_reachable)
    log_event(&standby->log, LOG_LEVEL_WARN, "primary out of reach",
              log_text("status", tamis_status_name(fault->status)),
              log_text("sentence", fault->text), log_end());
  else if (is_reachable != standby->was_reachable)
    log_event(&standby->log, LOG_LEVEL_INFO, "following",
              log_text("address", standby->config.follow.address), log_end());
  standby->was_reachable = is_reachable;
}

/* ---- following ---- */

static bool is_patient(void *context) {
  const struct standby *standby = context;
  sigset_t pending;
  (void)standby;
  sigpending(&pending);
  return !sigismember(&pending, SIGTERM) && !sigismember(&pending, SIGINT) &&
         !sigismember(&pending, SIGUSR1);
}

static enum tamis_status open_follower(struct standby *standby, struct fault *fault) {
  const struct config *config = &standby->config;
  struct follower_options wanted = {.state_dir = config->state,
                                    .address = config->follow.address,
                                    .log_vkey = config->follow.log_key,
                                    .operator_key = config->follow.operator_key,
                                    .ca_file = config->follow.ca,
                                    .is_patient = is_patient,
                                    .context = standby};
  return follower_open(&wanted, &standby->follower, fault);
}

static enum tamis_status reopen(struct standby *standby, struct fault *fault) {
  follower_close(standby->follower);
  standby->follower = NULL;
  return open_follower(standby, fault);
}

static bool is_final(enum tamis_status status) {
  return status == TAMIS_FORK || status == TAMIS_CORRUPT || status == TAMIS_BAD_PROOF;
}

/* Until nothing is left to take; what passes is told and tried again later. */
static enum tamis_status catch_up(struct standby *standby, struct fault *fault) {
  struct follower_progress before, after;
  enum tamis_status status;
  do {
    follower_progress(standby->follower, &before);
    status = follower_step(standby->follower, fault);
    follower_progress(standby->follower, &after);
    if (status != TAMIS_CANCELLED) tell_reach(standby, status == TAMIS_OK, fault);
    tell_progress(standby);
  } while (status == TAMIS_OK && after.entries > before.entries && after.entries < after.shown &&
           is_patient(standby));
  return is_final(status) ? status : TAMIS_OK;
}

/* ---- promotion ---- */

static _Noreturn void become_tamisd(struct standby *standby, char **argv) {
  const struct arguments *given = standby->arguments;
  char *words[] = {argv[0],
                   (char *)(uintptr_t) "--config",
                   (char *)(uintptr_t)given->config,
                   given->ready_file ? (char *)(uintptr_t) "--ready-file" : NULL,
                   (char *)(uintptr_t)given->ready_file,
                   NULL};
  sigprocmask(SIG_UNBLOCK, &standby->signals, NULL);
  process_become("tamisd", words);
  fprintf(stderr, "tamis-standby: cannot start tamisd, which belongs beside it: %s\n",
          strerror(errno));
  exit(EXIT_FAILED);
}

/* True when this process may become tamisd; the follower is closed then. */
static bool promote(struct standby *standby) {
  struct fault fault = {TAMIS_OK, ""};
  struct follower_progress progress;
  const char *folder = standby->config.follow.folder;
  enum tamis_status status = reopen(standby, &fault);
  if (status == TAMIS_OK && folder)
    status = follower_step_folder(standby->follower, folder, &fault);
  if (status == TAMIS_OK) status = promote_check(&standby->config, standby->follower, &fault);
  if (status == TAMIS_OK) {
    follower_progress(standby->follower, &progress);
    status = promote_mark(&standby->config, progress.entries, &fault);
  }
  if (status != TAMIS_OK) {
    refused(standby, "not promoted", &fault);
    return false;
  }
  follower_close(standby->follower);
  standby->follower = NULL;
  log_event(&standby->log, LOG_LEVEL_INFO, "promoted",
            log_integer("entries", (int64_t)progress.entries), log_end());
  return true;
}

/* ---- life ---- */

enum ending { STOPPED, PROMOTED, FAILED };

static enum ending follow(struct standby *standby, struct fault *fault) {
  const struct timespec look = {0, LOOK_MS * 1000000L};
  for (;;) {
    if (!standby->follower && open_follower(standby, fault) != TAMIS_OK) return FAILED;
    if (catch_up(standby, fault) != TAMIS_OK) return FAILED;
    notify_alive();
    int signal = sigtimedwait(&standby->signals, NULL, &look);
    if (signal == SIGTERM || signal == SIGINT) return STOPPED;
    if (signal == SIGUSR1 && promote(standby)) return PROMOTED;
  }
}

static enum tamis_status start(struct standby *standby, struct fault *fault) {
  struct http_options http = {.address = standby->config.metrics,
                              .connections_max = 16,
                              .seconds_max = 10,
                              .get = get,
                              .context = standby};
  enum tamis_status status = key_library_start();
  if (status == TAMIS_OK && !standby->config.follow.address)
    status = fault_set(fault, TAMIS_BAD_CONFIG, "the configuration has no `follow`");
  if (status == TAMIS_OK && http.address) status = http_open(&http, &standby->http, fault);
  if (status == TAMIS_OK) status = open_follower(standby, fault);
  return status;
}

static int run(struct standby *standby, char **argv) {
  struct fault fault = {TAMIS_OK, ""};
  enum ending ending = FAILED;
  enum tamis_status status = start(standby, &fault);
  if (status == TAMIS_OK) {
    ending = follow(standby, &fault);
    if (ending == FAILED) refused(standby, "following no more", &fault);
  } else {
    refused(standby, "cannot follow", &fault);
  }
  http_close(standby->http);
  follower_close(standby->follower);
  if (standby->arguments->ready_file) unlink(standby->arguments->ready_file);
  if (ending == PROMOTED) become_tamisd(standby, argv);
  if (ending == STOPPED) log_event(&standby->log, LOG_LEVEL_INFO, "stopped", log_end());
  if (status == TAMIS_BAD_CONFIG) return EXIT_CONFIG;
  return ending == STOPPED ? EXIT_SUCCESS : EXIT_FAILED;
}

int main(int argc, char **argv) {
  const struct argp parser = {
      .options = options,
      .parser = on_option,
      .doc = "Copies and checks the log of another tamisd: what `tamisd --follow` runs."};
  struct arguments arguments = {0};
  static struct standby standby;
  struct fault fault;
  argp_err_exit_status = EXIT_USAGE;
  argp_program_version = "tamis-standby " TAMIS_VERSION;
  argp_parse(&parser, argc, argv, 0, NULL, &arguments);
  standby.arguments = &arguments;
  if (config_read(arguments.config, &standby.config, &fault)) {
    fprintf(stderr, "tamis-standby: %s\n", fault.text);
    return EXIT_CONFIG;
  }
  standby.log = (struct log){STDERR_FILENO, standby.config.log.level, standby.config.log.format};
  sigemptyset(&standby.signals);
  process_begin(&standby.signals);
  if (promote_is_marked(&standby.config)) become_tamisd(&standby, argv);
  int code = run(&standby, argv);
  config_close(&standby.config);
  return code;
}
