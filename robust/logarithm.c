/* x = 2^e (1 + f) with 1 + f between sqrt(1/2) and sqrt 2; ln(1 + f) by the series of the inverse
 * hyperbolic tangent, arranged so that only its small part is rounded. */
#include "robust/logarithm.h"

#include <math.h>
#include <stddef.h>

/* ln 2 in two parts: the first has 33 bits, so that its product with an exponent is exact. */
static const double ln2_high = 0x1.62e42fefp-1;
static const double ln2_low = 0x1.473de6af278edp-34;

/* With s = f / (2 + f), ln(1 + f) = 2 atanh s = 2s + s R, R = 2 (s^2/3 + s^4/5 + ...). |s| is at
 * most 0.172, so that the first term left out is below 2^-60 of the whole. */
static double atanh_tail(double s) {
  static const double two_over_odd[] = {2.0 / 23, 2.0 / 21, 2.0 / 19, 2.0 / 17, 2.0 / 15, 2.0 / 13,
                                        2.0 / 11, 2.0 / 9,  2.0 / 7,  2.0 / 5,  2.0 / 3};
  double square = s * s;
  double sum = 0.0;
  for (size_t k = 0; k < sizeof two_over_odd / sizeof two_over_odd[0]; k++)
    sum = (sum + two_over_odd[k]) * square;
  return sum;
}

double logarithm(double x) {
  int exponent;
  if (!(x > 0.0)) return -INFINITY;
  double fraction = frexp(x, &exponent);
  if (fraction < 0x1.6a09e667f3bcdp-1) {
    fraction *= 2.0;
    exponent--;
  }
  /* 2s = f - s f, and s f = f^2/2 - s f^2/2: what is rounded is small beside f, which is exact. */
  double f = fraction - 1.0;
  double s = f / (2.0 + f);
  double half_square = 0.5 * f * f;
  double small = s * (half_square + atanh_tail(s));
  double e = (double)exponent;
  return e * ln2_high - ((half_square - (small + e * ln2_low)) - f);
}
