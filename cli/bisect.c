/* `tamis bisect`: the round that made the model worse, and who is to blame for it. */
#include <inttypes.h>
#include <string.h>

#include "aggregator/manifest.h"
#include "audit/bisect.h"
#include "audit/descent.h"
#include "cli/blame_report.h"
#include "cli/command_run.h"
#include "cli/whatif.h"

static const struct column points[] = {
    {"ROUND", "round", CELL_COUNT, false},
    {"EVALUATION", "value_text", CELL_TEXT, false},
    {"", "mark", CELL_TEXT, false},
    {"MODEL", "model", CELL_DIGEST, false},
};
static const struct sheet point_sheet = {"round", "Nothing was looked at.",
                                         sizeof points / sizeof *points, points};

/* ---- what was found ---- */

static json_t *points_json(const struct bisect *bisect) {
  json_t *list = json_array();
  for (size_t i = 0; i < bisect->count; i++) {
    const struct bisect_point *point = &bisect->point[i];
    if (point->is_known)
      json_array_append_new(list,
                            json_pack("{s:I, s:f, s:o}", "round", (json_int_t)point->round, "value",
                                      point->value, "model", manifest_digest(&point->model)));
  }
  return list;
}

static json_t *bisect_json(const struct bisect *bisect, const char *federation) {
  json_t *data = json_pack("{s:s, s:b, s:b, s:I, s:I, s:f, s:o}", "federation", federation, "found",
                           bisect->is_found, "all", bisect->is_all, "models",
                           (json_int_t)bisect->count, "looked_at", (json_int_t)bisect->asked,
                           "drop", bisect->drop, "evaluations", points_json(bisect));
  if (bisect->is_all && bisect->largest > 0) {
    const struct bisect_point *point = &bisect->point[bisect->largest];
    json_object_set_new(data, "largest_fall",
                        json_pack("{s:I, s:f}", "round", (json_int_t)point->round, "fall",
                                  point[-1].value - point->value));
  }
  if (!bisect->is_found) return data;
  const struct bisect_point *first = &bisect->point[bisect->first];
  json_object_set_new(data, "round", json_integer(first->round));
  json_object_set_new(data, "value", json_real(first->value));
  json_object_set_new(data, "before", json_real(first[-1].value));
  json_object_set_new(data, "good_round", json_integer(bisect->point[bisect->best].round));
  json_object_set_new(data, "good_value", json_real(bisect->point[bisect->best].value));
  json_object_set_new(data, "recovers", json_boolean(bisect->recovers));
  return data;
}

/* The bad round and the good one are marked. */
static void print_points(struct context *context, const json_t *data) {
  json_t *rows = json_deep_copy(json_object_get(data, "evaluations")), *row;
  bool is_found = output_flag(data, "found");
  size_t i;
  json_array_foreach(rows, i, row) {
    json_int_t round = output_integer(row, "round");
    const char *mark = !is_found                                     ? ""
                       : round == output_integer(data, "round")      ? "worse"
                       : round == output_integer(data, "good_round") ? "good"
                                                                     : "";
    whatif_digits(row, "value", "value_text", false);
    json_object_set_new(row, "mark", json_string(mark));
  }
  output_rows(context, &point_sheet, rows);
  json_decref(rows);
}

static void print_found(struct context *context, const json_t *data) {
  output_field(context, "worse in", "round %lld: %.6g, after %.6g before it",
               (long long)output_integer(data, "round"), output_real(data, "value"),
               output_real(data, "before"));
  output_field(context, "that is", "at least %.4g below the %.6g of round %lld",
               output_real(data, "drop"), output_real(data, "good_value"),
               (long long)output_integer(data, "good_round"));
  if (output_flag(data, "recovers"))
    output_field(context, "but", "a later model is good again: there may be other rounds");
}

/* What was sent after the first lie was computed on models that should never have been: one round
 * is worth making again (docs/incident.md). */
static void print_way_back(struct context *context, const json_t *data) {
  char federation[OUTPUT_CELL_SIZE], suspect[OUTPUT_CELL_SIZE];
  long long since = (long long)output_integer(data, "since");
  output_text(data, "federation", federation, sizeof federation);
  output_text(data, "suspect", suspect, sizeof suspect);
  fprintf(context->out,
          "\nFrom round %lld to it, %s led by far in influence. Look first (--dry-run), then:\n"
          "  tamis rollback %s --to %lld --reason ...\n"
          "  tamis rebuild %s --since %lld --without %s --reason ...\n",
          since, suspect, federation, since, federation, since, suspect);
}

