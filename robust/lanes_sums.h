/* Sums along rows and across them, in an order that the width of the registers does not show in. */
#ifndef ROBUST_LANES_SUMS_H
#define ROBUST_LANES_SUMS_H

#include <stddef.h>

#include "robust/lanes.h"

enum { SUM_LANES = 16, SUM_REGISTERS = SUM_LANES / HALF_WIDTH };

/* The compiler makes vectors of this by itself; a flipped sign is exact in any of them. */
static void add_signed(double *restrict sum, const float *restrict sign, const float *restrict x,
                       size_t count) {
  for (size_t k = 0; k < count; k++) sum[k] += (double)(sign[k] * x[k]);
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

static void add_scaled_double(double *restrict sum, size_t rows, const double *const *x,
                              const double *weight, size_t count) {
  for (size_t i = 0; i < rows; i++) {
    const double *restrict a = x[i];
    for (size_t k = 0; k < count; k++) sum[k] += weight[i] * a[k];
  }
}

/* Lanes are added as a balanced tree: 0+8, 1+9, ..., then halves again. */
static double lanes_total(double *lane) {
  for (size_t half = SUM_LANES / 2; half >= 1; half /= 2)
    for (size_t i = 0; i < half; i++) lane[i] += lane[i + half];
  return lane[0];
}

static double dot(const float *x, const float *y, size_t count) {
  wide sum[SUM_REGISTERS];
  double lane[SUM_LANES];
  for (size_t r = 0; r < SUM_REGISTERS; r++) sum[r] = wide_fill(0.0);
  size_t k = 0;
  for (; k + SUM_LANES <= count; k += SUM_LANES)
    for (size_t r = 0; r < SUM_REGISTERS; r++)
      sum[r] += wide_load(x + k + r * HALF_WIDTH) * wide_load(y + k + r * HALF_WIDTH);
  for (size_t r = 0; r < SUM_REGISTERS; r++) wide_store(lane + r * HALF_WIDTH, sum[r]);
  for (size_t i = 0; k + i < count; i++) lane[i] += (double)x[k + i] * (double)y[k + i];
  return lanes_total(lane);
}

static double dot_double(const double *x, const double *y, size_t count) {
  wide sum[SUM_REGISTERS];
  double lane[SUM_LANES];
  for (size_t r = 0; r < SUM_REGISTERS; r++) sum[r] = wide_fill(0.0);
  size_t k = 0;
  for (; k + SUM_LANES <= count; k += SUM_LANES)
    for (size_t r = 0; r < SUM_REGISTERS; r++)
      sum[r] = wide_multiply_add(wide_load_double(x + k + r * HALF_WIDTH),
                                 wide_load_double(y + k + r * HALF_WIDTH), sum[r]);
  for (size_t r = 0; r < SUM_REGISTERS; r++) wide_store(lane + r * HALF_WIDTH, sum[r]);
  for (size_t i = 0; k + i < count; i++) lane[i] = fma(x[k + i], y[k + i], lane[i]);
  return lanes_total(lane);
}

#endif
