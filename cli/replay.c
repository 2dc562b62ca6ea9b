/* `tamis replay`: a round again by another rule, beside what was logged. */
#include <inttypes.h>
#include <string.h>

#include "aggregator/manifest.h"
#include "audit/replay.h"
#include "cli/command_run.h"
#include "cli/durable_file.h"
#include "cli/whatif.h"

static const struct column weights[] = {
    {"CLIENT", "client", CELL_TEXT, false},
    {"LOGGED", "logged", CELL_REAL, false},
    {"WEIGHT", "weight", CELL_REAL, false},
};
static const struct sheet weight_sheet = {"client", "No update was accepted.",
                                          sizeof weights / sizeof *weights, weights};

static const char *outcome_name(enum outcome outcome) {
  static const char *const name[] = {"open", "promoted", "held", "abandoned", "rebuilt"};
  return name[outcome];
}

static json_t *clients_json(const struct replay *replay) {
  json_t *clients = json_array();
  for (size_t i = 0; i < replay->count; i++) {
    const struct replay_row *row = &replay->row[i];
    json_t *client = json_pack("{s:s, s:f}", "client", row->client, "weight", row->weight);
    if (replay->has_logged) json_object_set_new(client, "logged", json_real(row->logged));
    json_array_append_new(clients, client);
  }
  return clients;
}

static void add_logged(json_t *data, const struct replay *replay) {
  const struct moves *moves = &replay->moves;
  const struct {
    const char *name;
    double value;
  } number[] = {{"logged_norm", moves->other},
                {"logged_margin", replay->logged_margin},
                {"distance", moves->apart},
                {"cosine", moves->cosine}};
  for (size_t i = 0; i < sizeof number / sizeof *number; i++)
    json_object_set_new(data, number[i].name, json_real(number[i].value));
  json_object_set_new(data, "logged_candidate", manifest_digest(&replay->logged));
  json_object_set_new(data, "same",
                      json_boolean(digest_equal(&replay->logged, &replay->candidate)));
  if (replay->is_evaluated)
    json_object_set_new(data, "logged_value", json_real(replay->logged_value));
}

static json_t *replay_json(const struct replay_question *question, const struct replay *replay) {
  json_t *data = json_pack(
      "{s:s, s:I, s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:f, s:f, s:I, s:I, s:o}", "federation",
      question->federation, "round", (json_int_t)question->round, "outcome",
      outcome_name(replay->outcome), "rule", replay->rule, "optimiser", replay->optimiser,
      "logged_rule", replay->logged_rule, "logged_optimiser", replay->logged_optimiser, "base",
      manifest_digest(&replay->base), "candidate", manifest_digest(&replay->candidate), "norm",
      replay->moves.length, "margin", replay->margin, "updates", (json_int_t)replay->updates,
      "accepted", (json_int_t)replay->count, "clients", clients_json(replay));
  if (replay->has_logged) add_logged(data, replay);
  if (!replay->is_evaluated) return data;
  json_object_set_new(data, "value", json_real(replay->value));
  json_object_set_new(data, "base_value", json_real(replay->base_value));
  return data;
}

static void print_rule(struct context *context, const json_t *data, const char *label,
                       const char *logged_key) {
  char asked[OUTPUT_CELL_SIZE], logged[OUTPUT_CELL_SIZE];
  output_text(data, label, asked, sizeof asked);
  output_text(data, logged_key, logged, sizeof logged);
  if (asked[0] == '-' && logged[0] == '-') return;
  output_field(context, label, "%s (the round's: %s)", asked, logged);
}

static void print_logged(struct context *context, const json_t *data) {
  char a[OUTPUT_CELL_SIZE];
  if (output_flag(data, "same")) {
    output_field(context, "logged", "the same, byte for byte");
    return;
  }
  output_field(context, "logged", "%s", output_text(data, "logged_candidate", a, sizeof a));
  output_field(context, "moves", "%.4g long, the logged %.4g; %.4g apart, cosine %.4f",
               output_real(data, "norm"), output_real(data, "logged_norm"),
               output_real(data, "distance"), output_real(data, "cosine"));
}

