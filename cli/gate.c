/* What people say between a candidate and the head: `tamis model approve|reject`, `tamis freeze`,
 * `tamis unfreeze`, and `tamis round gates`, where all of it can be read. */
#include "cli/gate.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/command_run.h"
#include "cli/model_find.h"

/* ---- looking ---- */

static const struct column words[] = {
    {"ROUND", "round", CELL_COUNT, false},      {"GATE", "gate", CELL_TEXT, false},
    {"KIND", "kind", CELL_TEXT, false},         {"BY", "signer", CELL_TEXT, false},
    {"INDEX", "index", CELL_COUNT, true},       {"MODEL", "model", CELL_DIGEST, true},
    {"SAID", "sentence", CELL_SENTENCE, false},
};

enum tamis_status gate_list(struct context *context, const struct arguments *arguments) {
  static const struct sheet sheet = {"entry", "Nothing was said at a gate yet.",
                                     sizeof words / sizeof *words, words};
  json_t *rows = NULL;
  uint64_t round;
  enum tamis_status status = TAMIS_OK;
  if (arguments->word_count > 1)
    status = arguments_word_count(arguments, 1, &round, &context->fault);
  if (status == TAMIS_OK)
    status =
        context_query_federation(context, "words", arguments->word_count, arguments->word, &rows);
  if (status == TAMIS_OK) output_rows(context, &sheet, rows);
  json_decref(rows);
  return status;
}

/* The row of a round, a new reference; NULL when it was never opened. */
static enum tamis_status round_row(struct context *context, const char *federation, uint64_t number,
                                   json_t **row) {
  json_t *rows = NULL, *each;
  size_t i;
  *row = NULL;
  enum tamis_status status = context_query_federation(context, "rounds", 1, &federation, &rows);
  json_array_foreach(rows, i, each) {
    if (output_integer(each, "round") == (json_int_t)number) *row = json_incref(each);
  }
  json_decref(rows);
  return status;
}

void gate_tell(struct context *context, const char *federation, uint64_t number) {
  json_t *row = NULL, *rows = NULL, *each;
  char round[24], text[OUTPUT_CELL_SIZE], by[OUTPUT_CELL_SIZE];
  const char *arguments[] = {federation, round};
  size_t i;
  snprintf(round, sizeof round, "%" PRIu64, number);
  if (round_row(context, federation, number, &row) == TAMIS_OK && row &&
      context_query(context, "words", 2, arguments, &rows) == TAMIS_OK) {
    if (json_is_string(json_object_get(row, "waits_for")))
      context_say(context, "The candidate of round %s waits for gate %s.", round,
                  output_text(row, "waits_for", text, sizeof text));
    if (json_is_string(json_object_get(row, "gate")))
      context_say(context, "Held at its gate. %s.",
                  output_text(row, "sentence", text, sizeof text));
    json_array_foreach(rows, i, each) {
      context_say(context, "  %s: %s", output_text(each, "signer", by, sizeof by),
                  output_text(each, "sentence", text, sizeof text));
    }
  }
  json_decref(rows);
  json_decref(row);
}

/* ---- approving ---- */

static enum tamis_status candidate(struct context *context, const char *federation, uint64_t number,
                                   struct digest *model) {
  json_t *row = NULL;
  char gate[OUTPUT_CELL_SIZE];
  enum tamis_status status = round_row(context, federation, number, &row);
  const char *hex = json_string_value(json_object_get(row, "model"));
  output_text(row, "waits_for", gate, sizeof gate);
  bool waits = status == TAMIS_OK && row && strcmp(gate, "approval") == 0;
  if (status == TAMIS_OK && !waits) {
    fault_set(&context->fault, TAMIS_STALE_ROUND, "round %" PRIu64 " of %s waits for no approval",
              number, federation);
    status =
        context_hint(context, TAMIS_STALE_ROUND, "see: tamis round list %s -o wide", federation);
  } else if (waits && (!hex || !digest_from_hex(hex, strlen(hex), model))) {
    status = fault_set(&context->fault, TAMIS_BAD_REQUEST, "the server names no candidate of %s",
                       federation);
  }
  json_decref(row);
  return status;
}

static enum tamis_status speak(struct context *context, const struct arguments *arguments,
                               bool approves) {
  const char *federation = arguments->word[0];
  bool dry_run = arguments_has(arguments, "dry-run");
  struct digest model;
  uint64_t round, index = 0;
  json_t *result = NULL;
  enum tamis_status status = arguments_word_count(arguments, 1, &round, &context->fault);
  if (status == TAMIS_OK) status = context_operator(context);
  if (status == TAMIS_OK) status = candidate(context, federation, round, &model);
  if (status != TAMIS_OK) return status;
  json_t *predicate =
      json_pack("{s:s, s:I, s:i, s:s}", "federation", federation, "round", (json_int_t)round,
                "approve", (int)approves, "reason", arguments_text(arguments, "reason", ""));
  status = operator_submit(context->operator, STATEMENT_APPROVAL, predicate, "model", &model,
                           dry_run, &index, &result, &context->fault);
  json_decref(predicate);
  if (status != TAMIS_OK) return status;
  json_t *data = json_pack("{s:s, s:I, s:b, s:I, s:b, s:o*}", "federation", federation, "round",
                           (json_int_t)round, "approve", approves, "index", (json_int_t)index,
                           "dry_run", dry_run, "result", result);
  output_change(context, "round", arguments->word[1], approves ? "approved" : "rejected", dry_run,
                data);
  json_decref(data);
  if (output_is_for_people(context) && !dry_run)
    context_say(context, "See:  tamis round gates %s %s", federation, arguments->word[1]);
  return TAMIS_OK;
}

enum tamis_status gate_approve(struct context *context, const struct arguments *arguments) {
  return speak(context, arguments, true);
}

enum tamis_status gate_reject(struct context *context, const struct arguments *arguments) {
  return speak(context, arguments, false);
}

/* ---- freezing ---- */

static enum tamis_status set_frozen(struct context *context, const struct arguments *arguments,
                                    enum statement_kind kind, const char *done) {
  const char *federation = arguments->word[0];
  bool dry_run = arguments_has(arguments, "dry-run");
  struct digest first;
  uint64_t beginning = 0, index = 0;
  json_t *result = NULL;
  enum tamis_status status = context_operator(context);
  if (status == TAMIS_OK) status = model_find(context, federation, &beginning, &first);
  if (status != TAMIS_OK) return status;
  json_t *predicate = json_pack("{s:s, s:s}", "federation", federation, "reason",
                                arguments_text(arguments, "reason", ""));
  status = operator_submit(context->operator, kind, predicate, "model", &first, dry_run, &index,
                           &result, &context->fault);
  json_decref(predicate);
  if (status != TAMIS_OK) return status;
  const char *sentence = json_string_value(json_object_get(result, "sentence"));
  if (output_is_for_people(context) && sentence) context_say(context, "%s.", sentence);
  json_t *data = json_pack("{s:s, s:I, s:b, s:o*}", "federation", federation, "index",
                           (json_int_t)index, "dry_run", dry_run, "result", result);
  output_change(context, "federation", federation, done, dry_run, data);
  json_decref(data);
  return TAMIS_OK;
}

enum tamis_status gate_freeze(struct context *context, const struct arguments *arguments) {
  return set_frozen(context, arguments, STATEMENT_FREEZE, "frozen");
}

enum tamis_status gate_unfreeze(struct context *context, const struct arguments *arguments) {
  return set_frozen(context, arguments, STATEMENT_UNFREEZE, "unfrozen");
}
