/* Cuts products of matrices into tiles for the threads; the sums themselves are in lanes_mix.h. */
#include "robust/mix.h"

#include <stdbool.h>

void mix_tile(const struct lanes *lanes, size_t m, size_t n, const double *matrix,
              const float *const *x, size_t count, float *out, size_t stride) {
  lanes->mix(m, n, matrix, x, count, out, stride);
}

void mix_tile_f64(const struct lanes *lanes, size_t m, size_t n, const double *matrix,
                  const double *const *x, size_t count, double *out, size_t stride) {
  lanes->mix_double(m, n, matrix, x, count, out, stride);
}

/* A tile of a product: so many rows of the left matrix, so many columns of the right one. */
enum { TILE_ROWS = 24, TILE_COLUMNS = 128 };

struct product {
  const struct lanes *lanes;
  size_t m;
  size_t n;
  size_t p;
  const double *left;
  const double *right;
  double *out;
  bool is_transposed; /* out is p x m */
  bool is_lower;      /* tiles wholly above the diagonal are left out */
};

static size_t lesser(size_t a, size_t b) {
  return a < b ? a : b;
}

static void multiply_tile(const struct product *product, size_t i, size_t k) {
  size_t rows = lesser(product->m - i, TILE_ROWS);
  size_t columns = lesser(product->p - k, TILE_COLUMNS);
  const double *left = product->left + i * product->n;
  double tile[TILE_ROWS * TILE_COLUMNS];
  if (product->is_lower && k > i + rows - 1) return;
  if (!product->is_transposed) {
    product->lanes->mix_flat(rows, product->n, left, product->right + k, product->p, columns,
                             product->out + i * product->p + k, product->p);
    return;
  }
  product->lanes->mix_flat(rows, product->n, left, product->right + k, product->p, columns, tile,
                           TILE_COLUMNS);
  for (size_t c = 0; c < columns; c++)
    for (size_t r = 0; r < rows; r++)
      product->out[(k + c) * product->m + i + r] = tile[r * TILE_COLUMNS + c];
}

/* Threads take columns of tiles side by side, so that both read the same part of the right matrix.
 */
static void multiply(const struct product *product, int threads) {
#pragma omp parallel for collapse(2) schedule(dynamic) num_threads(threads)
  for (size_t k = 0; k < product->p; k += TILE_COLUMNS)
    for (size_t i = 0; i < product->m; i += TILE_ROWS) multiply_tile(product, i, k);
}

void matrix_product(const struct lanes *lanes, int threads, size_t m, size_t n, size_t p,
                    const double *left, const double *right, double *product) {
  struct product whole = {lanes, m, n, p, left, right, product, false, false};
  multiply(&whole, threads);
}

/* work = (matrix G)', n x m, in the form that the second product reads along its rows. */
void matrix_congruence(const struct lanes *lanes, int threads, size_t m, size_t n,
                       const double *matrix, const double *gram, double *work, double *out) {
  struct product half = {lanes, m, n, n, matrix, gram, work, true, false};
  struct product whole = {lanes, m, n, m, matrix, work, out, false, true};
  multiply(&half, threads);
  multiply(&whole, threads);
  for (size_t i = 0; i < m; i++)
    for (size_t j = 0; j < i; j++) out[j * m + i] = out[i * m + j];
}
