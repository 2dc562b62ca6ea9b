/* `tamis model`: the line of heads. */
#include <string.h>

#include "cli/command_run.h"
#include "cli/model_find.h"

static const struct column columns[] = {
    {"ROUND", "round", CELL_COUNT, false},     {"MODEL", "model", CELL_DIGEST, false},
    {"HEAD", "current", CELL_FLAG, false},     {"UNDONE", "undone", CELL_FLAG, false},
    {"OF", "rebuilt_from", CELL_COUNT, false}, {"INDEX", "index", CELL_COUNT, false},
    {"RULE", "rule", CELL_SENTENCE, false},
};

enum tamis_status model_history(struct context *context, const struct arguments *arguments) {
  static const struct sheet sheet = {"model", "No model yet.", sizeof columns / sizeof *columns,
                                     columns};
  return context_list(context, "models", arguments->word, &sheet);
}

enum tamis_status model_get(struct context *context, const struct arguments *arguments) {
  const char *federation = arguments->word[0], *path = arguments_text(arguments, "file", "");
  uint64_t round = arguments_count(arguments, "round", 0);
  struct digest model;
  char hex[DIGEST_HEX_SIZE];
  enum tamis_status status =
      model_find(context, federation, arguments_has(arguments, "round") ? &round : NULL, &model);
  if (status != TAMIS_OK) return status;
  status = operator_fetch_file(context->operator, & model, path, &context->fault);
  if (status != TAMIS_OK) return status;
  digest_to_hex(&model, hex);
  json_t *data = json_pack("{s:s, s:s, s:s}", "federation", federation, "model", hex, "file", path);
  output_change(context, "model", hex, "fetched", false, data);
  if (output_is_for_people(context)) context_say(context, "It is in %s; sha256sum agrees.", path);
  json_decref(data);
  return TAMIS_OK;
}
