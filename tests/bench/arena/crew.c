/* Every client trains, whatever it sends then. */
#include "crew.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CLIENTS_PER_ORGANISATION = 5, LOSS_EXAMPLES = 64, EXAMPLES_MAX = 1 << 14, SEARCH_STEPS = 8 };

static void must(bool good) {
  if (good) return;
  fprintf(stderr, "arena: out of memory\n");
  exit(EXIT_FAILURE);
}

/* ---- who is who ---- */

/* The same liars for every attack of a seed, and a smaller fraction's are among a larger one's. */
static void draw_liars(struct crew *crew) {
  uint32_t order[STAGE_CLIENTS_MAX];
  struct random random;
  size_t clients = crew->cell->clients;
  for (size_t i = 0; i < clients; i++) order[i] = (uint32_t)i;
  random_seed(&random, random_mix(crew->cell->seed, 3));
  random_shuffle(&random, order, clients);
  crew->liars = (size_t)lround(crew->cell->fraction * (double)clients);
  crew->leader = order[0];
  for (size_t i = 0; i < crew->liars; i++) {
    crew->lies[order[i]] = true;
    crew->rank[order[i]] = i;
  }
}

static void name_organisations(const struct crew *crew, char (*organisation)[STATE_NAME_SIZE]) {
  for (size_t i = 0; i < crew->cell->clients; i++)
    if (crew->scheme.are_clones && crew->lies[i])
      snprintf(organisation[i], STATE_NAME_SIZE, "clones");
    else
      snprintf(organisation[i], STATE_NAME_SIZE, "org%02zu", i / CLIENTS_PER_ORGANISATION);
}

void crew_open(struct crew *crew, const struct cell *cell, const struct scheme *scheme,
               const struct field_data *data) {
  *crew = (struct crew){.cell = cell, .scheme = *scheme};
  draw_liars(crew);
  name_organisations(crew, crew->organisation);
  field_open(&crew->field, data, cell->clients, cell->alpha, cell->seed);
  for (size_t i = 0; i < cell->clients; i++)
    if (crew->lies[i]) field_make_odd(&crew->field, i, crew->scheme.odd, cell->seed);
  crew->learner = mlp_new(field_shape, FIELD_BATCH_MAX);
  crew->update = calloc(cell->clients * PARAMETERS, sizeof *crew->update);
  must(crew->learner && crew->update);
}

void crew_close(struct crew *crew) {
  free(crew->update);
  mlp_free(crew->learner);
  field_close(&crew->field);
}

bool crew_is_awake(const struct crew *crew, size_t round) {
  return round > crew->scheme.honest;
}

bool crew_is_honest(const struct crew *crew, size_t client) {
  return !crew->lies[client] || crew->scheme.odd != FIELD_ORDINARY;
}

/* ---- training and lying ---- */

static float *row_of(const struct crew *crew, size_t client) {
  return crew->update + client * PARAMETERS;
}

static const struct attack *own_attack(const struct crew *crew, size_t client, size_t round) {
  if (!crew->lies[client] || !crew->scheme.attack || !crew_is_awake(crew, round)) return NULL;
  return attack_find(crew->scheme.attack);
}

/* The client's data of the round in `labels` and `members`, which it may change; how many. */
static size_t take_data(const struct crew *crew, size_t client, size_t round, size_t share,
                        uint32_t *members, uint8_t *labels) {
  struct field_share data = field_turn(&crew->field, share, round);
  const struct attack *attack = own_attack(crew, client, round);
  must(data.count <= EXAMPLES_MAX);
  memcpy(members, data.members, data.count * sizeof *members);
  memcpy(labels, data.labels, data.count);
  if (attack) attack_labels(attack, labels, data.count);
  if (attack && attack->trigger)
    field_poison(crew->field.data, attack->trigger, crew->rank[client], members, labels,
                 data.count);
  return data.count;
}

