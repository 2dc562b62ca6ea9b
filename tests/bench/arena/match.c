/* The crew sends, the stage judges, and what can be counted is counted. */
#include "match.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "aggregator/policy.h"
#include "proto/canonical.h"
#include "crew.h"
#include "roc.h"

enum { ROUNDS_MAX = 1000 };

struct match {
  const struct cell *cell;
  struct crew crew;
  struct stage *stage;
  size_t out_in[STAGE_CLIENTS_MAX];     /* the round in which it was excluded; 0: never */
  size_t held_first[STAGE_CLIENTS_MAX]; /* the first round in which it was not accepted */
  double theirs, theirs_held;           /* updates of those that the scheme is about, when awake */
  double curve[ROUNDS_MAX + 1];
  size_t rounds_held;
  double held_most, held_sum; /* of the honest that sent, a share of a round */
  double harm_sum, harm_most; /* how much of the honest mean a round failed to go */
  struct roc *roc;
  FILE *updates;
};

static void must(bool good) {
  if (good) return;
  fprintf(stderr, "arena: out of memory\n");
  exit(EXIT_FAILURE);
}

/* ---- what a cell says ---- */

/* "k=v,k=v" as the object that federation-create takes; NULL when it is not that. */
static json_t *policy_object(const char *text) {
  json_t *object = json_object();
  while (object && *text) {
    char name[64];
    size_t length = strcspn(text, "=,");
    char *end = NULL;
    bool is_good = text[length] == '=' && length > 0 && length < sizeof name;
    double value = is_good ? strtod(text + length + 1, &end) : 0;
    is_good = is_good && end != text + length + 1 && (*end == ',' || *end == '\0');
    if (!is_good) {
      json_decref(object);
      return NULL;
    }
    snprintf(name, sizeof name, "%.*s", (int)length, text);
    json_object_set_new(object, name, canonical_f64(value));
    text = *end ? end + 1 : end;
  }
  return object;
}

bool match_check(const struct cell *cell) {
  struct scheme scheme;
  struct policy policy;
  struct fault fault;
  json_t *object = policy_object(cell->policy);
  if (!scheme_find(cell->attack, &scheme)) {
    fprintf(stderr, "arena: no attack is called %s; --list names them\n", cell->attack);
    return json_decref(object), false;
  }
  if (!object) {
    fprintf(stderr, "arena: a policy is NAME=NUMBER,... and not \"%s\"\n", cell->policy);
    return false;
  }
  enum tamis_status status = policy_read(object, &policy, &fault);
  json_decref(object);
  if (status != TAMIS_OK) fprintf(stderr, "arena: %s\n", fault.text);
  return status == TAMIS_OK;
}

json_t *match_key(const struct cell *cell) {
  return json_pack("{s:s, s:f, s:f, s:f, s:I, s:I, s:I, s:s, s:s}", "attack", cell->attack,
                   "strength", cell->strength, "fraction", cell->fraction, "alpha", cell->alpha,
                   "seed", (json_int_t)cell->seed, "clients", (json_int_t)cell->clients, "rounds",
                   (json_int_t)cell->rounds, "rule", cell->rule, "policy", cell->policy);
}

static bool is_enforced(const json_t *object) {
  struct policy policy;
  return policy_read(object, &policy, NULL) != TAMIS_OK || policy.enforce > 0;
}

/* ---- from the first round to the last ---- */

static void match_open(struct match *match, const struct cell *cell, const struct field_data *data,
                       FILE *updates) {
  static float first[PARAMETERS];
  struct scheme scheme;
  *match = (struct match){.cell = cell, .updates = updates};
  scheme_find(cell->attack, &scheme);
  crew_open(&match->crew, cell, &scheme, data);
  mlp_init(field_shape, random_mix(cell->seed, 4), first);
  json_t *policy = policy_object(cell->policy);
  bool with_roc = match->crew.liars > 0 && !is_enforced(policy);
  struct stage_terms terms = {.rule = cell->rule,
                              .policy = policy,
                              .seed = cell->seed,
                              .clients = cell->clients,
                              .organisation =
                                  (const char(*)[STATE_NAME_SIZE])match->crew.organisation,
                              .shape = field_shape,
                              .first = first};
  match->stage = stage_open(&terms);
  json_decref(policy);
  match->roc = with_roc ? roc_new() : NULL;
  must(!with_roc || match->roc);
}

