/* `tamis shadow`: what other rules would have made of the same updates. */
#include "cli/command_run.h"

static const struct column columns[] = {
    {"ROUND", "round", CELL_COUNT, false},       {"RULE", "rule", CELL_TEXT, false},
    {"DISTANCE", "distance", CELL_REAL, false},  {"COSINE", "cosine", CELL_REAL, false},
    {"STATUS", "status", CELL_TEXT, false},      {"INDEX", "index", CELL_COUNT, true},
    {"MANIFEST", "manifest", CELL_DIGEST, true}, {"SENTENCE", "sentence", CELL_SENTENCE, false},
};

static const struct sheet sheet = {"round", "No shadow has seen a round yet.",
                                   sizeof columns / sizeof *columns, columns};

enum tamis_status shadow_list(struct context *context, const struct arguments *arguments) {
  json_t *rows = NULL;
  uint64_t round;
  if (arguments->word[1] != NULL &&
      arguments_word_count(arguments, 1, &round, &context->fault) != TAMIS_OK)
    return TAMIS_BAD_REQUEST;
  enum tamis_status status = context_query_federation(
      context, "shadows", arguments->word[1] == NULL ? 1 : 2, arguments->word, &rows);
  if (status != TAMIS_OK) return status;
  output_rows(context, &sheet, rows);
  json_decref(rows);
  return TAMIS_OK;
}

enum tamis_status shadow_print(struct context *context, const char *const *federation_round) {
  json_t *rows = NULL;
  if (!output_is_for_people(context)) return TAMIS_OK;
  enum tamis_status status = context_query(context, "shadows", 2, federation_round, &rows);
  if (status == TAMIS_OK && json_array_size(rows) > 0) {
    fputs("\nShadows, beside the plan's rule:\n", context->out);
    output_rows(context, &sheet, rows);
  }
  json_decref(rows);
  return status;
}
