/* `tamis review`: what the judge held or rejected, in front of a person, and what the person says.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/client_key.h"
#include "cli/command_run.h"

static const struct column columns[] = {
    {"ITEM", "index", CELL_COUNT, false},
    {"CLIENT", "client", CELL_TEXT, false},
    {"ROUND", "round", CELL_COUNT, false},
    {"VERDICT", "verdict", CELL_STATE, false},
    {"RISK", "risk", CELL_REAL, false},
    {"CLIENT-IS", "standing", CELL_STATE, false},
    {"REVIEW", "review", CELL_TEXT, true},
    {"DECIDED", "decided", CELL_COUNT, true},
    {"BY", "reviewer", CELL_TEXT, true},
    {"OPINIONS", "opinions", CELL_COUNT, true},
    {"STRIKES", "strikes", CELL_COUNT, true},
    {"BASIS", "basis", CELL_COUNT, true},
    {"ORGANISATION", "organisation", CELL_TEXT, true},
    {"FEDERATION", "federation", CELL_TEXT, true},
    {"SENTENCE", "sentence", CELL_SENTENCE, false},
};

enum tamis_status review_list(struct context *context, const struct arguments *arguments) {
  static const struct sheet sheet = {
      "review", "Nothing waits for a review (all of it: tamis review list --all)",
      sizeof columns / sizeof *columns, columns};
  const char *federation = arguments->word[0] ? arguments->word[0] : "";
  const char *which[] = {federation, arguments_has(arguments, "all") ? "" : "open"};
  json_t *rows = NULL;
  enum tamis_status status = context_query(context, "reviews", 2, which, &rows);
  if (status == TAMIS_OK && json_array_size(rows) == 0 && *federation) {
    json_t *row = NULL;
    status = context_find(context, "federations", NULL, "federation", federation,
                          TAMIS_UNKNOWN_FEDERATION, &row);
    json_decref(row);
  }
  if (status == TAMIS_OK) output_rows(context, &sheet, rows);
  json_decref(rows);
  return status;
}

/* ---- deciding ---- */

/* `*item` is a new reference to its row. */
static enum tamis_status find_item(struct context *context, const struct arguments *arguments,
                                   json_t **item) {
  char number[24];
  const char *which[] = {"", "", number};
  json_t *rows = NULL;
  uint64_t index;
  *item = NULL;
  enum tamis_status status = arguments_word_count(arguments, 0, &index, &context->fault);
  snprintf(number, sizeof number, "%" PRIu64, index);
  if (status == TAMIS_OK) status = context_operator(context);
  if (status == TAMIS_OK) status = context_query(context, "reviews", 3, which, &rows);
  if (status == TAMIS_OK) *item = json_incref(json_array_get(rows, 0));
  json_decref(rows);
  if (status != TAMIS_OK || *item) return status;
  fault_set(&context->fault, TAMIS_NOT_FOUND,
            "entry %" PRIu64 " is no update that was held or rejected", index);
  return context_hint(context, TAMIS_NOT_FOUND, "items and their numbers: tamis review list");
}

/* Of the server's row, which may lack it. */
static const char *word_of(const json_t *row, const char *key) {
  const char *word = json_string_value(json_object_get(row, key));
  return word ? word : "";
}

static json_t *statement_of(const struct arguments *arguments, const json_t *item,
                            const char *decision, bool is_opinion) {
  uint64_t basis = arguments_count(arguments, "basis", (uint64_t)output_integer(item, "basis"));
  return json_pack("{s:s, s:I, s:s, s:s, s:i, s:s, s:I, s:s}", "federation",
                   word_of(item, "federation"), "round", output_integer(item, "round"), "client",
                   word_of(item, "client"), "decision", decision, "opinion", (int)is_opinion,
                   "standing", word_of(item, "standing"), "basis", (json_int_t)basis, "reason",
                   arguments_text(arguments, "reason", ""));
}