static void match_close(struct match *match) {
  roc_free(match->roc);
  stage_close(match->stage);
  crew_close(&match->crew);
}

/* ---- a round ---- */

static void write_update(const struct match *match, const json_t *update, bool is_liar,
                         size_t round) {
  const char *name;
  json_t *value;
  double number;
  fprintf(match->updates,
          "{\"attack\":\"%s\",\"fraction\":%g,\"alpha\":%g,\"seed\":%d,\"round\":%zu,"
          "\"liar\":%d",
          match->cell->attack, match->cell->fraction, match->cell->alpha, (int)match->cell->seed,
          round, is_liar);
  json_object_foreach((json_t *)(uintptr_t)update, name, value) {
    if (canonical_f64_read(value, &number))
      fprintf(match->updates, ",\"%s\":%.9g", name, number);
    else if (json_is_integer(value))
      fprintf(match->updates, ",\"%s\":%" JSON_INTEGER_FORMAT, name, json_integer_value(value));
    else if (strcmp(name, "client") == 0 || strcmp(name, "verdict") == 0)
      fprintf(match->updates, ",\"%s\":\"%s\"", name, json_string_value(value));
  }
  fputs("}\n", match->updates);
}

/* What is remembered of the clients after the round. */
static void note_histories(struct match *match, size_t round) {
  const json_t *clients = json_object_get(stage_verdicts(match->stage), "clients"), *history;
  size_t i;
  json_array_foreach(clients, i, history) {
    size_t client =
        stage_client(match->stage, json_string_value(json_object_get(history, "client")));
    roc_add(match->roc, "after.", history, match->crew.lies[client], round);
  }
}

static void note_verdicts(struct match *match, size_t round) {
  const json_t *updates = json_object_get(stage_verdicts(match->stage), "updates"), *update;
  size_t i, honest = 0, held = 0;
  json_array_foreach(updates, i, update) {
    const char *verdict = json_string_value(json_object_get(update, "verdict"));
    size_t client =
        stage_client(match->stage, json_string_value(json_object_get(update, "client")));
    bool is_liar = match->crew.lies[client],
         is_in = strcmp(verdict, "accept") == 0 || strcmp(verdict, "clip") == 0;
    bool is_honest = crew_is_honest(&match->crew, client);
    honest += is_honest;
    held += is_honest && !is_in;
    match->theirs += is_liar && crew_is_awake(&match->crew, round);
    match->theirs_held += is_liar && crew_is_awake(&match->crew, round) && !is_in;
    if (is_liar && !is_in && crew_is_awake(&match->crew, round) && match->held_first[client] == 0)
      match->held_first[client] = round;
    if (match->roc && crew_is_awake(&match->crew, round))
      roc_add(match->roc, "", update, is_liar, round);
    if (match->updates) write_update(match, update, is_liar, round);
  }
  if (match->roc && crew_is_awake(&match->crew, round)) note_histories(match, round);
  double share = honest ? (double)held / (double)honest : 0;
  match->held_sum += share;
  match->held_most = fmax(match->held_most, share);
  for (size_t client = 0; client < match->cell->clients; client++)
    if (match->out_in[client] == 0 && stage_standing(match->stage, client) == STANDING_EXCLUDED)
      match->out_in[client] = round;
}

/* 1: the model did not move along the honest mean at all; 0: as far as that goes. */
static void note_harm(struct match *match, bool has_moved) {
  double along = 0, square = 0;
  for (size_t i = 0; i < PARAMETERS; i++) {
    along += match->crew.mean[i] * stage_last(match->stage)[i];
    square += match->crew.mean[i] * match->crew.mean[i];
  }
  double harm = square > 0 ? 1 - (has_moved ? along / square : 0) : 0;
  match->harm_sum += harm;
  match->harm_most = fmax(match->harm_most, harm);
}

static double accuracy_on(const struct match *match, const struct dataset *set) {
  return mlp_evaluate(match->crew.learner, stage_head(match->stage), set).accuracy;
}

