/* Going back: the head is exactly what it was, the judge remembers what it knew then, and decisions
 * about people stay. */
#include "world.h"

#define assert_status(found, wanted)                                                               \
  assert_string_equal(tamis_status_name(found), tamis_status_name(wanted))

static struct digest model_of(struct world *world, const char *round) {
  char hex[80];
  struct digest model = {{0}};
  world_text(world, "models", WORLD_FEDERATION, "round", round, "model", hex, sizeof hex);
  assert_true(digest_from_hex(hex, strlen(hex), &model));
  return model;
}

static void start(struct world *world, int rounds_max) {
  world_open(world);
  world_enrol_clients(world, 8);
  assert_status(
      world_federation(world, WORLD_FEDERATION, "multi_krum(f=2)", 5, 0, 0, rounds_max, NULL, NULL),
      TAMIS_OK);
}

static void the_head_goes_back_and_forward_again(void **unused) {
  struct world world;
  struct fault fault;
  (void)unused;
  start(&world, 6);
  world_play(&world, 6, 0, WORLD_HONEST);
  struct digest third = model_of(&world, "3"), sixth = model_of(&world, "6"), head;
  assert_status(world_rollback(&world, 3, &sixth, &fault), TAMIS_CONFLICT);
  assert_status(world_rollback(&world, 7, &third, &fault), TAMIS_NOT_FOUND);
  assert_status(world_rollback(&world, 3, &third, &fault), TAMIS_OK);
  head = world_head(&world);
  assert_true(digest_equal(&head, &third));
  assert_int_equal(world_federation_integer(&world, "head_round"), 3);
  assert_status(world_rollback(&world, 3, &third, &fault), TAMIS_CONFLICT);
  assert_status(world_rollback(&world, 6, &sixth, &fault), TAMIS_OK);
  head = world_head(&world);
  assert_true(digest_equal(&head, &sixth));
  assert_status(world_rollback(&world, 0, &world.first_model, &fault), TAMIS_OK);
  head = world_head(&world);
  assert_true(digest_equal(&head, &world.first_model));
  world_close(&world);
}

static void the_open_round_is_abandoned_and_numbers_never_repeat(void **unused) {
  struct world world;
  struct world_task task;
  struct fault fault;
  char text[160];
  (void)unused;
  start(&world, 0);
  world_play(&world, 3, 0, WORLD_HONEST);
  assert_true(world_wait_task(&world, 0, &task));
  assert_int_equal(task.round, 4);
  assert_status(world_answer(&world, 0, &task, WORLD_HONEST, &fault), TAMIS_OK);
  struct digest first = model_of(&world, "1");
  assert_status(world_rollback(&world, 1, &first, &fault), TAMIS_OK);
  assert_status(world_answer(&world, 1, &task, WORLD_HONEST, &fault), TAMIS_STALE_ROUND);
  assert_true(world_wait(&world, "round", 5));
  world_outcome(&world, 4, text, sizeof text);
  assert_string_equal(text, "abandoned");
  world_text(&world, "rounds", WORLD_FEDERATION, "round", "4", "sentence", text, sizeof text);
  assert_non_null(strstr(text, "round 1"));
  assert_true(world_wait_task(&world, 0, &task));
  assert_int_equal(task.round, 5);
  assert_true(digest_equal(&task.base, &first));
  world_play(&world, 5, 0, WORLD_HONEST);
  struct digest second = model_of(&world, "2"); /* undone, but still there */
  assert_status(world_rollback(&world, 2, &second, &fault), TAMIS_OK);
  world_close(&world);
}

static void history_goes_back_but_exclusions_stay(void **unused) {
  struct world world;
  struct fault fault;
  char text[64];
  (void)unused;
  start(&world, 8);
  world_play(&world, 6, 1, WORLD_SIGN_FLIP);
  world_state(&world, 0, text, sizeof text);
  assert_string_equal(text, "excluded");
  world_state(&world, 1, text, sizeof text);
  assert_string_equal(text, "trusted");
  struct digest first = model_of(&world, "1");
  assert_status(world_rollback(&world, 1, &first, &fault), TAMIS_OK);
  world_play(&world, 8, 1, WORLD_SIGN_FLIP); /* restarts are checked by the fold as well */
  world_state(&world, 0, text, sizeof text);
  assert_string_equal(text, "excluded");
  world_stop(&world);
  world_start(&world);
  assert_int_equal(world_federation_integer(&world, "excluded"), 1);
  struct core_task task;
  assert_status(core_poll(world.core, "c01", WORLD_FEDERATION, 0, &task, NULL), TAMIS_OK);
  assert_string_equal(task.state, "probation"); /* one round after the first is too few for trust */
  core_task_close(&task);
  world_close(&world);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_head_goes_back_and_forward_again),
      cmocka_unit_test(the_open_round_is_abandoned_and_numbers_never_repeat),
      cmocka_unit_test(history_goes_back_but_exclusions_stay),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
