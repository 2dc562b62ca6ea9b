/* The inner loops themselves, written once over `vec` and `wide`; each lanes_*.c includes a vector
 * header, then this. */
#include "robust/lanes.h"
#include "robust/lanes_convert.h"
#include "robust/lanes_mix.h"
#include "robust/lanes_rank.h"

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

/* Batcher's odd-even merge, started at runs that are already sorted (Knuth 5.2.2, in its form for
 * any n). */
static void merge(float *sorted, size_t n, size_t run) {
  for (size_t p = run; p < n; p *= 2)
    for (size_t k = p; k >= 1; k /= 2)
      for (size_t j = k % p; j + k < n; j += 2 * k)
        for (size_t i = j; i < j + k && i + k < n; i++) {
          if ((i ^ (i + k)) >= 2 * p) continue; /* not of the same pair of runs */
          vec a = vec_load(sorted + i * VEC_WIDTH);
          vec b = vec_load(sorted + (i + k) * VEC_WIDTH);
          vec_store(sorted + i * VEC_WIDTH, vec_min(a, b));
          vec_store(sorted + (i + k) * VEC_WIDTH, vec_max(a, b));
        }
}

/* Sums start at +0, so that a column of zeros of either sign gives +0 whatever order they came in.
 */
static void window_mean(const float *sorted, size_t from, size_t to, double *mean) {
  wide low = wide_fill(0.0);
  wide high = wide_fill(0.0);
  for (size_t rank = from; rank < to; rank++) {
    low += wide_load(sorted + rank * VEC_WIDTH);
    high += wide_load(sorted + rank * VEC_WIDTH + HALF_WIDTH);
  }
  wide count = wide_fill((double)(to - from));
  wide_store(mean, low / count);
  wide_store(mean + HALF_WIDTH, high / count);
}

static void add_scaled(double *restrict sum, size_t rows, const float *const *x,
                       const double *weight, size_t count) {
  const float *restrict a = x[0];
  if (rows < LANES_ROWS_MAX) {
    for (size_t k = 0; k < count; k++) sum[k] += weight[0] * (double)a[k];
    if (rows > 1) add_scaled(sum, rows - 1, x + 1, weight + 1, count);
    return;
  }
  const float *restrict b = x[1];
  const float *restrict c = x[2];
  const float *restrict d = x[3];
  double wa = weight[0], wb = weight[1], wc = weight[2], wd = weight[3];
  for (size_t k = 0; k < count; k++)
    sum[k] = (((sum[k] + wa * (double)a[k]) + wb * (double)b[k]) + wc * (double)c[k]) +
             wd * (double)d[k];
}

enum { DOT_LANES = 16, DOT_REGISTERS = DOT_LANES / HALF_WIDTH };

/* Lanes are added as a balanced tree: 0+8, 1+9, ..., then halves again. */
static double lanes_total(double *lane) {
  for (size_t half = DOT_LANES / 2; half >= 1; half /= 2)
    for (size_t i = 0; i < half; i++) lane[i] += lane[i + half];
  return lane[0];
}

static double dot(const float *x, const float *y, size_t count) {
  wide sum[DOT_REGISTERS];
  double lane[DOT_LANES];
  for (size_t r = 0; r < DOT_REGISTERS; r++) sum[r] = wide_fill(0.0);
  size_t k = 0;
  for (; k + DOT_LANES <= count; k += DOT_LANES)
    for (size_t r = 0; r < DOT_REGISTERS; r++)
      sum[r] += wide_load(x + k + r * HALF_WIDTH) * wide_load(y + k + r * HALF_WIDTH);
  for (size_t r = 0; r < DOT_REGISTERS; r++) wide_store(lane + r * HALF_WIDTH, sum[r]);
  for (size_t i = 0; k + i < count; i++) lane[i] += (double)x[k + i] * (double)y[k + i];
  return lanes_total(lane);
}

/* Magnitudes of finite floats order as their bits do, and integers have a maximum that compilers
 * vectorise. */
static float largest(const float *x, size_t count) {
  int32_t most = 0;
  for (size_t k = 0; k < count; k++) {
    int32_t bits;
    memcpy(&bits, x + k, sizeof bits);
    bits &= INT32_MAX;
    most = bits > most ? bits : most;
  }
  float value;
  memcpy(&value, &most, sizeof value);
  return value;
}

/* Adding 1.5 * 2^52 leaves no bits below the unit: the sum is rounded to an integer, ties to even,
 * in any mode of vectorisation. -ffast-math would break it; cmake/flags.cmake forbids that. */
static void quantise(const float *restrict x, size_t count, double scale, double *restrict out) {
  const double shift = 0x1.8p52;
  for (size_t k = 0; k < count; k++) out[k] = ((double)x[k] * scale + shift) - shift;
}

#define LANES_TABLE(isa, sort_rows, integer_products)                                              \
  {                                                                                                \
    .name = isa, .width = VEC_WIDTH, .sort = sort_rows, .merge = merge,                            \
    .window_mean = window_mean, .sort_wide = sort_wide, .window_mean_wide = window_mean_wide,      \
    .widen = widen, .nearest_mean = nearest_mean, .to_floats = to_floats,                          \
    .add_scaled = add_scaled, .dot = dot, .largest = largest, .quantise = quantise,                \
    .products = integer_products, .mix = mix, .mix_double = mix_double, .mix_flat = mix_flat       \
  }
