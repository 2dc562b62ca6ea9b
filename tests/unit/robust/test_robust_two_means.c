/* Claims about the split in two: on a line the best there is, anywhere a local best, and side 0 is
 * the first point's. */
#include "fixture.h"

#include "robust/two_means.h"

enum { N_MAX = 16 };

static struct two_means split(size_t n, size_t dimensions, const double *points, bool *side) {
  struct two_means means;
  double work[2 * N_MAX];
  assert_true(n <= N_MAX);
  two_means(n, dimensions, points, side, work, &means);
  assert_true(means.is_settled && means.count[0] + means.count[1] == n && !side[0]);
  return means;
}

static void a_line_by_hand(void **state) {
  (void)state;
  bool side[5];
  struct two_means means = split(5, 1, (const double[]){7, 1, 8, 2, 9}, side);
  assert_true(!side[0] && side[1] && !side[2] && side[3] && !side[4]);
  assert_true(means.count[0] == 3 && means.centre[0][0] == 8.0 && means.centre[1][0] == 1.5);
}

static double squares_within(size_t n, const double *x, const bool *side) {
  double sum[2] = {0, 0}, count[2] = {0, 0}, squares = 0.0;
  for (size_t i = 0; i < n; i++) {
    sum[side[i]] += x[i];
    count[side[i]] += 1.0;
  }
  for (size_t i = 0; i < n; i++) {
    double away = x[i] - sum[side[i]] / count[side[i]];
    squares += away * away;
  }
  return squares;
}

static void no_split_of_a_line_is_better(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed <= 100; seed++) {
    size_t n = 2 + seed % 9;
    double x[N_MAX];
    bool side[N_MAX], other[N_MAX];
    uint64_t numbers = seed;
    for (size_t i = 0; i < n; i++) x[i] = (double)test_unit(&numbers);
    split(n, 1, x, side);
    double best = squares_within(n, x, side);
    for (uint64_t set = 1; set + 1 < UINT64_C(1) << n; set++) {
      for (size_t i = 0; i < n; i++) other[i] = (set >> i & 1) != 0;
      assert_true(squares_within(n, x, other) >= best - 1e-12);
    }
  }
}

/* Nobody is nearer to the other centre, and centres are means. */
static void in_space_everybody_is_on_the_nearer_side(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed <= 50; seed++) {
    enum { N = 16, D = 4 };
    double x[N * D], mean[2][D] = {{0}, {0}};
    bool side[N];
    uint64_t numbers = seed;
    for (size_t k = 0; k < N * D; k++) x[k] = (double)test_unit(&numbers);
    struct two_means means = split(N, D, x, side);
    for (size_t i = 0; i < N; i++) {
      assert_true(two_means_distance(D, x + i * D, means.centre[side[i]]) <=
                  two_means_distance(D, x + i * D, means.centre[!side[i]]));
      for (size_t k = 0; k < D; k++)
        mean[side[i]][k] += x[i * D + k] / (double)means.count[side[i]];
    }
    for (size_t s = 0; s < 2; s++)
      for (size_t k = 0; k < D; k++) assert_true(fabs(mean[s][k] - means.centre[s][k]) < 1e-14);
  }
}

static void equal_points_are_one_side(void **state) {
  (void)state;
  bool side[7];
  const double x[14] = {.1, .7, .1, .7, .1, .7, .1, .7, .1, .7, .1, .7, .1, .7};
  for (size_t n = 1; n <= 7; n++) assert_int_equal(split(n, 2, x, side).count[0], n);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_line_by_hand),
      cmocka_unit_test(no_split_of_a_line_is_better),
      cmocka_unit_test(in_space_everybody_is_on_the_nearer_side),
      cmocka_unit_test(equal_points_are_one_side),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
