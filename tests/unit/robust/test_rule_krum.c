/* Claims about krum's parameters; what it promises at large is in test_robust_rules.c. */
#include "mixing.h"

static void power_says_how_distances_are_added(void **state) {
  (void)state;
  /* On a line at 0, 3, 4, 8: two neighbours each. Plain: 7, 4, 5, 9. Fourth powers: 337, 82, 257,
   * 881. */
  const void *row[] = {(float[]){0}, (float[]){3}, (float[]){4}, (float[]){8}};
  struct robust_rows rows = {.n = 4, .d = 1, .row = row};
  struct test_result result;
  float out[1];
  test_aggregate("krum(f=1, power=1)", &rows, out, &result);
  assert_true(out[0] == 3.0F && result.scores[0] == 7.0 && result.scores[2] == 5.0);
  assert_true(result.evidence.margin == 0.2);
  test_aggregate("krum(f=1, power=4)", &rows, out, &result);
  assert_true(result.scores[0] == 337.0 && result.scores[1] == 82.0 && result.scores[3] == 881.0);
  test_aggregate("krum(f=1, power=2)", &rows, out, &result);
  assert_true(result.scores[1] == 10.0);
}

/* Two distances of 3 lose to one of 0 and one of 5 by their sum, and win by their squares. */
static void power_can_change_the_choice(void **state) {
  (void)state;
  const void *row[] = {(float[]){0},  (float[]){3},  (float[]){6},
                       (float[]){40}, (float[]){40}, (float[]){45}};
  struct robust_rows rows = {.n = 6, .d = 1, .row = row};
  struct test_result result;
  float out[1];
  test_aggregate("krum(f=2, neighbours=2, power=1)", &rows, out, &result);
  assert_true(out[0] == 40.0F);
  test_aggregate("krum(f=2, neighbours=2)", &rows, out, &result);
  assert_true(out[0] == 3.0F);
}

static void what_n_does_not_allow_is_refused(void **state) {
  (void)state;
  test_refusal("krum(f=2)", 4, "krum(f=2) needs 2f < n; n is 4");
  test_refusal("krum(f=1, neighbours=4)", 4,
               "krum(f=1, neighbours=4) needs neighbours < n; n is 4");
  test_refusal("krum(f=1, neighbours=0)", 4,
               "krum(f=1, neighbours=0) needs neighbours >= 1; n is 4");
  test_refusal("krum(f=1, power=3)", 4, "krum(f=1, power=3) needs power 1, 2 or 4; n is 4");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(power_says_how_distances_are_added),
      cmocka_unit_test(power_can_change_the_choice),
      cmocka_unit_test(what_n_does_not_allow_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
