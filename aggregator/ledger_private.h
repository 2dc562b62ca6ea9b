/* What ledger.c and ledger_snapshot.c share: ways to the state of now. */
#ifndef TAMIS_LEDGER_PRIVATE_H
#define TAMIS_LEDGER_PRIVATE_H

#include "aggregator/ledger.h"
#include "proto/checkpoint.h"

/* The state of an empty log. */
void ledger_state_begin(struct ledger *ledger);
/* What the journal holds beyond the state, with all checks. */
enum tamis_status ledger_fold_rest(struct ledger *ledger, struct fault *fault);

/* Opens the journal at `path` and makes the state from the snapshot and what follows it. False when
 * there is none that fits, which is said as a notice; nothing has changed then. */
bool ledger_snapshot_resume(struct ledger *ledger, const char *path,
                            const struct checkpoint *checkpoint);
/* The state at the last snapshot, from its file. False when it cannot be had; the state is then
 * not touched. */
bool ledger_snapshot_recall(struct ledger *ledger);
/* Until what is being written is there, or is not. */
void ledger_snapshot_wait(struct ledger *ledger);

#endif
