/* Weighted sums of many rows at once: the mixers' matrices applied to tiles of rows, and to the
 * Gram matrix. Internal. */
#ifndef ROBUST_MIX_H
#define ROBUST_MIX_H

#include <stddef.h>

#include "robust/lanes.h"

/* out[b * stride + k] = sum over j = 0..n-1, rising, of matrix[b * n + j] * x[j][k], for b < m:
 * each step is one fused multiply-add in double, starting at +0; a sum of zero is +0; it is rounded
 * once to float. Any m, n, count and stride >= count; the rows of x may lie anywhere, `out`
 * overlaps nothing. Every instruction set gives the same bits. Columns of the matrix that are zero
 * cost little, so a diagonal takes about as long as reading the rows. Uses about 40 KiB of stack.
 */
void mix_tile(const struct lanes *lanes, size_t m, size_t n, const double *matrix,
              const float *const *x, size_t count, float *out, size_t stride);

/* The same on rows of doubles, without the rounding. */
void mix_tile_f64(const struct lanes *lanes, size_t m, size_t n, const double *matrix,
                  const double *const *x, size_t count, double *out, size_t stride);

/* product (m x p) = left (m x n) times right (n x p), row after row, the same sums as
 * mix_tile_f64's. Overlaps nothing. The number of threads does not show in the bits. */
void matrix_product(const struct lanes *lanes, int threads, size_t m, size_t n, size_t p,
                    const double *left, const double *right, double *product);

/* out (m x m) = matrix (m x n) G matrix', G being symmetric n x n: the product of `matrix` with
 * (matrix G)', of which the lower triangle is taken for both. `work` holds m x n doubles. Overlaps
 * nothing. */
void matrix_congruence(const struct lanes *lanes, int threads, size_t m, size_t n,
                       const double *matrix, const double *gram, double *work, double *out);

#endif
