/* Builds the exact Gram matrix: batches of tiles multiplied in parallel, then each band of the
 * matrix up the tree. */
#include "robust/gram.h"
#include "robust/lanes.h"

#include <cblas.h>
#include <math.h>
#include <omp.h>
#include <stdbool.h>
#include <string.h>

enum { GRAM_TILE = 512, GRAM_BITS = 22, GRAM_BATCH_MAX = 64 };

/* 2 * 22 bits for a product and 9 more for 512 of them: every partial sum is an integer of at most
 * 2^53. */
_Static_assert(GRAM_TILE <= 1 << (53 - 2 * GRAM_BITS), "partial sums must be whole in a double");

/* Tiles are leaves of a binary tree, added as a binary counter counts: after t tiles, level k holds
 * the sum of a full subtree of 2^k tiles exactly when bit k of t is set. So the shape depends on
 * the number of tiles only. */
struct gram_work {
  const struct lanes *lanes;
  size_t n;
  size_t batch;    /* tiles between two visits to the tree */
  double *integer; /* threads x (n x GRAM_TILE): a tile's rows as integers */
  double *product; /* batch x (n x n): lower triangles of products of integers */
  double *unit;    /* batch x n: what 1 is worth in each row of each tile */
  double *level;   /* levels x (n (n + 1) / 2): the counter, lower triangles packed by rows */
};

static size_t tile_count(size_t d) {
  return d / GRAM_TILE + (d % GRAM_TILE != 0);
}

static size_t level_count(size_t tiles) {
  size_t levels = 1;
  for (; tiles > 1; tiles /= 2) levels++;
  return levels;
}

static size_t packed(size_t row) {
  return row * (row + 1) / 2;
}

static size_t batch_tiles(size_t n, int threads) {
  size_t batch = ROBUST_BLOCK_BYTES / (sizeof(float) * GRAM_TILE * n);
  if (batch > GRAM_BATCH_MAX) batch = GRAM_BATCH_MAX;
  return batch > (size_t)threads ? batch : (size_t)threads;
}

static void lay_out(struct gram_work *work, struct scratch_cursor *cursor, size_t n, size_t d,
                    int threads) {
  work->n = n;
  work->batch = batch_tiles(n, threads);
  work->integer = scratch_take(cursor, n * GRAM_TILE * (size_t)threads, sizeof(double));
  work->product = scratch_take(cursor, work->batch * n * n, sizeof(double));
  work->unit = scratch_take(cursor, work->batch * n, sizeof(double));
  work->level = scratch_take(cursor, level_count(tile_count(d)) * packed(n), sizeof(double));
}

size_t robust_gram_scratch_bytes(size_t n, size_t d, int threads) {
  struct gram_work work;
  struct scratch_cursor cursor = scratch_open(NULL);
  lay_out(&work, &cursor, n, d, threads);
  return cursor.used;
}

/* Rounds one row's piece to integers of GRAM_BITS bits and returns what 1 is worth. Powers of two
 * only, so that scaling there and back loses nothing, for denormals as for 1e38. */
static double quantise_piece(const struct lanes *lanes, const float *x, size_t count,
                             double *integer) {
  int exponent = 0;
  float largest = lanes->largest(x, count);
  if (largest > 0.0F) (void)frexp((double)largest, &exponent);
  lanes->quantise(x, count, ldexp(1.0, GRAM_BITS - exponent), integer);
  return ldexp(1.0, exponent - GRAM_BITS);
}

/* Rows of the last tile end in zeros up to the width of the widest register. */
static void quantise_tile(const struct gram_work *work, const struct robust_rows *rows, size_t from,
                          size_t count, double *unit, double *integer) {
  for (size_t i = 0; i < work->n; i++) {
    double *piece = integer + i * GRAM_TILE;
    unit[i] = quantise_piece(work->lanes, (const float *)rows->row[i] + from, count, piece);
    for (size_t k = count; k % LANES_WIDTH_MAX != 0; k++) piece[k] = 0.0;
  }
}

