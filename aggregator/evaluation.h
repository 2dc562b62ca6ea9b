/* What evaluators measured of a candidate or of the head: read from a signed statement and its
 * manifest, held against what the same person measured of the head before. */
#ifndef TAMIS_EVALUATION_H
#define TAMIS_EVALUATION_H

#include <jansson.h>
#include "aggregator/state.h"
#include "proto/fault.h"
#include "proto/statement.h"

enum {
  EVALUATION_MANIFEST_MAX = 1 << 18,
  EVALUATION_CLASSES_MAX = 1000
}; /* bytes; in a manifest */

/* The numbers of an `evaluation` by `person`, at `index` of the log. BAD_STATEMENT when they cannot
 * be, or contradict the manifest: that names federation, round and suite of the statement; its
 * classes, where it has any, add up to the examples, and their hits to the accuracy. What it is
 * compared with is not filled in. */
enum tamis_status evaluation_read(const struct statement *statement, const json_t *manifest,
                                  const char *person, uint64_t index, struct evaluation *evaluation,
                                  struct fault *fault);

/* Is this the head, or the candidate that waits, and the model of that round? */
bool evaluation_is_due(const struct federation *federation, int64_t round,
                       const struct digest *model);
/* How many persons have measured the model of that round. */
size_t evaluation_count_of(const struct federation *federation, int64_t round);

/* What this person measured of the model of that round last; NULL: nothing that still matters. */
const struct evaluation *evaluation_find(const struct federation *federation, const char *person,
                                         int64_t round);
/* What a candidate of the open round is to be compared with: the person's measure of the head under
 * that suite. NULL: there is none. */
const struct evaluation *evaluation_of_head(const struct federation *federation, const char *person,
                                            const struct digest *suite);

/* Takes it in, in place of what the person measured of that model before. A candidate's is compared
 * with the head's; a later one of a model that became the head keeps what it was compared with, as
 * far as the suite is the same. */
void evaluation_put(struct federation *federation, struct evaluation *evaluation,
                    const json_t *manifest);
/* Forgets those of models that are neither the head nor the candidate. */
void evaluation_prune(struct federation *federation);

#endif
