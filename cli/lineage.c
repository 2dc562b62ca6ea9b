/* `tamis model lineage` and `tamis client rounds`: who shaped a model, and what became of what a
 * client sent. */
#include <inttypes.h>

#include "cli/command_run.h"
#include "cli/offline.h"

/* ---- lineage ---- */

static const struct column shares[] = {
    {"CLIENT", "client", CELL_TEXT, false},
    {"ROUNDS", "rounds", CELL_COUNT, false},
    {"WEIGHT", "weight", CELL_REAL, false},
    {"SHARE", "percent", CELL_TEXT, false},
    {"LAST", "last_round", CELL_COUNT, false},
    {"FIRST", "first_round", CELL_COUNT, true},
    {"ORGANISATION", "organisation", CELL_TEXT, false},
};
static const struct sheet share_sheet = {
    "client", "No client has a weight in it: it is the first model, or made of none.",
    sizeof shares / sizeof *shares, shares};

/* "25 to 13, 9, 7": rounds that follow each other are one span. `bases` goes down. */
static void print_spans(struct context *context, const json_t *bases) {
  size_t count = json_array_size(bases), spans = 0;
  fprintf(context->out, "%-*s", OUTPUT_LABEL_WIDTH, "rounds");
  for (size_t i = 0; i < count;) {
    json_int_t first = output_integer(json_array_get(bases, i), "round"), last = first;
    while (++i < count && output_integer(json_array_get(bases, i), "round") == last - 1 && last > 1)
      last--;
    if (first == 0) break; /* the first model was made in no round */
    fprintf(context->out, "%s%lld",
            spans == 0       ? ""
            : spans % 6 == 0 ? ",\n              "
                             : ", ",
            (long long)first);
    if (last != first) fprintf(context->out, " to %lld", (long long)last);
    spans++;
  }
  fprintf(context->out, "%s\n", spans == 0 ? "none: this is the first model" : "");
}

/* How many of the models were made by a rebuild. */
static size_t count_rebuilt(const json_t *bases) {
  size_t i, count = 0;
  const json_t *base;
  json_array_foreach(bases, i, base) count +=
      json_is_integer(json_object_get(base, "rebuilt_from"));
  return count;
}

static void print_lineage(struct context *context, const json_t *data) {
  const json_t *bases = json_object_get(data, "bases");
  char a[OUTPUT_CELL_SIZE];
  size_t count = json_array_size(bases), rebuilt = count_rebuilt(bases);
  output_field(context, "model", "%s", output_text(data, "model", a, sizeof a));
  output_field(context, "of", "round %lld of %s%s", (long long)output_integer(data, "round"),
               output_text(data, "federation", a, sizeof a),
               output_flag(data, "head") ? ", the head" : "");
  if (count > 1)
    output_field(context, "stands on", "%zu earlier model%s, down to the first", count - 1,
                 count == 2 ? "" : "s");
  print_spans(context, bases);
  if (rebuilt > 0)
    output_field(context, "approximate",
                 "%zu of them rebuilt without some clients; whose updates count is below", rebuilt);
  fputc('\n', context->out);
  output_rows(context, &share_sheet, json_object_get(data, "clients"));
}

/* A share is read as a percentage, and small ones must not all look alike. */
static void add_percent(json_t *rows) {
  size_t i;
  json_t *row;
  json_array_foreach(rows, i, row) {
    double percent = 100 * output_real(row, "share");
    char text[32];
    snprintf(text, sizeof text, "%.*f%%", percent < 1 ? 3 : 1, percent);
    json_object_set_new(row, "percent", json_string(text));
  }
}

/* Whose first row is the model asked for. */
static enum tamis_status find_bases(struct context *context, const char *const *asked,
                                    json_t **bases) {
  enum tamis_status status = context_query_federation(context, "bases", 2, asked, bases);
  if (status != TAMIS_OK || json_array_size(*bases) > 0) return status;
  json_decref(*bases);
  *bases = NULL;
  fault_set(&context->fault, TAMIS_NOT_FOUND, "round %.20s of %.64s promoted no model", asked[1],
            asked[0]);
  return context_hint(context, TAMIS_NOT_FOUND, "see: tamis model history %s", asked[0]);
}

