/* Introsort for the n-sized side of robust/: partitions without branches, because scores come in no
 * order that a processor could guess, and heaps where a hostile order would make that quadratic. */
#include "robust/sort.h"

#include <stdbool.h>

/* Runs this short are sorted by insertion. */
enum { SORT_RUN = 16 };

static void sift_down(double *values, size_t root, size_t n) {
  double moving = values[root];
  for (size_t child = 2 * root + 1; child < n; child = 2 * root + 1) {
    if (child + 1 < n && values[child + 1] > values[child]) child++;
    if (!(values[child] > moving)) break;
    values[root] = values[child];
    root = child;
  }
  values[root] = moving;
}

static void sort_by_heap(double *values, size_t n) {
  for (size_t root = n / 2; root-- > 0;) sift_down(values, root, n);
  for (size_t end = n; end-- > 1;) {
    double largest = values[0];
    values[0] = values[end];
    values[end] = largest;
    sift_down(values, 0, end);
  }
}

static void sort_by_insertion(double *values, size_t n) {
  for (size_t i = 1; i < n; i++) {
    double moving = values[i];
    size_t place = i;
    for (; place > 0 && values[place - 1] > moving; place--) values[place] = values[place - 1];
    values[place] = moving;
  }
}

static double middle_of_three(double a, double b, double c) {
  double low = a < b ? a : b;
  double high = a < b ? b : a;
  return c < low ? low : c > high ? high : c;
}

/* Moves the values for which `value < pivot` (or, with `or_equal`, `value <= pivot`) to the front
 * and returns how many they are. Every step swaps; only where to is decided, so nothing is left for
 * a processor to guess. */
static size_t partition(double *values, size_t n, double pivot, bool or_equal) {
  size_t front = 0;
  for (size_t i = 0; i < n; i++) {
    double value = values[i];
    values[i] = values[front];
    values[front] = value;
    front += or_equal ? value <= pivot : value < pivot;
  }
  return front;
}

/* Ranks [from, to) of n values. After `depth` unlucky partitions the heap takes over. */
static void settle(double *values, size_t n, size_t from, size_t to, unsigned depth) {
  while (n > SORT_RUN) {
    if (depth-- == 0) {
      sort_by_heap(values, n);
      return;
    }
    double pivot = middle_of_three(values[0], values[n / 2], values[n - 1]);
    size_t below = partition(values, n, pivot, false);
    size_t settled = below;
    if (below < n / 8) settled += partition(values + below, n - below, pivot, true);
    if (from < below) settle(values, below, from, to < below ? to : below, depth);
    if (to <= settled) return;
    values += settled;
    n -= settled;
    from = from > settled ? from - settled : 0;
    to -= settled;
  }
  sort_by_insertion(values, n);
}

void sort_ranks(double *values, size_t n, size_t from, size_t to) {
  unsigned depth = 2;
  for (size_t left = n; left > 1; left /= 2) depth += 2;
  if (from < to) settle(values, n, from, to, depth);
}

void sort_doubles(double *values, size_t n) {
  sort_ranks(values, n, 0, n);
}

double sort_median(double *values, size_t n) {
  sort_ranks(values, n, (n - 1) / 2, n / 2 + 1);
  double upper = values[n / 2];
  return n % 2 == 1 ? upper : 0.5 * values[n / 2 - 1] + 0.5 * upper;
}
