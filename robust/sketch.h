/* A count sketch (Charikar, Chen, Farach-Colton, 2002): d numbers thrown into 256 buckets by a
 * seeded hash, each with a seeded sign. Sums of vectors have the sum of their sketches, and inner
 * products of vectors are in expectation those of their sketches, off by about |x| |y| / 16. So
 * whole histories fit into a kilobyte.
 *
 * Coordinates are cut into runs of 256; each run keeps its order and is turned by an amount of its
 * own, so that two coordinates of one run never meet, and two of different runs meet once in 256.
 * Withstands nobody who knows the seed and wants to hide: a vector whose sketch is any 256 numbers
 * is easily made. Bits depend on nothing but the numbers and the seed. */
#ifndef ROBUST_SKETCH_H
#define ROBUST_SKETCH_H

#include <stddef.h>
#include <stdint.h>

enum { ROBUST_SKETCH_SIZE = 256, ROBUST_SKETCH_TILE = 1024 };

/* The hash of coordinates [from, from + ROBUST_SKETCH_TILE), shared by all rows. */
struct robust_sketch_tile {
  float sign[ROBUST_SKETCH_TILE];
  size_t turn[ROBUST_SKETCH_TILE / ROBUST_SKETCH_SIZE];
};

/* `from` is a multiple of ROBUST_SKETCH_TILE. */
void robust_sketch_tile(uint64_t seed, size_t from, struct robust_sketch_tile *tile);

/* Adds `count` coordinates from the tile's first on; tiles of one vector in rising order. `sum` has
 * 2 ROBUST_SKETCH_SIZE numbers, zeros in the beginning. */
void robust_sketch_add(const struct robust_sketch_tile *tile, const float *x, size_t count,
                       double *sum);

/* The sketch, rounded once; a bucket beyond floats is the largest float of its sign. */
void robust_sketch_finish(const double *sum, float *sketch);

#endif
