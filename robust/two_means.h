/* Points split in two around two centres. Internal. */
#ifndef ROBUST_TWO_MEANS_H
#define ROBUST_TWO_MEANS_H

#include <stdbool.h>
#include <stddef.h>

enum { TWO_MEANS_DIMENSIONS_MAX = 4, TWO_MEANS_ROUNDS_MAX = 100 };

struct two_means {
  double centre[2][TWO_MEANS_DIMENSIONS_MAX];
  size_t count[2];
  size_t rounds;
  bool is_settled; /* nobody changed sides in the last round */
};

/* Lloyd's k-means for k = 2 on n >= 1 points, `dimensions` numbers each. It starts from the best
 * cut across the direction of largest variance, so that points on a line are split as well as can
 * be, and others nearly so. Afterwards side 0 is that of point 0. Points that are all equal are one
 * side. About n log n steps, and n in a round. `work` holds 2n doubles. */
void two_means(size_t n, size_t dimensions, const double *points, bool *side, double *work,
               struct two_means *means);

double two_means_distance(size_t dimensions, const double *a, const double *b); /* squared */

#endif
