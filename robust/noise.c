/* A hash of (seed, index) makes a uniform number, and the normal distribution's quantile of it is
 * the noise: no state, so shards and auditors need not start at the beginning. */
#include "robust/noise.h"

#include "robust/logarithm.h"
#include "robust/splitmix.h"

#include <math.h>

/* The first number of the stream that starts at z: a permutation of 64 bits. */
static uint64_t mixed(uint64_t z) {
  return splitmix_next(&z);
}

/* Rational approximations of the normal quantile: algorithm AS 241, PPND16 (Wichura, Applied
 * Statistics 37 (3), 1988), about one part in 10^16. Coefficients from the highest power down. */
enum { DEGREE = 7 };

struct quotient {
  double numerator[DEGREE + 1];
  double denominator[DEGREE + 1];
};

/* In 0.425^2 - q^2, for |q| <= 0.425 where q = p - 1/2; the result is a multiple of q. */
static const struct quotient centre = {
    {2.5090809287301226727e+3, 3.3430575583588128105e+4, 6.7265770927008700853e+4,
     4.5921953931549871457e+4, 1.3731693765509461125e+4, 1.9715909503065514427e+3,
     1.3314166789178437745e+2, 3.3871328727963666080e+0},
    {5.2264952788528545610e+3, 2.8729085735721942674e+4, 3.9307895800092710610e+4,
     2.1213794301586595867e+4, 5.3941960214247511077e+3, 6.8718700749205790830e+2,
     4.2313330701600911252e+1, 1.0}};

/* In r - 1.6 for r <= 5, where r = sqrt(-ln(tail)). */
static const struct quotient shoulder = {
    {7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1,
     1.27045825245236838258e+0, 3.64784832476320460504e+0, 5.76949722146069140550e+0,
     4.63033784615654529590e+0, 1.42343711074968357734e+0},
    {1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2,
     1.48103976427480074590e-1, 6.89767334985100004550e-1, 1.67638483018380384940e+0,
     2.05319162663775882187e+0, 1.0}};

/* In r - 5 beyond. */
static const struct quotient far_tail = {
    {2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3,
     2.65321895265761230930e-2, 2.96560571828504891230e-1, 1.78482653991729133580e+0,
     5.46378491116411436990e+0, 6.65790464350110377720e+0},
    {2.04426310338993978564e-15, 1.42151175831644588870e-7, 1.84631831751005468180e-5,
     7.86869131145613259100e-4, 1.48753612908506148525e-2, 1.36929880922735805310e-1,
     5.99832206555887937690e-1, 1.0}};

static double evaluate(const struct quotient *quotient, double x) {
  double above = quotient->numerator[0];
  double below = quotient->denominator[0];
  for (int k = 1; k <= DEGREE; k++) {
    above = above * x + quotient->numerator[k];
    below = below * x + quotient->denominator[k];
  }
  return above / below;
}

/* Where a standard normal number lies with probability p, 0 < p < 1. */
static double quantile(double p) {
  double q = p - 0.5;
  if (fabs(q) <= 0.425) return q * evaluate(&centre, 0.180625 - q * q);
  double r = sqrt(-logarithm(q < 0.0 ? p : 1.0 - p));
  double size = r <= 5.0 ? evaluate(&shoulder, r - 1.6) : evaluate(&far_tail, r - 5.0);
  return q < 0.0 ? -size : size;
}

double noise_normal(uint64_t seed, uint64_t index) {
  /* Not mixed(index): a seed and an index that are equal would cancel. */
  uint64_t bits = mixed(mixed(seed) ^ mixed(~index));
  /* An odd multiple of 2^-53: never 0 or 1, and as likely as its mirror image. */
  double uniform = (double)(bits >> 12 << 1 | 1) * 0x1p-53;
  return quantile(uniform);
}

void noise_add(double *tile, uint64_t from, size_t count, double sigma, uint64_t seed) {
  for (size_t k = 0; k < count; k++) tile[k] += sigma * noise_normal(seed, from + k);
}
