/* Drives the inner loops of lanes.h over rows of any length, block by block, in orders that threads
 * cannot change. */
#include "robust/kernel.h"
#include "robust/lanes.h"
#include "robust/sum.h"

#include <math.h>
#include <omp.h>
#include <string.h>

enum { SUM_TILE = 1024, DOT_BLOCK = 8192 };

/* The rows that count, in the order they are added. */
struct sum_work {
  size_t used;
  const float **row;
  double *weight;
  double *tile; /* threads x SUM_TILE */
};

static void lay_out(struct sum_work *work, struct scratch_cursor *cursor, size_t n, int threads) {
  work->row = scratch_take(cursor, n, sizeof *work->row);
  work->weight = scratch_take(cursor, n, sizeof *work->weight);
  work->tile = scratch_take(cursor, (size_t)threads * SUM_TILE, sizeof *work->tile);
}

size_t robust_weighted_sum_scratch_bytes(size_t n, int threads) {
  struct sum_work work;
  struct scratch_cursor cursor = scratch_open(NULL);
  lay_out(&work, &cursor, n, threads);
  return cursor.used;
}

static void gather(struct sum_work *work, const struct robust_rows *rows, const double *weights,
                   const size_t *order) {
  work->used = 0;
  for (size_t position = 0; position < rows->n; position++) {
    size_t i = order != NULL ? order[position] : position;
    if (weights[i] > 0.0 || weights[i] < 0.0) {
      work->row[work->used] = rows->row[i];
      work->weight[work->used++] = weights[i];
    }
  }
}

static void sum_tile(const struct lanes *lanes, const struct sum_work *work, size_t from,
                     size_t count, double *sum) {
  memset(sum, 0, count * sizeof *sum);
  for (size_t i = 0; i < work->used; i += LANES_ROWS_MAX) {
    const float *x[LANES_ROWS_MAX];
    size_t rows = work->used - i < LANES_ROWS_MAX ? work->used - i : LANES_ROWS_MAX;
    for (size_t r = 0; r < rows; r++) x[r] = work->row[i + r] + from;
    lanes->add_scaled(sum, rows, x, work->weight + i, count);
  }
}

enum robust_status kernel_weighted_sum(const struct robust_rows *rows, const double *weights,
                                       const size_t *order, const struct robust_scratch *scratch,
                                       const struct sink *sink, struct robust_error *error) {
  const struct lanes *lanes = lanes_choose(scratch->isa);
  struct sum_work work;
  struct scratch_cursor cursor = scratch_open(scratch);
  lay_out(&work, &cursor, rows->n, scratch->threads);
  if (!scratch_fits(&cursor)) {
    robust_error_set(error, "a weighted sum needs %zu bytes of scratch aligned to 64", cursor.used);
    return ROBUST_BAD_SCRATCH;
  }
  gather(&work, rows, weights, order);
  size_t block = robust_rows_block(rows, SUM_TILE);
  for (size_t from = 0; from < rows->d; from += block) {
    size_t to = rows->d - from < block ? rows->d : from + block;
#pragma omp parallel for schedule(dynamic, 8) num_threads(scratch->threads)
    for (size_t at = from; at < to; at += SUM_TILE) {
      double *tile = work.tile + (size_t)omp_get_thread_num() * SUM_TILE;
      size_t count = to - at < SUM_TILE ? to - at : SUM_TILE;
      sum_tile(lanes, &work, at, count, tile);
      sink_put(sink, at, tile, count);
    }
    if (rows->release != NULL) rows->release(rows->context, from, to);
  }
  return ROBUST_OK;
}

enum robust_status robust_weighted_sum(const struct robust_rows *rows, const double *weights,
                                       const size_t *order, const struct robust_scratch *scratch,
                                       float *out, struct robust_error *error) {
  struct sink sink = {.narrow = out};
  return kernel_weighted_sum(rows, weights, order, scratch, &sink, error);
}

enum robust_status robust_weighted_sum_f64(const struct robust_rows *rows, const double *weights,
                                           const size_t *order,
                                           const struct robust_scratch *scratch, double *out,
                                           struct robust_error *error) {
  struct sink sink = {.wide = out};
  return kernel_weighted_sum(rows, weights, order, scratch, &sink, error);
}

double robust_dot(const float *x, const float *y, size_t d) {
  const struct lanes *lanes = lanes_choose(ROBUST_ISA_BEST);
  double sum = 0.0;
  for (size_t from = 0; from < d; from += DOT_BLOCK)
    sum += lanes->dot(x + from, y + from, d - from < DOT_BLOCK ? d - from : DOT_BLOCK);
  return sum;
}

/* Squares of finite floats stay below 2^256 and no d in this world adds 2^768 of them: the sum of
 * squares is finite exactly when every value is. */
void robust_inspect(const float *x, size_t d, bool *is_finite, double *norm_squared) {
  *norm_squared = robust_dot(x, x, d);
  *is_finite = isfinite(*norm_squared);
}
