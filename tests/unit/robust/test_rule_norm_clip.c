/* Claims about norm clipping: long rows are shortened, short ones untouched, and the noise is what
 * the evidence says. */
#include "weighing.h"

#include "robust/noise.h"

static void long_rows_are_shortened_by_hand(void **state) {
  (void)state;
  struct weighing w = {.n = 3, .d = 2, .x = {{3, 4}, {0, 1}, {0, 0}}};
  struct weighed r;
  weighing_run("norm_clip(2.5)", &w, &r);
  weighing_near(r.weights, (const double[]){1.0 / 6.0, 1.0 / 3.0, 1.0 / 3.0}, 3, 1e-16);
  weighing_near(r.out, (const double[]){0.5, 1.0}, 2, 1e-15);
  weighing_near(r.scores, (const double[]){5, 1, 0}, 3, 0.0);
  weighing_run("norm_clip", &w, &r); /* c = 2 */
  weighing_near(r.weights, (const double[]){2.0 / 15.0, 1.0 / 3.0, 1.0 / 3.0}, 3, 1e-16);
}

static void a_bound_of_zero_leaves_nothing(void **state) {
  (void)state;
  struct weighing w = weighing_random(4, 3, 1);
  struct weighed r;
  weighing_run("norm_clip(c=0)", &w, &r);
  weighing_near(r.out, (const double[3]){0}, 3, 0.0);
}

/* However far, a liar adds c / n at most. */
static void a_liar_adds_its_share_of_the_bound(void **state) {
  (void)state;
  for (int far = 0; far <= 60; far += 6) {
    struct weighing w = {.n = 5, .d = 3};
    struct weighed r;
    w.x[2][1] = ldexp(-1.5, far);
    weighing_run("norm_clip(c=2)", &w, &r);
    assert_true(sqrt(weighing_dot(3, r.out, r.out)) <= 2.0 / 5.0 * (1.0 + 1e-15));
  }
}

/* The sum of clipped rows is what the mixer and the mean make of them. */
static void it_is_clip_and_the_mean(void **state) {
  (void)state;
  struct weighing w = weighing_random(8, 4, 6);
  struct weighed r, s;
  weighing_run("norm_clip(c=0.9)", &w, &r);
  weighing_run("clip(0.9) | mean", &w, &s);
  weighing_near(r.out, s.out, 4, 1e-15);
}

static void noise_is_added_before_the_rounding(void **state) {
  (void)state;
  enum { D = 5000 };
  struct test_rows t;
  struct test_result result;
  static float plain[D], noisy[D];
  test_rows_new(&t, 1, D, 4);
  test_aggregate("norm_clip(c=1e9)", &t.rows, plain, &result);
  test_aggregate("norm_clip(c=1e9, sigma=0.25, seed=12)", &t.rows, noisy, &result);
  for (size_t k = 0; k < D; k++) {
    float expected = (float)((double)plain[k] + 0.25 * noise_normal(12, k));
    assert_memory_equal(&noisy[k], &expected, sizeof expected);
  }
  assert_true(fabs(result.evidence.noise - 0.25) < 1e-300);
  test_rows_free(&t);
}

static void arrival_changes_no_bit(void **state) {
  (void)state;
  struct weighing w = weighing_random(10, 6, 12);
  weighing_ignores_arrival("norm_clip(c=1.2)", &w);
}

static void refusals_name_the_reason(void **state) {
  (void)state;
  weighing_refuses("norm_clip(c=-1)", 5, "c >= 0");
  weighing_refuses("norm_clip(c=1, sigma=-1)", 5, "sigma >= 0");
  weighing_refuses("norm_clip(c=1, sigma=1)", 5, "a seed");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(long_rows_are_shortened_by_hand),
      cmocka_unit_test(a_bound_of_zero_leaves_nothing),
      cmocka_unit_test(a_liar_adds_its_share_of_the_bound),
      cmocka_unit_test(it_is_clip_and_the_mean),
      cmocka_unit_test(noise_is_added_before_the_rounding),
      cmocka_unit_test(arrival_changes_no_bit),
      cmocka_unit_test(refusals_name_the_reason),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
