/* What the decider would have said against what the log says, and where they part in words. */
#ifndef TAMIS_DIFFER_H
#define TAMIS_DIFFER_H

#include <jansson.h>
#include <stdbool.h>
#include "aggregator/decision.h"
#include "proto/statement.h"

struct difference {
  char what[160]; /* "client c03's weight", "the randomness" */
  char expected[160], found[160];
};

/* False when the statement and its manifest (NULL: none) are the proposal's, byte for byte. Where
 * they are not, the manifest's first difference is told before the statement's, which only names
 * its digest. */
bool differ(const struct proposal *proposal, const struct statement *statement,
            const json_t *manifest, struct difference *difference);

#endif