/* Leaves the trained difference in the client's row; gives back the loss that it reports. */
static double train(struct crew *crew, size_t client, size_t round, size_t *examples) {
  static uint32_t members[EXAMPLES_MAX];
  static uint8_t labels[EXAMPLES_MAX];
  static float gradient[PARAMETERS];
  const struct dataset *images = &crew->field.data->train;
  bool is_clone = crew->scheme.are_clones && crew->lies[client] && crew_is_awake(crew, round);
  size_t share = is_clone ? crew->leader : client;
  size_t count = take_data(crew, client, round, share, members, labels);
  const float *head = stage_head(crew->stage);
  float *row = row_of(crew, client);
  struct random random;
  random_seed(&random, random_mix(random_mix(random_mix(crew->cell->seed, 5), share), round));
  memcpy(row, head, PARAMETERS * sizeof *row);
  must(
      mlp_train_epoch(crew->learner, row, images, members, labels, count, field_training, &random));
  double loss = mlp_gradient(crew->learner, row, images, members, labels,
                             count < LOSS_EXAMPLES ? count : LOSS_EXAMPLES, gradient);
  for (size_t i = 0; i < PARAMETERS; i++) row[i] -= head[i];
  *examples = count;
  return loss;
}

static void lie_alone(struct crew *crew, size_t client, size_t round) {
  const struct attack *attack = own_attack(crew, client, round);
  struct attack_turn turn = {crew->cell->seed, (uint32_t)client, (uint32_t)round,
                             crew->cell->strength != 0 ? crew->cell->strength
                                                       : crew->scheme.strength,
                             round > 1 ? stage_last(crew->stage) : NULL};
  if (attack) attack_delta(attack, turn, row_of(crew, client), PARAMETERS);
}

/* All liars send the vector that the scheme makes of what the honest ones sent, or something on the
 * way to it from their own. */
static void lie_together(struct crew *crew, size_t round) {
  double part = crew->scheme.mixes ? fmin(1, (double)round / (double)crew->scheme.mixes) : 1;
  size_t clients = crew->cell->clients;
  double *rows = calloc(clients * PARAMETERS, sizeof *rows), *out = calloc(PARAMETERS, sizeof *out);
  double *spread = calloc(PARAMETERS, sizeof *spread);
  struct collude_honest honest = {
      .d = PARAMETERS, .row = rows, .mean = crew->mean, .deviation = spread};
  must(rows && out && spread);
  for (size_t client = 0; client < clients; client++) {
    if (crew->lies[client] || !stage_is_selected(crew->stage, client)) continue;
    for (size_t i = 0; i < PARAMETERS; i++)
      rows[honest.k * PARAMETERS + i] = row_of(crew, client)[i];
    honest.k++;
  }
  if (honest.k > 0) {
    double strength = crew->cell->strength != 0 ? crew->cell->strength : crew->scheme.strength;
    collude_measure(&honest);
    collude_vector(&honest, crew->scheme.vector, strength, COLLUDE_ALONG_MEAN, out);
    for (size_t client = 0; client < clients; client++)
      for (size_t i = 0; crew->lies[client] && i < PARAMETERS; i++)
        row_of(crew, client)[i] = (float)((1 - part) * row_of(crew, client)[i] + part * out[i]);
  }
  free(spread);
  free(out);
  free(rows);
}

/* Mean of what the honest clients of the round trained. */
static void measure_mean(struct crew *crew) {
  double k = 0;
  memset(crew->mean, 0, sizeof crew->mean);
  for (size_t client = 0; client < crew->cell->clients; client++) {
    if (!crew_is_honest(crew, client) || !stage_is_selected(crew->stage, client)) continue;
    for (size_t i = 0; i < PARAMETERS; i++) crew->mean[i] += row_of(crew, client)[i];
    k++;
  }
  for (size_t i = 0; k > 0 && i < PARAMETERS; i++) crew->mean[i] /= k;
}

/* ---- one who adapts ---- */

static void send(struct crew *crew, size_t client) {
  stage_update(crew->stage, client, row_of(crew, client), (int64_t)crew->examples[client],
               crew->loss[client]);
}

/* Every liar sends its own honest update less gamma times the honest mean: their rows stay as
 * unlike each other as honest ones. */
static void send_lies(struct crew *crew, const float *own, double gamma) {
  for (size_t client = 0; client < crew->cell->clients; client++) {
    float *row = row_of(crew, client);
    if (!crew->lies[client] || !stage_is_selected(crew->stage, client)) continue;
    for (size_t i = 0; i < PARAMETERS; i++)
      row[i] = (float)(own[client * PARAMETERS + i] - gamma * crew->mean[i]);
    send(crew, client);
  }
}

