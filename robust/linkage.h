/* Single linkage: the first cluster that holds a majority. Internal. */
#ifndef ROBUST_LINKAGE_H
#define ROBUST_LINKAGE_H

#include <stddef.h>

/* Doubles of work for n rows. */
size_t linkage_work_doubles(size_t n);

/* Joins rows nearer to each other than a distance, a growing one, until one cluster has at least
 * `least` rows: share[i] is then 1/m for its m rows and 0 for the others. Pairs equally far apart
 * are joined together, so the cluster does not depend on the order of rows. level[i] is the
 * distance at which row i joins it: one number for all m, and for the others what joining would
 * have taken. distance is n x n, symmetric, no NaN; n is at least 2 and n/2 < least <= n, so that
 * there is one such cluster. About n^2 steps. */
void linkage_majority(size_t n, const double *distance, size_t least, double *work, double *share,
                      double *level);

#endif
