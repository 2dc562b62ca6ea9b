/* What a person's word about a held update means: the first acts, and the client's history is
 * amended by it, after a rollback once more; what others say afterwards counts for agreement only.
 * Part of the decider. */
#ifndef TAMIS_REVIEW_H
#define TAMIS_REVIEW_H

#include <stdbool.h>
#include <stdint.h>
#include "aggregator/decision.h"
#include "aggregator/state.h"
#include "aggregator/undo.h"
#include "proto/fault.h"

const char *review_decision_name(enum review_decision decision);
bool review_decision_read(const char *name, enum review_decision *decision);

/* What the world knows of the update that the statement is about. */
struct reviewed {
  bool is_there;  /* it was held or rejected in that round, and is the subject */
  uint64_t index; /* of its entry */
};

/* May this be appended? NOT_FOUND, CONFLICT (with what changed) and so on. */
enum tamis_status review_admit(const struct state *state, const struct statement *statement,
                               const char *signer, const struct reviewed *reviewed,
                               struct fault *fault);

/* `review`, and `amended`, which carries it out. */
enum tamis_status review_apply(struct applying *a, struct fault *fault);
enum tamis_status review_apply_amended(struct applying *a, struct fault *fault);

/* Does a decision still have to be carried out? Nothing else of the federation comes before. */
bool review_is_due(const struct federation *federation);
/* Proposes `amended` for the oldest one; false when none is due. */
bool review_next(const struct state *state, const struct federation *federation,
                 struct decision *decision);

/* The history as the decision leaves it. Pure. */
void review_amend(const struct policy *policy, const struct review *review,
                  struct history *history);

/* The client's history begins anew: nothing is left to be carried out. */
void review_forget(struct federation *federation, uint32_t client);
/* Histories went back to those after round `judged` (0: new ones) by entry `index`, which is the
 * basis of the clients whose history that is. What people decided later about updates that are in
 * them is to be carried out again. */
void review_restored(struct federation *federation, int64_t judged, uint64_t index);

#endif
