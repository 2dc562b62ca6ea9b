/* A log with reviews, opinions, and a rollback after them, given to everybody who checks logs. */
#include "tests/unit/cli/bundles.h"

enum { CLIENTS = 6 };

static void settle(void) {
  uint64_t size = 0;
  for (int calm = 0; calm < 20; usleep(1000)) {
    uint64_t now = core_size(world.core);
    calm = now == size ? calm + 1 : 0;
    size = now;
  }
}

static json_t *item_of_round(json_int_t round) {
  json_t *rows = world_query(&world, "reviews", 1, (const char *[]){WORLD_FEDERATION}), *row;
  json_t *found = NULL;
  size_t i;
  json_array_foreach(rows, i, row) {
    if (json_integer_value(json_object_get(row, "round")) == round) found = json_incref(row);
  }
  json_decref(rows);
  assert_non_null(found);
  return found;
}

static void speak(json_int_t round, const struct secret_key *key, const char *decision,
                  bool is_opinion) {
  json_t *item = item_of_round(round);
  struct fault fault = {TAMIS_OK, ""};
  if (world_review(&world, key, item, decision, is_opinion, &fault) != TAMIS_OK)
    fail_msg("%s", fault.text);
  json_decref(item);
  settle();
}

static int begin(void **state) {
  char hex[80];
  struct digest model;
  (void)state;
  world_open(&world);
  world_enrol_clients(&world, CLIENTS);
  assert_int_equal(world_federation(&world, WORLD_FEDERATION, "median", 5, 0, 0, 0, NULL, NULL),
                   TAMIS_OK);
  world_play(&world, 3, 1, WORLD_SIGN_FLIP);
  speak(1, &world.operator_key, "release", false);
  speak(1, &world.person[0], "reject", true);
  speak(2, &world.person[0], "reject", false);
  world_play(&world, 4, 0, WORLD_HONEST);
  world_text(&world, "models", WORLD_FEDERATION, "round", "2", "model", hex, sizeof hex);
  assert_true(digest_from_hex(hex, strlen(hex), &model));
  assert_int_equal(world_rollback(&world, 2, &model, NULL), TAMIS_OK);
  settle();
  return bundles_begin();
}

static void it_verifies_and_is_audited(void **state) {
  char journal[256], blobs[256];
  (void)state;
  snprintf(journal, sizeof journal, "%s/journal", world.state_dir);
  snprintf(blobs, sizeof blobs, "%s/blobs", world.state_dir);
  RUN(0, "verify", "--journal", journal, "--blobs", blobs, "--log-key", vkey);
  RUN(0, "audit", OFFLINE);
  says("OK: every decision");
  RUN(0, "audit", "--light", OFFLINE);
}

static void a_bundle_of_its_client_verifies(void **state) {
  const char *path = fresh();
  (void)state;
  RUN(0, "bundle", "client", "c00", "-O", path, OFFLINE);
  RUN(0, "verify", path, "--log-key", vkey);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(it_verifies_and_is_audited),
      cmocka_unit_test(a_bundle_of_its_client_verifies),
  };
  return cmocka_run_group_tests(tests, begin, bundles_end);
}
