/* Builds the exact Gram matrix: tiles packed into panels, panels multiplied, and each block of
 * products taken up a tree over the tiles. */
#include "robust/gram.h"
#include "robust/gram_source.h"
#include "robust/lanes.h"

#include <omp.h>
#include <stdbool.h>
#include <string.h>

enum {
  ALONE_ROWS_MAX = 256,  /* up to here a tile's panels and products fit one core's cache */
  RUN_BITS_MAX = 4,      /* a thread alone adds up at most 16 tiles before it joins the others */
  RUNS_A_THREAD = 4,     /* and leaves so many runs for each, lest some go idle */
  BATCH_BYTES = 4 << 20, /* of panels that threads make together before they multiply */
  BATCH_TILES_MAX = 16,
  SQUARE_PANELS = PANEL_GROUP, /* panels whose products are one thread's next piece of work */
  BLOCK_ENTRIES_MAX = PANEL_ROWS_MAX * PANEL_ROWS_MAX,
};

/* Products are kept in blocks of panel by panel, those on and below the diagonal, one block row
 * after the other. Tiles are the leaves of a binary tree that is added up as a binary counter
 * counts (panel.h): its shape depends on the number of tiles only.
 *
 * Few rows: threads take runs of 2^run_bits tiles, count each in a counter of their own and hand
 * its top to the shared one in turn. Many rows: all threads pack the same tiles, then each
 * multiplies some of the blocks. Same tree, same bits. */
struct gram_work {
  const struct panel_kernel *kernel;
  const struct gram_source *source;
  size_t n;
  size_t known; /* products of two of the first `known` rows are not wanted */
  size_t tiles;
  size_t panels;
  size_t first_panel; /* of the block rows that are wanted */
  size_t blocks;
  size_t entries; /* of a block */
  size_t batch;
  unsigned run_bits;
  bool is_alone;
  int threads;
  unsigned char *panel;  /* alone: threads x panels, together: batch x panels */
  unsigned char *buffer; /* threads x kernel->rows pieces */
  double *own;           /* alone: threads x (run_bits + 1) levels of blocks */
  double *level;         /* levels of blocks */
};

static size_t triangle(size_t rows) {
  return rows * (rows + 1) / 2;
}

static size_t level_count(size_t tiles) {
  size_t levels = 1;
  for (; tiles > 1; tiles /= 2) levels++;
  return levels;
}

static unsigned run_bits_for(size_t tiles, int threads) {
  unsigned bits = 0;
  while (bits < RUN_BITS_MAX && tiles >> (bits + 1) >= RUNS_A_THREAD * (size_t)threads) bits++;
  return bits;
}

static size_t batch_for(size_t tile_bytes) {
  size_t batch = BATCH_BYTES / tile_bytes;
  if (batch > BATCH_TILES_MAX) return BATCH_TILES_MAX;
  return batch > 0 ? batch : 1;
}

static void lay_out(struct gram_work *work, struct scratch_cursor *cursor,
                    const struct panel_kernel *kernel, size_t n, size_t known, size_t d,
                    int threads) {
  size_t team = (size_t)threads;
  *work = (struct gram_work){.kernel = kernel, .n = n, .known = known, .threads = threads};
  work->tiles = d / PANEL_TILE + (d % PANEL_TILE != 0);
  work->panels = (n + kernel->rows - 1) / kernel->rows;
  work->first_panel = known / kernel->rows;
  work->blocks = triangle(work->panels) - triangle(work->first_panel);
  work->entries = kernel->rows * kernel->rows;
  work->is_alone = n <= ALONE_ROWS_MAX;
  work->run_bits = work->is_alone ? run_bits_for(work->tiles, threads) : 0;
  work->batch = batch_for(work->panels * kernel->bytes);
  size_t block_bytes = work->entries * sizeof(double);
  size_t own_levels = work->is_alone ? team * (work->run_bits + 1) : 0;
  work->panel =
      scratch_take(cursor, (work->is_alone ? team : work->batch) * work->panels, kernel->bytes);
  work->buffer = scratch_take(cursor, team * kernel->rows, PANEL_TILE * sizeof(double));
  work->own = scratch_take(cursor, own_levels * work->blocks, block_bytes);
  work->level =
      scratch_take(cursor, level_count(work->tiles >> work->run_bits) * work->blocks, block_bytes);
}

static size_t smaller(size_t a, size_t b) {
  return a < b ? a : b;
}

static size_t larger(size_t a, size_t b) {
  return a > b ? a : b;
}