enum tamis_status model_lineage(struct context *context, const struct arguments *arguments) {
  bool is_head = !arguments_has(arguments, "round");
  const char *const asked[] = {arguments->word[0], arguments_text(arguments, "round", "")};
  json_t *bases = NULL, *clients = NULL;
  enum tamis_status status = offline_choose(context, arguments);
  if (status == TAMIS_OK) status = find_bases(context, asked, &bases);
  if (status == TAMIS_OK) status = context_query(context, "lineage", 2, asked, &clients);
  if (status == TAMIS_OK) {
    const json_t *model = json_array_get(bases, 0);
    char name[OUTPUT_CELL_SIZE];
    add_percent(clients);
    json_t *data = json_pack("{s:s, s:I, s:s, s:b, s:O, s:O}", "federation", asked[0], "round",
                             output_integer(model, "round"), "model",
                             output_text(model, "model", name, sizeof name), "head", is_head,
                             "bases", bases, "clients", clients);
    output_thing(context, "model", name, data, print_lineage);
    json_decref(data);
  }
  json_decref(bases);
  json_decref(clients);
  return status;
}

/* ---- the rounds of a client ---- */

static const struct column touched[] = {
    {"ROUND", "round", CELL_COUNT, false},          {"OF", "rebuilt_from", CELL_COUNT, false},
    {"FEDERATION", "federation", CELL_TEXT, false}, {"VERDICT", "verdict", CELL_STATE, false},
    {"WEIGHT", "weight", CELL_REAL, false},         {"RISK", "risk", CELL_REAL, false},
    {"OUTCOME", "outcome", CELL_STATE, false},      {"IN-HEAD", "in_head", CELL_FLAG, false},
    {"STATUS", "status", CELL_TEXT, true},          {"INDEX", "index", CELL_COUNT, true},
    {"UPDATE", "update", CELL_DIGEST, true},        {"SENTENCE", "sentence", CELL_SENTENCE, false},
};

/* What of it is in the head, for people in one line. A rebuilt round has no updates of its own. */
static void tell_total(struct context *context, const char *client, const json_t *rows) {
  double weight = 0;
  size_t i, updates = 0, in_head = 0;
  const json_t *row;
  json_array_foreach(rows, i, row) {
    double one = output_real(row, "weight");
    bool counts = output_flag(row, "in_head") && one != 0 && one == one;
    updates += !json_is_integer(json_object_get(row, "rebuilt_from"));
    in_head += counts;
    weight += counts ? one : 0;
  }
  context_say(context,
              "%s: %zu update%s, %zu of them in a model that the head stands on, weight %.3f",
              client, updates, updates == 1 ? "" : "s", in_head, weight);
}

enum tamis_status client_rounds(struct context *context, const struct arguments *arguments) {
  static const struct sheet sheet = {"round", "It has sent nothing yet.",
                                     sizeof touched / sizeof *touched, touched};
  const char *federation = arguments->word[1] == NULL ? "" : arguments->word[1];
  const char *const asked[] = {arguments->word[0], federation};
  json_t *rows = NULL, *known = NULL;
  enum tamis_status status = offline_choose(context, arguments);
  if (status == TAMIS_OK) status = context_query(context, "client-rounds", 2, asked, &rows);
  if (status == TAMIS_OK && json_array_size(rows) == 0)
    status =
        context_find(context, "clients", federation, "client", asked[0], TAMIS_NOT_FOUND, &known);
  if (status == TAMIS_OK) {
    output_rows(context, &sheet, rows);
    if (output_is_for_people(context) && known == NULL) tell_total(context, asked[0], rows);
  }
  json_decref(rows);
  json_decref(known);
  return status;
}
