/* Counts divided by their sum, even where the sum itself would overflow. */
#include "robust/share.h"

#include <math.h>

bool share_of_counts(size_t n, const double *counts, double *share) {
  double largest = 0.0;
  for (size_t i = 0; i < n; i++) largest = counts[i] > largest ? counts[i] : largest;
  if (!(largest > 0.0)) return false;
  /* A common power of two drops out of the quotient. */
  int exponent;
  frexp(largest, &exponent);
  double total = 0.0;
  for (size_t i = 0; i < n; i++) total += ldexp(counts[i], -exponent);
  for (size_t i = 0; i < n; i++) share[i] = ldexp(counts[i], -exponent) / total;
  return true;
}
