/* Indicators move when what they measure does, and only then. */
#include "world.h"

#define assert_status(found, wanted)                                                               \
  assert_string_equal(tamis_status_name(found), tamis_status_name(wanted))

/* NULL: there is no such row. */
static json_t *row_of(json_t *rows, const char *name, const char *whose, const char *label) {
  json_t *row;
  size_t i;
  json_array_foreach(rows, i, row) {
    if (strcmp(json_string_value(json_object_get(row, "name")), name) == 0 &&
        strcmp(json_string_value(json_object_get(row, "of")), whose) == 0 &&
        strcmp(json_string_value(json_object_get(row, "label")), label) == 0)
      return row;
  }
  return NULL;
}

/* -1 without such a row, -2 when it says nothing. */
static double sli(struct world *world, const char *by, const char *name, const char *whose,
                  const char *label) {
  const char *arguments[] = {WORLD_FEDERATION, by};
  json_t *rows = world_query(world, "slis", 2, arguments);
  const json_t *value, *row = row_of(rows, name, whose, label);
  double found = -1;
  if (row) {
    value = json_object_get(row, "value");
    found = json_is_null(value) ? -2 : json_number_value(value);
  }
  json_decref(rows);
  return found;
}

/* Rounds in which everybody sends as much of something like the same. */
static void play_of_length(struct world *world, int64_t last, float length) {
  while (world_federation_integer(world, "head_round") < last) {
    bool worked = false;
    for (size_t i = 0; i < world->clients; i++) {
      struct world_task task;
      float update[WORLD_PARAMETERS];
      uint64_t seed = 31;
      if (!world_poll(world, i, &task) || task.round > last) continue;
      uint64_t own = 7919 * (uint64_t)task.round + i;
      for (size_t k = 0; k < WORLD_PARAMETERS; k++)
        update[k] = length * (float)(world_normal(&seed) + 0.3 * world_normal(&own));
      struct world_claim claim = world_claim_of(world, i, &task, update);
      assert_status(world_claim_send(world, &claim, NULL), TAMIS_OK);
      worked = true;
    }
    if (!worked) usleep(500);
  }
}

enum { CLIENTS = 8 };

static void begin(struct world *world) {
  world_open(world);
  world->organisations = 2;
  world_enrol_clients(world, CLIENTS);
  assert_status(world_federation(world, WORLD_FEDERATION, "mean", 5, 0, 0, 0, NULL, NULL),
                TAMIS_OK);
}

static void feature_drift_moves_when_updates_grow(void **unused) {
  struct world world;
  (void)unused;
  begin(&world);
  play_of_length(&world, 8, 0.01f);
  assert_true(sli(&world, "", "feature_drift_rate", "", "log_norm") == -2); /* nothing before */
  play_of_length(&world, 20, 0.01f);
  double calm = sli(&world, "", "feature_drift_rate", "", "log_norm");
  assert_true(calm >= 0 && calm < 0.1);
  play_of_length(&world, 28, 0.04f);
  assert_true(sli(&world, "", "feature_drift_rate", "", "log_norm") > 1);
  assert_true(sli(&world, "client", "feature_drift_rate", "c00", "log_norm") == -2);
  world_close(&world);
}

static void anomalous_inputs_are_counted_by_reason_and_by_whose_they_are(void **unused) {
  struct world world;
  (void)unused;
  begin(&world);
  world_play(&world, 2, 0, WORLD_HONEST);
  assert_true(sli(&world, "", "anomalous_input_rate", "", "any") == 0);
  world_play(&world, 4, 1, WORLD_SIGN_FLIP);
  double all = sli(&world, "", "anomalous_input_rate", "", "any");
  assert_true(all > 0 && all < 0.2);
  assert_true(sli(&world, "client", "anomalous_input_rate", "c00", "any") >= 0.5 - 1e-9);
  assert_true(sli(&world, "client", "anomalous_input_rate", "c01", "any") == 0);
  assert_true(sli(&world, "organisation", "anomalous_input_rate", "org0", "any") > all);
  assert_true(sli(&world, "organisation", "anomalous_input_rate", "org1", "any") == 0);
  world_close(&world);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(feature_drift_moves_when_updates_grow),
      cmocka_unit_test(anomalous_inputs_are_counted_by_reason_and_by_whose_they_are),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
