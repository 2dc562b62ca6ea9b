/* Page after page until the cursor ends; a server whose cursor does not move is not followed. */
#include "client-sdk/query.h"

#include <string.h>
#include "tamis/v1/tamis.pb-c.h"

enum { ARGUMENTS_MAX = 8, PAGE_COUNTS_AS = 256 };

static enum tamis_status query_page(struct session *session, Tamis__V1__QueryRequest *request,
                                    json_t **page, struct fault *fault) {
  struct unpack_arena arena;
  void *message = NULL;
  uint64_t after = request->after;
  *page = NULL;
  unpack_arena_open(&arena, CHANNEL_REPLY_BUDGET);
  enum tamis_status status =
      session_call(session, "/tamis.v1.Operator/Query", &request->base, 0,
                   &tamis__v1__query_reply__descriptor, &arena, &message, fault);
  if (status == TAMIS_OK) {
    const Tamis__V1__QueryReply *reply = message;
    *page = json_loadb((const char *)reply->rows.data, reply->rows.len, 0, NULL);
    if (!json_is_array(*page) || (reply->next != 0 && reply->next <= after))
      status = fault_set(fault, TAMIS_BAD_REQUEST, "the server's answer is not a page of rows");
    request->after = reply->next;
  }
  unpack_arena_close(&arena);
  return status;
}

enum tamis_status query_pages(struct session *session, const char *name, size_t argument_count,
                              const char *const *arguments, uint64_t after, uint64_t rows_max,
                              enum tamis_status (*take)(void *context, json_t *page), void *context,
                              struct fault *fault) {
  Tamis__V1__QueryRequest request = TAMIS__V1__QUERY_REQUEST__INIT;
  ProtobufCBinaryData argument[ARGUMENTS_MAX];
  if (argument_count > ARGUMENTS_MAX)
    return fault_set(fault, TAMIS_BAD_REQUEST, "no query has %zu arguments", argument_count);
  for (size_t i = 0; i < argument_count; i++)
    argument[i] = (ProtobufCBinaryData){strlen(arguments[i]), (uint8_t *)(uintptr_t)arguments[i]};
  request.name = (ProtobufCBinaryData){strlen(name), (uint8_t *)(uintptr_t)name};
  request.n_arguments = argument_count;
  request.arguments = argument;
  request.after = after;
  enum tamis_status status;
  uint64_t rows = 0;
  do {
    json_t *page;
    status = query_page(session, &request, &page, fault);
    size_t count = json_array_size(page);
    rows += count > PAGE_COUNTS_AS ? count : PAGE_COUNTS_AS; /* endless empty pages end too */
    if (status == TAMIS_OK && rows > rows_max)
      status = fault_set(fault, TAMIS_TOO_LARGE, "the server's answer has more than %llu rows",
                         (unsigned long long)rows_max);
    if (status == TAMIS_OK) status = take(context, page);
    json_decref(page);
  } while (status == TAMIS_OK && request.after != 0);
  return status;
}

static enum tamis_status append(void *context, json_t *page) {
  return json_array_extend(context, page) == 0 ? TAMIS_OK : TAMIS_NO_MEMORY;
}

enum tamis_status query_rows(struct session *session, const char *name, size_t argument_count,
                             const char *const *arguments, json_t **rows, struct fault *fault) {
  json_t *all = json_array();
  if (!all) return fault_plain(fault, TAMIS_NO_MEMORY);
  enum tamis_status status =
      query_pages(session, name, argument_count, arguments, 0, UINT64_MAX, append, all, fault);
  if (status == TAMIS_NO_MEMORY) fault_plain(fault, status);
  if (status == TAMIS_OK)
    *rows = all;
  else
    json_decref(all);
  return status;
}
