/* Honest clients train, liars look at what they made and answer, the stage does the rest. */
#include "match.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "aggregator/policy.h"
#include "proto/canonical.h"
#include "roc.h"
#include "scheme.h"
#include "stage.h"

enum { PARAMETERS = (FIELD_SIDE * FIELD_SIDE + 1) * FIELD_HIDDEN + (FIELD_HIDDEN + 1) * 10 };
enum { CLIENTS_PER_ORGANISATION = 5, LOSS_EXAMPLES = 64, ROUNDS_MAX = 1000 };
enum { EXAMPLES_MAX = 1 << 14, SEARCH_STEPS = 8 };

struct match {
  const struct cell *cell;
  struct scheme scheme;
  struct field field;
  struct stage *stage;
  struct mlp *learner;
  /* Those that the scheme is about: liars, or honest and odd. `leader`: the first of them, whose
   * share clones train on; `rank` counts them. */
  size_t liars, leader, rank[STAGE_CLIENTS_MAX];
  bool lies[STAGE_CLIENTS_MAX];
  size_t out_in[STAGE_CLIENTS_MAX];     /* the round in which it was excluded; 0: never */
  size_t held_first[STAGE_CLIENTS_MAX]; /* the first round in which it was not accepted */
  double theirs, theirs_held;           /* updates of theirs, when awake */
  float *update;                        /* a row a client */
  double loss[STAGE_CLIENTS_MAX];
  size_t examples[STAGE_CLIENTS_MAX];
  double mean[PARAMETERS]; /* of the round's honest updates */
  double curve[ROUNDS_MAX + 1];
  size_t rounds_held;
  double held_most, held_sum; /* of the honest that sent, a share of a round */
  double harm_sum, harm_most; /* how much of the honest mean a round failed to go */
  double gamma, gamma_sum;    /* of the one who adapts */
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

/* ---- who is who ---- */

/* The same liars for every attack of a seed, and a smaller fraction's are among a larger one's. */
static void draw_liars(struct match *match) {
  uint32_t order[STAGE_CLIENTS_MAX];
  struct random random;
  size_t clients = match->cell->clients;
  for (size_t i = 0; i < clients; i++) order[i] = (uint32_t)i;
  random_seed(&random, random_mix(match->cell->seed, 3));
  random_shuffle(&random, order, clients);
  match->liars = (size_t)lround(match->cell->fraction * (double)clients);
  match->leader = order[0];
  for (size_t i = 0; i < match->liars; i++) {
    match->lies[order[i]] = true;
    match->rank[order[i]] = i;
  }
}

static void name_organisations(const struct match *match, char (*organisation)[STATE_NAME_SIZE]) {
  for (size_t i = 0; i < match->cell->clients; i++)
    if (match->scheme.are_clones && match->lies[i])
      snprintf(organisation[i], STATE_NAME_SIZE, "clones");
    else
      snprintf(organisation[i], STATE_NAME_SIZE, "org%02zu", i / CLIENTS_PER_ORGANISATION);
}

static void match_open(struct match *match, const struct cell *cell, const struct field_data *data,
                       FILE *updates) {
  static char organisation[STAGE_CLIENTS_MAX][STATE_NAME_SIZE];
  static float first[PARAMETERS];
  *match = (struct match){.cell = cell, .updates = updates};
  scheme_find(cell->attack, &match->scheme);
  draw_liars(match);
  name_organisations(match, organisation);
  field_open(&match->field, data, cell->clients, cell->alpha, cell->seed);
  for (size_t i = 0; i < cell->clients; i++)
    if (match->lies[i]) field_make_odd(&match->field, i, match->scheme.odd, cell->seed);
  mlp_init(field_shape, random_mix(cell->seed, 4), first);
  json_t *policy = policy_object(cell->policy);
  bool with_roc = match->liars > 0 && !is_enforced(policy);
  struct stage_terms terms = {.rule = cell->rule,
                              .policy = policy,
                              .seed = cell->seed,
                              .clients = cell->clients,
                              .organisation = (const char(*)[STATE_NAME_SIZE])organisation,
                              .shape = field_shape,
                              .first = first};
  match->stage = stage_open(&terms);
  json_decref(policy);
  match->learner = mlp_new(field_shape, FIELD_BATCH_MAX);
  match->update = calloc(cell->clients * PARAMETERS, sizeof *match->update);
  match->roc = with_roc ? roc_new() : NULL;
  must(match->learner && match->update && (!with_roc || match->roc));
}

static void match_close(struct match *match) {
  roc_free(match->roc);
  free(match->update);
  mlp_free(match->learner);
  stage_close(match->stage);
  field_close(&match->field);
}

/* ---- training and lying ---- */

static float *row_of(const struct match *match, size_t client) {
  return match->update + client * PARAMETERS;
}

static bool is_awake(const struct match *match, size_t round) {
  return round > match->scheme.honest;
}

static const struct attack *own_attack(const struct match *match, size_t client, size_t round) {
  if (!match->lies[client] || !match->scheme.attack || !is_awake(match, round)) return NULL;
  return attack_find(match->scheme.attack);
}

/* The client's data of the round in `labels` and `members`, which it may change; how many. */
static size_t take_data(const struct match *match, size_t client, size_t round, size_t share,
                        uint32_t *members, uint8_t *labels) {
  struct field_share data = field_turn(&match->field, share, round);
  const struct attack *attack = own_attack(match, client, round);
  must(data.count <= EXAMPLES_MAX);
  memcpy(members, data.members, data.count * sizeof *members);
  memcpy(labels, data.labels, data.count);
  if (attack) attack_labels(attack, labels, data.count);
  if (attack && attack->trigger)
    field_poison(match->field.data, attack->trigger, match->rank[client], members, labels,
                 data.count);
  return data.count;
}

/* Leaves the trained difference in the client's row; gives back the loss that it reports. */
static double train(struct match *match, size_t client, size_t round, size_t *examples) {
  static uint32_t members[EXAMPLES_MAX];
  static uint8_t labels[EXAMPLES_MAX];
  static float gradient[PARAMETERS];
  const struct dataset *images = &match->field.data->train;
  bool is_clone = match->scheme.are_clones && match->lies[client] && is_awake(match, round);
  size_t share = is_clone ? match->leader : client;
  size_t count = take_data(match, client, round, share, members, labels);
  const float *head = stage_head(match->stage);
  float *row = row_of(match, client);
  struct random random;
  random_seed(&random, random_mix(random_mix(random_mix(match->cell->seed, 5), share), round));
  memcpy(row, head, PARAMETERS * sizeof *row);
  must(mlp_train_epoch(match->learner, row, images, members, labels, count, field_training,
                       &random));
  double loss = mlp_gradient(match->learner, row, images, members, labels,
                             count < LOSS_EXAMPLES ? count : LOSS_EXAMPLES, gradient);
  for (size_t i = 0; i < PARAMETERS; i++) row[i] -= head[i];
  *examples = count;
  return loss;
}

static void lie_alone(struct match *match, size_t client, size_t round) {
  const struct attack *attack = own_attack(match, client, round);
  struct attack_turn turn = {match->cell->seed, (uint32_t)client, (uint32_t)round,
                             match->cell->strength != 0 ? match->cell->strength
                                                        : match->scheme.strength,
                             round > 1 ? stage_last(match->stage) : NULL};
  if (attack) attack_delta(attack, turn, row_of(match, client), PARAMETERS);
}

/* All liars send the vector that the scheme makes of what the honest ones sent. */
static void lie_together(struct match *match) {
  size_t clients = match->cell->clients;
  double *rows = calloc(clients * PARAMETERS, sizeof *rows), *out = calloc(PARAMETERS, sizeof *out);
  double *spread = calloc(PARAMETERS, sizeof *spread);
  struct collude_honest honest = {
      .d = PARAMETERS, .row = rows, .mean = match->mean, .deviation = spread};
  must(rows && out && spread);
  for (size_t client = 0; client < clients; client++) {
    if (match->lies[client] || !stage_is_selected(match->stage, client)) continue;
    for (size_t i = 0; i < PARAMETERS; i++)
      rows[honest.k * PARAMETERS + i] = row_of(match, client)[i];
    honest.k++;
  }
  if (honest.k > 0) {
    double strength = match->cell->strength != 0 ? match->cell->strength : match->scheme.strength;
    collude_measure(&honest);
    collude_vector(&honest, match->scheme.vector, strength, COLLUDE_ALONG_MEAN, out);
    for (size_t client = 0; client < clients; client++)
      for (size_t i = 0; match->lies[client] && i < PARAMETERS; i++)
        row_of(match, client)[i] = (float)out[i];
  }
  free(spread);
  free(out);
  free(rows);
}

/* Mean of what the honest clients of the round trained. */
static void measure_mean(struct match *match) {
  double k = 0;
  memset(match->mean, 0, sizeof match->mean);
  for (size_t client = 0; client < match->cell->clients; client++) {
    bool is_honest = match->scheme.odd != FIELD_ORDINARY || !match->lies[client];
    if (!is_honest || !stage_is_selected(match->stage, client)) continue;
    for (size_t i = 0; i < PARAMETERS; i++) match->mean[i] += row_of(match, client)[i];
    k++;
  }
  for (size_t i = 0; k > 0 && i < PARAMETERS; i++) match->mean[i] /= k;
}

/* ---- one who adapts ---- */

static void send(struct match *match, size_t client) {
  stage_update(match->stage, client, row_of(match, client), (int64_t)match->examples[client],
               match->loss[client]);
}

/* Every liar sends its own honest update less gamma times the honest mean: their rows stay as
 * unlike each other as honest ones. */
static void send_lies(struct match *match, const float *own, double gamma) {
  for (size_t client = 0; client < match->cell->clients; client++) {
    float *row = row_of(match, client);
    if (!match->lies[client] || !stage_is_selected(match->stage, client)) continue;
    for (size_t i = 0; i < PARAMETERS; i++)
      row[i] = (float)(own[client * PARAMETERS + i] - gamma * match->mean[i]);
    send(match, client);
  }
}

static void take_lies_back(struct match *match) {
  for (size_t client = 0; client < match->cell->clients; client++)
    if (match->lies[client] && stage_is_selected(match->stage, client))
      stage_take_back(match->stage, client);
}

static bool is_accepted(const json_t *update) {
  const char *verdict = json_string_value(json_object_get(update, "verdict"));
  return strcmp(verdict, "accept") == 0;
}

/* Would all lies be accepted at full weight, and no liar's standing be worse for it? */
static bool is_unsuspected(struct match *match) {
  json_t *verdicts = stage_try(match->stage), *element;
  bool is_good = true;
  size_t i;
  json_array_foreach(json_object_get(verdicts, "updates"), i, element) {
    size_t client =
        stage_client(match->stage, json_string_value(json_object_get(element, "client")));
    is_good = is_good && (!match->lies[client] || is_accepted(element));
  }
  json_array_foreach(json_object_get(verdicts, "clients"), i, element) {
    size_t client =
        stage_client(match->stage, json_string_value(json_object_get(element, "client")));
    enum standing standing = STANDING_EXCLUDED, before = stage_standing(match->stage, client);
    judge_standing_read(json_string_value(json_object_get(element, "state")), &standing);
    is_good =
        is_good && (!match->lies[client] || standing < STANDING_WATCHED || standing <= before);
  }
  json_decref(verdicts);
  return is_good;
}

static bool passes(struct match *match, const float *own, double gamma) {
  send_lies(match, own, gamma);
  bool is_good = is_unsuspected(match);
  take_lies_back(match);
  return is_good;
}

/* The largest gamma that passes: up or down from the last one by halves and doubles, then between
 * the two. What the honest clients sent is there already. */
static void adapt(struct match *match) {
  float *own = malloc(match->cell->clients * PARAMETERS * sizeof *own);
  double low = 0, high = match->gamma > 0 ? match->gamma : 1;
  must(own != NULL);
  memcpy(own, match->update, match->cell->clients * PARAMETERS * sizeof *own);
  for (int step = 0; step < SEARCH_STEPS && passes(match, own, high); step++) {
    low = high;
    high *= 2;
  }
  for (int step = 0; step < SEARCH_STEPS; step++) {
    double middle = low > 0 ? (low + high) / 2 : high / 2;
    if (passes(match, own, middle))
      low = middle;
    else
      high = middle;
  }
  match->gamma = low;
  match->gamma_sum += low;
  send_lies(match, own, low);
  free(own);
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
    roc_add(match->roc, "after.", history, match->lies[client], round);
  }
}

