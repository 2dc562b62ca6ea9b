/* The updates of a round that is over, from its manifests: who counted then, and who still does
 * when some are left out. */
#ifndef TAMIS_REDO_H
#define TAMIS_REDO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "aggregator/blob.h"
#include "aggregator/state.h"
#include "proto/fault.h"

/* Which round: see struct past_round. `judged` is the round whose verdicts these are, `of` the one
 * whose weights. `without` is sorted. */
struct redo {
  const char *federation;
  int64_t judged, of;
  struct digest verdicts, weights;
  size_t without_count;
  const char (*without)[STATE_NAME_SIZE];
};

struct redo_row {
  char name[STATE_NAME_SIZE]; /* of the client */
  uint64_t index;             /* of the update's entry */
  struct digest update;
  int64_t examples;
  bool counted;  /* then */
  bool counts;   /* and is not left out */
  double weight; /* then */
};

/* A row an update that was judged, in the order of the verdicts, which is that of the Gram matrix.
 * CORRUPT when a manifest cannot be read or they do not go together. The caller frees `*rows`. */
enum tamis_status redo_read(struct blob_store *blobs, const struct redo *redo,
                            struct redo_row **rows, size_t *count, struct fault *fault);

#endif