/* Whichever kernel it will be. */
static size_t bytes_for(size_t n, size_t known, size_t d, int threads) {
  size_t bytes = 0;
  for (enum robust_isa isa = ROBUST_ISA_BEST; isa <= ROBUST_ISA_AMX; isa++) {
    const struct panel_kernel *kernels[] = {lanes_choose_integers(isa), lanes_choose(isa)->doubles};
    for (size_t k = 0; k < 2; k++) {
      struct gram_work work;
      struct scratch_cursor cursor = scratch_open(NULL);
      lay_out(&work, &cursor, kernels[k], n, known, d, threads);
      bytes = larger(bytes, cursor.used);
    }
  }
  return bytes;
}

size_t robust_gram_scratch_bytes(size_t n, size_t d, int threads) {
  return bytes_for(n, 0, d, threads);
}

size_t robust_products_scratch_bytes(size_t n, size_t d, int threads) {
  return bytes_for(n + 1, n, d, threads);
}

/* ---- one tile ---- */

static size_t tile_values(const struct gram_work *work, size_t tile) {
  size_t left = work->source->d - tile * PANEL_TILE;
  return left < PANEL_TILE ? left : PANEL_TILE;
}

static void pack_panel(const struct gram_work *work, size_t thread, size_t tile, size_t p,
                       unsigned char *panels) {
  const void *x[PANEL_ROWS_MAX];
  size_t rows = work->kernel->rows;
  size_t first = p * rows;
  size_t count = work->n - first < rows ? work->n - first : rows;
  unsigned char *buffer = work->buffer + thread * rows * PANEL_TILE * sizeof(double);
  for (size_t r = 0; r < count; r++)
    x[r] = gram_source_piece(work->source, first + r, tile * PANEL_TILE, tile_values(work, tile),
                             buffer + r * PANEL_TILE * sizeof(double));
  work->kernel->pack(x, count, tile_values(work, tile), panels + p * work->kernel->bytes);
}

static size_t block_at(const struct gram_work *work, size_t row, size_t column) {
  return (triangle(row) - triangle(work->first_panel) + column) * work->entries;
}

/* Multiplies panel `row` of a tile with panels [from, to), at most PANEL_GROUP, and counts the
 * products in `level` as leaf `number`. */
static void multiply_blocks(const struct gram_work *work, size_t tile, const unsigned char *panels,
                            size_t row, size_t from, size_t to, const struct panel_ahead *ahead,
                            double *level, size_t number) {
  _Alignas(64) double sum[PANEL_GROUP * BLOCK_ENTRIES_MAX];
  size_t bytes = work->kernel->bytes;
  work->kernel->multiply(panels + row * bytes, panels + from * bytes, to - from,
                         tile_values(work, tile), ahead, sum);
  work->kernel->climb(sum, level + block_at(work, row, from), work->blocks * work->entries, number,
                      (to - from) * work->entries);
}

static void release(const struct gram_work *work, size_t *released, size_t tiles) {
  const struct robust_rows *rows = work->source->rows;
  size_t to = tiles * PANEL_TILE < rows->d ? tiles * PANEL_TILE : rows->d;
  if (rows->release == NULL || to <= *released || work->source->coordinates != NULL) return;
  rows->release(rows->context, *released, to);
  *released = to;
}

/* ---- few rows: each thread for itself ---- */

static double *own_levels(const struct gram_work *work, size_t thread) {
  return work->own + thread * (work->run_bits + 1) * work->blocks * work->entries;
}

/* Names the rows of a tile that fall to blocks [before, after) of a tile's multiplication. */
static void look_ahead(const struct gram_work *work, size_t tile, size_t before, size_t after,
                       struct panel_ahead *ahead) {
  ahead->rows = ahead->bytes = 0;
  if (tile >= work->tiles) return;
  size_t first = work->n * before / work->blocks;
  size_t end = smaller(work->n * after / work->blocks, first + PANEL_AHEAD_MAX);
  for (size_t i = first; i < end; i++) {
    size_t bytes;
    const unsigned char *start =
        gram_source_raw(work->source, i, tile * PANEL_TILE, tile_values(work, tile), &bytes);
    if (bytes == 0) continue;
    ahead->start[ahead->rows++] = start;
    ahead->bytes = bytes;
  }
}

