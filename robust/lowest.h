/* An even share for the m rows of lowest key: what nearest-neighbour rules and selections have in
 * common. Internal. */
#ifndef ROBUST_LOWEST_H
#define ROBUST_LOWEST_H

#include <stddef.h>

/* share[i] = 1/m for the m rows of lowest key, 0 for the others; of equal keys, the rows that come
 * first. 1 <= m <= n, no NaN. `work` holds n doubles; nothing overlaps. About n steps. */
void lowest_share(size_t n, size_t m, const double *key, double *work, double *share);

/* How far the first row left out was from being taken, as a share of its key (science.md 9.2):
 * below about 1e-6 the choice is numerically arbitrary. taken <= left; an infinite key left out
 * gives 1. */
double lowest_margin(double taken, double left);

#endif
