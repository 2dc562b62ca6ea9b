/* What the entries that go back mean: rollback, rebuild, the rounds rebuilt and a rebuild's end.
 * Internal to the decider. */
#ifndef TAMIS_UNDO_H
#define TAMIS_UNDO_H

#include <jansson.h>
#include <stdint.h>
#include "aggregator/entry.h"
#include "aggregator/state.h"

/* An entry being folded. */
struct applying {
  struct state *state;
  const struct statement *statement;
  const struct entry *entry;
  const json_t *manifest;
  uint64_t index;
};

/* CORRUPT, naming the entry. */
enum tamis_status undo_contradiction(const struct applying *a, struct fault *fault,
                                     const char *what);

enum tamis_status undo_rollback(struct applying *a, struct fault *fault);
enum tamis_status undo_rebuild(struct applying *a, struct fault *fault);
enum tamis_status undo_rebuilt(struct applying *a, struct fault *fault);

/* The federation, when the entry (promote, hold or abandon) is about its rebuild and not about a
 * round that was opened; else NULL. */
struct federation *undo_of_rebuild(const struct applying *a);
enum tamis_status undo_rebuild_promote(struct applying *a, struct federation *federation,
                                       struct fault *fault);
enum tamis_status undo_rebuild_hold(struct applying *a, struct federation *federation,
                                    struct fault *fault);
enum tamis_status undo_rebuild_abandon(struct applying *a, struct federation *federation,
                                       struct fault *fault);

#endif
