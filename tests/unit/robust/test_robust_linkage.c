/* Claims about single linkage: the cluster that its definition names, ties included. */
#include "fixture.h"

#include "robust/linkage.h"

enum { ROWS = 24 };

/* How many rows can be reached from a row by steps no longer than `reach`; says which. */
static size_t reached(size_t n, const double *distance, size_t start, double reach, bool *is_in) {
  size_t stack[ROWS], depth = 0, count = 0;
  for (size_t i = 0; i < n; i++) is_in[i] = i == start;
  stack[depth++] = start;
  while (depth > 0) {
    size_t from = stack[--depth];
    count++;
    for (size_t to = 0; to < n; to++)
      if (!is_in[to] && distance[from * n + to] <= reach) {
        is_in[to] = true;
        stack[depth++] = to;
      }
  }
  return count;
}

/* The definition: the least of all distances with which some row reaches enough others. */
static void by_the_book(size_t n, const double *distance, size_t least, double *share,
                        double *level) {
  bool is_in[ROWS];
  double own = INFINITY;
  size_t core = n;
  for (size_t pair = 0; pair < n * n; pair++)
    for (size_t i = 0; i < n && distance[pair] < own && pair % (n + 1) != 0; i++)
      if (reached(n, distance, i, distance[pair], is_in) >= least) {
        own = distance[pair];
        core = i;
      }
  size_t members = reached(n, distance, core, own, is_in);
  for (size_t i = 0; i < n; i++) {
    share[i] = is_in[i] ? 1.0 / (double)members : 0.0;
    level[i] = is_in[i] ? own : INFINITY;
  }
  for (size_t pair = 0; pair < n * n; pair++) {
    if (distance[pair] < own || pair % (n + 1) == 0) continue;
    reached(n, distance, core, distance[pair], is_in);
    for (size_t i = 0; i < n; i++)
      if (is_in[i] && distance[pair] < level[i]) level[i] = distance[pair];
  }
}

/* Distances of few values, so that ties are everywhere, or of many. */
static void linkage_is_its_definition(void **state) {
  (void)state;
  double distance[ROWS * ROWS], work[4 * ROWS];
  double share[ROWS], level[ROWS], expected_share[ROWS], expected_level[ROWS];
  uint64_t seed = 3;
  assert_true(linkage_work_doubles(ROWS) <= 4 * ROWS);
  for (size_t round = 0; round < 1000; round++) {
    size_t n = 2 + test_next(&seed) % (ROWS - 1);
    size_t least = n / 2 + 1 + test_next(&seed) % (n - n / 2);
    uint64_t values = round % 3 == 0 ? 3 : round % 3 == 1 ? 12 : UINT64_C(1) << 40;
    for (size_t i = 0; i < n; i++) {
      distance[i * n + i] = 0.0;
      for (size_t j = 0; j < i; j++)
        distance[i * n + j] = distance[j * n + i] = (double)(test_next(&seed) % values);
    }
    linkage_majority(n, distance, least, work, share, level);
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
  linkage_majority(5, distance, 3, work, share, level);
  const double expected_share[5] = {0.25, 0.25, 0.25, 0.25, 0.0};
  const double expected_level[5] = {4.0, 4.0, 4.0, 4.0, 14.5};
  assert_memory_equal(share, expected_share, sizeof share);
  assert_memory_equal(level, expected_level, sizeof level);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(linkage_is_its_definition),
      cmocka_unit_test(linkage_of_two_pairs_and_a_stranger),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
