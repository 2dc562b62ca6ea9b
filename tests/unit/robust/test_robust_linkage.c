/* Claims about single linkage: the same cluster as joining all pairs in sorted order, ties
 * included. */
#include "fixture.h"

#include "robust/linkage.h"

enum { ROWS = 24 };

/* The definition: all pairs by (distance, i, j), joined one after the other. */
static void by_the_book(size_t n, const double *distance, size_t least, double *share,
                        double *level) {
  size_t label[ROWS], members = 0, core = n;
  bool is_used[ROWS * ROWS] = {false};
  for (size_t i = 0; i < n; i++) {
    label[i] = i;
    share[i] = 0.0;
    level[i] = -1.0;
  }
  for (size_t step = 0; step < n * (n - 1) / 2; step++) {
    size_t a = n, b = n;
    for (size_t i = 0; i < n; i++)
      for (size_t j = i + 1; j < n; j++)
        if (!is_used[i * n + j] && (a == n || distance[i * n + j] < distance[a * n + b])) {
          a = i;
          b = j;
        }
    is_used[a * n + b] = true;
    size_t lost = label[b];
    for (size_t i = 0; i < n; i++)
      if (label[i] == lost) label[i] = label[a];
    members = 0;
    for (size_t i = 0; i < n; i++) members += label[i] == label[a];
    if (core == n && members >= least) {
      core = a;
      for (size_t i = 0; i < n; i++)
        if (label[i] == label[a]) share[i] = 1.0 / (double)members;
    }
    for (size_t i = 0; core < n && i < n; i++)
      if (label[i] == label[core] && level[i] < 0.0) level[i] = distance[a * n + b];
  }
}

/* Distances of few values, so that ties are everywhere, or of many. */
static void linkage_joins_pairs_in_sorted_order(void **state) {
  (void)state;
  double distance[ROWS * ROWS], work[4 * ROWS];
  double share[ROWS], level[ROWS], expected_share[ROWS], expected_level[ROWS];
  uint64_t seed = 3;
  assert_true(linkage_work_doubles(ROWS) <= 4 * ROWS);
  for (size_t round = 0; round < 3000; round++) {
    size_t n = 2 + test_next(&seed) % (ROWS - 1);
    size_t least = 2 + test_next(&seed) % (n - 1);
    uint64_t values = round % 3 == 0 ? 3 : round % 3 == 1 ? 12 : UINT64_C(1) << 40;
    for (size_t i = 0; i < n; i++) {
      distance[i * n + i] = 0.0;
      for (size_t j = 0; j < i; j++)
        distance[i * n + j] = distance[j * n + i] = (double)(test_next(&seed) % values);
    }
    linkage_first_cluster(n, distance, least, work, share, level);
    by_the_book(n, distance, least, expected_share, expected_level);
    assert_memory_equal(share, expected_share, n * sizeof *share);
    assert_memory_equal(level, expected_level, n * sizeof *level);
  }
}

static void linkage_of_two_pairs_and_a_stranger(void **state) {
  (void)state;
  /* On a line: 0, 1, 5, 5.5, 20. */
  const double at[5] = {0.0, 1.0, 5.0, 5.5, 20.0};
  double distance[25], work[20], share[5], level[5];
  for (size_t i = 0; i < 5; i++)
    for (size_t j = 0; j < 5; j++) distance[i * 5 + j] = fabs(at[i] - at[j]);
  linkage_first_cluster(5, distance, 3, work, share, level);
  const double expected_share[5] = {0.25, 0.25, 0.25, 0.25, 0.0};
  const double expected_level[5] = {4.0, 4.0, 4.0, 4.0, 14.5};
  assert_memory_equal(share, expected_share, sizeof share);
  assert_memory_equal(level, expected_level, sizeof level);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(linkage_joins_pairs_in_sorted_order),
      cmocka_unit_test(linkage_of_two_pairs_and_a_stranger),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
