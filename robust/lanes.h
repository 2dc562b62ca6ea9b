/* The inner loops that touch every float, once per instruction set, behind one table of functions.
 */
#ifndef ROBUST_LANES_H
#define ROBUST_LANES_H

#include <stddef.h>

#include "robust/panel.h"
#include "robust/rows.h"
#include "robust/scratch.h"

enum { LANES_RUN_MAX = 128, LANES_WIDTH_MAX = 16, LANES_ROWS_MAX = 4, LANES_STRIPS_MAX = 2 };

/* A stretch of one row that is fetched into the cache at a time, and the lines it has. */
enum { LANES_PIECE_BYTES = 1024, LANES_PIECE_LINES = 16 };

/* Lines to ask the cache for: piece[0] has 2^shift of them, then comes piece[1]. */
struct lanes_ahead {
  const void *const *piece;
  size_t lines;
  size_t shift;
};

/* select_means keeps a bit of 32 rows in a word and takes eight words at a time. */
static inline size_t lanes_select_words(size_t n) {
  return (n + 255) / 256 * 8;
}

static inline size_t lanes_select_bytes(size_t n) {
  size_t words = lanes_select_words(n);
  return (32 * (words + 1) + words) * LANES_WIDTH_MAX * sizeof(float);
}

/* Every entry computes each coordinate, or each of sixteen fixed lanes, in an order that does not
 * depend on the width of the registers; that is why all tables give the same bits. Internal to
 * robust/, open to its tests. */
struct lanes {
  const char *name;
  size_t width;
  /* Ranks n rows, 1 <= n <= LANES_RUN_MAX, in each of `width` columns from coordinate `at`:
   * sorted[k * width + lane] becomes the k-th smallest of that column, for k in [from, to); other
   * ranks come out as anything. Asks the cache, on the way, for ahead[0], ahead[1], ...: pieces of
   * LANES_PIECE_BYTES that will be read soon, wherever they lie; rank.c says how many. */
  void (*sort)(const float *const *row, size_t n, size_t at, const void *const *ahead, size_t from,
               size_t to, float *sorted);
  /* Joins sorted runs of `run` rows (a power of two), the last one perhaps shorter, into one sorted
   * column of n. */
  void (*merge)(float *sorted, size_t n, size_t run);
  /* Means of ranks [from, to) of 1 or LANES_STRIPS_MAX strips of sorted columns, one after the
   * other in memory and of n ranks each: added upwards from the smallest, in double. */
  void (*window_means)(const float *sorted, size_t n, size_t strips, size_t from, size_t to,
                       double *mean);
  /* Means of ranks [from, to) of any number of rows, in each of `width` columns from coordinate
   * `at`. Added not upwards but in the order of the rows, whatever is strictly between the lowest
   * and the highest of them; then as many of the lowest, then of the highest, as are in the window.
   * `work` is lanes_select_bytes(n) on 64 bytes. */
  void (*select_means)(const float *const *row, size_t n, size_t at,
                       const struct lanes_ahead *ahead, size_t from, size_t to, void *work,
                       double *mean);
  /* The same for a strip of columns of doubles, width / 2 of them, and any n; all ranks. */
  void (*sort_wide)(const double *const *row, size_t n, size_t at, double *sorted);
  void (*window_mean_wide)(const double *sorted, size_t from, size_t to, double *mean);
  /* Sorted columns of floats as two strips of sorted columns of doubles. */
  void (*widen)(const float *sorted, size_t n, double *low, double *high);
  /* Mean of the `keep` values nearest to the median, added upwards, for width / 2 sorted columns of
   * doubles. Where values that differ lie equally far away and only some of them can be kept,
   * tied[lane] is that distance and mean[lane] one of the possible means; elsewhere tied[lane] is
   * -1. */
  void (*nearest_mean)(const double *sorted, size_t n, size_t keep, double *mean, double *tied);
  /* Values of any dtype but ROBUST_F64 as the floats they stand for; `scale` is for ROBUST_I8. */
  void (*to_floats)(enum robust_dtype dtype, const void *from, size_t count, float scale,
                    float *to);
  /* sum[k] = ((sum[k] + weight[0] x[0][k]) + weight[1] x[1][k])...; rows is at most LANES_ROWS_MAX.
   */
  void (*add_scaled)(double *sum, size_t rows, const float *const *x, const double *weight,
                     size_t count);
  void (*add_scaled_double)(double *sum, size_t rows, const double *const *x, const double *weight,
                            size_t count);
  /* sum[k] += sign[k] x[k]; signs are 1 or -1. */
  void (*add_signed)(double *sum, const float *sign, const float *x, size_t count);
  /* Sum of x[k] y[k]; products are exact in double, lane k mod 16 adds them in order of k. */
  double (*dot)(const float *x, const float *y, size_t count);
  /* The same for doubles, with fused multiply-adds. */
  double (*dot_double)(const double *x, const double *y, size_t count);
  /* Products of rows of floats and of rows of doubles; for the former lanes_choose_integers may
   * have better. */
  const struct panel_kernel *integers;
  const struct panel_kernel *doubles;
  /* out[b * stride + k] = sum over j, rising, of matrix[b * n + j] x[j][k], as mix.h says: rows of
   * floats, of doubles, and of doubles x_stride apart. */
  void (*mix)(size_t m, size_t n, const double *matrix, const float *const *x, size_t count,
              float *out, size_t stride);
  void (*mix_double)(size_t m, size_t n, const double *matrix, const double *const *x, size_t count,
                     double *out, size_t stride);
  void (*mix_flat)(size_t m, size_t n, const double *matrix, const double *x, size_t x_stride,
                   size_t count, double *out, size_t stride);
};

/* The table for an instruction set; the best this processor has when it lacks the one asked for. */
const struct lanes *lanes_choose(enum robust_isa isa);

/* The kernel for products of rows of floats. Asks the system for the use of AMX where the processor
 * has it, which holds for the process from then on. */
const struct panel_kernel *lanes_choose_integers(enum robust_isa isa);

#endif
