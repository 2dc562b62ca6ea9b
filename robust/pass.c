/* Cuts the coordinates into tiles that fit a core's cache and lays each out as the rule wants it.
 */
#include "robust/pass.h"
#include "robust/convert.h"
#include "robust/mix.h"

#include <omp.h>

/* What a tile of rows and a tile of mixed rows may take of a core's cache together. */
enum { PASS_TILE_BYTES = 1 << 20, PASS_TILE_MIN = 64 };

static bool is_direct(enum robust_dtype dtype) {
  return dtype == ROBUST_F32 || dtype == ROBUST_F64;
}

static size_t tile_for(size_t value_bytes, size_t rows) {
  size_t tile = PASS_TILE_BYTES / (value_bytes * rows) / PASS_TILE_MIN * PASS_TILE_MIN;
  if (tile > RANK_TILE) return RANK_TILE;
  return tile > PASS_TILE_MIN ? tile : PASS_TILE_MIN;
}

void pass_lay_out(struct pass *pass, struct scratch_cursor *cursor, const struct robust_rows *rows,
                  size_t m, bool is_mixed, int threads) {
  size_t n = rows->n;
  size_t team = (size_t)threads;
  bool is_converted = !is_direct(rows->dtype);
  *pass =
      (struct pass){.rows = rows, .m = m, .is_wide = rows->dtype == ROBUST_F64, .tile = RANK_TILE};
  pass->has_source = is_mixed && is_converted;
  pass->has_mixed = is_mixed || is_converted;
  size_t value = pass->is_wide ? sizeof(double) : sizeof(float);
  if (pass->has_mixed) pass->tile = tile_for(value, n + m);
  pass->rank_bytes = rank_work_bytes(m, pass->is_wide);
  pass->source = scratch_take(cursor, pass->has_source ? team * n * pass->tile : 0, value);
  pass->mixed = scratch_take(cursor, pass->has_mixed ? team * m * pass->tile : 0, value);
  pass->narrow_source = scratch_take(cursor, team * n, sizeof *pass->narrow_source);
  pass->narrow = scratch_take(cursor, team * m, sizeof *pass->narrow);
  pass->wide_source = scratch_take(cursor, team * n, sizeof *pass->wide_source);
  pass->wide = scratch_take(cursor, team * m, sizeof *pass->wide);
  pass->rank = scratch_take(cursor, team, pass->rank_bytes);
  pass->out = scratch_take(cursor, team * RANK_TILE, sizeof *pass->out);
}

static void narrow_tile(const struct pass *pass, size_t thread, size_t at, size_t count,
                        struct rank_tile *tile) {
  size_t n = pass->rows->n;
  const float **source_row = pass->narrow_source + thread * n;
  const float **row = pass->narrow + thread * pass->m;
  float *source = pass->has_source ? (float *)pass->source + thread * n * pass->tile : NULL;
  float *mixed = pass->has_mixed ? (float *)pass->mixed + thread * pass->m * pass->tile : NULL;
  tile->narrow = row;
  if (pass->matrix == NULL) {
    for (size_t c = 0; c < pass->p; c++)
      row[c] = rows_floats(pass->lanes, pass->rows, pass->taken[c], at, count,
                           pass->has_mixed ? mixed + c * pass->tile : NULL);
    return;
  }
  for (size_t i = 0; i < n; i++)
    source_row[i] = rows_floats(pass->lanes, pass->rows, i, at, count,
                                pass->has_source ? source + i * pass->tile : NULL);
  mix_tile(pass->lanes, pass->p, n, pass->matrix, source_row, count, mixed, pass->tile);
  for (size_t c = 0; c < pass->p; c++) row[c] = mixed + c * pass->tile;
}

static void wide_tile(const struct pass *pass, size_t thread, size_t at, size_t count,
                      struct rank_tile *tile) {
  size_t n = pass->rows->n;
  const double **source_row = pass->wide_source + thread * n;
  const double **row = pass->wide + thread * pass->m;
  double *mixed = pass->has_mixed ? (double *)pass->mixed + thread * pass->m * pass->tile : NULL;
  tile->wide = row;
  for (size_t i = 0; i < n; i++) source_row[i] = (const double *)pass->rows->row[i] + at;
  if (pass->matrix == NULL) {
    for (size_t c = 0; c < pass->p; c++) row[c] = source_row[pass->taken[c]];
    return;
  }
  mix_tile_f64(pass->lanes, pass->p, n, pass->matrix, source_row, count, mixed, pass->tile);
  for (size_t c = 0; c < pass->p; c++) row[c] = mixed + c * pass->tile;
}

static void visit_tile(const struct pass *pass, size_t thread, size_t at, size_t count,
                       pass_visit *visit, void *context) {
  struct rank_tile tile = {.lanes = pass->lanes,
                           .n = pass->p,
                           .count = count,
                           .is_followed = !pass->has_mixed && at + count < pass->rows->d,
                           .work = pass->rank + thread * pass->rank_bytes};
  if (pass->is_wide)
    wide_tile(pass, thread, at, count, &tile);
  else
    narrow_tile(pass, thread, at, count, &tile);
  visit(context, at, &tile, pass->out + thread * RANK_TILE);
}

void pass_run(const struct pass *pass, size_t from, size_t to, int threads, pass_visit *visit,
              void *context) {
  const struct robust_rows *rows = pass->rows;
  size_t block = robust_rows_block(rows, pass->tile);
  for (size_t start = from; start < to; start += block) {
    size_t end = to - start < block ? to : start + block;
#pragma omp parallel for schedule(dynamic, 8) num_threads(threads)
    for (size_t at = start; at < end; at += pass->tile)
      visit_tile(pass, (size_t)omp_get_thread_num(), at,
                 end - at < pass->tile ? end - at : pass->tile, visit, context);
    if (rows->release != NULL) rows->release(rows->context, start, end);
  }
}