static void multiply_tile(const struct gram_work *work, const struct robust_rows *rows, size_t tile,
                          size_t slot, double *integer) {
  size_t n = work->n;
  size_t from = tile * GRAM_TILE;
  size_t count = rows->d - from < GRAM_TILE ? rows->d - from : GRAM_TILE;
  double *product = work->product + slot * n * n;
  quantise_tile(work, rows, from, count, work->unit + slot * n, integer);
  if (work->lanes->products != NULL) {
    size_t padded = (count + LANES_WIDTH_MAX - 1) / LANES_WIDTH_MAX * LANES_WIDTH_MAX;
    work->lanes->products(integer, n, GRAM_TILE, padded, product);
    return;
  }
  /* Inside a parallel region OpenBLAS stays in its thread; if it did not, the bits would be the
   * same. */
  cblas_dsyrk(CblasRowMajor, CblasLower, CblasNoTrans, (blasint)n, (blasint)count, 1.0, integer,
              GRAM_TILE, 0.0, product, (blasint)n);
}

/* Takes row i of one tile's products up the tree. Scaling by powers of two is exact. */
static void add_row(const struct gram_work *work, size_t tile, size_t slot, size_t i) {
  double *sum = work->product + (slot * work->n + i) * work->n;
  const double *unit = work->unit + slot * work->n;
  for (size_t j = 0; j <= i; j++) sum[j] *= unit[i] * unit[j];
  double *level = work->level + packed(i);
  for (; tile % 2 == 1; tile /= 2, level += packed(work->n))
    for (size_t j = 0; j <= i; j++) sum[j] = level[j] + sum[j];
  memcpy(level, sum, (i + 1) * sizeof *sum);
}

/* Joins the subtrees left in the counter, the youngest and smallest first. */
static void collect_row(const struct gram_work *work, size_t tiles, size_t i, double *gram) {
  double *sum = gram + i * work->n;
  const double *level = work->level + packed(i);
  bool is_first = true;
  memset(sum, 0, (i + 1) * sizeof *sum);
  for (; tiles > 0; tiles /= 2, level += packed(work->n)) {
    if (tiles % 2 == 0) continue;
    for (size_t j = 0; j <= i; j++) sum[j] = is_first ? level[j] : level[j] + sum[j];
    is_first = false;
  }
}

static void mirror(size_t n, double *gram) {
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < i; j++) gram[j * n + i] = gram[i * n + j];
}

enum robust_status robust_gram(const struct robust_rows *rows, const struct robust_scratch *scratch,
                               double *gram, struct robust_error *error) {
  struct gram_work work = {.lanes = lanes_choose(scratch->isa)};
  struct scratch_cursor cursor = scratch_open(scratch);
  lay_out(&work, &cursor, rows->n, rows->d, scratch->threads);
  if (!scratch_fits(&cursor)) {
    robust_error_set(error, "the Gram matrix needs %zu bytes of scratch aligned to 64",
                     cursor.used);
    return ROBUST_BAD_SCRATCH;
  }
  size_t n = rows->n;
  size_t tiles = tile_count(rows->d);
#pragma omp parallel num_threads(scratch->threads)
  {
    double *integer = work.integer + (size_t)omp_get_thread_num() * n * GRAM_TILE;
    for (size_t first = 0; first < tiles; first += work.batch) {
      size_t count = tiles - first < work.batch ? tiles - first : work.batch;
#pragma omp for schedule(dynamic)
      for (size_t slot = 0; slot < count; slot++)
        multiply_tile(&work, rows, first + slot, slot, integer);
#pragma omp for schedule(dynamic, 4)
      for (size_t i = 0; i < n; i++)
        for (size_t slot = 0; slot < count; slot++) add_row(&work, first + slot, slot, i);
#pragma omp master
      if (rows->release != NULL) {
        size_t from = first * GRAM_TILE;
        size_t to = (first + count) * GRAM_TILE;
        rows->release(rows->context, from, to < rows->d ? to : rows->d);
      }
    }
#pragma omp for
    for (size_t i = 0; i < n; i++) collect_row(&work, tiles, i, gram);
  }
  mirror(n, gram);
  return ROBUST_OK;
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