static void take_lies_back(struct crew *crew) {
  for (size_t client = 0; client < crew->cell->clients; client++)
    if (crew->lies[client] && stage_is_selected(crew->stage, client))
      stage_take_back(crew->stage, client);
}

static bool is_accepted(const json_t *update) {
  const char *verdict = json_string_value(json_object_get(update, "verdict"));
  return strcmp(verdict, "accept") == 0;
}

/* Would all lies be accepted at full weight, and no liar's standing be worse for it? */
static bool is_unsuspected(struct crew *crew) {
  json_t *verdicts = stage_try(crew->stage), *element;
  bool is_good = true;
  size_t i;
  json_array_foreach(json_object_get(verdicts, "updates"), i, element) {
    size_t client =
        stage_client(crew->stage, json_string_value(json_object_get(element, "client")));
    is_good = is_good && (!crew->lies[client] || is_accepted(element));
  }
  json_array_foreach(json_object_get(verdicts, "clients"), i, element) {
    size_t client =
        stage_client(crew->stage, json_string_value(json_object_get(element, "client")));
    enum standing standing = STANDING_EXCLUDED, before = stage_standing(crew->stage, client);
    judge_standing_read(json_string_value(json_object_get(element, "state")), &standing);
    is_good = is_good && (!crew->lies[client] || standing < STANDING_WATCHED || standing <= before);
  }
  json_decref(verdicts);
  return is_good;
}

static bool passes(struct crew *crew, const float *own, double gamma) {
  send_lies(crew, own, gamma);
  bool is_good = is_unsuspected(crew);
  take_lies_back(crew);
  return is_good;
}

/* The largest gamma that passes: up or down from the last one by halves and doubles, then between
 * the two. What the honest clients sent is there already. */
static void adapt(struct crew *crew) {
  float *own = malloc(crew->cell->clients * PARAMETERS * sizeof *own);
  double low = 0, high = crew->gamma > 0 ? crew->gamma : 1;
  must(own != NULL);
  memcpy(own, crew->update, crew->cell->clients * PARAMETERS * sizeof *own);
  for (int step = 0; step < SEARCH_STEPS && passes(crew, own, high); step++) {
    low = high;
    high *= 2;
  }
  for (int step = 0; step < SEARCH_STEPS; step++) {
    double middle = low > 0 ? (low + high) / 2 : high / 2;
    if (passes(crew, own, middle))
      low = middle;
    else
      high = middle;
  }
  crew->gamma = low;
  crew->gamma_sum += low;
  send_lies(crew, own, low);
  free(own);
}

/* ---- a round ---- */

/* Who colludes has seen what the others sent; apart from that nobody is always first. */
static void send_all(struct crew *crew, size_t round) {
  uint32_t order[STAGE_CLIENTS_MAX];
  struct random random;
  size_t clients = crew->cell->clients;
  for (size_t i = 0; i < clients; i++) order[i] = (uint32_t)i;
  random_seed(&random, random_mix(random_mix(crew->cell->seed, 6), round));
  random_shuffle(&random, order, clients);
  for (int late = 0; late < 2; late++)
    for (size_t i = 0; i < clients; i++) {
      bool is_late = crew->lies[order[i]] && crew->scheme.colludes;
      if (is_late != (late == 1) || !stage_is_selected(crew->stage, order[i])) continue;
      if (!(crew->scheme.adapts && crew->lies[order[i]])) send(crew, order[i]);
    }
}

void crew_send(struct crew *crew, struct stage *stage, size_t round) {
  crew->stage = stage;
  for (size_t client = 0; client < crew->cell->clients; client++)
    if (stage_is_selected(stage, client)) {
      crew->loss[client] = train(crew, client, round, &crew->examples[client]);
      lie_alone(crew, client, round);
    }
  measure_mean(crew);
  if (crew->scheme.colludes && crew_is_awake(crew, round)) lie_together(crew, round);
  send_all(crew, round);
  if (crew->scheme.adapts) adapt(crew);
}
