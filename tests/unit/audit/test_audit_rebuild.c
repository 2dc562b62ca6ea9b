/* A line that was rebuilt without a client, and goes on: what was made again once is made again by
 * the audit. */
#include "../aggregator/world.h"

#include "audit/audit.h"

#define assert_status(found, wanted)                                                               \
  assert_string_equal(tamis_status_name(found), tamis_status_name(wanted))

enum { CLIENTS = 8, ROUNDS = 5, REBUILT = 4 /* rounds 2 to 5 */ };

static void audit_twice(struct world *world, const char *rule) {
  struct audit_report report;
  struct fault fault = {TAMIS_OK, ""};
  char vkey[KEY_VKEY_SIZE];
  key_vkey_write(&world->log_key.public, vkey);
  for (int light = 0; light < 2; light++) {
    struct audit_options options = {.is_light = light == 1, .threads = 2};
    enum tamis_status status = audit_run(world->state_dir, vkey, &options, &report, &fault);
    if (status != TAMIS_OK) print_message("%s, light %d: %s\n", rule, light, fault.text);
    assert_status(status, TAMIS_OK);
    assert_int_equal(report.rebuilt, REBUILT);
    assert_true(report.promoted > ROUNDS && report.undone >= REBUILT);
  }
}

static void a_rebuilt_line_is_audited(void **unused) {
  static const char *const rules[] = {"mean", "nnm(f=1) | trimmed_mean(f=1)",
                                      "centered_clipping(tau=1)"};
  static const char *const without[] = {"c01"};
  (void)unused;
  for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
    struct world world;
    world_open(&world);
    world.optimiser = "momentum(lr=1, beta=0.5)";
    world_enrol_clients(&world, CLIENTS);
    assert_status(world_federation(&world, WORLD_FEDERATION, rules[i], 5, 0, 0, 0, NULL, NULL),
                  TAMIS_OK);
    world_play(&world, ROUNDS, 1, WORLD_SIGN_FLIP);
    struct digest head = world_head(&world);
    assert_status(world_rebuild(&world, 2, 1, without, &head, NULL), TAMIS_OK);
    for (int64_t k = 0; k < 2; k++)
      world_play(&world, world_federation_integer(&world, "head_round") + 1, 1, WORLD_SIGN_FLIP);
    audit_twice(&world, rules[i]);
    world_close(&world);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_rebuilt_line_is_audited),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
