/* Who takes part in a round and who comes first when two are equal, drawn from randomness that the
 * log had fixed before: nobody chooses, everybody can redo it. */
#ifndef TAMIS_COHORT_H
#define TAMIS_COHORT_H

#include <stddef.h>
#include <stdint.h>
#include "proto/digest.h"

/* SHA-256(root of the log just before the plan || federation || "\n" || round in decimal). */
struct digest cohort_randomness(const struct digest *root, const char *federation, int64_t round);

/* order[] becomes a permutation of 0 .. count-1: Fisher-Yates from the end, numbers from
 * SHA-256(randomness || label || counter as 8 bytes big endian), 8 bytes each, without modulo bias.
 * Labels in use: "cohort", "order". */
void cohort_shuffle(const struct digest *randomness, const char *label, size_t *order,
                    size_t count);

#endif
