/* Order statistics of a tile of coordinates: each column ranked across the rows. Internal. */
#ifndef ROBUST_RANK_H
#define ROBUST_RANK_H

#include <stdbool.h>
#include <stddef.h>

#include "robust/lanes.h"

enum { RANK_TILE = 1024 };

/* Coordinates of n rows, in the order that breaks ties. Exactly one of the two arrays is set:
 * narrow[i][k] (or wide[i][k]) is coordinate k of the tile in row i; the pointers already stand at
 * the tile's first coordinate. One per thread. */
struct rank_tile {
  const struct lanes *lanes;
  size_t n;
  size_t count; /* coordinates in the tile, 1..RANK_TILE */
  const float *const *narrow;
  const double *const *wide;
  /* The same rows go on past the tile: what lies there may be fetched into the cache, never read.
   */
  bool is_followed;
  void *work; /* rank_work_bytes(n, is_wide), on 64 bytes */
};

size_t rank_work_bytes(size_t n, bool is_wide);

/* out[k] = mean of ranks [from, to) of the values of coordinate k, rank 0 the smallest, added in
 * double: upwards, or, for floats of more than LANES_RUN_MAX rows, first whatever is strictly
 * between the lowest and the highest rank in the order of the rows, then the values equal to the
 * lowest, then to the highest. A result of zero is +0. Depends on its own coordinate only, not on
 * the tile. */
void rank_window_means(const struct rank_tile *tile, size_t from, size_t to, double *out);

/* out[k] = mean of the `keep` values nearest to the median of coordinate k (of even n: the mean of
 * the two middle ones), 1 <= keep <= n, added upwards in double. Of values equally far from the
 * median, those of the rows that come first are kept. */
void rank_nearest_means(const struct rank_tile *tile, size_t keep, double *out);

#endif
