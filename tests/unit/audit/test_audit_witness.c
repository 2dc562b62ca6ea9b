/* A federation whose promotions want witnesses: one round that had them and one that had not, both
 * audited. */
#include "../aggregator/world.h"

#include "audit/audit.h"

#define assert_status(found, wanted)                                                               \
  assert_string_equal(tamis_status_name(found), tamis_status_name(wanted))

enum { CLIENTS = 6, ORGANISATIONS = 3 };

static void answer_all(struct world *world, int64_t round) {
  for (size_t i = 0; i < CLIENTS; i++) {
    struct world_task task;
    do assert_true(world_wait_task(world, i, &task));
    while (task.round != round);
    assert_status(world_answer(world, i, &task, WORLD_HONEST, NULL), TAMIS_OK);
  }
}

/* Waits until the server asks for it. */
static void cosign(struct world *world, size_t client) {
  const char *name = world->client[client].public.name;
  struct checkpoint checkpoint;
  char *note = NULL, *line;
  size_t length;
  uint64_t held;
  for (int i = 0; i < 3000 && !note; i++, usleep(1000))
    assert_status(core_witness_wanted(world->core, name, &note, &length, NULL), TAMIS_OK);
  assert_non_null(note);
  assert_status(checkpoint_open(note, length, &world->log_key.public, &checkpoint, NULL), TAMIS_OK);
  checkpoint_cosign(&checkpoint, 1800000000, &world->client[client], &line, &length);
  assert_status(
      core_cosign(world->core, name, checkpoint.size, &checkpoint.root, line, length, &held, NULL),
      TAMIS_OK);
  free(line);
  free(note);
}

static void with_and_without_witnesses_the_audit_passes(void **unused) {
  struct world here, *world = &here;
  struct audit_report report;
  struct fault fault = {TAMIS_OK, ""};
  char vkey[KEY_VKEY_SIZE];
  (void)unused;
  world_open(world);
  world->organisations = ORGANISATIONS;
  world->witness_organisations = 2;
  world->witness_per_organisation = 1;
  world_enrol_clients(world, CLIENTS);
  assert_status(world_federation(world, WORLD_FEDERATION, "mean", 3, 0, 0, 0, NULL, NULL),
                TAMIS_OK);
  answer_all(world, 1);
  cosign(world, 0);
  cosign(world, 1);
  assert_true(world_wait(world, "head_round", 1));
  assert_true(world_wait(world, "round", 2));
  answer_all(world, 2);
  cosign(world, 2);
  atomic_fetch_add(&world->now_ms, WORLD_DEADLINE_MS + 1);
  assert_true(world_wait(world, "round", 3));
  key_vkey_write(&world->log_key.public, vkey);
  for (int light = 0; light < 2; light++) {
    struct audit_options options = {.is_light = light == 1, .threads = 1};
    enum tamis_status status = audit_run(world->state_dir, vkey, &options, &report, &fault);
    if (status != TAMIS_OK) print_message("%s\n", fault.text);
    assert_status(status, TAMIS_OK);
    assert_int_equal(report.promoted, 1);
    assert_int_equal(report.held, 1);
    assert_int_equal(report.troubles, 1); /* who had come in time is not in the log */
  }
  world_close(world);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(with_and_without_witnesses_the_audit_passes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
