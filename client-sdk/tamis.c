/* The public face: arguments are checked here, the work is in enrol.c, task.c and submit.c. */
#include "client-sdk/tamis.h"

#include <stdlib.h>
#include <string.h>
#include "client-sdk/client.h"
#include "client-sdk/witness.h"

/* Of the last tamis_client_open that failed: there is no client yet to keep it in. */
static _Thread_local struct fault open_fault;

static bool copy_option(const char *value, const char **copy) {
  *copy = value ? strdup(value) : NULL;
  return !value || *copy;
}

static enum tamis_status options_copy(const struct tamis_options *options,
                                      struct tamis_client *client) {
  struct channel_options *where = &client->where;
  if (!copy_option(options->address, &where->address) ||
      !copy_option(options->ca_file, &where->ca_file) ||
      !copy_option(options->certificate_file, &where->certificate_file) ||
      !copy_option(options->key_file, &where->key_file))
    return fault_plain(&client->fault, TAMIS_NO_MEMORY);
  client->address_given = options->address != NULL;
  client->session = (struct session){
      .key = &client->key,
      .origin = client->trust.log_key.name,
      .deadline_ms = options->deadline_ms ? options->deadline_ms : SESSION_DEADLINE_MS,
      .give_up_ms = options->give_up_ms ? options->give_up_ms : SESSION_GIVE_UP_MS,
  };
  return TAMIS_OK;
}

enum tamis_status tamis_client_open(const struct tamis_options *options,
                                    struct tamis_client **out) {
  *out = NULL;
  if (!options || options->struct_size < sizeof *options || !options->state_dir)
    return fault_set(&open_fault, TAMIS_BAD_CONFIG,
                     "set tamis_options.struct_size to its sizeof, and state_dir");
  if (key_library_start() != TAMIS_OK)
    return fault_set(&open_fault, TAMIS_INTERNAL, "libsodium does not start");
  struct tamis_client *client = calloc(1, sizeof *client);
  if (!client) return fault_plain(&open_fault, TAMIS_NO_MEMORY);
  client->dir.fd = -1;
  enum tamis_status status = options_copy(options, client);
  if (status == TAMIS_OK) status = state_dir_open(options->state_dir, &client->dir, &client->fault);
  if (status == TAMIS_OK) status = client_recall(client);
  if (status == TAMIS_OK) {
    *out = client;
  } else {
    open_fault = client->fault;
    tamis_client_close(client);
  }
  return status;
}

void tamis_client_close(struct tamis_client *client) {
  if (!client) return;
  channel_close(client->channel);
  trust_close(&client->trust);
  state_dir_close(&client->dir);
  for (size_t i = 0; i < CLIENT_LINEAGES_MAX; i++) layout_close(&client->lineage[i].layout);
  key_wipe(&client->key);
  explicit_bzero(client->session.token, sizeof client->session.token);
  free((char *)(uintptr_t)client->where.address);
  free((char *)(uintptr_t)client->where.ca_file);
  free((char *)(uintptr_t)client->where.certificate_file);
  free((char *)(uintptr_t)client->where.key_file);
  free(client);
}

const char *tamis_client_error(const struct tamis_client *client) {
  return client ? client->fault.text : open_fault.text;
}

static void begin(struct tamis_client *client) {
  client->fault = (struct fault){.status = TAMIS_OK};
}

/* Whatever was verified on the way is vouched for at the end. */
static enum tamis_status end(struct tamis_client *client, enum tamis_status status) {
  if (status == TAMIS_NOT_FOUND) return witness_disowned(client, status);
  if (status != TAMIS_OK) return status;
  status = witness_send(client);
  if (status == TAMIS_OK) begin(client);
  return status;
}

enum tamis_status tamis_client_enrol(struct tamis_client *client, const char *invitation) {
  begin(client);
  return enrol_run(client, invitation);
}

bool tamis_client_is_enrolled(const struct tamis_client *client) {
  return client->enrolled;
}

const char *tamis_client_name(const struct tamis_client *client) {
  return client->enrolled ? client->key.public.name : "";
}

enum tamis_status tamis_client_next_task(struct tamis_client *client, const char *federation,
                                         uint32_t wait_ms, struct tamis_task *task) {
  begin(client);
  enum tamis_status status = client_ready(client);
  if (status == TAMIS_OK) status = verdict_is_whole(client);
  return status == TAMIS_OK ? end(client, task_wait(client, federation, wait_ms, task)) : status;
}

enum tamis_status tamis_client_stream_model(struct tamis_client *client,
                                            const struct tamis_task *task, tamis_sink sink,
                                            void *context) {
  begin(client);
  enum tamis_status status = client_ready(client);
  return status == TAMIS_OK ? task_stream(client, task, sink, context) : status;
}

static int sink_memory(void *context, uint64_t offset, const float *values, size_t count) {
  memcpy((float *)context + offset, values, count * sizeof(float));
  return 0;
}

static enum tamis_status count_check(struct tamis_client *client, const struct tamis_task *task,
                                     uint64_t count) {
  if (count == task->parameters && count <= SIZE_MAX / sizeof(float)) return TAMIS_OK;
  return fault_set(&client->fault, TAMIS_BAD_REQUEST, "the model has %llu floats, not %llu",
                   (unsigned long long)task->parameters, (unsigned long long)count);
}

enum tamis_status tamis_client_fetch_model(struct tamis_client *client,
                                           const struct tamis_task *task, float *values,
                                           uint64_t count) {
  begin(client);
  enum tamis_status status = count_check(client, task, count);
  if (status == TAMIS_OK) status = tamis_client_stream_model(client, task, sink_memory, values);
  if (status != TAMIS_OK) memset(values, 0, (size_t)count * sizeof *values);
  return status;
}

static int source_memory(void *context, uint64_t offset, float *values, size_t count) {
  const float *const *delta = context;
  memcpy(values, *delta + offset, count * sizeof(float));
  return 0;
}

enum tamis_status tamis_client_submit(struct tamis_client *client, const struct tamis_task *task,
                                      const float *delta, uint64_t count,
                                      const struct tamis_report *report,
                                      struct tamis_receipt *receipt) {
  begin(client);
  enum tamis_status status = count_check(client, task, count);
  if (status != TAMIS_OK) return status;
  return tamis_client_submit_from(client, task, source_memory, &delta, report, receipt);
}

enum tamis_status tamis_client_submit_from(struct tamis_client *client,
                                           const struct tamis_task *task, tamis_source source,
                                           void *context, const struct tamis_report *report,
                                           struct tamis_receipt *receipt) {
  begin(client);
  enum tamis_status status = client_ready(client);
  if (status == TAMIS_OK) status = submit_run(client, task, source, context, report, receipt);
  return end(client, status);
}

enum tamis_status tamis_client_check_receipt(struct tamis_client *client, const char *federation,
                                             uint64_t round, struct tamis_receipt *receipt) {
  struct submit_found found = {.entry = NULL};
  begin(client);
  enum tamis_status status = client_ready(client);
  if (status == TAMIS_OK) status = submit_find(client, federation, round, &found);
  if (status == TAMIS_OK && receipt) *receipt = found.receipt;
  submit_found_close(&found);
  return end(client, status);
}

enum tamis_status tamis_client_check_verdict(struct tamis_client *client, const char *federation,
                                             uint64_t round, struct tamis_verdict *verdict) {
  begin(client);
  enum tamis_status status = client_ready(client);
  if (status == TAMIS_OK) status = verdict_check(client, federation, round, verdict);
  return end(client, status);
}

const char *tamis_version(void) {
  return TAMIS_VERSION;
}
