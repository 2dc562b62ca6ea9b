/* Claims about CGE: the shortest n - f rows, the first of equals. */
#include "weighing.h"

static void the_longest_rows_are_dropped(void **state) {
  (void)state;
  struct weighing w = {.n = 5, .d = 2, .x = {{3, 4}, {0, 1}, {6, 8}, {-2, 0}, {0, 0}}};
  struct weighed r;
  weighing_run("cge(f=2)", &w, &r);
  double third = 1.0 / 3.0;
  weighing_near(r.weights, (const double[]){0, third, 0, third, third}, 5, 0.0);
  weighing_near(r.scores, (const double[]){5, 1, 10, 2, 0}, 5, 0.0);
  assert_true(fabs(r.evidence.margin - 0.6) < 1e-15); /* (5 - 2) / 5 */
}

static void of_equal_lengths_the_first_are_kept(void **state) {
  (void)state;
  struct weighing w = {.n = 3, .d = 2, .x = {{0, 5}, {3, 4}, {5, 0}}};
  struct weighed r;
  weighing_run("cge(f=1)", &w, &r);
  weighing_near(r.weights, (const double[]){0.5, 0.5, 0}, 3, 0.0);
  assert_true(r.evidence.margin <= 0.0);
}

static void without_liars_it_is_the_mean(void **state) {
  (void)state;
  for (size_t n = 1; n <= 3; n++) {
    struct weighing w = weighing_random(n, 2, 3);
    struct weighed r;
    weighing_run("cge(f=0)", &w, &r);
    for (size_t i = 0; i < n; i++) assert_true(fabs(r.weights[i] - 1.0 / (double)n) < 1e-16);
    assert_true(r.evidence.margin >= 1.0);
  }
}

/* Liars of any length leave the result no longer than the honest rows are. */
static void the_result_is_no_longer_than_the_honest(void **state) {
  (void)state;
  for (int far = -10; far <= 60; far += 5) {
    struct weighing w = weighing_random(7, 4, 2);
    struct weighed r;
    double longest = 0.0;
    for (size_t i = 0; i < 7; i++)
      for (size_t k = 0; k < 4 && i >= 4; k++) w.x[i][k] = ldexp(1.0, far);
    for (size_t i = 0; i < 4; i++) longest = fmax(longest, weighing_dot(4, w.x[i], w.x[i]));
    weighing_run("cge(f=3)", &w, &r);
    assert_true(weighing_dot(4, r.out, r.out) <= longest * (1.0 + 1e-12));
  }
}

static void arrival_changes_no_bit(void **state) {
  (void)state;
  struct weighing w = weighing_random(10, 6, 12);
  memcpy(w.x[4], w.x[1], sizeof w.x[1]);
  weighing_ignores_arrival("cge(f=4)", &w);
}

static void refusals_name_the_reason(void **state) {
  (void)state;
  weighing_refuses("cge(f=2)", 4, "2f < n");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_longest_rows_are_dropped),
      cmocka_unit_test(of_equal_lengths_the_first_are_kept),
      cmocka_unit_test(without_liars_it_is_the_mean),
      cmocka_unit_test(the_result_is_no_longer_than_the_honest),
      cmocka_unit_test(arrival_changes_no_bit),
      cmocka_unit_test(refusals_name_the_reason),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
