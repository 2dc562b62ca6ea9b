/* Single linkage: the first cluster of a given size. Internal. */
#ifndef ROBUST_LINKAGE_H
#define ROBUST_LINKAGE_H

#include <stddef.h>

/* Doubles of work for n rows. */
size_t linkage_work_doubles(size_t n);

/* Joins clusters of rows pair by pair, by rising (distance, i, j) with i < j, until one has at
 * least `least` rows; share[i] is then 1/m for its m rows and 0 for the others. level[i] is the
 * distance at which row i joins it: one number for all m, and for the others what joining would
 * have taken. distance is n x n, symmetric, no NaN; 2 <= least <= n. About n^2 steps. */
void linkage_first_cluster(size_t n, const double *distance, size_t least, double *work,
                           double *share, double *level);

#endif
