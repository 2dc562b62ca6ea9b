/* How far rows are from a point that is itself a weighted mean of rows, from the Gram matrix.
 * Internal. */
#ifndef ROBUST_RADIUS_H
#define ROBUST_RADIUS_H

#include <stddef.h>

/* radius[i] = |x_i - z| for z = the sum of weight_j x_j, where the weights add up to 1. About n^2
 * steps. `anchor` is the number of a row, best one near z: it does not change what is computed,
 * only how exactly. `pull` holds n doubles. */
void radius_measure(size_t n, const double *gram, const double *weight, size_t anchor, double *pull,
                    double *radius);

/* The row of least radius, the first of them: the best anchor for the next point. */
size_t radius_nearest(size_t n, const double *radius);

/* shrink such that a vector of this length times shrink is no longer than bound: 1 when it is not
 * longer anyway. */
double radius_shrink(double length, double bound);

#endif
