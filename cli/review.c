/* `tamis review`: what the judge held or rejected, in front of a person, and what the person says.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/card.h"
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

/* ---- the evidence card ---- */

/* Everything that the card shows; JSON forms get it as it is. */
static enum tamis_status gather(struct context *context, const json_t *item, json_t *card) {
  char round[24];
  const char *federation = word_of(item, "federation"), *client = word_of(item, "client");
  snprintf(round, sizeof round, "%lld", (long long)output_integer(item, "round"));
  const struct {
    const char *name, *query, *argument[2];
    size_t count;
  } ask[] = {{"cohort", "round", {federation, round}, 2},
             {"clients", "clients", {federation}, 1},
             {"rounds", "client-rounds", {client, federation}, 2},
             {"moves", "moves", {federation, client}, 2},
             {"decisions", "decisions", {federation, client}, 2}};
  enum tamis_status status = TAMIS_OK;
  for (size_t i = 0; status == TAMIS_OK && i < sizeof ask / sizeof *ask; i++) {
    json_t *rows = NULL;
    status = context_query(context, ask[i].query, ask[i].count, ask[i].argument, &rows);
    json_object_set_new(card, ask[i].name, rows ? rows : json_array());
  }
  return status;
}

static void print_item(struct context *context, const json_t *item) {
  char a[OUTPUT_CELL_SIZE], b[OUTPUT_CELL_SIZE];
  output_field(context, "item", "%lld: the update of %s in round %lld of %s",
               (long long)output_integer(item, "index"), output_text(item, "client", a, sizeof a),
               (long long)output_integer(item, "round"),
               output_text(item, "federation", b, sizeof b));
  output_text(item, "verdict", a, sizeof a);
  output_field(context, "verdict", "%s%s%s, risk %.3f of 1", output_colour(context, a), a,
               output_colour_end(context), output_real(item, "risk"));
  output_field(context, "why", "%s", output_text(item, "sentence", a, sizeof a));
  output_field(
      context, "the client", "%s now, of organisation %s, with %lld strike%s",
      output_text(item, "standing", a, sizeof a), output_text(item, "organisation", b, sizeof b),
      (long long)output_integer(item, "strikes"), output_integer(item, "strikes") == 1 ? "" : "s");
  if (strcmp(word_of(item, "review"), "open") == 0)
    output_field(context, "review", "open: nobody has spoken on it");
  else if (strcmp(word_of(item, "review"), "settled") == 0)
    output_field(context, "review", "settled by a word about the client in entry %lld",
                 (long long)output_integer(item, "decided"));
  else
    output_field(
        context, "review", "%s by %s in entry %lld", output_text(item, "review", b, sizeof b),
        output_text(item, "reviewer", a, sizeof a), (long long)output_integer(item, "decided"));
  if (json_is_integer(json_object_get(item, "dropped")))
    output_field(context, "its bytes", "dropped by policy in entry %lld",
                 (long long)output_integer(item, "dropped"));
}

/* Whom it looks like, and who looks like it. */
static void print_neighbours(struct context *context, const json_t *cohort, const json_t *item) {
  const char *client = word_of(item, "client");
  const json_t *own = card_row(cohort, client), *row;
  char name[OUTPUT_CELL_SIZE], verdict[24];
  size_t i;
  if (own == NULL) return;
  fprintf(context->out, "\nneighbours in the round\n");
  if (*word_of(own, "neighbour") != '\0')
    fprintf(context->out, "  its nearest is %s, cosine %.4f\n",
            output_text(own, "neighbour", name, sizeof name), output_real(own, "neighbour_cosine"));
  json_array_foreach(cohort, i, row) {
    if (strcmp(word_of(row, "neighbour"), client) != 0) continue;
    fprintf(context->out, "  nearest to it is %s, cosine %.4f (%s)\n",
            output_text(row, "client", name, sizeof name), output_real(row, "neighbour_cosine"),
            output_text(row, "verdict", verdict, sizeof verdict));
  }
}

