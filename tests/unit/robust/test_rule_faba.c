/* Claims about FABA: the farthest from the mean goes, and then the farthest from what is left. */
#include "weighing.h"

/* From 0, 1, 2, 20, 100: 100 goes first; then the mean is 5.75 and 20 goes. */
static void the_farthest_from_the_mean_go_one_by_one(void **state) {
  (void)state;
  struct weighing w = {.n = 5, .d = 1, .x = {{100}, {0}, {20}, {2}, {1}}};
  struct weighed r;
  weighing_run("faba(f=2)", &w, &r);
  double third = 1.0 / 3.0;
  weighing_near(r.weights, (const double[]){0, third, 0, third, third}, 5, 1e-16);
}

/* 10 is farthest from the mean 1; once it is gone, -4 is farthest from -2, not 0: 0, -4, -2 are
 * left with f = 1. */
static void a_choice_is_made_after_the_last_one(void **state) {
  (void)state;
  struct weighing w = {.n = 6, .d = 1, .x = {{10}, {9}, {0}, {0}, {0}, {-4}}};
  struct weighed r;
  weighing_run("faba(f=1)", &w, &r);
  assert_true(r.weights[0] <= 0.0);
  weighing_run("faba(f=2)", &w, &r); /* the mean of the rest is 1: 9 is 8 away, -4 only 5 */
  assert_true(r.weights[1] <= 0.0);
  assert_true(r.weights[5] > 0.0);
}

static void of_equally_far_rows_the_first_stays(void **state) {
  (void)state;
  struct weighing w = {.n = 3, .d = 1, .x = {{-1}, {0}, {1}}};
  struct weighed r;
  weighing_run("faba(f=1)", &w, &r);
  weighing_near(r.weights, (const double[]){0.5, 0.5, 0}, 3, 0.0);
  assert_true(r.evidence.margin <= 0.0);
}

static void without_liars_it_is_the_mean(void **state) {
  (void)state;
  for (size_t n = 1; n <= 3; n++) {
    struct weighing w = weighing_random(n, 2, 3);
    struct weighed r;
    weighing_run("faba(f=0)", &w, &r);
    for (size_t i = 0; i < n; i++) assert_true(fabs(r.weights[i] - 1.0 / (double)n) < 1e-16);
    assert_true(r.evidence.margin >= 1.0);
  }
}

static void arrival_changes_no_bit(void **state) {
  (void)state;
  struct weighing w = weighing_random(10, 6, 12);
  memcpy(w.x[4], w.x[1], sizeof w.x[1]);
  weighing_ignores_arrival("faba(f=4)", &w);
}

static void refusals_name_the_reason(void **state) {
  (void)state;
  weighing_refuses("faba(f=2)", 4, "2f < n");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_farthest_from_the_mean_go_one_by_one),
      cmocka_unit_test(a_choice_is_made_after_the_last_one),
      cmocka_unit_test(of_equally_far_rows_the_first_stays),
      cmocka_unit_test(without_liars_it_is_the_mean),
      cmocka_unit_test(arrival_changes_no_bit),
      cmocka_unit_test(refusals_name_the_reason),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
