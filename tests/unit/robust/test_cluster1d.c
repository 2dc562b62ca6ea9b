/* Claims about clusters on a line: the costs are those of the best of all ways to cut, and the gap
 * statistic sees what is there. */
#include "fixture.h"

#include "robust/cluster1d.h"
#include "robust/sort.h"

enum { N_MAX = 60 };

static double interval_cost(const double *sorted, size_t from, size_t to) {
  double mean = 0.0, cost = 0.0;
  for (size_t i = from; i < to; i++) mean += sorted[i] / (double)(to - from);
  for (size_t i = from; i < to; i++) cost += (sorted[i] - mean) * (sorted[i] - mean);
  return cost;
}

/* Every way to cut values [from, n) into at most k intervals. */
static double best_of_all(const double *sorted, size_t from, size_t n, size_t k) {
  double best = interval_cost(sorted, from, n);
  for (size_t to = from + 1; k > 1 && to < n; to++)
    best = fmin(best, interval_cost(sorted, from, to) + best_of_all(sorted, to, n, k - 1));
  return best;
}

static void fill(double *sorted, size_t n, uint64_t seed) {
  for (size_t i = 0; i < n; i++) sorted[i] = (double)test_unit(&seed);
  sort_doubles(sorted, n);
}

static void costs_are_those_of_the_best_cuts(void **state) {
  (void)state;
  for (size_t n = 1; n <= 11; n++) {
    double sorted[N_MAX], cost[5], work[5 * N_MAX];
    fill(sorted, n, n);
    cluster1d_costs(n, sorted, 5, cost, work);
    for (size_t k = 1; k <= 5; k++)
      assert_true(fabs(cost[k - 1] - best_of_all(sorted, 0, n, k)) < 1e-14);
    if (n > 1) {
      size_t start = cluster1d_halves(n, sorted, work);
      assert_true(start >= 1 && start < n);
      assert_true(fabs(interval_cost(sorted, 0, start) + interval_cost(sorted, start, n) -
                       cost[1]) < 1e-14);
    }
  }
}

static void nothing_is_paid_for_equal_values(void **state) {
  (void)state;
  const double sorted[] = {0.1, 0.1, 0.1, 0.3, 0.3, 0.7};
  double cost[4], work[4 * 6];
  cluster1d_costs(6, sorted, 4, cost, work);
  assert_true(cost[0] > cost[1] && cost[1] > 0.0 && cost[2] == 0.0 && cost[3] == 0.0);
}

/* A common offset of a million spreads costs nothing: sums of squares would drown. */
static void far_from_zero_is_as_good(void **state) {
  (void)state;
  double sorted[20], cost[3], moved[3], work[60];
  fill(sorted, 20, 77);
  cluster1d_costs(20, sorted, 3, cost, work);
  for (size_t i = 0; i < 20; i++) sorted[i] = 1e9 + 0x1p-20 * rint(0x1p20 * sorted[i]);
  cluster1d_costs(20, sorted, 3, moved, work);
  for (size_t k = 0; k < 3; k++) assert_true(fabs(cost[k] - moved[k]) < 1e-4 * cost[k]);
}

static void halves_by_hand(void **state) {
  (void)state;
  double work[4];
  assert_int_equal(cluster1d_halves(4, (double[]){0, 1, 10, 11}, work), 2);
  assert_int_equal(cluster1d_halves(4, (double[]){0, 9, 10, 11}, work), 1);
  assert_int_equal(cluster1d_halves(3, (double[]){0, 1, 2}, work), 1); /* either place: the first */
  assert_int_equal(cluster1d_halves(2, (double[]){5, 5}, work), 1);
}

static size_t gap(size_t n, double *values, uint64_t seed) {
  static double work[8 * N_MAX];
  assert_true(cluster1d_gap_work(n, 7) <= sizeof work / sizeof work[0]);
  sort_doubles(values, n);
  return cluster1d_gap(n, values, 7, 10, seed, work);
}

static void one_bell_is_one_cluster_and_two_bells_are_more(void **state) {
  (void)state;
  uint64_t seed = 8;
  size_t one = 0, more = 0;
  for (size_t round = 0; round < 100; round++) {
    double values[N_MAX];
    for (size_t i = 0; i < N_MAX; i++) {
      values[i] = 0.0;
      for (size_t k = 0; k < 12; k++) values[i] += (double)test_unit(&seed);
    }
    one += gap(N_MAX, values, round) == 1;
    for (size_t i = 0; i < 20; i++) values[i] += 40.0;
    more += gap(N_MAX, values, round) > 1;
  }
  assert_true(one >= 98 && more == 100);
}

static void few_values_are_as_many_clusters_at_most(void **state) {
  (void)state;
  double equal[] = {3, 3, 3, 3}, single[] = {7}, binary[] = {0, 1, 0, 0, 1, 0, 0};
  assert_int_equal(gap(4, equal, 1), 1);
  assert_int_equal(gap(1, single, 1), 1);
  assert_int_equal(gap(7, binary, 1), 2);
}

static void a_seed_gives_the_same_answer_and_scale_does_not_matter(void **state) {
  (void)state;
  static double values[N_MAX], scaled[N_MAX];
  for (uint64_t seed = 0; seed < 50; seed++) {
    fill(values, N_MAX, seed);
    for (size_t i = 0; i < N_MAX; i++) scaled[i] = ldexp(values[i], -200);
    assert_int_equal(gap(N_MAX, values, seed), gap(N_MAX, scaled, seed));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(costs_are_those_of_the_best_cuts),
      cmocka_unit_test(nothing_is_paid_for_equal_values),
      cmocka_unit_test(far_from_zero_is_as_good),
      cmocka_unit_test(halves_by_hand),
      cmocka_unit_test(one_bell_is_one_cluster_and_two_bells_are_more),
      cmocka_unit_test(few_values_are_as_many_clusters_at_most),
      cmocka_unit_test(a_seed_gives_the_same_answer_and_scale_does_not_matter),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
