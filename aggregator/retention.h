/* Which updates' bytes may go, under the policy of their federation. Pure: what is asked about
 * comes as an argument, as the state does not keep every update there ever was. */
#ifndef TAMIS_RETENTION_H
#define TAMIS_RETENTION_H

#include <stdbool.h>
#include "aggregator/manifest.h"
#include "aggregator/state.h"

/* The last round whose updates need not stay; 0: none, as always while a rebuild is under way. Only
 * rounds that were opened are counted. */
int64_t retention_round(const struct federation *federation);

/* Why an update of that round stays although the round is old enough. */
enum retention {
  RETENTION_DROP,
  RETENTION_KEPT, /* its round is not old enough, not over, or a rebuild is under way; no policy */
  RETENTION_COMPARED,   /* the judge compares the client's next update with it */
  RETENTION_SHARED,     /* it is a model or a manifest too */
  RETENTION_UNRESOLVED, /* held or rejected, and no operator has spoken since */
  RETENTION_DISPUTED,
  RETENTION_NOBODY, /* no such client */
  RETENTION_COUNT
};
enum retention retention_of(const struct state *state, const struct federation *federation,
                            int64_t round, const struct manifest_update *update);
/* "held or rejected, and nobody has spoken since" */
const char *retention_words(enum retention retention);

#endif
