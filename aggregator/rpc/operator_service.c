/* tamis.v1.Operator: what operators and auditors ask. Statements carry their own signature, so
 * Submit needs no session. */
#include "aggregator/rpc/services.h"

#include <stdlib.h>
#include <string.h>
#include "tamis/v1/tamis.pb-c.h"

enum { QUERY_ARGUMENTS_MAX = 8, QUERY_TEXT_SIZE = 256 };

static enum tamis_status submit(struct request *request, struct fault *fault) {
  const Tamis__V1__SubmitRequest *asked = request->message;
  char *receipt = NULL, *result = NULL;
  size_t length = 0;
  Tamis__V1__SubmitReply reply = TAMIS__V1__SUBMIT_REPLY__INIT;
  enum tamis_status status =
      core_submit(request->service->core, (const char *)asked->envelope.data, asked->envelope.len,
                  asked->dry_run, &reply.index, &receipt, &length, &result, fault);
  reply.receipt = answer_bytes(receipt, length);
  reply.result = answer_text(result);
  if (!status) status = answer_reply(request, &reply.base, fault);
  free(receipt);
  free(result);
  return status;
}

/* What a client may ask: where in the log, which it may read anyway, its own story is told. */
static bool is_for_clients(const char *name) {
  static const char *const names[] = {"federations", "round-entries", "client-entries"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (strcmp(name, names[i]) == 0) return true;
  return false;
}

static enum tamis_status query(struct request *request, struct fault *fault) {
  const Tamis__V1__QueryRequest *asked = request->message;
  char name[QUERY_TEXT_SIZE], text[QUERY_ARGUMENTS_MAX][QUERY_TEXT_SIZE];
  const char *arguments[QUERY_ARGUMENTS_MAX];
  char *rows = NULL;
  Tamis__V1__QueryReply reply = TAMIS__V1__QUERY_REPLY__INIT;
  if (!service_text(asked->name.data, asked->name.len, name, sizeof name))
    return fault_set(fault, TAMIS_BAD_REQUEST, "the query is no name");
  if (!request->session.is_operator && !is_for_clients(name))
    return fault_set(fault, TAMIS_DENIED, "the query %s is an operator's to ask", name);
  if (asked->n_arguments > QUERY_ARGUMENTS_MAX)
    return fault_set(fault, TAMIS_BAD_REQUEST, "a query has at most %d arguments",
                     QUERY_ARGUMENTS_MAX);
  for (size_t i = 0; i < asked->n_arguments; i++) {
    if (!service_text(asked->arguments[i].data, asked->arguments[i].len, text[i], sizeof text[i]))
      return fault_set(fault, TAMIS_BAD_REQUEST, "argument %zu of the query is no text", i);
    arguments[i] = text[i];
  }
  enum tamis_status status = core_query(request->service->core, name, asked->n_arguments, arguments,
                                        asked->after, &rows, &reply.next, fault);
  reply.rows = answer_text(rows);
  if (!status) status = answer_reply(request, &reply.base, fault);
  free(rows);
  return status;
}

static enum tamis_status entry_read(struct request *request, uint64_t index, char **envelope,
                                    size_t *length, struct fault *fault) {
  char *receipt = NULL;
  size_t receipt_length = 0;
  enum tamis_status status =
      core_entry(request->service->core, index, envelope, length, &receipt, &receipt_length, fault);
  free(receipt);
  return status;
}

/* One entry in flight at a time: a slow watcher holds up nobody but itself. */
static enum tamis_status watch(struct request *request, struct fault *fault) {
  const Tamis__V1__WatchRequest *asked = request->message;
  char *envelope = NULL;
  size_t length = 0;
  Tamis__V1__WatchEvent event = TAMIS__V1__WATCH_EVENT__INIT;
  if (!request->is_begun) request->cursor = asked->from;
  if (request->cursor >= core_size(request->service->core)) return answer_wait(request, UINT64_MAX);
  enum tamis_status status = entry_read(request, request->cursor, &envelope, &length, fault);
  event.index = request->cursor++;
  event.envelope = answer_bytes(envelope, length);
  if (!status) status = answer_send(request, &event.base, fault);
  free(envelope);
  return status;
}

static enum tamis_status get_entries(struct request *request, struct fault *fault) {
  const Tamis__V1__GetEntriesRequest *asked = request->message;
  char *envelope = NULL;
  size_t length = 0;
  Tamis__V1__Entry entry = TAMIS__V1__ENTRY__INIT;
  if (!request->is_begun) request->cursor = asked->from;
  if (request->cursor - asked->from >= asked->count ||
      request->cursor >= core_size(request->service->core))
    return answer_end(request);
  enum tamis_status status = entry_read(request, request->cursor, &envelope, &length, fault);
  entry.index = request->cursor++;
  entry.envelope = answer_bytes(envelope, length);
  if (!status) status = answer_send(request, &entry.base, fault);
  free(envelope);
  return status;
}

#define METHOD(name) "/tamis.v1.Operator/" name
#define REQUEST(name) &tamis__v1__##name##_request__descriptor
const struct answer_row operator_rows[] = {
    {METHOD("Submit"), REQUEST(submit), AUDIENCE_ANYONE, false, submit},
    {METHOD("Query"), REQUEST(query), AUDIENCE_MEMBER, false, query},
    {METHOD("Watch"), REQUEST(watch), AUDIENCE_MEMBER, false, watch},
    {METHOD("GetEntries"), REQUEST(get_entries), AUDIENCE_MEMBER, false, get_entries},
    {METHOD("FetchBlob"), REQUEST(fetch_blob), AUDIENCE_MEMBER, false, fetch_blob_step},
};
const size_t operator_row_count = sizeof operator_rows / sizeof *operator_rows;
