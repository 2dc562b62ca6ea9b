/* Puts the tables of the services together and opens the door. */
#include "aggregator/rpc/service.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include "aggregator/rpc/services.h"
#include "aggregator/rpc/upload.h"
#include "proto/chunk.h"

enum {
  GATHER_MS = 20, /* a burst of updates wakes those who wait fifty times a second, not once each */
  NETWORK_BOUNDED_BYTES = 512 << 20,
  NETWORK_WAN_BYTES = 1 << 30, /* growing windows need room: a short quota then breaks calls */
};

void service_limits_default(struct service_limits *limits) {
  *limits = (struct service_limits){
      .calls = 4096,
      .streams_per_connection = 128,
      .streams_per_principal = 8,
      .uploads_per_client = 1,
      .message_bytes = 4 << 20,
      .metadata_bytes = 8192,
      .control_bytes = 128 << 10,
      .upload_memory_bytes = 8 << 20,
      .blob_bytes = (uint64_t)8 << 30,
      .progress_bytes_per_second = 16 << 10,
      .progress_window_ms = 10000,
      .request_ms = 10000,
      .poll_wait_ms = 30000,
      .session_lifetime_ms = 3600 * 1000,
  };
}

uint64_t service_now_ms(const struct service *service) {
  return service->now_ms(service->clock_context);
}

bool service_text(const uint8_t *bytes, size_t length, char *text, size_t size) {
  if (length >= size || (length && memchr(bytes, 0, length))) return false;
  if (length) memcpy(text, bytes, length);
  text[length] = '\0';
  return true;
}

static void on_change(void *context) {
  bell_ring(context);
}

static size_t methods_fill(struct service *service) {
  struct rpc_method *next = service->methods;
  for (size_t i = 0; i < client_row_count; i++) answer_method(&client_rows[i], service, next++);
  for (size_t i = 0; i < operator_row_count; i++) answer_method(&operator_rows[i], service, next++);
  for (size_t i = 0; i < health_row_count; i++) answer_method(&health_rows[i], service, next++);
  upload_methods(service, next);
  return (size_t)(next - service->methods) + UPLOAD_METHODS;
}

static bool service_make(struct service *service) {
  const struct service_limits *limits = &service->limits;
  uint32_t most[TALLY_KINDS] = {limits->streams_per_principal, limits->uploads_per_client};
  uint64_t slots = limits->upload_memory_bytes / CHUNK_PAYLOAD_MAX;
  service->tally = tally_new(most);
  service->gate = gate_new(slots ? (uint32_t)slots : 1);
  service->shelf = shelf_new(core_blobs(service->core));
  service->offers = offers_new();
  service->methods =
      calloc(client_row_count + operator_row_count + health_row_count + UPLOAD_METHODS,
             sizeof *service->methods);
  return service->tally && service->gate && service->shelf && service->offers && service->methods;
}

enum tamis_status service_open(const struct service_options *options, struct service **service,
                               struct fault *fault) {
  struct service *made = calloc(1, sizeof *made);
  if (!made) return fault_plain(fault, TAMIS_NO_MEMORY);
  made->core = options->core;
  made->log = options->log;
  made->limits = options->limits;
  made->now_ms = options->now_ms;
  made->clock_context = options->clock_context;
  session_secret_make(options->limits.session_lifetime_ms, &made->secret);
  struct rpc_options rpc = options->rpc;
  rpc.message_max = options->limits.message_bytes;
  rpc.metadata_max = options->limits.metadata_bytes;
  rpc.network_memory = options->limits.network_memory_bytes;
  if (!rpc.network_memory)
    rpc.network_memory = rpc.is_wan ? NETWORK_WAN_BYTES : NETWORK_BOUNDED_BYTES;
  rpc.calls_max = options->limits.calls;
  rpc.streams_per_connection_max = options->limits.streams_per_connection;
  enum tamis_status status = service_make(made) ? TAMIS_OK : fault_plain(fault, TAMIS_NO_MEMORY);
  if (!status) status = bell_open(GATHER_MS, &made->bell, fault);
  if (!status) status = rpc_server_open(&rpc, made->methods, methods_fill(made), &made->rpc, fault);
  if (status) {
    service_free(made);
    return status;
  }
  core_on_change(made->core, on_change, made->bell);
  *service = made;
  return TAMIS_OK;
}

const char *service_address(const struct service *service) {
  return rpc_server_address(service->rpc);
}

void service_drain(struct service *service) {
  rpc_server_drain(service->rpc);
  bell_stop(service->bell);
}

bool service_wait(struct service *service, uint32_t wait_ms) {
  return rpc_server_wait(service->rpc, wait_ms);
}

void service_shut(struct service *service) {
  if (service->bell) bell_stop(service->bell);
  rpc_server_close(service->rpc);
  service->rpc = NULL;
}

void service_free(struct service *service) {
  if (!service) return;
  service_shut(service);
  bell_close(service->bell);
  offers_free(service->offers);
  shelf_free(service->shelf);
  gate_free(service->gate);
  tally_free(service->tally);
  sodium_memzero(&service->secret, sizeof service->secret);
  free(service->methods);
  free(service);
}
