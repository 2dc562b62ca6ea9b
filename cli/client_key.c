/* From the last invitation that was used to the `key-enrol` entry that carries its token. */
#include "cli/client_key.h"

#include <string.h>

#include "proto/envelope.h"
#include "proto/statement.h"

struct search {
  struct context *context;
  const char *client;
  bool has_token, found;
  struct digest token, key;
};

/* Entry 0 of the walk is the invitation; the enrolment is the first later entry with its token. */
static enum tamis_status look_at(struct search *search, const struct envelope *envelope,
                                 const struct statement *statement) {
  struct public_key key;
  struct fault *fault = &search->context->fault;
  if (!search->has_token) {
    if (statement->kind != STATEMENT_CLIENT_INVITE)
      return fault_set(fault, TAMIS_CORRUPT, "the log has no invitation of %s where it should be",
                       search->client);
    search->token = statement->subject[0];
    search->has_token = true;
    return TAMIS_OK;
  }
  if (statement->kind != STATEMENT_KEY_ENROL ||
      strcmp(statement_text(statement, "client"), search->client) != 0)
    return TAMIS_OK;
  const struct digest token = statement_digest(statement, "token");
  if (!digest_equal(&token, &search->token)) return TAMIS_OK;
  const char *vkey = statement_text(statement, "key");
  enum tamis_status status = key_vkey_read(vkey, strlen(vkey), &key, fault);
  if (status == TAMIS_OK) status = envelope_verify(envelope, &key, fault);
  if (status != TAMIS_OK) return status;
  search->key = digest_of(key.byte, sizeof key.byte);
  search->found = true;
  return TAMIS_CANCELLED;
}

static enum tamis_status visit(void *opaque, uint64_t index, const char *bytes, size_t length) {
  struct search *search = opaque;
  struct envelope envelope;
  struct statement statement;
  struct fault *fault = &search->context->fault;
  (void)index;
  enum tamis_status status = envelope_open(bytes, length, &envelope, fault);
  if (status != TAMIS_OK) return status;
  status = statement_read(envelope.payload, envelope.payload_length,
                          operator_origin(search->context->operator), &statement, fault);
  if (status == TAMIS_OK) {
    status = look_at(search, &envelope, &statement);
    statement_close(&statement);
  }
  envelope_close(&envelope);
  return status;
}

/* Index of the last used invitation of `client`, or -1. */
static json_int_t last_invitation(const json_t *rows, const char *client) {
  json_int_t last = -1;
  const json_t *row;
  size_t i;
  json_array_foreach(rows, i, row) {
    const char *name = json_string_value(json_object_get(row, "client"));
    json_int_t index = output_integer(row, "index");
    if (name != NULL && strcmp(name, client) == 0 && output_flag(row, "used") && index > last)
      last = index;
  }
  return last;
}

enum tamis_status client_key_find(struct context *context, const char *client, struct digest *key) {
  json_t *rows = NULL, *server = NULL;
  struct search search = {.context = context, .client = client};
  enum tamis_status status = context_query(context, "invitations", 0, NULL, &rows);
  if (status == TAMIS_OK) status = context_query(context, "status", 0, NULL, &server);
  if (status != TAMIS_OK) goto out;
  json_int_t from = last_invitation(rows, client);
  json_int_t size = output_integer(json_array_get(server, 0), "size");
  if (from >= 0 && size > from)
    status = operator_entries(context->operator,(uint64_t) from, (uint64_t)(size - from), visit,
                              &search, &context->fault);
  if (search.found) {
    *key = search.key;
    status = TAMIS_OK;
  } else if (status == TAMIS_OK) {
    status =
        fault_set(&context->fault, TAMIS_NOT_FOUND, "no client \"%.64s\" has enrolled", client);
    context_hint(context, status, "see what there is: tamis client list");
  }
out:
  json_decref(rows);
  json_decref(server);
  return status;
}

enum tamis_status client_key_act(struct context *context, const char *client,
                                 enum statement_kind kind, json_t *predicate, const char *verbed,
                                 bool dry_run) {
  uint64_t index = 0;
  struct digest key;
  json_t *result = NULL;
  enum tamis_status status = client_key_find(context, client, &key);
  if (status == TAMIS_OK)
    status = operator_submit(context->operator, kind, predicate, "key", &key, dry_run, &index,
                             &result, &context->fault);
  if (status == TAMIS_OK) {
    char hex[DIGEST_HEX_SIZE];
    digest_to_hex(&key, hex);
    json_t *data = json_pack("{s:s, s:s, s:I, s:b, s:o*}", "client", client, "key", hex, "index",
                             (json_int_t)index, "dry_run", dry_run, "result", result);
    output_change(context, "client", client, verbed, dry_run, data);
    json_decref(data);
  }
  json_decref(predicate);
  return status;
}