static void print_clients(struct context *context, const json_t *data, const json_t *blame) {
  long long from = (long long)output_integer(blame, "since");
  long long to = (long long)output_integer(blame, "round");
  if (from == to)
    fprintf(context->out, "\nWithout each client of round %lld:\n", to);
  else
    fprintf(context->out, "\nWithout each client of rounds %lld to %lld:\n", from, to);
  blame_report_print(context, json_object_get(blame, "clients"), true);
  if (output_integer(data, "since") == 0) return;
  print_way_back(context, data);
}

static void print_bisect(struct context *context, const json_t *data) {
  char a[OUTPUT_CELL_SIZE];
  const json_t *largest = json_object_get(data, "largest_fall");
  const json_t *blame = json_object_get(data, "blame");
  output_field(context, "federation", "%s", output_text(data, "federation", a, sizeof a));
  output_field(context, "looked at", "%lld of %lld models",
               (long long)output_integer(data, "looked_at"),
               (long long)output_integer(data, "models"));
  if (output_flag(data, "found"))
    print_found(context, data);
  else if (output_flag(data, "all"))
    output_field(context, "worse in", "no round");
  else
    output_field(context, "worse in", "no round that was looked at; --all looks at every one");
  if (largest != NULL)
    output_field(context, "largest fall", "%.4g, in round %lld", output_real(largest, "fall"),
                 (long long)output_integer(largest, "round"));
  fputc('\n', context->out);
  print_points(context, data);
  if (blame != NULL) print_clients(context, data, blame);
}

/* ---- the questions ---- */

/* Who is to blame for the round that was found, and since when that client leads. */
static enum tamis_status ask_who(struct whatif *whatif, const struct arguments *arguments,
                                 const struct bisect *bisect, json_t *data) {
  struct blame blame = {0};
  int64_t since = 0, first = bisect->point[bisect->first].round;
  bool is_through = arguments_has(arguments, "through");
  struct blame_question question = {.federation = arguments->word[0],
                                    .since = first,
                                    .round =
                                        is_through ? bisect->point[bisect->count - 1].round : first,
                                    .evaluator = whatif->evaluator,
                                    .threads = whatif->threads,
                                    .progress = whatif_step,
                                    .context = whatif};
  struct fault *fault = &whatif->context->fault;
  whatif_begin(whatif, "leaving out", "steps");
  enum tamis_status status = blame_model(whatif->archive, &question, &blame, fault);
  question.round = first;
  if (status == TAMIS_OK && blame.count > 0)
    status = blame_since(whatif->archive, &question, blame.row[0].client, &since, fault);
  if (status == TAMIS_OK && blame.count > 0) {
    json_object_set_new(data, "blame", blame_report_json(&blame, question.federation));
    json_object_set_new(data, "suspect", json_string(blame.row[0].client));
    if (since > 0) json_object_set_new(data, "since", json_integer(since));
  }
  blame_close(&blame);
  return whatif_end(whatif, status);
}

static enum tamis_status read_question(struct context *context, const struct arguments *arguments,
                                       struct bisect_question *question) {
  *question = (struct bisect_question){.federation = arguments->word[0],
                                       .good = whatif_round(arguments, "good", BISECT_ROUND_ANY),
                                       .bad = whatif_round(arguments, "bad", DESCENT_HEAD),
                                       .drop = arguments_real(arguments, "drop", NAN),
                                       .all = arguments_has(arguments, "all"),
                                       .progress = whatif_step};
  if (isnan(question->drop) || question->drop > 0) return TAMIS_OK;
  fault_set(&context->fault, TAMIS_BAD_REQUEST, "a drop is above 0");
  return context_hint(context, TAMIS_BAD_REQUEST, "leave --drop out: half of what was lost");
}

static enum tamis_status search(struct whatif *whatif, const struct arguments *arguments,
                                struct bisect_question *question) {
  struct context *context = whatif->context;
  struct bisect bisect = {0};
  json_t *data = NULL;
  question->evaluator = whatif->evaluator;
  question->context = whatif;
  whatif_begin(whatif, "evaluating", "models");
  enum tamis_status status = bisect_federation(whatif->archive, question, &bisect, &context->fault);
  status = whatif_end(whatif, status);
  if (status == TAMIS_OK) data = bisect_json(&bisect, question->federation);
  if (status == TAMIS_OK && bisect.is_found) status = ask_who(whatif, arguments, &bisect, data);
  if (status == TAMIS_OK)
    output_thing(context, "federation", question->federation, data, print_bisect);
  json_decref(data);
  bisect_close(&bisect);
  return status;
}

enum tamis_status bisect_run(struct context *context, const struct arguments *arguments) {
  struct whatif whatif = {0};
  struct bisect_question question;
  enum tamis_status status = read_question(context, arguments, &question);
  if (status == TAMIS_OK) status = whatif_open(context, arguments, &whatif);
  if (status == TAMIS_OK) status = search(&whatif, arguments, &question);
  whatif_close(&whatif);
  return status;
}
