/* Claims about the subset of smallest top eigenvalue, its short cuts held against measuring every
 * subset. */
#include "weighing.h"

#include "robust/eigen.h"

/* The top eigenvalue of the covariance of the rows in `set`, from the rows themselves. */
static double top_variance(const struct weighing *w, uint64_t set) {
  double mean[WEIGHING_VALUES_MAX] = {0}, covariance[9] = {0}, vector[3], work[15];
  double m = (double)__builtin_popcountll(set);
  assert_true(w->d <= 3);
  for (size_t i = 0; i < w->n; i++)
    for (size_t k = 0; k < w->d && (set >> i & 1) != 0; k++) mean[k] += w->x[i][k] / m;
  for (size_t i = 0; i < w->n; i++)
    for (size_t k = 0; k < w->d && (set >> i & 1) != 0; k++)
      for (size_t l = 0; l < w->d; l++)
        covariance[k * w->d + l] += (w->x[i][k] - mean[k]) * (w->x[i][l] - mean[l]) / m;
  return eigen_top(w->d, covariance, vector, work);
}

static uint64_t chosen(const struct weighed *r, size_t n) {
  uint64_t set = 0;
  for (size_t i = 0; i < n; i++)
    if (r->weights[i] > 0.0) set |= UINT64_C(1) << i;
  return set;
}

static void the_tightest_subset_by_hand(void **state) {
  (void)state;
  /* On a line: variances of triples; {4, 5, 7} has 14/9, {0, 4, 5} 14/3, {5, 7, 0} 26/3. */
  struct weighing w = {.n = 4, .d = 1, .x = {{4}, {0}, {5}, {7}}};
  struct weighed r;
  weighing_run("smea(f=1)", &w, &r);
  weighing_near(r.weights, (const double[]){1 / 3., 0, 1 / 3., 1 / 3.}, 4, 0.0);
  weighing_near(&r.evidence.margin, (const double[]){1 - 14. / 9 / (14. / 3)}, 1, 1e-14);
}

static void it_finds_what_measuring_every_subset_finds(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed <= 200; seed++) {
    size_t n = 1 + seed % 10, f = seed / 10 % ((n + 1) / 2);
    char text[32];
    struct weighing w = weighing_random(n, 1 + seed % 3, seed);
    struct weighed r;
    double least = INFINITY;
    for (size_t i = 0; i < f; i++) w.x[i][0] += (double)(seed % 4);
    snprintf(text, sizeof text, "smea(f=%zu)", f);
    weighing_run(text, &w, &r);
    for (uint64_t set = 1; set < UINT64_C(1) << n; set++)
      if ((size_t)__builtin_popcountll(set) == n - f) least = fmin(least, top_variance(&w, set));
    assert_int_equal(__builtin_popcountll(chosen(&r, n)), n - f);
    assert_true(top_variance(&w, chosen(&r, n)) <= least + 1e-13);
  }
}

/* Where ByzFL meets a NaN: a subset without variance is the best there is. */
static void rows_that_agree_entirely_win(void **state) {
  (void)state;
  struct weighing w = {.n = 5, .d = 2, .x = {{1, 1}, {6, 2}, {1.001, 1}, {6, 2}, {6, 2}}};
  struct weighed r;
  weighing_run("smea(f=2)", &w, &r);
  weighing_near(r.weights, (const double[]){0, 1 / 3., 0, 1 / 3., 1 / 3.}, 5, 0.0);
  assert_true(r.evidence.margin >= 1.0);
}

static void the_first_of_equal_subsets_wins(void **state) {
  (void)state;
  struct weighing w = {.n = 5, .d = 1, .x = {{2}, {2}, {2}, {2}, {2}}};
  struct weighed r;
  weighing_run("smea(f=2)", &w, &r);
  weighing_near(r.weights, (const double[]){1 / 3., 1 / 3., 1 / 3., 0, 0}, 5, 0.0);
  assert_true(r.evidence.margin <= 0.0);
  struct weighing pairs = {.n = 3, .d = 1, .x = {{0}, {1}, {2}}};
  weighing_run("smea(f=1)", &pairs, &r);
  weighing_near(r.weights, (const double[]){.5, .5, 0}, 3, 0.0);
}

static void nearly_half_of_twenty_may_lie(void **state) {
  (void)state;
  for (int exponent = 2; exponent <= 60; exponent += 29) {
    struct weighing w = weighing_random(20, 16, 9);
    struct weighed r;
    for (size_t i = 0; i < 9; i++)
      for (size_t k = 0; k < 16; k++) w.x[2 * i + 1][k] += ldexp(k % 2 == 0 ? 1 : -1, exponent);
    weighing_run("smea(f=9)", &w, &r);
    for (size_t i = 0; i < 20; i++) assert_true((r.weights[i] > 0.0) == (i % 2 == 0 || i == 19));
  }
}

static void few_rows_and_no_liars(void **state) {
  (void)state;
  for (size_t n = 1; n <= 20; n += 6) {
    struct weighing w = weighing_random(n, 3, n);
    struct weighed r;
    weighing_run("smea(f=0)", &w, &r);
    for (size_t i = 0; i < n; i++) assert_true(fabs(r.weights[i] * (double)n - 1.0) < 1e-15);
    assert_true(r.evidence.margin >= 1.0);
  }
}

static void arrival_changes_no_bit(void **state) {
  (void)state;
  struct weighing w = weighing_random(11, 6, 77);
  weighing_ignores_arrival("smea(f=4)", &w);
}

static void more_than_it_can_enumerate_is_refused(void **state) {
  (void)state;
  weighing_refuses("smea(f=2)", 21, "n <= 20");
  weighing_refuses("smea(f=2)", 4, "2f < n");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_tightest_subset_by_hand),
      cmocka_unit_test(it_finds_what_measuring_every_subset_finds),
      cmocka_unit_test(rows_that_agree_entirely_win),
      cmocka_unit_test(the_first_of_equal_subsets_wins),
      cmocka_unit_test(nearly_half_of_twenty_may_lie),
      cmocka_unit_test(few_rows_and_no_liars),
      cmocka_unit_test(arrival_changes_no_bit),
      cmocka_unit_test(more_than_it_can_enumerate_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
