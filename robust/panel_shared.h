/* What all kernels of panels share, compiled for each instruction set. Internal. */
#ifndef ROBUST_PANEL_SHARED_H
#define ROBUST_PANEL_SHARED_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "robust/panel.h"

/* Magnitudes of finite floats order as their bits do, and integers have a maximum that compilers
 * vectorise. */
static inline float panel_largest(const float *x, size_t count) {
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

/* 2^exponent, for exponents of a normal double. */
static inline double panel_power(int exponent) {
  uint64_t bits = (uint64_t)(1023 + exponent) << 52;
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

/* The smallest e with |x| < 2^e, as frexp has it; 0 for zero. Every float but zero is a normal
 * double. */
static inline int panel_exponent(float x) {
  double value = (double)x;
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits == 0 ? 0 : (int)(bits >> 52) - 1022;
}

enum { PANEL_LINE = 64 }; /* bytes of a cache line */

/* Lines of each row that `shares` places in a loop have to fetch, each. */
static inline size_t panel_lines(const struct panel_ahead *ahead, size_t shares) {
  return ((ahead->bytes + PANEL_LINE - 1) / PANEL_LINE + shares - 1) / shares;
}

static inline void panel_fetch(const struct panel_ahead *ahead, size_t line, size_t lines) {
  for (size_t at = line * PANEL_LINE; at < (line + lines) * PANEL_LINE && at < ahead->bytes;
       at += PANEL_LINE)
    for (size_t r = 0; r < ahead->rows; r++) __builtin_prefetch(ahead->start[r] + at, 0, 2);
}

/* panel_kernel.climb. */
static inline void panel_climb(double *restrict sum, double *restrict level, size_t stride,
                               size_t number, size_t count) {
  for (; number % 2 == 1; number /= 2, level += stride)
    for (size_t k = 0; k < count; k++) sum[k] = level[k] + sum[k];
  memcpy(level, sum, count * sizeof *sum);
}

#endif
