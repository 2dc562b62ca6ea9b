/* Chance from integer arithmetic and correctly rounded operations only: libm's log and exp may
 * differ in the last bit between machines, and one bit is enough to send an example to another
 * client. So both are written out here. */
#include "lab/random.h"

#include <assert.h>
#include <math.h>

static const double ln_2 = 0.693147180559945309417232121458;

/* 2 artanh((m-1)/(m+1)) with m in [sqrt(1/2), sqrt(2)): the argument is below 0.172, so 12 terms
 * reach 2^-60. */
static double portable_log(double x) {
  int exponent = 0;
  double m = frexp(x, &exponent);
  if (m < 0.70710678118654752) {
    m *= 2;
    exponent--;
  }
  double s = (m - 1) / (m + 1), square = s * s, sum = 0;
  for (int k = 23; k >= 1; k -= 2) sum = sum * square + 1.0 / k;
  return 2 * s * sum + exponent * ln_2;
}

/* Taylor series on [-ln 2 / 2, ln 2 / 2] after taking out the power of two. */
static double portable_exp(double x) {
  if (x < -745) return 0;
  double power = floor(x / ln_2 + 0.5), rest = x - power * ln_2, sum = 1;
  for (int k = 16; k >= 1; k--) sum = 1 + sum * rest / k;
  return ldexp(sum, (int)power);
}

/* splitmix64's output function (Steele, Lea, Flood 2014): a bijection that leaves no trace of small
 * seeds. */
static uint64_t scramble(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

void random_seed(struct random *random, uint64_t seed) {
  for (int i = 0; i < 4; i++) {
    seed += 0x9e3779b97f4a7c15u;
    random->state[i] = scramble(seed);
  }
}

uint64_t random_mix(uint64_t seed, uint64_t value) {
  return scramble(scramble(seed + 0x9e3779b97f4a7c15u) + 0x9e3779b97f4a7c15u * (value + 1));
}

static uint64_t rotate_left(uint64_t x, int bits) {
  return (x << bits) | (x >> (64 - bits));
}

uint64_t random_bits(struct random *random) {
  uint64_t *s = random->state;
  uint64_t result = rotate_left(s[1] * 5, 7) * 9, shifted = s[1] << 17;
  s[2] ^= s[0];
  s[3] ^= s[1];
  s[1] ^= s[2];
  s[0] ^= s[3];
  s[2] ^= shifted;
  s[3] = rotate_left(s[3], 45);
  return result;
}

double random_uniform(struct random *random) {
  return (double)(random_bits(random) >> 11) * 0x1p-53;
}

double random_between(struct random *random, double low, double high) {
  return low + (high - low) * random_uniform(random);
}

uint64_t random_below(struct random *random, uint64_t bound) {
  assert(bound > 0);
  /* 2^64 mod bound values at the bottom would come up once too often. */
  uint64_t surplus = (0 - bound) % bound, bits;
  do bits = random_bits(random);
  while (bits < surplus);
  return bits % bound;
}

/* Marsaglia's polar method: no sine, no cosine. The second value is dropped so that a stream has no
 * hidden state. */
double random_normal(struct random *random) {
  double u, v, square;
  do {
    u = random_between(random, -1, 1);
    v = random_between(random, -1, 1);
    square = u * u + v * v;
  } while (square >= 1 || square == 0);
  return u * sqrt(-2 * portable_log(square) / square);
}

static double uniform_above_zero(struct random *random) {
  return 1 - random_uniform(random);
}

/* Marsaglia, Tsang, "A simple method for generating gamma variables" (2000), for shape >= 1. */
static double gamma_large(struct random *random, double shape) {
  double d = shape - 1.0 / 3, c = 1 / sqrt(9 * d);
  for (;;) {
    double x = random_normal(random), t = 1 + c * x;
    if (t <= 0) continue;
    double v = t * t * t;
    if (portable_log(uniform_above_zero(random)) < 0.5 * x * x + d - d * v + d * portable_log(v))
      return d * v;
  }
}

/* The same paper's section 6: gamma(a) = gamma(a+1) U^(1/a), kept as a logarithm because small
 * shapes underflow. */
static double log_gamma_draw(struct random *random, double shape) {
  assert(shape > 0);
  if (shape >= 1) return portable_log(gamma_large(random, shape));
  double large = gamma_large(random, shape + 1);
  return portable_log(large) + portable_log(uniform_above_zero(random)) / shape;
}

double random_gamma(struct random *random, double shape) {
  return portable_exp(log_gamma_draw(random, shape));
}

void random_dirichlet(struct random *random, double alpha, double *shares, size_t count) {
  double largest = -INFINITY, sum = 0;
  for (size_t i = 0; i < count; i++) {
    shares[i] = log_gamma_draw(random, alpha);
    if (shares[i] > largest) largest = shares[i];
  }
  for (size_t i = 0; i < count; i++) {
    shares[i] = portable_exp(shares[i] - largest);
    sum += shares[i];
  }
  for (size_t i = 0; i < count; i++) shares[i] /= sum;
}

void random_shuffle(struct random *random, uint32_t *values, size_t count) {
  for (size_t i = count; i > 1; i--) {
    size_t j = (size_t)random_below(random, i);
    uint32_t kept = values[i - 1];
    values[i - 1] = values[j];
    values[j] = kept;
  }
}
