/* Two questions to the server: the head stands in the federation's row, the others in the line of
 * models. */
#include "cli/model_find.h"

#include <inttypes.h>

static enum tamis_status bad_digest(struct context *context, const char *federation) {
  return fault_set(&context->fault, TAMIS_BAD_REQUEST,
                   "the server names a model of %s by something that is not a digest", federation);
}

static bool row_digest(const json_t *row, const char *key, struct digest *digest) {
  const json_t *value = json_object_get(row, key);
  return json_is_string(value) &&
         digest_from_hex(json_string_value(value), json_string_length(value), digest);
}

enum tamis_status model_find(struct context *context, const char *federation, const uint64_t *round,
                             struct digest *model) {
  json_t *row = NULL, *rows = NULL, *each;
  size_t i;
  bool found = false;
  enum tamis_status status;
  if (round == NULL) {
    status = context_find(context, "federations", NULL, "federation", federation,
                          TAMIS_UNKNOWN_FEDERATION, &row);
    if (status == TAMIS_OK && !row_digest(row, "head", model))
      status = bad_digest(context, federation);
    json_decref(row);
    return status;
  }
  status = context_query_federation(context, "models", 1, &federation, &rows);
  json_array_foreach(rows, i, each) {
    if (!json_is_integer(json_object_get(each, "round")) ||
        output_integer(each, "round") != (json_int_t)*round)
      continue;
    if (!row_digest(each, "model", model)) status = bad_digest(context, federation);
    found = true;
  }
  json_decref(rows);
  if (status != TAMIS_OK || found) return status;
  fault_set(&context->fault, TAMIS_NOT_FOUND, "round %" PRIu64 " of %s promoted no model", *round,
            federation);
  return context_hint(context, TAMIS_NOT_FOUND, "see: tamis model history %s", federation);
}
