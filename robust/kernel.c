/* Drives the inner loops of lanes.h over rows of any length, block by block, in orders that threads
 * cannot change. */
#include "robust/kernel.h"
#include "robust/convert.h"
#include "robust/lanes.h"
#include "robust/sum.h"

#include <math.h>
#include <omp.h>
#include <stdint.h>
#include <string.h>

enum { SUM_TILE = 1024, DOT_BLOCK = 8192 };

/* The rows that count, in the order they are added. */
struct sum_work {
  size_t used;
  size_t *row;    /* n */
  double *weight; /* n */
  double *tile;   /* threads x SUM_TILE */
  float *buffer;  /* threads x LANES_ROWS_MAX x SUM_TILE, for rows that are not floats */
};

static void lay_out(struct sum_work *work, struct scratch_cursor *cursor, size_t n, int threads) {
  size_t tiles = (size_t)threads * SUM_TILE;
  work->row = scratch_take(cursor, n, sizeof *work->row);
  work->weight = scratch_take(cursor, n, sizeof *work->weight);
  work->tile = scratch_take(cursor, tiles, sizeof *work->tile);
  work->buffer = scratch_take(cursor, tiles * LANES_ROWS_MAX, sizeof(float));
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
      work->row[work->used] = i;
      work->weight[work->used++] = weights[i];
    }
  }
}

/* Adds `count` rows, at most LANES_ROWS_MAX, from place `first` of the list on. */
static void add_rows(const struct lanes *lanes, const struct sum_work *work,
                     const struct robust_rows *rows, size_t first, size_t count, size_t from,
                     size_t width, float *buffer, double *sum) {
  const float *x[LANES_ROWS_MAX];
  const double *wide[LANES_ROWS_MAX];
  for (size_t r = 0; r < count; r++) {
    size_t i = work->row[first + r];
    if (rows->dtype == ROBUST_F64)
      wide[r] = rows_doubles(lanes, rows, i, from, width, NULL);
    else
      x[r] = rows_floats(lanes, rows, i, from, width, buffer + r * SUM_TILE);
  }
  if (rows->dtype == ROBUST_F64)
    lanes->add_scaled_double(sum, count, wide, work->weight + first, width);
  else
    lanes->add_scaled(sum, count, x, work->weight + first, width);
}

static void sum_tile(const struct lanes *lanes, const struct sum_work *work,
                     const struct robust_rows *rows, size_t from, size_t width, size_t thread,
                     double *sum) {
  float *buffer = work->buffer + thread * LANES_ROWS_MAX * SUM_TILE;
  memset(sum, 0, width * sizeof *sum);
  for (size_t i = 0; i < work->used; i += LANES_ROWS_MAX) {
    size_t count = work->used - i < LANES_ROWS_MAX ? work->used - i : LANES_ROWS_MAX;
    add_rows(lanes, work, rows, i, count, from, width, buffer, sum);
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
      size_t thread = (size_t)omp_get_thread_num();
      double *tile = work.tile + thread * SUM_TILE;
      size_t width = to - at < SUM_TILE ? to - at : SUM_TILE;
      sum_tile(lanes, &work, rows, at, width, thread, tile);
      sink_put(sink, at, tile, width);
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

double robust_dot_f64(const double *x, const double *y, size_t d) {
  const struct lanes *lanes = lanes_choose(ROBUST_ISA_BEST);
  double sum = 0.0;
  for (size_t from = 0; from < d; from += DOT_BLOCK)
    sum += lanes->dot_double(x + from, y + from, d - from < DOT_BLOCK ? d - from : DOT_BLOCK);
  return sum;
}

/* Squares of finite floats stay below 2^256 and no d in this world adds 2^768 of them: the sum of
 * squares is finite exactly when every value is. */
void robust_inspect(const float *x, size_t d, bool *is_finite, double *norm_squared) {
  *norm_squared = robust_dot(x, x, d);
  *is_finite = isfinite(*norm_squared);
}

/* Here squares do overflow: exponents are looked at, and integers have a maximum that compilers
 * vectorise. */
void robust_inspect_f64(const double *x, size_t d, bool *is_finite, double *norm_squared) {
  const uint64_t infinity = UINT64_C(0x7ff) << 52;
  uint64_t bad = 0;
  for (size_t k = 0; k < d; k++) {
    uint64_t bits;
    memcpy(&bits, x + k, sizeof bits);
    bad |= (bits & infinity) == infinity;
  }
  *is_finite = bad == 0;
  *norm_squared = robust_dot_f64(x, x, d);
}
