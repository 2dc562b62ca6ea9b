/* One number that says whether this machine computes what every other machine computes. */
#ifndef ROBUST_SELFTEST_H
#define ROBUST_SELFTEST_H

#include <stdint.h>

#include "robust/scratch.h"
#include "robust/status.h"

/* The hash every build on every processor must give. A deliberate change of any result changes it,
 * in its own commit. */
#define ROBUST_SELFTEST_HASH UINT64_C(0x5e3dab1fa6109f95)

/* Runs the Gram matrix, every rule, the scores and the kernels on seeded rows (ordinary, huge,
 * denormal, zero, equal) and hashes all results with 64-bit FNV-1a. Allocates a few MiB for the
 * time of the call. */
enum robust_status robust_selftest(int threads, enum robust_isa isa, uint64_t *hash,
                                   struct robust_error *error);

#endif