static void print_organisation(struct context *context, const json_t *clients, const json_t *item) {
  const char *organisation = word_of(item, "organisation");
  char name[OUTPUT_CELL_SIZE], state[24];
  const json_t *row;
  size_t i, others = 0, shown = 0;
  json_array_foreach(clients, i, row) others +=
      strcmp(word_of(row, "organisation"), organisation) == 0 &&
      strcmp(word_of(row, "client"), word_of(item, "client")) != 0;
  if (others == 0) return;
  fprintf(context->out, "\nothers of the same organisation\n");
  json_array_foreach(clients, i, row) {
    if (strcmp(word_of(row, "organisation"), organisation) != 0 ||
        strcmp(word_of(row, "client"), word_of(item, "client")) == 0)
      continue;
    if (shown++ == 8) {
      fprintf(context->out, "  and %zu more: tamis client list\n", others - 8);
      return;
    }
    output_text(row, "state", state, sizeof state);
    fprintf(context->out, "  %-24s %s%-11s%s  risk %.3f, reputation %.3f\n",
            output_text(row, "client", name, sizeof name), output_colour(context, state), state,
            output_colour_end(context), output_real(row, "risk"), output_real(row, "reputation"));
  }
}

static void print_choices(struct context *context, const json_t *item) {
  long long index = (long long)output_integer(item, "index"),
            basis = (long long)output_integer(item, "basis");
  bool is_open = strcmp(word_of(item, "review"), "open") == 0;
  char name[OUTPUT_CELL_SIZE];
  fprintf(context->out, "\nwhat you can do\n");
  if (strcmp(word_of(item, "review"), "settled") == 0) {
    fprintf(context->out, "  nothing about the update: see tamis client show %s\n",
            output_text(item, "client", name, sizeof name));
    return;
  }
  if (is_open) {
    fprintf(context->out, "  tamis review release %lld --basis %lld --reason '...'\n", index,
            basis);
    output_paragraph(context,
                     "The judge was wrong: the strike goes, if it was one; reputation and "
                     "counters are mended; a client whom that strike put in quarantine leaves it. "
                     "The model stays as it is (tamis rebuild makes another).");
    fprintf(context->out, "  tamis review reject %lld --basis %lld --reason '...'\n", index, basis);
    output_paragraph(context, "The judge was right: the strike is never forgiven.");
    fprintf(context->out, "  tamis review exclude %lld --basis %lld --reason '...'\n", index,
            basis);
    output_paragraph(context, "The client is refused from now on, in this federation.");
    return;
  }
  fprintf(context->out, "  tamis review release %lld --reason '...'\n", index);
  fprintf(context->out, "  tamis review reject %lld --reason '...'\n", index);
  output_paragraph(context, "An opinion, for agreement: the decision stays.");
}

static void print_card(struct context *context, const json_t *card) {
  const json_t *item = json_object_get(card, "item"), *cohort = json_object_get(card, "cohort");
  const json_t *own = card_row(cohort, word_of(item, "client"));
  print_item(context, item);
  if (own != NULL) card_numbers(context, cohort, own);
  card_rounds(context, json_object_get(card, "rounds"));
  print_neighbours(context, cohort, item);
  print_organisation(context, json_object_get(card, "clients"), item);
  card_decisions(context, json_object_get(card, "decisions"));
  print_choices(context, item);
}

enum tamis_status review_show(struct context *context, const struct arguments *arguments) {
  json_t *item;
  enum tamis_status status = find_item(context, arguments, &item);
  if (status != TAMIS_OK) return status;
  json_t *card = json_pack("{s:O}", "item", item);
  status = gather(context, item, card);
  if (status == TAMIS_OK) output_thing(context, "review", arguments->word[0], card, print_card);
  json_decref(card);
  json_decref(item);
  return status;
}
