/* Gaussian noise that anybody can compute again: each coordinate's number is a function of the seed
 * and its index alone. Internal. */
#ifndef ROBUST_NOISE_H
#define ROBUST_NOISE_H

#include <stddef.h>
#include <stdint.h>

/* A standard normal number, at most 8.21 in size; the same bits on every machine. Numbers of
 * different seeds or indexes are as independent as a 64-bit hash makes them: good for smoothing,
 * but whoever knows the seed can subtract them, so a seed that stands in a public plan buys no
 * differential privacy. */
double noise_normal(uint64_t seed, uint64_t index);

/* tile[k] += sigma times the number of coordinate from + k, for k = 0..count-1. */
void noise_add(double *tile, uint64_t from, size_t count, double sigma, uint64_t seed);

#endif