static void print_evaluation(struct context *context, const json_t *data) {
  if (json_object_get(data, "value") == NULL) return;
  output_field(context, "evaluation", "%.6g", output_real(data, "value"));
  if (json_object_get(data, "logged_value") != NULL)
    output_field(context, "", "%.6g of the logged one", output_real(data, "logged_value"));
  output_field(context, "", "%.6g of the base", output_real(data, "base_value"));
}

static void print_replay(struct context *context, const json_t *data) {
  char a[OUTPUT_CELL_SIZE], b[OUTPUT_CELL_SIZE];
  bool has_logged = json_object_get(data, "logged_candidate") != NULL;
  output_field(
      context, "round", "%lld of %s, %s; %lld of %lld updates accepted",
      (long long)output_integer(data, "round"), output_text(data, "federation", a, sizeof a),
      output_text(data, "outcome", b, sizeof b), (long long)output_integer(data, "accepted"),
      (long long)output_integer(data, "updates"));
  print_rule(context, data, "rule", "logged_rule");
  print_rule(context, data, "optimiser", "logged_optimiser");
  output_field(context, "candidate", "%s", output_text(data, "candidate", a, sizeof a));
  if (has_logged)
    print_logged(context, data);
  else
    output_field(context, "move", "%.4g long; no candidate was logged", output_real(data, "norm"));
  if (has_logged)
    output_field(context, "margin", "%.4g, the logged %.4g", output_real(data, "margin"),
                 output_real(data, "logged_margin"));
  else
    output_field(context, "margin", "%.4g", output_real(data, "margin"));
  print_evaluation(context, data);
  fputc('\n', context->out);
  output_rows(context, &weight_sheet, json_object_get(data, "clients"));
}

static enum tamis_status tell(struct context *context, const struct arguments *arguments,
                              const struct replay_question *question, const struct replay *replay) {
  const char *file = arguments_text(arguments, "file", NULL);
  char name[96];
  if (file != NULL) {
    enum tamis_status status =
        durable_file_new(file, 0644, replay->file, replay->file_length, &context->fault);
    if (status != TAMIS_OK) return status;
  }
  json_t *data = replay_json(question, replay);
  if (file != NULL) json_object_set_new(data, "file", json_string(file));
  snprintf(name, sizeof name, "%s/%" PRId64, question->federation, question->round);
  output_thing(context, "round", name, data, print_replay);
  if (file != NULL) context_say(context, "The candidate is in %s.", file);
  json_decref(data);
  return TAMIS_OK;
}

/* "none" is how a command line says that there is to be no optimiser. */
static const char *optimiser_of(const struct arguments *arguments) {
  const char *text = arguments_text(arguments, "optimiser", NULL);
  return text != NULL && strcmp(text, "none") == 0 ? "" : text;
}

enum tamis_status replay_run(struct context *context, const struct arguments *arguments) {
  struct whatif whatif = {0};
  struct replay replay = {0};
  uint64_t round;
  enum tamis_status status = arguments_word_count(arguments, 1, &round, &context->fault);
  if (status == TAMIS_OK) status = whatif_open(context, arguments, &whatif);
  struct replay_question question = {.federation = arguments->word[0],
                                     .round = status == TAMIS_OK ? (int64_t)round : 0,
                                     .rule = arguments_text(arguments, "rule", NULL),
                                     .optimiser = optimiser_of(arguments),
                                     .evaluator = whatif.evaluator,
                                     .threads = whatif.threads};
  if (status == TAMIS_OK) {
    status = replay_round(whatif.archive, &question, &replay, &context->fault);
    status = whatif_end(&whatif, status);
  }
  if (status == TAMIS_OK) status = tell(context, arguments, &question, &replay);
  replay_close(&replay);
  whatif_close(&whatif);
  return status;
}
