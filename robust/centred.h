/* The Gram matrix of rows as seen from a weighted mean of theirs. Internal. */
#ifndef ROBUST_CENTRED_H
#define ROBUST_CENTRED_H

#include <stddef.h>

/* gram[i * n + j] = <x_i - z, x_j - z> for z = sum of p_j x_j, the p_j adding up to 1, from the
 * squared distances of the rows: (r_i + r_j - D_ij) / 2 with r_i = |x_i - z|^2 = (D p)_i - p'D p /
 * 2 (science.md 3). Exactly symmetric. Rows of weight 0 do not touch the entries of the others
 * however far away they stand, and rows that are all equal give exact zeros. `work` holds n
 * doubles. */
void centred_gram(size_t n, const double *distances, const double *p, double *gram, double *work);

#endif
