/* `tamis slis`: how well the federations do, in the numbers that alerts look at. */
#include <string.h>

#include "cli/command_run.h"

static const struct column columns[] = {
    {"SLI", "sli", CELL_TEXT, false},
    {"NAME", "name", CELL_TEXT, false},
    {"FEDERATION", "federation", CELL_TEXT, false},
    {"OF", "of", CELL_TEXT, false},
    {"WHICH", "label", CELL_TEXT, false},
    {"VALUE", "value", CELL_REAL, false},
    {"SAMPLES", "samples", CELL_COUNT, false},
};

static const struct sheet sheet = {"sli", "Nothing to measure yet.",
                                   sizeof columns / sizeof *columns, columns};

enum tamis_status slis_run(struct context *context, const struct arguments *arguments) {
  const char *by = arguments_text(arguments, "by", "");
  const char *questions[] = {arguments->word[0] == NULL ? "" : arguments->word[0], by};
  json_t *rows = NULL;
  if (*by != '\0' && strcmp(by, "organisation") != 0 && strcmp(by, "client") != 0)
    return fault_set(&context->fault, TAMIS_BAD_REQUEST,
                     "--by wants organisation or client, not \"%.60s\"", by);
  enum tamis_status status = context_query(context, "slis", 2, questions, &rows);
  if (status != TAMIS_OK) return status;
  output_rows(context, &sheet, rows);
  json_decref(rows);
  return TAMIS_OK;
}
