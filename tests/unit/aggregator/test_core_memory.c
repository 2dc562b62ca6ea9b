/* What optimisers and rules remember goes with the model: forward, back, and over a restart. */
#include "world.h"

#include "aggregator/manifest.h"
#include "aggregator/memory.h"

#define assert_status(found, wanted)                                                               \
  assert_string_equal(tamis_status_name(found), tamis_status_name(wanted))

enum { CLIENTS = 5, D = WORLD_PARAMETERS };

static enum tamis_status create(struct world *world, const char *rule, const char *optimiser,
                                struct fault *fault) {
  world->optimiser = optimiser;
  return world_federation(world, WORLD_FEDERATION, rule, CLIENTS, 0, 0, 0,
                          json_pack("{s:o}", "enforce", canonical_f64(0)), fault);
}

static void start(struct world *world, const char *rule, const char *optimiser) {
  world_open(world);
  world_enrol_clients(world, CLIENTS);
  assert_status(create(world, rule, optimiser, NULL), TAMIS_OK);
}

/* Step s of a training in which everybody says nearly the same: client 2 is in the middle. */
static float middle_of(int step, size_t k) {
  return 0.01F * (float)(step * step % 7 - 2) + 0.001F * (float)k;
}

static struct digest model_of(struct world *world, int64_t round) {
  char number[24], hex[80];
  struct digest model = {{0}};
  snprintf(number, sizeof number, "%" PRId64, round);
  world_text(world, "models", WORLD_FEDERATION, "round", number, "model", hex, sizeof hex);
  assert_true(digest_from_hex(hex, strlen(hex), &model));
  return model;
}

/* One whole round. Its model. */
static struct digest play(struct world *world, int64_t round, int step) {
  for (size_t client = 0; client < CLIENTS; client++) {
    struct world_task task;
    float update[D];
    assert_true(world_wait_task(world, client, &task));
    assert_int_equal(task.round, round);
    for (size_t k = 0; k < D; k++) update[k] = middle_of(step, k) + 0.125F * ((float)client - 2.0F);
    struct world_claim claim = world_claim_of(world, client, &task, update);
    assert_status(world_claim_send(world, &claim, NULL), TAMIS_OK);
  }
  assert_true(world_wait(world, "head_round", round));
  return model_of(world, round);
}

static void assert_same(const struct digest *a, const struct digest *b) {
  assert_memory_equal(a, b, sizeof *a);
}

static void momentum_is_added_round_after_round(void **unused) {
  struct world world;
  float model[D] = {0}, m[D] = {0}, found[D];
  (void)unused;
  start(&world, "median", "momentum(lr=0.5, beta=0.75)");
  for (int step = 1; step <= 4; step++) {
    struct digest head = play(&world, step, step);
    world_get(&world, &head, found);
    for (size_t k = 0; k < D; k++) {
      double sum = 0.75 * (double)m[k] + (double)middle_of(step, k);
      m[k] = (float)sum;
      model[k] = (float)((double)model[k] + (double)(float)(0.5 * sum));
    }
    assert_memory_equal(found, model, sizeof model);
  }
  world_close(&world);
}

/* The rule's last output is where it starts from: with updates that are all x, v moves by tau
 * towards x in each round until it is there. */
static void centred_clipping_goes_on_from_its_last_output(void **unused) {
  struct world world;
  double v = 0, model = 0;
  (void)unused;
  start(&world, "centered_clipping(tau=0.5)", NULL);
  for (int round = 1; round <= 4; round++) {
    float update[D], found[D];
    for (size_t k = 0; k < D; k++) update[k] = 0.125F;
    for (size_t client = 0; client < CLIENTS; client++) {
      struct world_task task;
      assert_true(world_wait_task(&world, client, &task));
      struct world_claim claim = world_claim_of(&world, client, &task, update);
      assert_status(world_claim_send(&world, &claim, NULL), TAMIS_OK);
    }
    assert_true(world_wait(&world, "head_round", round));
    struct digest head = model_of(&world, round);
    world_get(&world, &head, found);
    double away = (0.125 - v) * sqrt(D);
    v += (0.125 - v) * fmin(1, 0.5 / away);
    model += v;
    for (size_t k = 0; k < D; k++) assert_true(fabs((double)found[k] - model) < 1e-6);
  }
  assert_true(v == 0.125); /* three rounds of 0.5 make sqrt(96) / 8 = 1.22 */
  world_close(&world);
}

