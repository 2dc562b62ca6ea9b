/* incident RULE [FIRST [COUNT]]: a run for each seed in which clients that were honest for ten
 * rounds begin to lie, and do so to the end. Then an operator's questions to the state folder
 * alone: which round made the model worse, who, since when? That first round is computed again
 * without them, the others train on from there, and a run that never had them stands beside it. */
#define WORLD_PARAMETERS (784 * 16 + 16 + 16 * 10 + 10)
#include "../unit/aggregator/world.h"

#include <time.h>
#include "audit/bisect.h"
#include "audit/blame.h"
#include "audit/descent.h"
#include "audit/variant.h"
#include "lab/attack.h"
#include "lab/idx.h"
#include "lab/mlp.h"
#include "lab/partition.h"

enum {
  CLIENTS = 12,
  ROUNDS = 16,
  TURN = 11, /* the first round that is lied in */
  TRAIN_COUNT = 3000,
  TEST_COUNT = 4000,
  BATCH = 32,
  BATCH_MAX = 256,
};

/* What is claimed: of a hundred incidents, so many name a liar first, and so many end no more than
 * a point of accuracy below the run that never had them. */
enum { CLAIM_PERCENT = 95 };
static const double claim_points = 0.01;

static const struct mlp_shape shape = {784, 16, 10};
static const struct mlp_training training = {.learning_rate = 0.1, .momentum = 0.9, .batch = BATCH};

struct data {
  struct dataset train, test;
  struct mlp *learner;
};

struct incident {
  uint64_t seed;
  const char *rule;
  struct partition partition;
  const struct attack *attack;
  double strength;
  size_t liars;
  bool lies[CLIENTS];
  float first[WORLD_PARAMETERS];
};

/* Some rounds of a federation. Clients are named by their places, which have shares. */
struct run {
  struct world world;
  size_t clients, share[CLIENTS];
  int64_t from;                /* the incident's round that is its round 1 */
  double accuracy[ROUNDS + 1]; /* of the model of each of the incident's rounds */
  double seconds;
};

