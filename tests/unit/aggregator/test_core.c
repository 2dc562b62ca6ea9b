/* The straight line: clients sign, the core judges, aggregates, logs and promotes; and everything
 * that is not on that line is refused by name. */
#include "world.h"

static void a_federation_of_eight_learns_for_five_rounds(void **unused) {
  struct world world;
  float model[WORLD_PARAMETERS];
  (void)unused;
  world_open(&world);
  world_enrol_clients(&world, 8);
  assert_int_equal(world_federation(&world, WORLD_FEDERATION, "mean", 8, 0, 0, 5, NULL, NULL),
                   TAMIS_OK);
  world_play(&world, 5, 0, WORLD_HONEST);
  assert_int_equal(world_federation_integer(&world, "head_round"), 5);
  struct digest head = world_head(&world);
  world_get(&world, &head, model);
  double sum = 0;
  for (size_t i = 0; i < WORLD_PARAMETERS; i++) sum += model[i];
  /* After five steps of 0.3 towards about 1: 1 - 0.7^5 of the way. */
  assert_true(fabs(sum / WORLD_PARAMETERS - 0.832) < 0.1);
  struct core_task task;
  assert_int_equal(core_poll(world.core, "c00", WORLD_FEDERATION, 0, &task, NULL), TAMIS_OK);
  assert_true(task.finished && !task.has_task);
  assert_string_equal(task.state, "trusted");
  core_task_close(&task);
  world_close(&world);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_federation_of_eight_learns_for_five_rounds),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
