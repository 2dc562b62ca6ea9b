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

/* This key is nobody's any more, and never anybody's again. */
void people_key_spend(struct state *state, const struct public_key *key);

/* May those who signed, some of whom once wrote the policy that is in force in the federation, move
 * its head? Nobody judges what came of their own change. DENIED. */
enum tamis_status people_check_author(const struct state *state, const struct entry *entry,
                                      const char *author, struct fault *fault);

/* May it be appended? What the clock has a say in is judged by `now_ms`. */
enum tamis_status people_admit_grant(const struct state *state, const struct entry *entry,
                                     int64_t now_ms, struct fault *fault);
enum tamis_status people_admit_revoke(const struct state *state, const struct statement *statement,
                                      struct fault *fault);

/* The key that a key-rotate brings. */
enum tamis_status people_admit_rotate(const struct state *state, const struct statement *statement,
                                      struct fault *fault);
enum tamis_status people_admit_separation(const struct state *state,
                                          const struct statement *statement, int64_t now_ms,
                                          struct fault *fault);

enum tamis_status people_apply_rotate(struct applying *a, struct fault *fault);
enum tamis_status people_apply_separation(struct applying *a, struct fault *fault);
enum tamis_status people_apply_proposal(struct applying *a, struct fault *fault);
enum tamis_status people_apply_grant(struct applying *a, struct fault *fault);
enum tamis_status people_apply_revoke(struct applying *a, struct fault *fault);

#endif