/* Rounds 1 to 6, back to 3, and the steps of 4 to 6 again in rounds 7 to 9: the same models, which
 * they are only if what is remembered went back too. Then forward to the line that was left. */
static void state_goes_back_and_forward_with_the_model(void **unused) {
  static const char *const trainings[][2] = {{"median", "momentum(beta=0.5)"},
                                             {"median", "adam(lr=0.1)"},
                                             {"median", "yogi(lr=0.1, beta1=0)"},
                                             {"centered_clipping(tau=0.5)", NULL},
                                             {"centered_clipping(tau=0.5)", "adagrad(lr=1)"}};
  (void)unused;
  for (size_t i = 0; i < sizeof trainings / sizeof *trainings; i++) {
    struct world world;
    struct digest model[12] = {{{0}}}, again;
    start(&world, trainings[i][0], trainings[i][1]);
    for (int round = 1; round <= 6; round++) model[round] = play(&world, round, round);
    assert_status(world_rollback(&world, 3, &model[3], NULL), TAMIS_OK);
    assert_true(world_wait(&world, "round", 8)); /* round 7 was open and is abandoned */
    for (int round = 8; round <= 10; round++) {
      if (round == 9) { /* what is remembered is in the journal, not in memory */
        world_stop(&world);
        world_start(&world);
      }
      again = play(&world, round, round - 4);
      assert_same(&again, &model[round - 4]);
    }
    struct digest line = play(&world, 11, 7);
    assert_status(world_rollback(&world, 6, &model[6], NULL), TAMIS_OK);
    assert_true(world_wait(&world, "round", 13));
    again = play(&world, 13, 7);
    assert_same(&again, &line);
    assert_status(world_rollback(&world, 0, &world.first_model, NULL), TAMIS_OK);
    assert_true(world_wait(&world, "round", 15));
    again = play(&world, 15, 1); /* nothing is remembered of the first model */
    assert_same(&again, &model[1]);
    world_close(&world);
  }
}

/* The control of the claim above: with another past the same step leads elsewhere. */
static void memory_matters(void **unused) {
  struct world world;
  (void)unused;
  start(&world, "median", "momentum(beta=0.5)");
  float first[D], second[D], step[D];
  struct digest one = play(&world, 1, 1), two = play(&world, 2, 1);
  world_get(&world, &one, first);
  world_get(&world, &two, second);
  for (size_t k = 0; k < D; k++) step[k] = second[k] - first[k];
  assert_memory_not_equal(step, first, sizeof step); /* the base was zero */
  world_close(&world);
}

static void what_the_server_cannot_do_is_refused_at_creation(void **unused) {
  struct world world;
  struct fault fault;
  (void)unused;
  world_open(&world);
  world_enrol_clients(&world, CLIENTS);
  assert_status(create(&world, "median", "momentun", &fault), TAMIS_BAD_STATEMENT);
  assert_non_null(strstr(fault.text, "optimiser: column 1: no optimiser is called 'momentun'"));
  assert_status(create(&world, "median", "adam", &fault), TAMIS_BAD_STATEMENT);
  assert_status(create(&world, "median", "", &fault), TAMIS_BAD_STATEMENT);
  assert_status(create(&world, "median", "momentum(beta=1)", &fault), TAMIS_BAD_STATEMENT);
  assert_status(create(&world, "fltrust", NULL, &fault), TAMIS_RULE_NOT_FEASIBLE);
  assert_status(create(&world, "foolsgold", NULL, &fault), TAMIS_RULE_NOT_FEASIBLE);
  assert_non_null(strstr(fault.text, "over all rounds"));
  assert_status(create(&world, "median", "sgd(0.5)", &fault), TAMIS_OK);
  world_close(&world);
}

