/* The one source of chance in lab/: a seed gives the same digits, partition and initial model on
 * every machine. */
#ifndef TAMIS_LAB_RANDOM_H
#define TAMIS_LAB_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* xoshiro256** (Blackman, Vigna, "Scrambled linear pseudorandom number generators", 2021). Not for
 * keys. */
struct random {
  uint64_t state[4];
};

/* Starts a stream. Equal seeds give equal streams; any seed will do, 0 included. */
void random_seed(struct random *random, uint64_t seed);

/* Derives the seed of an independent stream: random_mix(random_mix(seed, client), round). */
uint64_t random_mix(uint64_t seed, uint64_t value);

uint64_t random_bits(struct random *random);

/* Uniform in [0, 1), a multiple of 2^-53. */
double random_uniform(struct random *random);

/* Uniform in [low, high). */
double random_between(struct random *random, double low, double high);

/* Uniform in 0 .. bound-1 without bias; bound is at least 1. */
uint64_t random_below(struct random *random, uint64_t bound);

/* Standard normal. */
double random_normal(struct random *random);

/* Gamma with this shape (positive) and scale 1. Underflows to 0 where the true value does. */
double random_gamma(struct random *random, double shape);

/* One draw from the symmetric Dirichlet(alpha) over `count` (at least 1) shares: non-negative,
 * sum 1. */
void random_dirichlet(struct random *random, double alpha, double *shares, size_t count);

/* Shuffles in place, every order equally likely. */
void random_shuffle(struct random *random, uint32_t *values, size_t count);

#endif
