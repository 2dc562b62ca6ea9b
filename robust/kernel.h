/* The passes over single rows whose sums must have the same bits everywhere: weighted sum, inner
 * product, inspection. */
#ifndef ROBUST_KERNEL_H
#define ROBUST_KERNEL_H

#include <stdbool.h>
#include <stddef.h>

#include "robust/rows.h"
#include "robust/scratch.h"
#include "robust/status.h"

size_t robust_weighted_sum_scratch_bytes(size_t n, int threads);

/* out[k] = sum of weights[i] x_i[k], added in double in the order given (a permutation of 0..n-1,
 * NULL for the rows' own), rounded once to float. Rows of weight zero are not read.
 * Rows may be of any dtype. `out` holds d values and overlaps nothing. */
enum robust_status robust_weighted_sum(const struct robust_rows *rows, const double *weights,
                                       const size_t *order, const struct robust_scratch *scratch,
                                       float *out, struct robust_error *error);

/* The same sums before the rounding to float. */
enum robust_status robust_weighted_sum_f64(const struct robust_rows *rows, const double *weights,
                                           const size_t *order,
                                           const struct robust_scratch *scratch, double *out,
                                           struct robust_error *error);

/* Inner product of d floats: products are exact in double; sixteen lanes, blocks of 8192, added in
 * a fixed order. */
double robust_dot(const float *x, const float *y, size_t d);

/* The same of doubles, with fused multiply-adds. */
double robust_dot_f64(const double *x, const double *y, size_t d);

/* One pass at admission: whether every value is finite, and the squared length (only when it is).
 */
void robust_inspect(const float *x, size_t d, bool *is_finite, double *norm_squared);

/* The same of doubles, whose squared length may be infinite although they are finite. */
void robust_inspect_f64(const double *x, size_t d, bool *is_finite, double *norm_squared);

#endif
