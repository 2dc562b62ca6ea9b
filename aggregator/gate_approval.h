/* The gate that persons open: so many of them approve a candidate, and one who rejects it closes
 * it. */
#ifndef TAMIS_GATE_APPROVAL_H
#define TAMIS_GATE_APPROVAL_H

#include "aggregator/gates.h"

/* approval(persons=2, minutes=1440) */
extern const struct gate gate_approval;

/* What this person said of the candidate; NULL: nothing yet. */
const struct approval *gate_approval_of(const struct federation *federation, const char *person);

/* May this person approve now? Once duties are separated the first who does is a release manager,
 * and whoever follows a reviewer. DENIED. */
enum tamis_status gate_approval_may(const struct state *state, const struct federation *federation,
                                    const char *person, int64_t now_ms, struct fault *fault);

#endif