static void note_verdicts(struct match *match, size_t round) {
  const json_t *updates = json_object_get(stage_verdicts(match->stage), "updates"), *update;
  size_t i, honest = 0, held = 0;
  json_array_foreach(updates, i, update) {
    const char *verdict = json_string_value(json_object_get(update, "verdict"));
    size_t client =
        stage_client(match->stage, json_string_value(json_object_get(update, "client")));
    bool is_liar = match->lies[client],
         is_in = strcmp(verdict, "accept") == 0 || strcmp(verdict, "clip") == 0;
    bool is_honest = !is_liar || match->scheme.odd != FIELD_ORDINARY;
    honest += is_honest;
    held += is_honest && !is_in;
    match->theirs += is_liar && is_awake(match, round);
    match->theirs_held += is_liar && is_awake(match, round) && !is_in;
    if (is_liar && !is_in && is_awake(match, round) && match->held_first[client] == 0)
      match->held_first[client] = round;
    if (match->roc && is_awake(match, round)) roc_add(match->roc, "", update, is_liar, round);
    if (match->updates) write_update(match, update, is_liar, round);
  }
  if (match->roc && is_awake(match, round)) note_histories(match, round);
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
    along += match->mean[i] * stage_last(match->stage)[i];
    square += match->mean[i] * match->mean[i];
  }
  double harm = square > 0 ? 1 - (has_moved ? along / square : 0) : 0;
  match->harm_sum += harm;
  match->harm_most = fmax(match->harm_most, harm);
}

