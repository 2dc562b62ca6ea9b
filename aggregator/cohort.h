/* Who takes part in a round and who comes first when two are equal, drawn from randomness that the
 * log had fixed before: nobody chooses, everybody can redo it. */
#ifndef TAMIS_COHORT_H
#define TAMIS_COHORT_H

#include <stdbool.h>
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

struct cohort_candidate {
  const char *name, *organisation; /* borrowed */
  bool is_new;                     /* on probation, or of an organisation that is as good as that */
};

struct cohort_seats {
  size_t count;             /* seats there are; at most as many as candidates */
  size_t least;             /* of them filled whatever the shares say */
  double organisation, new; /* shares of the seats, each at least one seat */
  bool is_strict;           /* leave empty what the shares leave over */
};

/* Who sits: candidates are asked in the order of the shuffle "cohort", first those within the
 * shares, then, for seats that are still empty, the others (strict: until `least` are filled). So a
 * thousand names of one organisation or of yesterday take no more than their share while others
 * want the seats. chosen[] gets places in candidate[], in the order of asking; returns how many.
 * False in *is_good when out of memory. */
size_t cohort_draw(const struct digest *randomness, const struct cohort_candidate *candidate,
                   size_t count, const struct cohort_seats *seats, size_t *chosen, bool *is_good);

#endif