/* ---- the manifest ---- */

static char *text_of(const struct memory *memory, const char *optimiser) {
  char *text;
  size_t length;
  struct manifest_weights weights = {.federation = "f",
                                     .rule = "mean",
                                     .optimiser = optimiser,
                                     .round = 7,
                                     .margin = 1,
                                     .reference_weight = 0.5,
                                     .memory = memory};
  json_t *manifest = manifest_weights(&weights, json_array());
  assert_status(canonical_encode(manifest, &text, &length, NULL), TAMIS_OK);
  json_decref(manifest);
  return text;
}

#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"

static void who_remembers_nothing_writes_nothing_more(void **unused) {
  struct memory memory = {0};
  (void)unused;
  char *text = text_of(&memory, "");
  assert_string_equal(text, "{\"federation\":\"f\",\"gram\":\"" ZEROS
                            "\",\"margin\":\"f64:3ff0000000000000\",\"round\":7,\"rule\":\"mean\","
                            "\"updates\":[]}");
  free(text);
  memory.count = 1;
  state_name_set(memory.vector[0].name, STATE_RULE_VECTOR);
  text = text_of(&memory, "sgd");
  assert_string_equal(text, "{\"federation\":\"f\",\"gram\":\"" ZEROS
                            "\",\"margin\":\"f64:3ff0000000000000\",\"optimiser\":\"sgd\","
                            "\"reference_weight\":\"f64:3fe0000000000000\",\"round\":7,"
                            "\"rule\":\"mean\",\"state\":[{\"blob\":\"" ZEROS
                            "\",\"name\":\"rule\"}],\"updates\":[]}");
  free(text);
}

static void a_manifest_with_an_odd_memory_is_corrupt(void **unused) {
#define ONE(name) "{\"name\":" name ",\"blob\":\"" ZEROS "\"}"
  static const struct {
    const char *text;
    size_t count; /* 0: corrupt */
  } row[] = {{"{\"state\":[" ONE("\"a\"") "]}", 1},
             {"{\"state\":[" ONE("\"a\"") "," ONE("\"b\"") "]}", 2},
             {"{\"state\":[" ONE("\"a\"") "," ONE("\"a\"") "]}", 0},
             {"{\"state\":{}}", 0},
             {"{\"state\":[1]}", 0},
             {"{\"state\":[" ONE("\"\"") "]}", 0},
             {"{\"state\":[" ONE("\"A/..\"") "]}", 0},
             {"{\"state\":[{\"name\":\"a\",\"blob\":\"00\"}]}", 0},
             {"{\"state\":[{\"name\":\"a\"}]}", 0},
             {"{\"state\":[" ONE("\"a\"") "," ONE("\"b\"") "," ONE("\"c\"") "," ONE(
                  "\"d\"") "," ONE("\"e\"") "]}",
              0}};
  (void)unused;
  for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
    struct memory memory;
    json_t *manifest = json_loads(row[i].text, 0, NULL);
    assert_non_null(manifest);
    assert_status(manifest_memory_read(manifest, &memory, NULL),
                  row[i].count ? TAMIS_OK : TAMIS_CORRUPT);
    if (row[i].count) assert_int_equal(memory.count, row[i].count);
    json_decref(manifest);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(momentum_is_added_round_after_round),
      cmocka_unit_test(centred_clipping_goes_on_from_its_last_output),
      cmocka_unit_test(state_goes_back_and_forward_with_the_model),
      cmocka_unit_test(memory_matters),
      cmocka_unit_test(what_the_server_cannot_do_is_refused_at_creation),
      cmocka_unit_test(who_remembers_nothing_writes_nothing_more),
      cmocka_unit_test(a_manifest_with_an_odd_memory_is_corrupt),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
