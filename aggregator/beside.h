/* How far what one rule put out lies from what another did. */
#ifndef TAMIS_BESIDE_H
#define TAMIS_BESIDE_H

#include <stddef.h>

/* Squared lengths of both and of their difference, and their product. */
struct beside {
  double shadow, plan, both, difference;
};

/* Of d floats each. The difference is taken before it is squared; blocks of 8,192 are summed in
 * order, and then the blocks, so that few bits are lost in long sums. */
struct beside beside_of_rows(const float *shadow, const float *plan, size_t d);
/* Of two sums of the same n rows, by their weights and the rows' Gram matrix: n^2 steps, and no row
 * is read. */
struct beside beside_of_weights(const double *shadow, const double *plan, const double *gram,
                                size_t n);

/* |s - p| / |p|; p zero: 0 when s is too, else 1. */
double beside_distance(const struct beside *beside);
/* <s, p> / |s| |p|; 0 when one is zero. */
double beside_cosine(const struct beside *beside);

#endif
