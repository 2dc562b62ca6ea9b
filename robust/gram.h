/* The exact Gram matrix: all inner products of the rows, the same bits on every machine. */
#ifndef ROBUST_GRAM_H
#define ROBUST_GRAM_H

#include <stddef.h>

#include "robust/rows.h"
#include "robust/scratch.h"
#include "robust/status.h"

/* Bytes of scratch robust_gram needs: about 2 GRAM_TILE n doubles a thread, and n^2 (log2(d) + 64)
 * / 2 doubles. */
size_t robust_gram_scratch_bytes(size_t n, size_t d, int threads);

/* gram[i * n + j] = <x_i, x_j>, symmetric, for n >= 1 and any d (0 gives zeros).
 *
 * What is exact: each row is cut into tiles of 512 coordinates and each piece is rounded to
 * integers of 22 bits times a power of two of its own. Products of such integers have 44 bits and
 * 512 of them add up to at most 53, so a double holds every partial sum whole and dsyrk gives the
 * one right answer in whatever order it adds. Tiles are added in double in a fixed binary tree over
 * their number. Entry (i, j) depends on rows i and j alone: the matrix of some of the rows is that
 * part of the matrix of all, to the last bit.
 *
 * What is not: the rounding of rows, at most 2^-22 of the largest magnitude in the tile's piece (a
 * float's own rounding is 2^-24 of it), and the additions across tiles, about log2(tiles) 2^-53 of
 * the entry. */
enum robust_status robust_gram(const struct robust_rows *rows, const struct robust_scratch *scratch,
                               double *gram, struct robust_error *error);

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
