/* A public, seeded stream of numbers that everybody can draw again: for deals and reference
 * samples, never for secrets. Internal. */
#ifndef ROBUST_SPLITMIX_H
#define ROBUST_SPLITMIX_H

#include <stddef.h>
#include <stdint.h>

/* Every bit of z moves every bit of the result, and no two z share one: what splitmix_next does to
 * its state. */
uint64_t splitmix_mix(uint64_t z);

/* splitmix64 (Steele, Lea, Flood, OOPSLA 2014). `state` starts as the seed. */
uint64_t splitmix_next(uint64_t *state);

/* Even over 0 .. bound - 1; bound is at least 1. */
uint64_t splitmix_below(uint64_t *state, uint64_t bound);

/* In [0, 1), in steps of 2^-53. */
double splitmix_unit(uint64_t *state);

#endif
