/* `tamis round`: what was asked of whom, and what was made of the answers. */
#include <inttypes.h>
#include <string.h>

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
    {"STEP", "aggregate_cosine", CELL_REAL, true},
    {"LAYERS", "layer_share", CELL_REAL, true},
    {"OUTPUT", "output_cosine", CELL_REAL, true},
    {"AGAINST", "output_opposed", CELL_REAL, true},
    {"PAST", "history_cosine", CELL_REAL, true},
    {"LIKE", "history_neighbour", CELL_TEXT, true},
    {"HCOS", "history_similarity", CELL_REAL, true},
    {"FORETOLD", "prediction_error", CELL_REAL, true},
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

/* ---- what became of it ---- */

static const struct {
  const char *outcome, *words;
} outcomes[] = {
    {"open", "not decided yet"},
    {"promoted", "its model became the head"},
    {"held", "its model did not become the head"},
    {"abandoned", "no model was made, the next round starts from the same base"},
    {"rebuilt", "another round's updates, aggregated again"},
};

static void tell_outcome(struct context *context, const json_t *row) {
  char outcome[24], sentence[OUTPUT_CELL_SIZE], rule[OUTPUT_CELL_SIZE];
  output_text(row, "outcome", outcome, sizeof outcome);
  for (size_t i = 0; i < sizeof outcomes / sizeof *outcomes; i++)
    if (strcmp(outcomes[i].outcome, outcome) == 0)
      output_field(context, "outcome", "%s%s%s: %s%s", output_colour(context, outcome), outcome,
                   output_colour_end(context), outcomes[i].words,
                   output_flag(row, "undone") ? ", and was undone since" : "");
  output_text(row, "sentence", sentence, sizeof sentence);
  if (strcmp(sentence, "-") != 0) output_field(context, "why", "%s", sentence);
  output_field(
      context, "updates",
      "%lld of %lld clients asked: %lld accepted by the judge and aggregated by %s, %lld "
      "held, %lld rejected, %lld refused at the door",
      (long long)output_integer(row, "updates"), (long long)output_integer(row, "selected"),
      (long long)output_integer(row, "accepted"), output_text(row, "rule", rule, sizeof rule),
      (long long)output_integer(row, "held"), (long long)output_integer(row, "rejected"),
      (long long)output_integer(row, "refused"));
}

/* Sentences in full: a table cuts them. */
static void tell_odd(struct context *context, const json_t *rows) {
  char client[OUTPUT_CELL_SIZE], verdict[24], sentence[OUTPUT_CELL_SIZE];
  const json_t *row;
  size_t i;
  json_array_foreach(rows, i, row) {
    output_text(row, "verdict", verdict, sizeof verdict);
    if (strcmp(verdict, "accept") == 0 && json_is_number(json_object_get(row, "weight")) &&
        output_real(row, "weight") == 0)
      fprintf(context->out, "\n%s was accepted and weighs nothing: the rule left it out\n",
              output_text(row, "client", client, sizeof client));
    if (strcmp(verdict, "accept") == 0 || strcmp(verdict, "-") == 0) continue;
    fprintf(context->out, "\n%s%s%s of %s, by the %s\n", output_colour(context, verdict), verdict,
            output_colour_end(context), output_text(row, "client", client, sizeof client),
            strcmp(verdict, "refused") == 0 ? "door" : "judge");
    output_paragraph(context, output_text(row, "sentence", sentence, sizeof sentence));
    if (strcmp(verdict, "hold") == 0 || strcmp(verdict, "reject") == 0)
      fprintf(context->out, "  it weighs nothing; tamis review show %lld\n",
              (long long)output_integer(row, "index"));
  }
}

static enum tamis_status tell_round(struct context *context, const char *federation,
                                    uint64_t number, const json_t *rows) {
  json_t *all = NULL, *row;
  size_t i;
  enum tamis_status status = context_query(context, "rounds", 1, &federation, &all);
  fprintf(context->out, "\n");
  json_array_foreach(all, i, row) {
    if (output_integer(row, "round") == (json_int_t)number) tell_outcome(context, row);
  }
  json_decref(all);
  if (status == TAMIS_OK) tell_odd(context, rows);
  return status;
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
  if (status == TAMIS_OK && output_is_for_people(context) && json_array_size(rows) > 0)
    status = tell_round(context, arguments->word[0], round, rows);
  if (status == TAMIS_OK && output_is_for_people(context))
    gate_tell(context, arguments->word[0], round);
  json_decref(rows);
  return status == TAMIS_OK ? shadow_print(context, arguments->word) : status;
}
