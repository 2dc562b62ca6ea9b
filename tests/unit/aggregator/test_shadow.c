/* The text of shadows, what a federation may be created with, and which round they look at. */
#include "world.h"

#include "aggregator/shadow.h"

#define assert_status(found, wanted)                                                               \
  assert_string_equal(tamis_status_name(found), tamis_status_name(wanted))

static void a_text_is_rules_with_semicolons_between(void **unused) {
  char rule[STATE_RULE_SIZE];
  const char *text = " mean ;clip(2.0) | nnm(f=1) | median;multi_krum(f=1)";
  (void)unused;
  assert_int_equal(shadow_count(""), 0);
  assert_int_equal(shadow_count("mean"), 1);
  assert_int_equal(shadow_count(text), 3);
  shadow_rule(text, 0, rule);
  assert_string_equal(rule, "mean");
  shadow_rule(text, 1, rule);
  assert_string_equal(rule, "clip(2.0) | nnm(f=1) | median");
  shadow_rule(text, 2, rule);
  assert_string_equal(rule, "multi_krum(f=1)");
}

static void shadows_are_checked_as_the_rule_is(void **unused) {
  static const struct {
    const char *shadows;
    enum tamis_status status;
    const char *sentence;
  } cases[] = {
      {"mean; median", TAMIS_OK, ""},
      {"mean; nonsense(f=1)", TAMIS_BAD_STATEMENT, "nonsense"},
      {"mean;", TAMIS_BAD_STATEMENT, "shadow "},
      {"trimmed_mean(f=3)", TAMIS_RULE_NOT_FEASIBLE, "trimmed_mean(f=3)"},
      {"centered_clipping(tau=1)", TAMIS_RULE_NOT_FEASIBLE, "of a shadow none is kept"},
      {"mean;mean;mean;mean;mean;mean;mean;mean", TAMIS_OK, ""},
      {"mean;mean;mean;mean;mean;mean;mean;mean;mean", TAMIS_BAD_STATEMENT, "8 are the most"},
  };
  struct world world;
  (void)unused;
  world_open(&world);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct fault fault = {TAMIS_OK, ""};
    char name[16];
    snprintf(name, sizeof name, "f%zu", i);
    world.shadows = cases[i].shadows;
    enum tamis_status status = world_federation(&world, name, "mean", 5, 0, 0, 0, NULL, &fault);
    if (status != cases[i].status) print_message("%s: %s\n", cases[i].shadows, fault.text);
    assert_status(status, cases[i].status);
    assert_non_null(strstr(fault.text, cases[i].sentence));
  }
  world_close(&world);
}

/* Only what was promoted by the plan's rule, the latest first, and never one twice. */
static void the_latest_promoted_round_is_due(void **unused) {
  struct past_round past[6] = {{.outcome = OUTCOME_OPEN}};
  struct federation federation = {.past = past, .last_round = 5};
  (void)unused;
  for (size_t i = 1; i < 6; i++) past[i].weights.byte[0] = 1;
  past[1].outcome = past[2].outcome = past[3].outcome = OUTCOME_PROMOTED;
  past[4].outcome = OUTCOME_REBUILT;
  past[5].outcome = OUTCOME_HELD;
  assert_int_equal(shadow_due(&federation), 0); /* no shadows */
  strcpy(federation.terms.shadows, "mean");
  assert_int_equal(shadow_due(&federation), 3);
  assert_int_equal(shadow_age(&federation), 3);
  assert_true(shadow_may(&federation, 2));
  assert_false(shadow_may(&federation, 4) || shadow_may(&federation, 5));
  assert_false(shadow_may(&federation, 6));
  federation.shadowed_round = 2;
  assert_false(shadow_may(&federation, 2));
  assert_int_equal(shadow_age(&federation), 1);
  federation.shadowed_round = 3;
  assert_int_equal(shadow_due(&federation), 0);
  assert_int_equal(shadow_age(&federation), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_text_is_rules_with_semicolons_between),
      cmocka_unit_test(shadows_are_checked_as_the_rule_is),
      cmocka_unit_test(the_latest_promoted_round_is_due),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
