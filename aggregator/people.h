/* What the statements about people mean: who gets which role and loses it. Internal to the decider.
 */
#ifndef TAMIS_PEOPLE_H
#define TAMIS_PEOPLE_H

#include <stdbool.h>
#include "aggregator/state.h"
#include "aggregator/undo.h"
#include "proto/fault.h"
#include "proto/statement.h"

/* Is or was this key anybody's: a client's, a person's, the aggregator's, the log's? */
bool people_key_is_taken(const struct state *state, const struct public_key *key);

/* May it be appended? What the clock has a say in is judged by `now_ms`. */
enum tamis_status people_admit_grant(const struct state *state, const struct statement *statement,
                                     int64_t now_ms, struct fault *fault);
enum tamis_status people_admit_revoke(const struct state *state, const struct statement *statement,
                                      struct fault *fault);

enum tamis_status people_apply_grant(struct applying *a, struct fault *fault);
enum tamis_status people_apply_revoke(struct applying *a, struct fault *fault);

#endif
