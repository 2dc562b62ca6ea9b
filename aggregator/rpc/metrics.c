/* Names and units by the Prometheus conventions; no label ever names a client, whose history is in
 * the journal. */
#include "aggregator/rpc/metrics.h"

#include <inttypes.h>
#include <microhttpd.h>
#include <arpa/inet.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "aggregator/rpc/config.h"

enum { CONNECTIONS_MAX = 16, CONNECTION_SECONDS = 10 };

struct metrics {
  struct service *service;
  struct MHD_Daemon *daemon;
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

static void put_core(FILE *out, struct service *service) {
  struct core_counters core;
  core_counters(service->core, &core);
  put_updates(out, &core);
  put_head(out, "tamis_rounds_total", "counter", "Rounds by outcome.");
  fprintf(out, "tamis_rounds_total{outcome=\"promoted\"} %" PRIu64 "\n", core.rounds_promoted);
  fprintf(out, "tamis_rounds_total{outcome=\"held\"} %" PRIu64 "\n", core.rounds_held);
  fprintf(out, "tamis_rounds_total{outcome=\"abandoned\"} %" PRIu64 "\n", core.rounds_abandoned);
  put_head(out, "tamis_round_seconds_total", "counter", "Time spent on closed rounds, by phase.");
  fprintf(out, "tamis_round_seconds_total{phase=\"judge\"} %.6f\n", core.judge_seconds);
  fprintf(out, "tamis_round_seconds_total{phase=\"aggregate\"} %.6f\n", core.aggregate_seconds);
  put_count(out, "tamis_model_rollbacks_total", "counter", "Rollbacks.", core.rollbacks);
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
  put_count(out, "tamis_store_free_bytes", "gauge", "Free space beside the reserve.",
            usage.free_bytes);
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
  put_count(out, "process_resident_memory_bytes", "gauge", "Resident memory.", resident_bytes());
  if (fclose(out)) {
    free(text);
    return NULL;
  }
  return text;
}

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status, const char *type,
                              char *text, size_t length) {
  struct MHD_Response *response =
      MHD_create_response_from_buffer(length, text, MHD_RESPMEM_MUST_FREE);
  if (!response) {
    free(text);
    return MHD_NO;
  }
  MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
  enum MHD_Result result = MHD_queue_response(connection, status, response);
  MHD_destroy_response(response);
  return result;
}

static enum MHD_Result answer_words(struct MHD_Connection *connection, unsigned status,
                                    const char *words) {
  char *copy = strdup(words);
  return copy ? answer(connection, status, "text/plain", copy, strlen(copy)) : MHD_NO;
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection,
                                  const char *path, const char *method, const char *version,
                                  const char *body, size_t *body_length, void **state) {
  struct metrics *metrics = context;
  (void)version;
  (void)body;
  (void)body_length;
  (void)state;
  if (strcmp(method, "GET"))
    return answer_words(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "GET only\n");
  if (!strcmp(path, "/healthz")) {
    bool is_stopping = bell_is_closing(metrics->service->bell);
    return answer_words(connection, is_stopping ? MHD_HTTP_SERVICE_UNAVAILABLE : MHD_HTTP_OK,
                        is_stopping ? "stopping\n" : "ok\n");
  }
  if (strcmp(path, "/metrics"))
    return answer_words(connection, MHD_HTTP_NOT_FOUND, "/metrics or /healthz\n");
  size_t length = 0;
  char *text = metrics_text(metrics->service, &length);
  if (!text) return MHD_NO;
  return answer(connection, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8", text, length);
}

/* "localhost" may be either family: the first address that the resolver gives is taken. */
static struct addrinfo *resolve(const char *address) {
  char host[256], service[8];
  uint16_t port = 0;
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
  if (!config_split(address, host, sizeof host, &port)) return NULL;
  snprintf(service, sizeof service, "%u", port);
  return getaddrinfo(host, service, &hints, &found) ? NULL : found;
}

enum tamis_status metrics_open(const char *address, struct service *service,
                               struct metrics **metrics, struct fault *fault) {
  struct addrinfo *where = resolve(address);
  struct metrics *made = calloc(1, sizeof *made);
  if (where && made) {
    made->service = service;
    unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_AUTO;
    if (where->ai_family == AF_INET6) flags |= MHD_USE_IPv6;
    made->daemon = MHD_start_daemon(flags, 0, NULL, NULL, on_request, made, MHD_OPTION_SOCK_ADDR,
                                    where->ai_addr, MHD_OPTION_CONNECTION_LIMIT,
                                    (unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
                                    (unsigned)CONNECTION_SECONDS, MHD_OPTION_END);
  }
  if (where) freeaddrinfo(where);
  if (made && made->daemon) {
    *metrics = made;
    return TAMIS_OK;
  }
  free(made);
  return fault_set(fault, TAMIS_IO,
                   "cannot serve metrics on %s: is the port in use? change `metrics`", address);
}

unsigned metrics_port(const struct metrics *metrics) {
  const union MHD_DaemonInfo *about =
      MHD_get_daemon_info(metrics->daemon, MHD_DAEMON_INFO_BIND_PORT);
  return about ? about->port : 0;
}

void metrics_close(struct metrics *metrics) {
  if (!metrics) return;
  MHD_stop_daemon(metrics->daemon);
  free(metrics);
}
