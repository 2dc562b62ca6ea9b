/* Order statistics of a tile of coordinates: each column sorted across the rows, a window of ranks
 * averaged. Internal. */
#ifndef ROBUST_RANK_H
#define ROBUST_RANK_H

#include <stddef.h>

#include "robust/lanes.h"

enum { RANK_TILE = 1024 };

/* Coordinates [at, at + count) of n rows, and memory for one strip of sorted columns. One per
 * thread. */
struct rank_tile {
  const struct lanes *lanes;
  size_t n;
  const float *const *row;
  size_t at;
  size_t count;
  float *sorted; /* n x LANES_WIDTH_MAX */
  float
      *edge; /* n x LANES_WIDTH_MAX: a strip that reaches past the last coordinate is copied here */
  const float **edge_row; /* n */
  const void **ahead;     /* n */
};

/* out[k] = mean of ranks [from, to) of the values of coordinate k, rank 0 the smallest, added
 * upwards in double. A result of zero is +0. Depends on the values of its own coordinate only, not
 * on the order of rows or on the tile. */
void rank_window_means(const struct rank_tile *tile, size_t from, size_t to, double *out);

#endif