/* Who comes second says an opinion; but not who says what the decision is based on, and therefore
 * means to decide. */
static bool is_second(const struct arguments *arguments, const json_t *item) {
  const char *review = word_of(item, "review");
  return !arguments_has(arguments, "basis") &&
         (strcmp(review, "released") == 0 || strcmp(review, "rejected") == 0);
}

static enum tamis_status stale_hint(struct context *context, enum tamis_status status,
                                    const json_t *item) {
  if (status != TAMIS_CONFLICT) return status;
  return context_hint(context, status, "see: tamis review show %lld",
                      (long long)output_integer(item, "index"));
}

static enum tamis_status decide(struct context *context, const struct arguments *arguments,
                                const char *decision, const char *verbed) {
  bool dry_run = arguments_has(arguments, "dry-run");
  json_t *item, *result = NULL;
  struct digest update;
  uint64_t index = 0;
  enum tamis_status status = find_item(context, arguments, &item);
  if (status != TAMIS_OK) return status;
  const char *hex = word_of(item, "update");
  bool is_opinion = is_second(arguments, item);
  json_t *predicate = statement_of(arguments, item, decision, is_opinion);
  if (!predicate || !digest_from_hex(hex, strlen(hex), &update))
    status =
        fault_set(&context->fault, TAMIS_INTERNAL, "the server's row of the item is not whole");
  if (status == TAMIS_OK)
    status = operator_submit(context->operator, STATEMENT_REVIEW, predicate, "update", &update,
                             dry_run, &index, &result, &context->fault);
  if (status == TAMIS_OK) {
    json_t *data = json_pack("{s:O, s:s, s:b, s:s, s:I, s:b, s:o*}", "item", item, "decision",
                             decision, "opinion", is_opinion, "client", word_of(item, "client"),
                             "index", (json_int_t)index, "dry_run", dry_run, "result", result);
    char number[24];
    snprintf(number, sizeof number, "%s", arguments->word[0]);
    output_change(context, "review", number, is_opinion ? "opinion noted" : verbed, dry_run, data);
    json_decref(data);
  }
  status = stale_hint(context, status, item);
  json_decref(predicate);
  json_decref(item);
  return status;
}

enum tamis_status review_release(struct context *context, const struct arguments *arguments) {
  return decide(context, arguments, "release", "released");
}

enum tamis_status review_reject(struct context *context, const struct arguments *arguments) {
  return decide(context, arguments, "reject", "rejected");
}

/* An exclusion is about the client and says nothing of its basis: that is held against here. */
static enum tamis_status check_basis(struct context *context, const struct arguments *arguments,
                                     const json_t *item) {
  uint64_t now = (uint64_t)output_integer(item, "basis");
  uint64_t basis = arguments_count(arguments, "basis", now);
  if (basis == now) return TAMIS_OK;
  fault_set(&context->fault, TAMIS_CONFLICT,
            "%.64s has changed since entry %" PRIu64 ": entry %" PRIu64 " of the log says more",
            word_of(item, "client"), basis, now);
  return stale_hint(context, TAMIS_CONFLICT, item);
}

enum tamis_status review_exclude(struct context *context, const struct arguments *arguments) {
  json_t *item;
  enum tamis_status status = find_item(context, arguments, &item);
  if (status != TAMIS_OK) return status;
  status = check_basis(context, arguments, item);
  if (status == TAMIS_OK) {
    json_t *predicate =
        json_pack("{s:s, s:s, s:I, s:s}", "federation", word_of(item, "federation"), "client",
                  word_of(item, "client"), "since", output_integer(item, "round"), "reason",
                  arguments_text(arguments, "reason", ""));
    status = client_key_act(context, word_of(item, "client"), STATEMENT_EXCLUSION, predicate,
                            "excluded", arguments_has(arguments, "dry-run"));
  }
  json_decref(item);
  return status;
}