static bool play_round(struct match *match, size_t round) {
  if (!stage_round_open(match->stage)) return false;
  for (size_t client = 0; client < match->cell->clients; client++)
    if (stage_is_selected(match->stage, client)) {
      match->loss[client] = train(match, client, round, &match->examples[client]);
      lie_alone(match, client, round);
    }
  measure_mean(match);
  if (match->scheme.colludes && is_awake(match, round)) lie_together(match);
  for (size_t client = 0; client < match->cell->clients; client++)
    if (stage_is_selected(match->stage, client) && !(match->scheme.adapts && match->lies[client]))
      send(match, client);
  if (match->scheme.adapts) adapt(match);
  bool has_moved = stage_round_close(match->stage);
  match->rounds_held += !has_moved;
  note_harm(match, has_moved);
  note_verdicts(match, round);
  match->curve[round] =
      mlp_evaluate(match->learner, stage_head(match->stage), &match->field.data->curve).accuracy;
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
    if (match->lies[client] && is_out) took[out++] = match->out_in[client] - match->scheme.honest;
    held += match->held_first[client] != 0;
    honest_out += is_out && (!match->lies[client] || match->scheme.odd != FIELD_ORDINARY);
  }
  qsort(took, out, sizeof *took, ascending);
  json_object_set_new(said, "liars", json_integer((json_int_t)match->liars));
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
  const struct attack *attack = match->scheme.attack ? attack_find(match->scheme.attack) : NULL;
  const struct dataset *wanted = NULL;
  if (attack && attack->trigger) wanted = &field_mark(match->field.data, attack->trigger)->test;
  if (attack && attack->on_labels) wanted = &match->field.data->flipped;
  if (wanted)
    put(said, "success", mlp_evaluate(match->learner, stage_head(match->stage), wanted).accuracy);
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
  if (match->scheme.adapts) put(said, "gamma_mean", match->gamma_sum / played);
  put(said, "accuracy",
      mlp_evaluate(match->learner, stage_head(match->stage), &match->field.data->test).accuracy);
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
