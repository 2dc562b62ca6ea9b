/* The exact Gram matrix: all inner products of the rows, the same bits on every machine. */
#ifndef ROBUST_GRAM_H
#define ROBUST_GRAM_H

#include <stddef.h>

#include "robust/rows.h"
#include "robust/scratch.h"
#include "robust/status.h"

/* Bytes of scratch robust_gram needs: about n^2 log2(d / 512) / 2 doubles, and 3 to 4 KiB a row for
 * each thread (each batch, when n is above 256). */
size_t robust_gram_scratch_bytes(size_t n, size_t d, int threads);

/* gram[i * n + j] = <x_i, x_j>, symmetric, for n >= 1 and any d (0 gives zeros).
 *
 * What is exact: each row is cut into tiles of 512 coordinates and each piece is rounded to
 * integers of 22 bits times a power of two of its own. Products of such integers have 44 bits and
 * 512 of them add up to at most 53, so that every partial sum is whole in a double and there is one
 * right answer in whatever order, and by whatever instructions, they are added. Tiles are added in
 * double in a fixed binary tree over their number. Entry (i, j) depends on rows i and j alone: the
 * matrix of some of the rows is that part of the matrix of all, to the last bit.
 *
 * What is not: the rounding of rows, at most 2^-22 of the largest magnitude in the tile's piece (a
 * float's own rounding is 2^-24 of it), and the additions across tiles, about log2(tiles) 2^-53 of
 * the entry.
 *
 * Rows of ROBUST_F64 are not rounded at all: their tiles are added in double with fused
 * multiply-adds, in sixteen lanes that no processor can change, then in the same tree. */
enum robust_status robust_gram(const struct robust_rows *rows, const struct robust_scratch *scratch,
                               double *gram, struct robust_error *error);

/* Completes a matrix of which the first `known` rows and columns are there already: reads every row
 * once, but multiplies only pairs with a row from `known` on. gram[i * stride + j], stride >=
 * rows->n, is <x_i, x_j>, in every bit what robust_gram gives for all rows at once. So a round's
 * matrix can grow while updates arrive, 16 or more at a time (fewer cost as much), and closing the
 * round costs the last batch. Scratch as for robust_gram. */
enum robust_status robust_gram_extend(const struct robust_rows *rows, size_t known, size_t stride,
                                      const struct robust_scratch *scratch, double *gram,
                                      struct robust_error *error);

/* The matrix of the rows' coordinates[0..count) alone, each below rows->d, in the order given:
 * robust_gram of rows gathered so. Scratch: robust_gram_scratch_bytes(n, count, threads). */
enum robust_status robust_gram_sample(const struct robust_rows *rows, const size_t *coordinates,
                                      size_t count, const struct robust_scratch *scratch,
                                      double *gram, struct robust_error *error);

size_t robust_products_scratch_bytes(size_t n, size_t d, int threads);

/* products[i] = <x_i, reference>, products[n] = <reference, reference>: row n of the matrix that
 * robust_gram would give with the reference as one more row. It holds d floats, or d doubles when
 * the rows are ROBUST_F64. */
enum robust_status robust_products(const struct robust_rows *rows, const void *reference,
                                   const struct robust_scratch *scratch, double *products,
                                   struct robust_error *error);

/* d2[i * n + j] = max(0, |x_i|^2 + |x_j|^2 - 2 <x_i, x_j>), symmetric, zero on the diagonal.
 *
 * Rows that are equal in every bit get exactly 0, since all three terms are then the same number.
 * Otherwise the formula cancels: an absolute error near 2^-51 (G_ii + G_jj) remains, and the
 * rounding of rows adds up to 2^-21 of the larger piece in each coordinate's difference. Pairs
 * nearer than about 1e-6 of their common length are therefore told from equal, but their order
 * among themselves means little; the margin in the evidence says when a choice hung on that.
 * Aggregate updates, whose length is their spread; do not aggregate whole models (science.md 9.1).
 */
void robust_distances(size_t n, const double *gram, double *d2);

/* One entry of that matrix, to the bit. */
double robust_distance(size_t n, const double *gram, size_t i, size_t j);

#endif