static double now_s(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* ---- data ---- */

static void cut(struct dataset *from, size_t count, struct dataset *to) {
  assert_true(dataset_new(to, count, from->rows, from->columns));
  memcpy(to->pixels, from->pixels, count * dataset_image_size(from));
  memcpy(to->labels, from->labels, count);
  dataset_free(from);
}

static void data_open(struct data *data, const char *folder) {
  struct dataset whole;
  struct idx_error error;
  if (idx_load(&whole, folder, IDX_TRAIN, &error) != IDX_OK) fail_msg("%s", error.text);
  cut(&whole, TRAIN_COUNT, &data->train);
  if (idx_load(&whole, folder, IDX_TEST, &error) != IDX_OK) fail_msg("%s", error.text);
  cut(&whole, TEST_COUNT, &data->test);
  mlp_use_one_thread();
  data->learner = mlp_new(shape, BATCH_MAX);
  assert_non_null(data->learner);
}

static void data_close(struct data *data) {
  mlp_free(data->learner);
  dataset_free(&data->train);
  dataset_free(&data->test);
}

static double accuracy(const struct data *data, const uint8_t *file, size_t length) {
  static float model[WORLD_PARAMETERS];
  memcpy(model, file + length - sizeof model, sizeof model);
  return mlp_evaluate(data->learner, model, &data->test).accuracy;
}

static enum tamis_status measure(void *context, const uint8_t *file, size_t length, double *value,
                                 struct fault *fault) {
  (void)fault;
  *value = accuracy(context, file, length);
  return TAMIS_OK;
}

/* ---- what happens ---- */

/* Everything an incident is comes from its seed. */
static void incident_open(struct incident *incident, const struct data *data, const char *rule,
                          uint64_t seed) {
  static const struct {
    const char *attack;
    double strength;
  } kind[] = {{"sign_flip", 30}, {"scale", 60}, {"label_flip", 12}, {"gaussian", 1}};
  struct random random;
  *incident = (struct incident){.seed = seed, .rule = rule};
  random_seed(&random, random_mix(0x1ac1de47, seed));
  incident->attack = attack_find(kind[seed % 4].attack);
  incident->strength = kind[seed % 4].strength;
  incident->liars = strcmp(rule, "mean") == 0 ? 1 : 2; /* one more than a rule with f = 1 bears */
  for (size_t left = incident->liars; left > 0;) {
    size_t share = random_below(&random, CLIENTS);
    left -= !incident->lies[share];
    incident->lies[share] = true;
  }
  assert_true(partition_dirichlet(&incident->partition, data->train.labels, data->train.count,
                                  CLIENTS, 1.0, 40, random_mix(seed, 1)));
  mlp_init(shape, random_mix(seed, 2), incident->first);
}

static void incident_close(struct incident *incident) {
  partition_free(&incident->partition);
}

/* One client's turn: an epoch on its share, and its lie when it is time. */
static void work_on(const struct incident *incident, const struct data *data, size_t share,
                    int64_t round, const float *base, float *update) {
  static uint8_t labels[TRAIN_COUNT];
  struct random random;
  bool lies = incident->lies[share] && round >= TURN;
  size_t from = incident->partition.start[share];
  size_t count = partition_share(&incident->partition, share);
  const uint32_t *members = incident->partition.members + from;
  for (size_t i = 0; i < count; i++) labels[i] = data->train.labels[members[i]];
  if (lies) attack_labels(incident->attack, labels, count);
  random_seed(&random, random_mix(random_mix(incident->seed, share), (uint64_t)round));
  memcpy(update, base, WORLD_PARAMETERS * sizeof *update);
  assert_true(mlp_train_epoch(data->learner, update, &data->train, members, labels, count, training,
                              &random));
  for (size_t i = 0; i < WORLD_PARAMETERS; i++) update[i] -= base[i];
  if (!lies) return;
  struct attack_turn turn = {incident->seed, (uint32_t)share, (uint32_t)round, incident->strength,
                             NULL};
  attack_delta(incident->attack->on_delta ? incident->attack : attack_find("scale"), turn, update,
               WORLD_PARAMETERS);
}

static double head_accuracy(struct run *run, const struct data *data) {
  struct digest head = world_head(&run->world);
  struct blob_view view;
  assert_int_equal(blob_map(core_blobs(run->world.core), &head, true, &view, NULL), TAMIS_OK);
  double found = accuracy(data, view.bytes, view.length);
  blob_unmap(&view);
  return found;
}

static void play_round(struct run *run, const struct incident *incident, const struct data *data,
                       int64_t round) {
  static float base[WORLD_PARAMETERS], update[WORLD_PARAMETERS];
  struct world_task task;
  for (size_t i = 0; i < run->clients; i++) {
    assert_true(world_wait_task(&run->world, i, &task));
    assert_int_equal(task.round, round - run->from + 1);
    world_get(&run->world, &task.base, base);
    work_on(incident, data, run->share[i], round, base, update);
    struct world_claim claim = world_claim_of(&run->world, i, &task, update);
    assert_int_equal(world_claim_send(&run->world, &claim, NULL), TAMIS_OK);
  }
  assert_true(world_wait(&run->world, "head_round", round - run->from + 1));
  run->accuracy[round] = head_accuracy(run, data);
}

/* From the model `first` on, which stands before round `from`, to the end. */
static void run_play(struct run *run, const struct incident *incident, const struct data *data,
                     bool with_liars, const float *first, int64_t from) {
  double began_s = now_s();
  struct fault fault;
  *run = (struct run){.from = from};
  for (size_t share = 0; share < CLIENTS; share++)
    if (with_liars || !incident->lies[share]) run->share[run->clients++] = share;
  world_open(&run->world);
  world_enrol_clients(&run->world, run->clients);
  run->world.first = first;
  enum tamis_status status =
      world_federation(&run->world, WORLD_FEDERATION, incident->rule, (int)run->clients, 0, 0,
                       ROUNDS, json_pack("{s:o}", "enforce", canonical_f64(0)), &fault);
  if (status != TAMIS_OK) fail_msg("%s", fault.text);
  for (int64_t round = from; round <= ROUNDS; round++) play_round(run, incident, data, round);
  run->seconds = now_s() - began_s;
}

/* ---- what is found ---- */

struct finding {
  int64_t round, halved; /* that made it worse: by looking at all models, by halving */
  int64_t since;         /* the first that the one named drove */
  size_t named;          /* liars among as many of the first */
  bool is_first;         /* the very first is one */
  bool is_first_through; /* also when left out of all rounds to the end */
  double good, bad;      /* accuracy before the lies, and at their end */
  double rebuilt, never; /* of the model of `since`, made without the liars; in the other run */
  double rebuilt_all;    /* of all rounds since, made without them from the updates there are */
  double end, never_end; /* rebuilt and trained on; the other run's */
  double ask_s, rebuild_s, resume_s, retrain_s;
};

static bool is_liar_named(const struct incident *incident, const char *name) {
  return incident->lies[strtoul(name + 1, NULL, 10)];
}

struct exclusion {
  const struct incident *incident;
  const struct state *state;
};

static bool is_out(const void *context, uint32_t client) {
  const struct exclusion *exclusion = context;
  return is_liar_named(exclusion->incident, exclusion->state->client[client].name);
}

static int64_t round_made_worse(const struct archive *archive, struct evaluator *evaluator,
                                bool all, struct finding *finding) {
  struct bisect bisect;
  struct bisect_question question = {.federation = WORLD_FEDERATION,
                                     .good = BISECT_ROUND_ANY,
                                     .bad = DESCENT_HEAD,
                                     .drop = NAN,
                                     .all = all,
                                     .evaluator = evaluator};
  assert_int_equal(bisect_federation(archive, &question, &bisect, NULL), TAMIS_OK);
  int64_t round = bisect.is_found ? bisect.point[bisect.first].round : 0;
  if (all) finding->good = bisect.point[TURN - 1].value;
  finding->bad = bisect.point[ROUNDS].value;
  bisect_close(&bisect);
  return round;
}

/* The same question about all rounds from the one that was found to the end. */
static bool is_first_to_the_end(const struct archive *archive, const struct incident *incident,
                                struct evaluator *evaluator, int64_t since) {
  struct blame blame;
  struct blame_question question = {.federation = WORLD_FEDERATION,
                                    .since = since,
                                    .round = DESCENT_HEAD,
                                    .evaluator = evaluator};
  assert_int_equal(blame_model(archive, &question, &blame, NULL), TAMIS_OK);
  bool is_first = is_liar_named(incident, blame.row[0].client);
  blame_close(&blame);
  return is_first;
}

/* Who is to blame for the round that was found, and since when. */
static void name_them(const struct archive *archive, const struct incident *incident,
                      struct evaluator *evaluator, struct finding *finding) {
  struct blame blame;
  struct blame_question question = {.federation = WORLD_FEDERATION,
                                    .since = finding->round,
                                    .round = finding->round,
                                    .evaluator = evaluator};
  assert_int_equal(blame_model(archive, &question, &blame, NULL), TAMIS_OK);
  finding->is_first = is_liar_named(incident, blame.row[0].client);
  for (size_t i = 0; i < incident->liars; i++)
    finding->named += is_liar_named(incident, blame.row[i].client);
  assert_int_equal(blame_since(archive, &question, blame.row[0].client, &finding->since, NULL),
                   TAMIS_OK);
  if (finding->since == 0) finding->since = finding->round;
  blame_close(&blame);
}

static void ask(const struct archive *archive, const struct incident *incident,
                struct evaluator *evaluator, struct finding *finding) {
  finding->halved = round_made_worse(archive, evaluator, false, finding);
  finding->round = round_made_worse(archive, evaluator, true, finding);
  finding->since = TURN;
  if (finding->round > 0) name_them(archive, incident, evaluator, finding);
}

static double variant_accuracy(const struct variant *variant, struct blob_store *blobs,
                               const struct data *data, float *model) {
  struct blob_view view;
  assert_int_equal(variant_model(variant, blobs, &view, NULL), TAMIS_OK);
  if (model)
    memcpy(model, view.bytes + view.length - WORLD_PARAMETERS * sizeof *model,
           WORLD_PARAMETERS * sizeof *model);
  double found = accuracy(data, view.bytes, view.length);
  blob_unmap(&view);
  return found;
}

/* `model` becomes that of round `since`, made without the liars. */
static void rebuild(const struct archive *archive, const struct incident *incident,
                    const struct data *data, struct finding *finding, float *model) {
  struct exclusion exclusion = {incident, archive_state(archive)};
  struct blob_store *blobs = archive_blobs(archive);
  struct descent descent;
  assert_int_equal(
      descent_open(archive, WORLD_FEDERATION, finding->since, DESCENT_HEAD, &descent, NULL),
      TAMIS_OK);
  struct variant variant = variant_at(descent.round[0]->aggregate);
  for (size_t i = 0; i < descent.count; i++) {
    double began_s = now_s();
    assert_int_equal(variant_round(&variant, blobs, 0, descent.round[i]->aggregate, is_out,
                                   &exclusion, NULL, NULL),
                     TAMIS_OK);
    if (i > 0) continue;
    finding->rebuild_s = now_s() - began_s;
    finding->rebuilt = variant_accuracy(&variant, blobs, data, model);
  }
  finding->rebuilt_all = variant_accuracy(&variant, blobs, data, NULL);
  variant_close(&variant);
  descent_close(&descent);
}

static void investigate(struct run *run, const struct incident *incident, struct data *data,
                        struct finding *finding, float *model) {
  struct archive_options options = {.keeps_rounds = true, .federation = WORLD_FEDERATION};
  struct archive *archive;
  struct evaluator *evaluator;
  char vkey[KEY_VKEY_SIZE];
  double began_s = now_s();
  assert_int_equal(evaluator_of_function(measure, data, &evaluator, NULL), TAMIS_OK);
  key_vkey_write(&run->world.log_key.public, vkey);
  assert_int_equal(archive_open(run->world.state_dir, vkey, &options, &archive, NULL), TAMIS_OK);
  assert_int_equal(archive_walk(archive, NULL, NULL, NULL), TAMIS_OK);
  ask(archive, incident, evaluator, finding);
  finding->ask_s = now_s() - began_s;
  finding->is_first_through = is_first_to_the_end(archive, incident, evaluator, finding->since);
  evaluator_free(evaluator);
  rebuild(archive, incident, data, finding, model);
  archive_close(archive);
}

/* ---- one incident after the other ---- */

static struct finding live_through(const struct incident *incident, struct data *data) {
  static struct run run;
  static float model[WORLD_PARAMETERS];
  struct finding finding = {0};
  run_play(&run, incident, data, true, incident->first, 1);
  investigate(&run, incident, data, &finding, model);
  world_close(&run.world);
  run_play(&run, incident, data, false, incident->first, 1);
  world_close(&run.world);
  finding.never = run.accuracy[finding.since];
  finding.never_end = run.accuracy[ROUNDS];
  finding.retrain_s = run.seconds;
  finding.end = finding.rebuilt;
  if (finding.since == ROUNDS) return finding;
  run_play(&run, incident, data, false, model, finding.since + 1);
  world_close(&run.world);
  finding.end = run.accuracy[ROUNDS];
  finding.resume_s = run.seconds;
  return finding;
}

struct tally {
  uint64_t seeds, first, first_through, all_named, exact, halved_exact, back_at_once, back,
      back_all;
  double rebuild_s, resume_s, retrain_s, ask_s;
};

static void tally_add(struct tally *tally, const struct incident *incident,
                      const struct finding *finding) {
  tally->seeds++;
  tally->first += finding->is_first;
  tally->first_through += finding->is_first_through;
  tally->all_named += finding->named == incident->liars;
  tally->exact += finding->round == TURN;
  tally->halved_exact += finding->halved == TURN;
  tally->back_at_once += finding->rebuilt >= finding->never - claim_points;
  tally->back += finding->end >= finding->never_end - claim_points;
  tally->back_all += finding->rebuilt_all >= finding->never_end - claim_points;
  tally->ask_s += finding->ask_s;
  tally->rebuild_s += finding->rebuild_s;
  tally->resume_s += finding->resume_s;
  tally->retrain_s += finding->retrain_s;
}

static void tell(const struct incident *incident, const struct finding *finding) {
  printf("seed %3" PRIu64 "  %-10s  worse in %2" PRId64 " (%2" PRId64 "), since %2" PRId64
         "  named %zu%s  accuracy %.3f -> %.3f  rebuilt %.3f (never %.3f)  end %.3f (never %.3f)  "
         "all rounds rebuilt %.3f\n",
         incident->seed, incident->attack->name, finding->round, finding->halved, finding->since,
         finding->named, finding->is_first ? "" : ", not first", finding->good, finding->bad,
         finding->rebuilt, finding->never, finding->end, finding->never_end, finding->rebuilt_all);
}

static bool tally_tell(const struct tally *tally, const char *rule) {
  double n = (double)tally->seeds;
  uint64_t wanted = (CLAIM_PERCENT * tally->seeds + 99) / 100;
  printf("%s, %" PRIu64 " seeds: a liar is named first in %" PRIu64 ", all are in %" PRIu64
         "; left out to the end, first in %" PRIu64 "\n  bisect says round %d in %" PRIu64
         ", by halving in %" PRIu64 "\n"
         "  no more than a point below the run that never had them: at once %" PRIu64
         ", after training on %" PRIu64 ", with all rounds rebuilt %" PRIu64 "\n"
         "  mean times: asking %.2f s; rebuilding %.3f s and training on %.2f s; training from "
         "scratch %.2f s\n",
         rule, tally->seeds, tally->first, tally->all_named, tally->first_through, TURN,
         tally->exact, tally->halved_exact, tally->back_at_once, tally->back, tally->back_all,
         tally->ask_s / n, tally->rebuild_s / n, tally->resume_s / n, tally->retrain_s / n);
  if (tally->first >= wanted && tally->back >= wanted) return true;
  printf("claimed: %" PRIu64 " each\n", wanted);
  return false;
}

int main(int count, char **arguments) {
  const char *rule = count > 1 ? arguments[1] : "mean";
  uint64_t from = count > 2 ? strtoull(arguments[2], NULL, 10) : 1;
  uint64_t seeds = count > 3 ? strtoull(arguments[3], NULL, 10) : 4;
  struct tally tally = {0};
  struct data data;
  static struct incident incident;
  data_open(&data, TAMIS_SHARED_DIR "/data/mnist");
  setvbuf(stdout, NULL, _IOLBF, 0);
  for (uint64_t seed = from; seed < from + seeds; seed++) {
    incident_open(&incident, &data, rule, seed);
    struct finding finding = live_through(&incident, &data);
    tell(&incident, &finding);
    tally_add(&tally, &incident, &finding);
    incident_close(&incident);
  }
  data_close(&data);
  return tally_tell(&tally, rule) ? 0 : 1;
}