/* Multiplies a tile; `next` is the tile that this thread will probably read next. */
static void multiply_tile(const struct gram_work *work, size_t thread, size_t tile, size_t next,
                          const unsigned char *panels, size_t number) {
  size_t blocks = 0;
  for (size_t row = work->first_panel; row < work->panels; row++)
    for (size_t from = 0; from <= row; from += PANEL_GROUP) {
      struct panel_ahead ahead;
      size_t to = smaller(from + PANEL_GROUP, row + 1);
      look_ahead(work, next, blocks, blocks + to - from, &ahead);
      multiply_blocks(work, tile, panels, row, from, to, &ahead, own_levels(work, thread), number);
      blocks += to - from;
    }
}

static void multiply_run(const struct gram_work *work, size_t thread, size_t first, size_t count) {
  unsigned char *panels = work->panel + thread * work->panels * work->kernel->bytes;
  size_t next_run = first + ((size_t)work->threads << work->run_bits);
  for (size_t t = 0; t < count; t++) {
    for (size_t p = 0; p < work->panels; p++) pack_panel(work, thread, first + t, p, panels);
    multiply_tile(work, thread, first + t, t + 1 < count ? first + t + 1 : next_run, panels, t);
  }
}

static void hand_over_run(const struct gram_work *work, size_t thread, size_t run) {
  size_t stride = work->blocks * work->entries;
  double *top = own_levels(work, thread) + work->run_bits * stride;
  for (size_t at = 0; at < stride; at += work->entries)
    work->kernel->climb(top + at, work->level + at, stride, run, work->entries);
}

/* Returns the levels below run_bits: those of the last run, unless it was full. */
static const double *multiply_alone(const struct gram_work *work, size_t *released) {
  size_t length = (size_t)1 << work->run_bits;
  const double *tail = work->own;
#pragma omp parallel for ordered schedule(dynamic, 1) num_threads(work->threads)
  for (size_t first = 0; first < work->tiles; first += length) {
    size_t thread = (size_t)omp_get_thread_num();
    size_t count = work->tiles - first < length ? work->tiles - first : length;
    multiply_run(work, thread, first, count);
#pragma omp ordered
    {
      if (count == length)
        hand_over_run(work, thread, first / length);
      else
        tail = own_levels(work, thread);
      if (thread == 0) release(work, released, first + count);
    }
  }
  return tail;
}

/* ---- many rows: threads together ---- */

/* The blocks of SQUARE_PANELS x SQUARE_PANELS panels: few enough to stay in a core's cache. */
static void multiply_square(const struct gram_work *work, size_t tile, const unsigned char *panels,
                            size_t row_square, size_t column_square) {
  const struct panel_ahead nothing = {0};
  size_t row = row_square * SQUARE_PANELS;
  size_t row_end = smaller(row + SQUARE_PANELS, work->panels);
  for (row = larger(row, work->first_panel); row < row_end; row++) {
    size_t column = column_square * SQUARE_PANELS;
    multiply_blocks(work, tile, panels, row, column, smaller(column + SQUARE_PANELS, row + 1),
                    &nothing, work->level, tile);
  }
}

static void multiply_together(const struct gram_work *work, size_t *released) {
  size_t tile_bytes = work->panels * work->kernel->bytes;
  size_t squares = (work->panels + SQUARE_PANELS - 1) / SQUARE_PANELS;
  size_t first_square = work->first_panel / SQUARE_PANELS;
#pragma omp parallel num_threads(work->threads)
  for (size_t first = 0; first < work->tiles; first += work->batch) {
    size_t count = smaller(work->tiles - first, work->batch);
#pragma omp for collapse(2) schedule(dynamic)
    for (size_t slot = 0; slot < count; slot++)
      for (size_t p = 0; p < work->panels; p++)
        pack_panel(work, (size_t)omp_get_thread_num(), first + slot, p,
                   work->panel + slot * tile_bytes);
#pragma omp master
    release(work, released, first + count);
#pragma omp for collapse(2) schedule(dynamic)
    for (size_t row = first_square; row < squares; row++)
      for (size_t column = 0; column < squares; column++)
        for (size_t slot = 0; slot < count && column <= row; slot++)
          multiply_square(work, first + slot, work->panel + slot * tile_bytes, row, column);
  }
}

/* ---- the whole ---- */

/* Joins the subtrees left in the counters, the youngest and smallest first. */
static void collect_block(const struct gram_work *work, const double *tail, size_t at,
                          double *sum) {
  size_t stride = work->blocks * work->entries;
  bool is_first = true;
  memset(sum, 0, work->entries * sizeof *sum);
  for (unsigned k = 0; work->tiles >> k > 0; k++) {
    if ((work->tiles >> k) % 2 == 0) continue;
    const double *level = k < work->run_bits ? tail + k * stride + at
                                             : work->level + (k - work->run_bits) * stride + at;
    for (size_t e = 0; e < work->entries; e++) sum[e] = is_first ? level[e] : level[e] + sum[e];
    is_first = false;
  }
}

