/* Claims about the weighted mean: shares of the claimed examples, whatever size the claims have. */
#include "weighing.h"

static void rows_weigh_what_they_claim(void **state) {
  (void)state;
  struct weighing w = {
      .n = 3, .d = 2, .x = {{8, 0}, {0, 8}, {4, 4}}, .counts = {1, 2, 5}, .has_counts = true};
  struct weighed r;
  weighing_run("weighted_mean", &w, &r);
  weighing_near(r.weights, (const double[]){0.125, 0.25, 0.625}, 3, 0.0);
  weighing_near(r.out, (const double[]){3.5, 4.5}, 2, 0.0);
}

static void without_counts_it_is_the_mean(void **state) {
  (void)state;
  struct weighing w = weighing_random(5, 2, 3);
  struct weighed r, s;
  weighing_run("weighted_mean", &w, &r);
  weighing_run("mean", &w, &s);
  assert_memory_equal(r.weights, s.weights, sizeof r.weights);
}

static void nobody_claiming_an_example_moves_nothing(void **state) {
  (void)state;
  struct weighing w = weighing_random(4, 3, 6);
  struct weighed r;
  w.has_counts = true;
  weighing_run("weighted_mean", &w, &r);
  weighing_near(r.weights, (const double[4]){0}, 4, 0.0);
  assert_int_equal(r.evidence.selected, 0);
}

/* The sum of these counts is not a double, and their scale must not matter. */
static void counts_may_be_of_any_size(void **state) {
  (void)state;
  for (int scale = -1074; scale <= 1021; scale += 15) {
    struct weighing w = {.n = 4, .d = 1, .has_counts = true};
    struct weighed r;
    for (size_t i = 0; i < 4; i++) w.counts[i] = ldexp(i < 2 ? 4.0 : i == 2 ? 7.0 : 1.0, scale);
    weighing_run("weighted_mean", &w, &r);
    weighing_near(r.weights, (const double[]){0.25, 0.25, 0.4375, 0.0625}, 4, 0.0);
  }
}

static void arrival_changes_no_bit(void **state) {
  (void)state;
  struct weighing w = weighing_random(10, 6, 12);
  w.has_counts = true;
  for (size_t i = 0; i < 10; i++) w.counts[i] = 0.1 * (double)i;
  weighing_ignores_arrival("weighted_mean", &w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rows_weigh_what_they_claim),
      cmocka_unit_test(without_counts_it_is_the_mean),
      cmocka_unit_test(nobody_claiming_an_example_moves_nothing),
      cmocka_unit_test(counts_may_be_of_any_size),
      cmocka_unit_test(arrival_changes_no_bit),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
