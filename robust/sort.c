/* Heapsort for the n-sized side of robust/, where a hostile order of scores must not become
 * quadratic time. */
#include "robust/sort.h"

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

void sort_doubles(double *values, size_t n) {
  for (size_t root = n / 2; root-- > 0;) sift_down(values, root, n);
  for (size_t end = n; end-- > 1;) {
    double largest = values[0];
    values[0] = values[end];
    values[end] = largest;
    sift_down(values, 0, end);
  }
}

double sort_median(double *values, size_t n) {
  sort_doubles(values, n);
  double upper = values[n / 2];
  return n % 2 == 1 ? upper : 0.5 * values[n / 2 - 1] + 0.5 * upper;
}
