/* Claims about sorting n doubles: the asked ranks are right, the rest is on the right side, and no
 * order of values makes it slow. */
#include "fixture.h"

#include "robust/sort.h"

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

enum { LONGEST = 1200, SHAPES = 5 };

/* Random, few distinct, rising, falling saw teeth, a ridge. */
static void fill(double *values, size_t n, size_t shape, uint64_t *seed) {
  for (size_t i = 0; i < n; i++) {
    double random = (double)test_unit(seed);
    const double shapes[SHAPES] = {random, floor(3.0 * random), (double)i, -(double)(i % 7),
                                   i < n / 2 ? (double)i : (double)(n - i)};
    values[i] = shapes[shape];
  }
}

static void ranks_are_those_of_a_sorted_copy(void **state) {
  (void)state;
  static double values[LONGEST], sorted[LONGEST], work[LONGEST];
  uint64_t seed = 3;
  for (size_t round = 0; round < 4000; round++) {
    size_t n = 1 + test_next(&seed) % (round % 50 == 0 ? LONGEST : 60);
    size_t from = test_next(&seed) % n, to = from + 1 + test_next(&seed) % (n - from);
    fill(values, n, round % SHAPES, &seed);
    memcpy(sorted, values, sizeof sorted);
    memcpy(work, values, sizeof work);
    qsort(sorted, n, sizeof *sorted, ascending);
    sort_ranks(work, n, from, to);
    assert_memory_equal(work + from, sorted + from, (to - from) * sizeof *work);
    for (size_t i = 0; i < from; i++) assert_true(work[i] <= sorted[from]);
    for (size_t i = to; i < n; i++) assert_true(work[i] >= sorted[to - 1]);
    qsort(work, n, sizeof *work, ascending); /* nothing lost, nothing made */
    assert_memory_equal(work, sorted, n * sizeof *work);
    memcpy(work, values, sizeof work);
    sort_doubles(work, n);
    assert_memory_equal(work, sorted, n * sizeof *work);
    assert_true(sort_median(values, n) == 0.5 * sorted[(n - 1) / 2] + 0.5 * sorted[n / 2]);
  }
}

/* What a liar who knows the pivots would send: the first and the middle value of what is left are
 * always its two smallest, so that every partition cuts off two values only. `place` follows where
 * partitioning moves each value. */
static void make_killer(double *values, size_t *place, size_t n) {
  for (size_t i = 0; i < n; i++) {
    values[i] = INFINITY;
    place[i] = i;
  }
  for (size_t base = 0; base + 2 < n; base += 2) {
    size_t *left = place + base;
    values[left[0]] = (double)base;
    values[left[(n - base) / 2]] = (double)base + 1.0;
    for (size_t i = 1; i < n - base;
         i++) { /* one value is below the pivot: the rest moves on by one place */
      size_t moving = left[i];
      left[i] = left[1];
      left[1] = moving;
    }
    for (size_t i = 1, front = 1; i < n - base; i++) { /* then the pivot itself is put behind it */
      size_t moving = left[i];
      left[i] = left[front];
      left[front] = moving;
      front += values[moving] <= (double)base + 1.0;
    }
  }
}

static void a_killer_of_quicksort_is_left_to_the_heap(void **state) {
  (void)state;
  enum { N = 3000 };
  static double values[N];
  static size_t place[N];
  make_killer(values, place, N);
  sort_doubles(values, N);
  for (size_t i = 1; i < N; i++) assert_true(values[i - 1] <= values[i]);
}

static void nothing_and_one_value_are_sorted(void **state) {
  (void)state;
  double value = 4.0;
  sort_doubles(&value, 0);
  sort_ranks(&value, 1, 0, 0);
  sort_doubles(&value, 1);
  assert_true(value == 4.0 && sort_median(&value, 1) == 4.0);
}

static void an_infinite_value_comes_last(void **state) {
  (void)state;
  double values[] = {INFINITY, 2, -INFINITY, INFINITY, 1};
  sort_doubles(values, 5);
  assert_true(isinf(values[0]) && values[1] == 1.0 && values[2] == 2.0 && isinf(values[3]));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(ranks_are_those_of_a_sorted_copy),
      cmocka_unit_test(a_killer_of_quicksort_is_left_to_the_heap),
      cmocka_unit_test(nothing_and_one_value_are_sorted),
      cmocka_unit_test(an_infinite_value_comes_last),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
