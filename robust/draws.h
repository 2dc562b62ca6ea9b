/* Which coordinates a sample takes: a seeded choice that every shard and every auditor makes alike.
 * Internal. */
#ifndef ROBUST_DRAWS_H
#define ROBUST_DRAWS_H

#include <stddef.h>
#include <stdint.h>

/* Fills coordinates[0..size) with distinct numbers below d, rising: the places that the first
 * `size` indexes go to in a permutation of 0..d-1 keyed by (seed, draw). All of them when size >=
 * d: then d are written. Returns how many. */
size_t draws_choose(uint64_t seed, size_t draw, size_t size, size_t d, size_t *coordinates);

#endif
