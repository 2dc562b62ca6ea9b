/* Claims about FLAME: the majority's direction, its members cut to the median length, noise that
 * anybody can make again. */
#include "weighing.h"

#include "robust/noise.h"

static void the_minority_is_left_out_and_lengths_are_cut(void **state) {
  (void)state;
  /* Lengths 1, 2, 4, 8, 4: the median is 4. */
  struct weighing w = {.n = 5, .d = 2, .x = {{1, 0}, {2, 0}, {4, 0}, {8, 0}, {0, 4}}};
  struct weighed r;
  weighing_run("flame", &w, &r);
  weighing_near(r.weights, (const double[]){0.25, 0.25, 0.25, 0.125, 0}, 5, 0.0);
  weighing_near(r.out, (const double[]){11.0 / 4.0, 0}, 2, 1e-15);
  weighing_near(r.scores, (const double[]){0, 0, 0, 0, 1}, 5, 1e-15);
  assert_true(r.evidence.margin >= 1.0);
  assert_true(r.evidence.noise <= 0.0);
}

/* The cluster stops growing at n/2 + 1: an honest row farther off is not waited for. */
static void it_stops_at_the_first_majority(void **state) {
  (void)state;
  struct weighing w = {.n = 4, .d = 2, .x = {{10, 0}, {10, 1}, {10, -1.5}, {10, 6}}};
  struct weighed r;
  weighing_run("flame", &w, &r);
  assert_true(r.weights[3] <= 0.0 && r.weights[0] > 0.0);
  assert_int_equal(r.evidence.selected, 3);
  assert_true(r.evidence.margin > 0.8 && r.evidence.margin < 1.0);
}

/* Three liars of seven: another direction, or the same in another length; the sum is as if they
 * were honest but short. */
static void liars_in_another_direction_have_no_weight(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed < 100; seed++) {
    struct weighing w = weighing_random(7, 6, seed);
    struct weighed r;
    for (size_t i = 0; i < 7; i++)
      for (size_t k = 0; k < 6; k++) w.x[i][k] = 0.2 * w.x[i][k] + (i < 3 ? -1.0 : 1.0);
    for (size_t k = 0; k < 6; k++) w.x[1][k] *= 1e9;
    weighing_run("flame", &w, &r);
    weighing_near(r.weights, (const double[3]){0}, 3, 0.0);
    assert_int_equal(r.evidence.selected, 4);
  }
}

/* Cosine distance of the models g + x_i, in long double on the coordinates. */
static double model_distance(const struct weighing *w, size_t i, size_t j) {
  long double inner = 0.0L, a = 0.0L, b = 0.0L;
  for (size_t k = 0; k < w->d; k++) {
    long double p = (long double)w->reference[k] + (long double)w->x[i][k];
    long double q = (long double)w->reference[k] + (long double)w->x[j][k];
    inner += p * q;
    a += p * p;
    b += q * q;
  }
  return (double)(1.0L - inner / sqrtl(a * b));
}

/* A model a thousand times as long as the updates: 1 - cos is near 1e-6 and must still have ten
 * digits. With n = 3 the cluster is the nearest pair or all three, so scores tell distances. */
static void a_long_model_does_not_drown_the_updates(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed < 50; seed++) {
    struct weighing w = weighing_random(3, 6, seed);
    struct weighed r;
    w.has_reference = true;
    for (size_t k = 0; k < 6; k++) w.reference[k] = 1000.0 * (double)test_unit(&seed);
    double least = INFINITY;
    for (size_t i = 0; i < 3; i++)
      for (size_t j = 0; j < i; j++) least = fmin(least, model_distance(&w, i, j));
    weighing_run("flame", &w, &r);
    double lowest = fmin(r.scores[0], fmin(r.scores[1], r.scores[2]));
    if (!(fabs(lowest - least) <= 1e-9 * least)) fail_msg("%.17g is not %.17g", lowest, least);
  }
}

static void equal_rows_are_one_cluster(void **state) {
  (void)state;
  struct weighing w = {.n = 3, .d = 2, .x = {{1, 2}, {1, 2}, {1, 2}}};
  struct weighed r;
  weighing_run("flame", &w, &r); /* any pair is a majority of three, but nobody is left out */
  assert_int_equal(r.evidence.selected, 3);
  weighing_near(r.out, (const double[]){1, 2}, 2, 1e-15);
  memset(w.x, 0, sizeof w.x);
  weighing_run("flame", &w, &r);
  weighing_near(r.out, (const double[]){0, 0}, 2, 0.0);
}

static void noise_follows_the_median_length(void **state) {
  (void)state;
  struct weighing w = {.n = 3, .d = 2, .x = {{3, 4}, {6, 8}, {0.6, 0.8}}};
  struct weighed r;
  weighing_run("flame(lambda=0.001, seed=7)", &w, &r);
  assert_true(fabs(r.evidence.noise - 0.005) < 1e-16);
}

static void arrival_changes_no_bit(void **state) {
  (void)state;
  struct weighing w = weighing_random(10, 6, 12);
  memcpy(w.x[4], w.x[1], sizeof w.x[1]);
  weighing_ignores_arrival("flame", &w);
  w.has_reference = true;
  w.reference[3] = 2.0;
  weighing_ignores_arrival("flame", &w);
}

static void refusals_name_the_reason(void **state) {
  (void)state;
  weighing_refuses("flame", 2, "n >= 3");
  weighing_refuses("flame(lambda=-1)", 5, "lambda >= 0");
  weighing_refuses("flame(lambda=0.1)", 5, "a seed");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_minority_is_left_out_and_lengths_are_cut),
      cmocka_unit_test(it_stops_at_the_first_majority),
      cmocka_unit_test(liars_in_another_direction_have_no_weight),
      cmocka_unit_test(a_long_model_does_not_drown_the_updates),
      cmocka_unit_test(equal_rows_are_one_cluster),
      cmocka_unit_test(noise_follows_the_median_length),
      cmocka_unit_test(arrival_changes_no_bit),
      cmocka_unit_test(refusals_name_the_reason),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
