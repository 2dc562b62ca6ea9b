/* The inner loops themselves, written once over `vec` and `wide`; each lanes_*.c includes a vector
 * header, then this. */
#include "robust/lanes.h"
#include "robust/lanes_convert.h"
#include "robust/lanes_mix.h"
#include "robust/lanes_panels.h"
#include "robust/lanes_rank.h"
#include "robust/lanes_select.h"

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
 * An addition waits for the one before; those of two strips keep the adders busy. */
VEC_INLINE void add_window(const float *sorted, size_t n, size_t strips, size_t from, size_t to,
                           double *mean) {
  wide sum[LANES_STRIPS_MAX][2];
  for (size_t s = 0; s < strips; s++) sum[s][0] = sum[s][1] = wide_fill(0.0);
  for (size_t rank = from; rank < to; rank++)
    for (size_t s = 0; s < strips; s++) {
      const float *values = sorted + (s * n + rank) * VEC_WIDTH;
      sum[s][0] += wide_load(values);
      sum[s][1] += wide_load(values + HALF_WIDTH);
    }
  wide count = wide_fill((double)(to - from));
  for (size_t s = 0; s < strips; s++) {
    wide_store(mean + s * VEC_WIDTH, sum[s][0] / count);
    wide_store(mean + s * VEC_WIDTH + HALF_WIDTH, sum[s][1] / count);
  }
}

static void window_means(const float *sorted, size_t n, size_t strips, size_t from, size_t to,
                         double *mean) {
  if (strips == LANES_STRIPS_MAX)
    add_window(sorted, n, LANES_STRIPS_MAX, from, to, mean);
  else
    add_window(sorted, n, 1, from, to, mean);
}

#define LANES_TABLE(isa, sort_rows)                                                                \
  {                                                                                                \
    .name = isa, .width = VEC_WIDTH, .sort = sort_rows, .merge = merge,                            \
    .window_means = window_means, .select_means = select_means, .sort_wide = sort_wide,            \
    .window_mean_wide = window_mean_wide, .widen = widen, .nearest_mean = nearest_mean,            \
    .to_floats = to_floats, .add_scaled = add_scaled, .add_scaled_double = add_scaled_double,      \
    .add_signed = add_signed,                                                                      \
    .dot = dot, .dot_double = dot_double, .integers = &panel_integers, .doubles = &panel_doubles,  \
    .mix = mix, .mix_double = mix_double, .mix_flat = mix_flat                                     \
  }
