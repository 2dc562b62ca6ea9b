/* A disk without room, at every place where the core writes: nothing that was acknowledged is lost,
 * nothing that was not is half there, and it goes on when there is room again. */
#include "world.h"

#include "faults.h"

#define assert_status(found, wanted)                                                               \
  assert_string_equal(tamis_status_name(found), tamis_status_name(wanted))

static void start(struct world *world, struct world_task *task) {
  world_open(world);
  world_enrol_clients(world, 4);
  assert_status(world_federation(world, WORLD_FEDERATION, "mean", 4, 0, 0, 0, NULL, NULL),
                TAMIS_OK);
  assert_true(world_wait_task(world, 0, task));
}

static void disk(int error, size_t budget) {
  faults.write_budget = budget;
  faults.write_error = error;
}

/* An update whose blob is durable already. */
static void prepare(struct world *world, size_t client, const struct world_task *task,
                    char **envelope, size_t *length) {
  float update[WORLD_PARAMETERS];
  world_honest(world, client, task, update);
  struct world_claim claim = world_claim_of(world, client, task, update);
  world_envelope(world, &claim, envelope, length);
}

static void finish(struct world *world, const struct world_task *task) {
  for (size_t i = 1; i < 4; i++)
    assert_status(world_answer(world, i, task, WORLD_HONEST, NULL), TAMIS_OK);
  assert_true(world_wait(world, "head_round", 1));
}

static void a_journal_without_room_takes_nothing_and_forgets_nothing(void **unused) {
  struct world world;
  struct world_task task;
  char *envelope;
  size_t length;
  (void)unused;
  start(&world, &task);
  prepare(&world, 0, &task, &envelope, &length);
  uint64_t size = core_size(world.core);
  for (size_t budget = 0; budget < length; budget += length / 3) {
    disk(ENOSPC, budget);
    assert_status(world_send(&world, "c00", envelope, length, NULL), TAMIS_DISK_FULL);
    disk(0, 0);
    assert_int_equal(core_size(world.core), size);
  }
  assert_status(world_send(&world, "c00", envelope, length, NULL), TAMIS_OK);
  assert_int_equal(core_size(world.core), size + 1);
  free(envelope);
  finish(&world, &task);
  world_close(&world);
}

/* The entry is in the journal, but neither database nor checkpoint could be written: it must not be
 * acknowledged yet, and it must not be taken twice. */
static void an_entry_without_a_checkpoint_is_acknowledged_later(void **unused) {
  struct world world;
  struct world_task task;
  char *envelope;
  size_t length;
  (void)unused;
  start(&world, &task);
  prepare(&world, 0, &task, &envelope, &length);
  uint64_t size = core_size(world.core);
  disk(ENOSPC, length + 8);
  assert_status(world_send(&world, "c00", envelope, length, NULL), TAMIS_DISK_FULL);
  disk(0, 0);
  assert_status(world_send(&world, "c00", envelope, length, NULL), TAMIS_OK);
  assert_int_equal(core_size(world.core), size + 1);
  free(envelope);
  finish(&world, &task);
  json_t *rows = world_query(&world, "round", 2, (const char *[]){WORLD_FEDERATION, "1"});
  assert_int_equal(json_array_size(rows), 4);
  json_decref(rows);
  world_close(&world);
}

static void a_round_waits_for_room_and_then_goes_on_by_itself(void **unused) {
  struct world world;
  struct world_task task;
  char *envelope;
  size_t length;
  (void)unused;
  start(&world, &task);
  for (size_t i = 1; i < 4; i++)
    assert_status(world_answer(&world, i, &task, WORLD_HONEST, NULL), TAMIS_OK);
  prepare(&world, 0, &task, &envelope, &length);
  disk(ENOSPC,
       length + 8 + 4096); /* the last update is taken, what follows from it is not written */
  world_send(&world, "c00", envelope, length, NULL);
  usleep(100000);
  disk(0, 0);
  free(envelope);
  assert_true(world_wait(&world, "head_round", 1));
  char outcome[32];
  world_outcome(&world, 1, outcome, sizeof outcome);
  assert_string_equal(outcome, "promoted");
  world_close(&world);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_journal_without_room_takes_nothing_and_forgets_nothing),
      cmocka_unit_test(an_entry_without_a_checkpoint_is_acknowledged_later),
      cmocka_unit_test(a_round_waits_for_room_and_then_goes_on_by_itself),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
