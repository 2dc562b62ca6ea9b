/* `tamis round`: what was asked of whom, and what was made of the answers. */
#include <inttypes.h>

#include "cli/command_run.h"
#include "cli/gate.h"

static const struct column rounds[] = {
    {"ROUND", "round", CELL_COUNT, false},      {"OUTCOME", "outcome", CELL_STATE, false},
    {"UNDONE", "undone", CELL_FLAG, false},     {"UPDATES", "updates", CELL_COUNT, false},
    {"ACC", "accepted", CELL_COUNT, false},     {"CLIP", "clipped", CELL_COUNT, true},
    {"HELD", "held", CELL_COUNT, false},        {"REJ", "rejected", CELL_COUNT, false},
    {"REF", "refused", CELL_COUNT, true},       {"TOOK", "seconds", CELL_SECONDS, false},
    {"MODEL", "model", CELL_DIGEST, false},     {"AGE", "opened_at_ms", CELL_AGE, false},
    {"SELECTED", "selected", CELL_COUNT, true}, {"BASE", "base", CELL_DIGEST, true},
    {"WAITS", "waits_for", CELL_TEXT, true},    {"GATE", "gate", CELL_TEXT, true},
    {"RULE", "rule", CELL_TEXT, true},          {"SENTENCE", "sentence", CELL_SENTENCE, true},
};

static const struct column updates[] = {
    {"CLIENT", "client", CELL_TEXT, false},
    {"VERDICT", "verdict", CELL_STATE, false},
    {"WEIGHT", "weight", CELL_REAL, false},
    {"RISK", "risk", CELL_REAL, false},
    {"NORM", "norm", CELL_REAL, true},
    {"DIST", "distance", CELL_REAL, false},
    {"COSINE", "cosine", CELL_REAL, false},
    {"OWN", "own_cosine", CELL_REAL, true},
    {"NEIGHBOUR", "neighbour", CELL_TEXT, true},
    {"NCOS", "neighbour_cosine", CELL_REAL, true},
    {"KRUM", "krum", CELL_REAL, true},
    {"DEGREE", "degree", CELL_REAL, true},
    {"CLUSTER", "cluster", CELL_REAL, true},
    {"ALIKE", "residual_neighbour", CELL_TEXT, true},
    {"ACOS", "residual_cosine", CELL_REAL, true},
    {"EXAMPLES", "examples", CELL_COUNT, true},
    {"LOSS", "loss", CELL_REAL, true},
    {"STATUS", "status", CELL_TEXT, true},
    {"INDEX", "index", CELL_COUNT, true},
    {"UPDATE", "update", CELL_DIGEST, true},
    {"SENTENCE", "sentence", CELL_SENTENCE, false},
};

enum tamis_status round_list(struct context *context, const struct arguments *arguments) {
  static const struct sheet sheet = {"round", "No round yet.", sizeof rounds / sizeof *rounds,
                                     rounds};
  return context_list(context, "rounds", arguments->word, &sheet);
}

/* A round without updates yet is not one that never was. */
static enum tamis_status check_opened(struct context *context, const char *federation,
                                      uint64_t number) {
  json_t *rows = NULL, *row;
  size_t i;
  bool found = false;
  enum tamis_status status = context_query_federation(context, "rounds", 1, &federation, &rows);
  json_array_foreach(rows, i, row) found =
      found || output_integer(row, "round") == (json_int_t)number;
  json_decref(rows);
  if (status != TAMIS_OK || found) return status;
  fault_set(&context->fault, TAMIS_NOT_FOUND, "round %" PRIu64 " of %s was never opened", number,
            federation);
  return context_hint(context, TAMIS_NOT_FOUND, "see: tamis round list %s", federation);
}

enum tamis_status round_show(struct context *context, const struct arguments *arguments) {
  static const struct sheet sheet = {"client", "No updates in this round yet.",
                                     sizeof updates / sizeof *updates, updates};
  json_t *rows = NULL;
  uint64_t round;
  enum tamis_status status = arguments_word_count(arguments, 1, &round, &context->fault);
  if (status != TAMIS_OK) return status;
  status = context_query(context, "round", 2, arguments->word, &rows);
  if (status == TAMIS_OK && json_array_size(rows) == 0)
    status = check_opened(context, arguments->word[0], round);
  if (status == TAMIS_OK) output_rows(context, &sheet, rows);
  if (status == TAMIS_OK && output_is_for_people(context))
    gate_tell(context, arguments->word[0], round);
  json_decref(rows);
  return status == TAMIS_OK ? shadow_print(context, arguments->word) : status;
}