static bool play_round(struct match *match, size_t round) {
  if (!stage_round_open(match->stage)) return false;
  crew_send(&match->crew, match->stage, round);
  bool has_moved = stage_round_close(match->stage);
  match->rounds_held += !has_moved;
  note_harm(match, has_moved);
  note_verdicts(match, round);
  match->curve[round] = accuracy_on(match, &match->crew.field.data->curve);
  return true;
}

/* ---- what came of it ---- */

static int ascending(const void *left, const void *right) {
  size_t a = *(const size_t *)left, b = *(const size_t *)right;
  return (a > b) - (a < b);
}

/* Rounds from the first lie to the liar's exclusion. */
static void tell_detection(const struct match *match, json_t *said) {
  size_t took[STAGE_CLIENTS_MAX], out = 0, held = 0, honest_out = 0;
  for (size_t client = 0; client < match->cell->clients; client++) {
    bool is_out = match->out_in[client] != 0;
    if (match->crew.lies[client] && is_out)
      took[out++] = match->out_in[client] - match->crew.scheme.honest;
    held += match->held_first[client] != 0;
    honest_out += is_out && crew_is_honest(&match->crew, client);
  }
  qsort(took, out, sizeof *took, ascending);
  json_object_set_new(said, "liars", json_integer((json_int_t)match->crew.liars));
  json_object_set_new(said, "liars_excluded", json_integer((json_int_t)out));
  json_object_set_new(said, "liars_held", json_integer((json_int_t)held));
  json_object_set_new(said, "rounds_median", json_integer(out ? (json_int_t)took[out / 2] : 0));
  json_object_set_new(said, "rounds_most", json_integer(out ? (json_int_t)took[out - 1] : 0));
  json_object_set_new(said, "honest_excluded", json_integer((json_int_t)honest_out));
}

static void put(json_t *said, const char *name, double value) {
  json_object_set_new(said, name, json_real(value));
}

/* Of pictures that bear the mark, or whose labels were flipped: how many are read as the attack
 * wants them. Attacks that want nothing particular have no such number. */
static void tell_success(const struct match *match, json_t *said) {
  const struct attack *attack =
      match->crew.scheme.attack ? attack_find(match->crew.scheme.attack) : NULL;
  const struct dataset *wanted = NULL;
  if (attack && attack->trigger)
    wanted = &field_mark(match->crew.field.data, attack->trigger)->test;
  if (attack && attack->on_labels) wanted = &match->crew.field.data->flipped;
  if (wanted) put(said, "success", accuracy_on(match, wanted));
}

static json_t *tell(const struct match *match, size_t rounds) {
  json_t *said = match_key(match->cell), *curve = json_array();
  double played = rounds > 0 ? (double)rounds : 1;
  tell_detection(match, said);
  json_object_set_new(said, "rounds_played", json_integer((json_int_t)rounds));
  json_object_set_new(said, "rounds_held", json_integer((json_int_t)match->rounds_held));
  put(said, "lies_held", match->theirs > 0 ? match->theirs_held / match->theirs : 0);
  put(said, "honest_held_most", match->held_most);
  put(said, "honest_held_mean", match->held_sum / played);
  put(said, "harm_mean", match->harm_sum / played);
  put(said, "harm_most", match->harm_most);
  if (match->crew.scheme.adapts) put(said, "gamma_mean", match->crew.gamma_sum / played);
  put(said, "accuracy", accuracy_on(match, &match->crew.field.data->test));
  tell_success(match, said);
  for (size_t round = 1; round <= rounds; round++)
    json_array_append_new(curve, json_real(match->curve[round]));
  json_object_set_new(said, "curve", curve);
  if (match->roc) json_object_set_new(said, "roc", roc_tell(match->roc));
  return said;
}

json_t *match_play(const struct cell *cell, const struct field_data *data, FILE *updates) {
  static struct match match;
  size_t round = 0;
  match_open(&match, cell, data, updates);
  while (round < cell->rounds && play_round(&match, round + 1)) round++;
  json_t *said = tell(&match, round);
  match_close(&match);
  return said;
}
