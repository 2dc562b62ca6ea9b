/* Every reason to turn an update away before its body is read, in one list, in order. */
#ifndef TAMIS_ADMISSION_H
#define TAMIS_ADMISSION_H

#include <stdbool.h>
#include "aggregator/entry.h"
#include "aggregator/state.h"
#include "proto/fault.h"

/* Nothing more is taken in: all selected have answered, the target is reached, the deadline has
 * passed, verdicts are logged, the head moved away under it, or a rebuild is about to move it.
 * Depends on nothing but its arguments, so it is the same at the door, at the close and after a
 * restart. */
bool admission_is_closed(const struct federation *federation, int64_t now_ms);

/* `entry` is a verified `update`. `expected_bytes`: the size of the base model's file, which an
 * update must have (0: unknown, not checked). `is_other_history`: the checkpoint that it names as
 * verified is no tree of this log. */
enum tamis_status admission_update(const struct state *state, const struct entry *entry,
                                   int64_t now_ms, uint64_t expected_bytes, bool is_other_history,
                                   struct fault *fault);

enum { ADMISSION_REFUSALS_MAX = 4 };

/* Authenticated refusals are logged, but no client may fill the log with them: each envelope once,
 * and ADMISSION_REFUSALS_MAX between two plans of the federation. */
bool admission_logs_refusal(const struct state *state, const struct entry *entry);

#endif
