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

/* Lloyd's k-means for k = 2 on n >= 1 points, `dimensions` numbers each. It starts from the two
 * points farthest apart, the first such pair; a point as near to one centre as to the other goes
 * with the pair's first. Afterwards side 0 is that of point 0. Points that are all equal are one
 * side. A local minimum, as always; n^2 steps for the start, n in a round. */
void two_means(size_t n, size_t dimensions, const double *points, bool *side,
               struct two_means *means);

double two_means_distance(size_t dimensions, const double *a, const double *b); /* squared */

#endif