/* Writes the wanted entries of row i to out[(i - known) * stride + j], j <= i. */
static void collect(const struct gram_work *work, const double *tail, size_t stride, double *out) {
  size_t rows = work->kernel->rows;
#pragma omp parallel for schedule(dynamic) num_threads(work->threads)
  for (size_t row = work->first_panel; row < work->panels; row++)
    for (size_t column = 0; column <= row; column++) {
      double sum[BLOCK_ENTRIES_MAX];
      collect_block(work, tail, block_at(work, row, column), sum);
      for (size_t i = larger(row * rows, work->known); i < smaller(row * rows + rows, work->n); i++)
        for (size_t j = column * rows; j <= i && j < column * rows + rows; j++)
          out[(i - work->known) * stride + j] = sum[i % rows * rows + j % rows];
    }
}

/* Everything that the matrix of `source` holds below its first `known` rows. */
static enum robust_status multiply(struct gram_source *source, size_t known,
                                   const struct robust_scratch *scratch, size_t stride, double *out,
                                   struct robust_error *error) {
  struct gram_work work;
  struct scratch_cursor cursor = scratch_open(scratch);
  size_t released = 0;
  source->lanes = lanes_choose(scratch->isa);
  const struct panel_kernel *kernel = source->rows->dtype == ROBUST_F64
                                          ? source->lanes->doubles
                                          : lanes_choose_integers(scratch->isa);
  lay_out(&work, &cursor, kernel, source->n, known, source->d, scratch->threads);
  if (!scratch_fits(&cursor)) {
    robust_error_set(error, "the Gram matrix needs %zu bytes of scratch aligned to 64",
                     cursor.used);
    return ROBUST_BAD_SCRATCH;
  }
  work.source = source;
  const double *tail = NULL;
  if (work.is_alone)
    tail = multiply_alone(&work, &released);
  else
    multiply_together(&work, &released);
  release(&work, &released, work.tiles);
  collect(&work, tail, stride, out);
  return ROBUST_OK;
}

static void mirror(size_t n, size_t known, size_t stride, double *gram) {
  for (size_t i = known; i < n; i++)
    for (size_t j = 0; j < i; j++) gram[j * stride + i] = gram[i * stride + j];
}

enum robust_status robust_gram_extend(const struct robust_rows *rows, size_t known, size_t stride,
                                      const struct robust_scratch *scratch, double *gram,
                                      struct robust_error *error) {
  struct gram_source source = {.rows = rows, .n = rows->n, .d = rows->d};
  if (known >= rows->n) return ROBUST_OK;
  enum robust_status status =
      multiply(&source, known, scratch, stride, gram + known * stride, error);
  if (status == ROBUST_OK) mirror(rows->n, known, stride, gram);
  return status;
}

enum robust_status robust_gram(const struct robust_rows *rows, const struct robust_scratch *scratch,
                               double *gram, struct robust_error *error) {
  return robust_gram_extend(rows, 0, rows->n, scratch, gram, error);
}

enum robust_status robust_gram_sample(const struct robust_rows *rows, const size_t *coordinates,
                                      size_t count, const struct robust_scratch *scratch,
                                      double *gram, struct robust_error *error) {
  struct gram_source source = {.rows = rows, .n = rows->n, .d = count, .coordinates = coordinates};
  enum robust_status status = multiply(&source, 0, scratch, rows->n, gram, error);
  if (status != ROBUST_OK) return status;
  mirror(rows->n, 0, rows->n, gram);
  if (rows->release != NULL && rows->d > 0) rows->release(rows->context, 0, rows->d);
  return ROBUST_OK;
}

enum robust_status robust_products(const struct robust_rows *rows, const void *reference,
                                   const struct robust_scratch *scratch, double *products,
                                   struct robust_error *error) {
  struct gram_source source = {.rows = rows, .n = rows->n + 1, .d = rows->d, .last = reference};
  return multiply(&source, rows->n, scratch, rows->n + 1, products, error);
}

double robust_distance(size_t n, const double *gram, size_t i, size_t j) {
  double squares = gram[i * n + i] + gram[j * n + j];
  double distance = squares - 2.0 * gram[i * n + j];
  return i != j && distance > 0.0 ? distance : 0.0;
}

void robust_distances(size_t n, const double *gram, double *d2) {
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j <= i; j++) d2[i * n + j] = d2[j * n + i] = robust_distance(n, gram, i, j);
}
