/* Names and units by the Prometheus conventions; no label ever names a client, whose history is in
 * the journal. */
#include "aggregator/rpc/metrics.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "aggregator/http.h"

enum { CONNECTIONS_MAX = 16, CONNECTION_SECONDS = 10 };

struct metrics {
  struct service *service;
  struct http *http;
};

static void put_head(FILE *out, const char *name, const char *type, const char *help) {
  fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void put_count(FILE *out, const char *name, const char *type, const char *help,
                      uint64_t value) {
  put_head(out, name, type, help);
  fprintf(out, "%s %" PRIu64 "\n", name, value);
}

static void put_seconds(FILE *out, const char *name, const char *help, double value) {
  put_head(out, name, "counter", help);
  fprintf(out, "%s %.6f\n", name, value);
}

/* What an answer that is not "done" means for what was sent. */
enum ingestion { UNAUTHENTICATED, MALFORMED, TRUNCATED, ABORTED, REFUSED, FAILED, INGESTIONS };

static const char *const ingestion_names[INGESTIONS] = {"unauthenticated", "malformed", "truncated",
                                                        "aborted",         "refused",   "failed"};

static enum ingestion ingestion_of(enum tamis_status status) {
  switch (status) {
  case TAMIS_BAD_SIGNATURE:
  case TAMIS_NO_SESSION:
  case TAMIS_UNKNOWN_CLIENT:
  case TAMIS_KEY_REVOKED:
  case TAMIS_BAD_TOKEN:
  case TAMIS_TOKEN_EXPIRED:
  case TAMIS_DENIED: return UNAUTHENTICATED;
  case TAMIS_BAD_REQUEST:
  case TAMIS_BAD_STATEMENT:
  case TAMIS_WRONG_ORIGIN:
  case TAMIS_TOO_LARGE:
  case TAMIS_WRONG_LAYOUT:
  case TAMIS_NOT_FINITE: return MALFORMED;
  case TAMIS_TRUNCATED:
  case TAMIS_BAD_OFFSET:
  case TAMIS_DIGEST_MISMATCH:
  case TAMIS_TOO_SLOW: return TRUNCATED;
  case TAMIS_CANCELLED: return ABORTED;
  case TAMIS_DISK_FULL:
  case TAMIS_UNAVAILABLE:
  case TAMIS_CORRUPT:
  case TAMIS_IO:
  case TAMIS_NO_MEMORY:
  case TAMIS_INTERNAL: return FAILED;
  default: return REFUSED;
  }
}

static void put_ingestion(FILE *out, const struct rpc_counters *rpc) {
  uint64_t count[INGESTIONS] = {[MALFORMED] = rpc->unknown_method, [ABORTED] = rpc->gone};
  for (int i = TAMIS_OK + 1; i < TAMIS_STATUS_COUNT; i++)
    count[ingestion_of((enum tamis_status)i)] += rpc->answered[i];
  put_head(out, "tamis_ingestion_errors_total", "counter",
           "M8: calls that did not end in a good answer, by why.");
  for (int i = 0; i < INGESTIONS; i++)
    fprintf(out, "tamis_ingestion_errors_total{kind=\"%s\"} %" PRIu64 "\n", ingestion_names[i],
            count[i]);
  put_head(out, "tamis_unaccounted_requests", "gauge",
           "M8: calls received less those that ended and those under way. Must be 0.");
  fprintf(out, "tamis_unaccounted_requests %" PRId64 "\n", rpc_unaccounted(rpc));
}

static void put_requests(FILE *out, struct service *service) {
  struct rpc_counters rpc;
  rpc_server_counters(service->rpc, &rpc);
  put_count(out, "tamis_requests_total", "counter", "Calls received.", rpc.received);
  put_head(out, "tamis_responses_total", "counter",
           "Calls by how they ended; their sum and the calls in flight are the calls received.");
  for (int i = 0; i < TAMIS_STATUS_COUNT; i++)
    if (rpc.answered[i] || i == TAMIS_OK)
      fprintf(out, "tamis_responses_total{status=\"%s\"} %" PRIu64 "\n",
              tamis_status_name((enum tamis_status)i), rpc.answered[i]);
  fprintf(out, "tamis_responses_total{status=\"client_gone\"} %" PRIu64 "\n", rpc.gone);
  fprintf(out, "tamis_responses_total{status=\"unknown_method\"} %" PRIu64 "\n",
          rpc.unknown_method);
  put_count(out, "tamis_calls", "gauge", "Calls in flight.", rpc.in_flight);
  put_ingestion(out, &rpc);
}

static void put_service(FILE *out, struct service *service) {
  put_count(out, "tamis_sessions", "gauge", "Principals with at least one call in flight.",
            tally_principals(service->tally));
  put_count(out, "tamis_uploads", "gauge", "Uploads in flight.",
            tally_count(service->tally, TALLY_UPLOADS));
  put_head(out, "tamis_uploads_total", "counter", "Uploads by how they ended.");
  for (int i = 0; i < TAMIS_STATUS_COUNT; i++)
    if (atomic_load(&service->uploads[i]) || i == TAMIS_OK)
      fprintf(out, "tamis_uploads_total{status=\"%s\"} %" PRIuFAST64 "\n",
              tamis_status_name((enum tamis_status)i), atomic_load(&service->uploads[i]));
  fprintf(out, "tamis_uploads_total{status=\"client_gone\"} %" PRIuFAST64 "\n",
          atomic_load(&service->uploads_gone));
  put_count(out, "tamis_uploads_begun_total", "counter",
            "Uploads begun; at rest the sum of how they ended.",
            atomic_load(&service->uploads_begun));
  put_count(out, "tamis_inflight_bytes", "gauge", "Memory set aside for parts of uploads.",
            (uint64_t)gate_taken(service->gate) << 20);
  put_count(out, "tamis_received_bytes_total", "counter", "Bytes of blobs received.",
            atomic_load(&service->bytes_received));
  put_count(out, "tamis_sent_bytes_total", "counter", "Bytes of blobs sent.",
            atomic_load(&service->bytes_sent));
}

static void put_updates(FILE *out, const struct core_counters *core) {
  put_count(out, "tamis_updates_accepted_total", "counter",
            "Updates that got a receipt; each gets a verdict later.", core->updates_accepted);
  put_head(out, "tamis_updates_total", "counter",
           "Updates by verdict of the round, or refused with the reason.");
  const struct {
    const char *verdict;
    uint64_t count;
  } verdicts[] = {{"accept", core->verdict_accept},
                  {"clip", core->verdict_clip},
                  {"hold", core->verdict_hold},
                  {"reject", core->verdict_reject}};
  for (size_t i = 0; i < sizeof verdicts / sizeof *verdicts; i++)
    fprintf(out, "tamis_updates_total{verdict=\"%s\",reason=\"\"} %" PRIu64 "\n",
            verdicts[i].verdict, verdicts[i].count);
  for (int i = 0; i < TAMIS_STATUS_COUNT; i++)
    if (core->updates_refused[i])
      fprintf(out, "tamis_updates_total{verdict=\"refused\",reason=\"%s\"} %" PRIu64 "\n",
              tamis_status_name((enum tamis_status)i), core->updates_refused[i]);
}

static void put_gates(FILE *out, const struct core_counters *core) {
  put_head(out, "tamis_gates_total", "counter",
           "Candidates that came to a gate: green let them pass, red held their round.");
  for (size_t i = 0; i < CORE_GATES_MAX && core->gate[i].name; i++) {
    const struct core_gate *gate = &core->gate[i];
    fprintf(out, "tamis_gates_total{gate=\"%s\",colour=\"green\"} %" PRIu64 "\n", gate->name,
            gate->green);
    fprintf(out, "tamis_gates_total{gate=\"%s\",colour=\"red\"} %" PRIu64 "\n", gate->name,
            gate->red);
  }
  put_count(out, "tamis_evaluations_total", "counter", "Evaluations that were logged.",
            core->evaluations);
  put_count(out, "tamis_auto_rollbacks_total", "counter",
            "Heads that evaluators found beyond their budget, and the server left.",
            core->auto_rollbacks);
  put_count(out, "tamis_freezes_total", "counter", "Freezes, by people or by the server.",
            core->freezes);
  put_count(out, "tamis_federations_frozen", "gauge",
            "Federations in which nothing is promoted until a person unfreezes them.",
            core->federations_frozen);
}

static void put_core(FILE *out, struct service *service) {
  struct core_counters core;
  core_counters(service->core, &core);
  put_updates(out, &core);
  put_head(out, "tamis_rounds_total", "counter", "Rounds by outcome.");
  fprintf(out, "tamis_rounds_total{outcome=\"promoted\"} %" PRIu64 "\n", core.rounds_promoted);
  fprintf(out, "tamis_rounds_total{outcome=\"held\"} %" PRIu64 "\n", core.rounds_held);
  fprintf(out, "tamis_rounds_total{outcome=\"rebuilt\"} %" PRIu64 "\n", core.rounds_rebuilt);
  fprintf(out, "tamis_rounds_total{outcome=\"abandoned\"} %" PRIu64 "\n", core.rounds_abandoned);
  put_gates(out, &core);
  put_count(out, "tamis_shadows_total", "counter", "Rounds that shadow rules have seen.",
            core.shadows);
  put_head(out, "tamis_round_seconds_total", "counter", "Time spent on closed rounds, by phase.");
  fprintf(out, "tamis_round_seconds_total{phase=\"judge\"} %.6f\n", core.judge_seconds);
  fprintf(out, "tamis_round_seconds_total{phase=\"aggregate\"} %.6f\n", core.aggregate_seconds);
  fprintf(out, "tamis_round_seconds_total{phase=\"shadow\"} %.6f\n", core.shadow_seconds);
  put_count(out, "tamis_fork_evidence_total", "counter",
            "Calls of clients that were shown another history than this log.", core.fork_evidence);
  put_count(out, "tamis_glass_broken_total", "counter",
            "Statements of one person that take several.", core.glass_broken);
  put_count(out, "tamis_model_rollbacks_total", "counter", "Rollbacks.", core.rollbacks);
  put_count(out, "tamis_model_rebuilds_total", "counter", "Rebuilds asked for.", core.rebuilds);
  put_count(out, "tamis_store_commits_total", "counter", "Group commits of the journal.",
            core.commits);
  put_seconds(out, "tamis_store_commit_seconds_total", "Time spent in group commits.",
              core.commit_seconds);
  put_count(out, "tamis_entries", "gauge", "Entries in the log.", core.entries);
  put_count(out, "tamis_clients", "gauge", "Clients enrolled.", core.clients);
  put_count(out, "tamis_clients_excluded", "gauge", "Exclusions in force.", core.clients_excluded);
  put_count(out, "tamis_federations", "gauge", "Federations.", core.federations);
  struct blob_usage usage;
  blob_usage(core_blobs(service->core), &usage);
  put_count(out, "tamis_store_unfinished_bytes", "gauge", "Bytes of unfinished uploads.",
            usage.unfinished_bytes);
  put_count(out, "tamis_store_free_bytes", "gauge", "Free space, the reserve included.",
            usage.free_bytes);
  put_count(out, "tamis_store_reserve_bytes", "gauge", "Free space that uploads may not take.",
            usage.reserve_bytes);
  put_count(out, "tamis_store_full", "gauge",
            "1 while uploads are refused and no round opens for want of room.",
            usage.free_bytes < usage.reserve_bytes);
  put_count(out, "tamis_store_body_bytes", "gauge", "Bytes of updates that are kept.",
            core.body_bytes);
  put_count(out, "tamis_store_journal_bytes", "gauge", "Bytes of the journal.", core.journal_bytes);
  put_count(out, "tamis_updates_dropped_total", "counter",
            "Updates whose bytes were dropped by policy.", core.dropped);
  put_count(out, "tamis_updates_dropped_bytes_total", "counter", "Their bytes.",
            core.dropped_bytes);
}

/* ---- indicators, which are questions to the projection ---- */

struct indicator {
  const char *name, *label, *help; /* label NULL: the federation alone */
};

static const struct indicator indicators[] = {
    {"label_stability", NULL,
     "M1: total variation between what the newest evaluation predicted and the mean of the 10 "
     "before."},
    {"accuracy_delta", NULL,
     "M3: accuracy of the newest model that was measured, less its base's."},
    {"trigger_hits", "which",
     "M6: share of the trigger suite that hit the newest model that was measured, and what it is "
     "above its base."},
    {"retrain_regression", NULL,
     "M7: of the last 10 rounds, how many promoted a model that lost more than 0.01 of accuracy."},
    {"feature_drift_rate", "feature",
     "M2: population stability index of updates' features, the last 10 rounds against the 10 "
     "before."},
    {"anomalous_input_rate", "reason",
     "M4: share of the last 10 rounds' updates that were held, rejected or refused."},
    {"shadow_divergence", "rule",
     "M9: |shadow - plan| / |plan| of the last round that the shadows have seen."},
    {"shadow_age_rounds", NULL, "M9: promoted rounds that the shadows have not seen."},
};

/* A rule's text is an operator's: what Prometheus escapes is escaped. */
static void put_label(FILE *out, const char *key, const char *value) {
  fprintf(out, ",%s=\"", key);
  for (; *value; value++) {
    if (*value == '"' || *value == '\\') fputc('\\', out);
    fputc(*value, out);
  }
  fputc('"', out);
}

static void put_indicator(FILE *out, const struct indicator *indicator, const json_t *row) {
  const json_t *value = json_object_get(row, "value");
  if (!json_is_number(value)) return;
  fprintf(out, "tamis_%s{federation=\"%s\"", indicator->name,
          json_string_value(json_object_get(row, "federation")));
  if (indicator->label)
    put_label(out, indicator->label, json_string_value(json_object_get(row, "label")));
  fprintf(out, "} %.9g\n", json_number_value(value));
}

/* All rows of a question, page by page. NULL: the core does not answer. */
static json_t *ask_all(struct service *service, const char *question) {
  json_t *all = json_array();
  uint64_t next = 0;
  do {
    char *text = NULL;
    if (core_query(service->core, question, 0, NULL, next, &text, &next, NULL) != TAMIS_OK) {
      json_decref(all);
      return NULL;
    }
    json_t *rows = json_loads(text, 0, NULL);
    json_array_extend(all, rows);
    json_decref(rows);
    free(text);
  } while (next != 0);
  return all;
}

static void put_indicators(FILE *out, struct service *service) {
  json_t *rows = ask_all(service, "slis"), *row;
  size_t k;
  for (size_t i = 0; rows && i < sizeof indicators / sizeof *indicators; i++) {
    char name[64];
    snprintf(name, sizeof name, "tamis_%s", indicators[i].name);
    put_head(out, name, "gauge", indicators[i].help);
    json_array_foreach(rows, k, row) {
      if (strcmp(json_string_value(json_object_get(row, "name")), indicators[i].name) == 0)
        put_indicator(out, &indicators[i], row);
    }
  }
  json_decref(rows);
}

static uint64_t resident_bytes(void) {
  unsigned long total = 0, resident = 0;
  FILE *file = fopen("/proc/self/statm", "re");
  if (file && fscanf(file, "%lu %lu", &total, &resident) != 2) resident = 0;
  if (file) fclose(file);
  return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

char *metrics_text(struct service *service, size_t *length) {
  char *text = NULL;
  FILE *out = open_memstream(&text, length);
  if (!out) return NULL;
  put_head(out, "tamis_build_info", "gauge", "1, with the release as label.");
  fprintf(out, "tamis_build_info{version=\"%s\"} 1\n", TAMIS_VERSION);
  put_requests(out, service);
  put_service(out, service);
  put_core(out, service);
  put_indicators(out, service);
  put_count(out, "process_resident_memory_bytes", "gauge", "Resident memory.", resident_bytes());
  if (fclose(out)) {
    free(text);
    return NULL;
  }
  return text;
}

static void get(void *context, const char *path, struct http_answer *answer) {
  struct metrics *metrics = context;
  if (!strcmp(path, "/healthz")) {
    bool is_stopping = bell_is_closing(metrics->service->bell);
    http_words(answer, is_stopping ? 503 : 200, is_stopping ? "stopping\n" : "ok\n");
  } else if (!strcmp(path, "/metrics")) {
    answer->bytes = metrics_text(metrics->service, &answer->length);
    answer->status = answer->bytes ? 200 : 500;
    answer->type = "text/plain; version=0.0.4; charset=utf-8";
  } else {
    http_words(answer, 404, "/metrics or /healthz\n");
  }
}

enum tamis_status metrics_open(const char *address, struct service *service,
                               struct metrics **metrics, struct fault *fault) {
  struct metrics *made = calloc(1, sizeof *made);
  if (!made) return fault_plain(fault, TAMIS_NO_MEMORY);
  made->service = service;
  struct http_options options = {.address = address,
                                 .connections_max = CONNECTIONS_MAX,
                                 .seconds_max = CONNECTION_SECONDS,
                                 .get = get,
                                 .context = made};
  if (http_open(&options, &made->http, NULL) == TAMIS_OK) {
    *metrics = made;
    return TAMIS_OK;
  }
  free(made);
  return fault_set(fault, TAMIS_IO,
                   "cannot serve metrics on %s: is the port in use? change `metrics`", address);
}

unsigned metrics_port(const struct metrics *metrics) {
  return http_port(metrics->http);
}

void metrics_close(struct metrics *metrics) {
  if (!metrics) return;
  http_close(metrics->http);
  free(metrics);
}
