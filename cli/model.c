/* `tamis model`: the line of heads, and the way back along it. */
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "cli/command_run.h"
#include "cli/model_find.h"

static const struct column columns[] = {
    {"ROUND", "round", CELL_COUNT, false}, {"MODEL", "model", CELL_DIGEST, false},
    {"HEAD", "current", CELL_FLAG, false}, {"UNDONE", "undone", CELL_FLAG, false},
    {"INDEX", "index", CELL_COUNT, false}, {"RULE", "rule", CELL_SENTENCE, false},
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

/* What a rollback would do: heads, and the rounds between them. `*plan` is a new reference. */
static enum tamis_status make_plan(struct context *context, const char *federation, uint64_t to,
                                   json_t **plan, struct digest *target) {
  json_t *row = NULL, *rows = NULL, *each;
  json_t *undone = json_array(), *restored = json_array();
  char hex[DIGEST_HEX_SIZE], head[OUTPUT_CELL_SIZE];
  size_t i;
  *plan = NULL;
  enum tamis_status status = model_find(context, federation, &to, target);
  if (status == TAMIS_OK)
    status = context_find(context, "federations", NULL, "federation", federation,
                          TAMIS_UNKNOWN_FEDERATION, &row);
  if (status == TAMIS_OK) status = context_query(context, "models", 1, &federation, &rows);
  if (status != TAMIS_OK) goto out;
  json_array_foreach(rows, i, each) {
    json_int_t round = output_integer(each, "round");
    bool is_undone = output_flag(each, "undone");
    if (round > (json_int_t)to && !is_undone) json_array_append_new(undone, json_integer(round));
    if (round == (json_int_t)to && is_undone) json_array_append_new(restored, json_integer(round));
  }
  digest_to_hex(target, hex);
  *plan = json_pack("{s:s, s:I, s:s, s:I, s:s, s:O, s:O}", "federation", federation, "from_round",
                    output_integer(row, "head_round"), "from",
                    output_text(row, "head", head, sizeof head), "to_round", (json_int_t)to, "to",
                    hex, "undone", undone, "restored", restored);
out:
  json_decref(row);
  json_decref(rows);
  json_decref(undone);
  json_decref(restored);
  return status;
}

static void print_plan(struct context *context, const json_t *plan) {
  const json_t *undone = json_object_get(plan, "undone"), *round;
  size_t i;
  long long from = output_integer(plan, "from_round"), to = output_integer(plan, "to_round");
  context_say(context, "Plan for %s: the head goes %s from round %lld to round %lld",
              json_string_value(json_object_get(plan, "federation")),
              to > from ? "forward" : "back", from, to);
  context_say(context, "  now     %s", json_string_value(json_object_get(plan, "from")));
  context_say(context, "  then    %s", json_string_value(json_object_get(plan, "to")));
  if (context->quiet) return;
  fprintf(context->err, "  undone  %zu round%s", json_array_size(undone),
          json_array_size(undone) == 1 ? "" : "s");
  json_array_foreach(undone, i, round) {
    const char *gap = i == 0 ? ": " : i % 12 == 0 ? ",\n          " : ", ";
    fprintf(context->err, "%s%lld", gap, (long long)json_integer_value(round));
  }
  fputc('\n', context->err);
  if (json_array_size(json_object_get(plan, "restored")) > 0)
    context_say(context, "  again   round %lld, undone before", to);
}

static enum tamis_status confirm(struct context *context, const char *federation, uint64_t to) {
  char question[128];
  snprintf(question, sizeof question, "Roll %.64s back to round %" PRIu64 "?", federation, to);
  return context_confirm(context, "a rollback", question);
}

static enum tamis_status roll_back(struct context *context, const struct arguments *arguments,
                                   json_t *plan, const struct digest *target) {
  bool dry_run = arguments_has(arguments, "dry-run");
  const char *federation = arguments->word[0];
  uint64_t index = 0;
  json_t *result = NULL;
  json_t *predicate = json_pack("{s:s, s:I, s:s}", "federation", federation, "to_round",
                                (json_int_t)arguments_count(arguments, "to", 0), "reason",
                                arguments_text(arguments, "reason", ""));
  enum tamis_status status =
      operator_submit(context->operator, STATEMENT_ROLLBACK, predicate, "model", target, dry_run,
                      &index, &result, &context->fault);
  json_decref(predicate);
  if (status != TAMIS_OK) return status;
  json_object_set_new(plan, "index", json_integer((json_int_t)index));
  json_object_set_new(plan, "dry_run", json_boolean(dry_run));
  if (result != NULL) json_object_set_new(plan, "result", result);
  output_change(context, "federation", federation, "rolled back", dry_run, plan);
  return TAMIS_OK;
}

enum tamis_status model_rollback(struct context *context, const struct arguments *arguments) {
  const char *federation = arguments->word[0];
  uint64_t to = arguments_count(arguments, "to", 0);
  struct digest target;
  json_t *plan = NULL;
  enum tamis_status status = make_plan(context, federation, to, &plan, &target);
  if (status != TAMIS_OK) return status;
  if (output_is_for_people(context)) print_plan(context, plan);
  if (!arguments_has(arguments, "yes") && !arguments_has(arguments, "dry-run"))
    status = confirm(context, federation, to);
  if (status == TAMIS_OK) status = roll_back(context, arguments, plan, &target);
  json_decref(plan);
  return status;
}
