/* Page after page until the cursor ends; a server whose cursor does not move is not followed. */
#include "client-sdk/query.h"

#include <string.h>
#include "tamis/v1/tamis.pb-c.h"

enum { ARGUMENTS_MAX = 8 };

static enum tamis_status query_page(struct session *session, Tamis__V1__QueryRequest *request,
                                    json_t *rows, struct fault *fault) {
  struct unpack_arena arena;
  void *message = NULL;
  uint64_t after = request->after;
  unpack_arena_open(&arena, CHANNEL_REPLY_BUDGET);
  enum tamis_status status =
      session_call(session, "/tamis.v1.Operator/Query", &request->base, 0,
                   &tamis__v1__query_reply__descriptor, &arena, &message, fault);
  if (status == TAMIS_OK) {
    const Tamis__V1__QueryReply *reply = message;
    json_t *page = json_loadb((const char *)reply->rows.data, reply->rows.len, 0, NULL);
    if (!json_is_array(page) || json_array_extend(rows, page) != 0 ||
        (reply->next != 0 && reply->next <= after))
      status = fault_set(fault, TAMIS_BAD_REQUEST, "the server's answer is not a page of rows");
    json_decref(page);
    request->after = reply->next;
  }
  unpack_arena_close(&arena);
  return status;
}

enum tamis_status query_rows(struct session *session, const char *name, size_t argument_count,
                             const char *const *arguments, json_t **rows, struct fault *fault) {
  Tamis__V1__QueryRequest request = TAMIS__V1__QUERY_REQUEST__INIT;
  ProtobufCBinaryData argument[ARGUMENTS_MAX];
  if (argument_count > ARGUMENTS_MAX)
    return fault_set(fault, TAMIS_BAD_REQUEST, "no query has %zu arguments", argument_count);
  for (size_t i = 0; i < argument_count; i++)
    argument[i] = (ProtobufCBinaryData){strlen(arguments[i]), (uint8_t *)(uintptr_t)arguments[i]};
  request.name = (ProtobufCBinaryData){strlen(name), (uint8_t *)(uintptr_t)name};
  request.n_arguments = argument_count;
  request.arguments = argument;
  json_t *all = json_array();
  if (!all) return fault_plain(fault, TAMIS_NO_MEMORY);
  enum tamis_status status;
  do {
    status = query_page(session, &request, all, fault);
  } while (status == TAMIS_OK && request.after != 0);
  if (status == TAMIS_OK)
    *rows = all;
  else
    json_decref(all);
  return status;
}
