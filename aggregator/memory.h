/* What a rule and an optimiser remember between rounds: blobs of the model's own layout, read
 * before the aggregate is made, and durable before it is logged. */
#ifndef TAMIS_MEMORY_H
#define TAMIS_MEMORY_H

#include "aggregator/blob.h"
#include "aggregator/found.h"
#include "aggregator/state.h"
#include "proto/fault.h"
#include "proto/tensor.h"

/* The floats of a vector, inside `view`, which the caller unmaps. NULL, and nothing mapped, when
 * there is none of that name. CORRUPT when the blob is not of the layout. */
enum tamis_status memory_map(struct blob_store *blobs, const struct memory *memory,
                             const char *name, const struct layout *layout, struct blob_view *view,
                             const float **values, struct fault *fault);

/* Notes a whole file of the layout under the name; takes over `file`, which was malloc'd. */
void memory_note(struct found *found, const char *name, uint8_t *file, const struct layout *layout,
                 struct memory *memory);

/* Replaces the aggregate in `delta` by the optimiser's step. `optimiser` is a text that was
 * admitted. Reads `before`, adds to `after` and, whole files, to `found`. NOT_FINITE when a number
 * does not fit. */
enum tamis_status memory_step(struct blob_store *blobs, int threads, const char *optimiser,
                              const struct layout *layout, const struct memory *before,
                              float *delta, struct memory *after, struct found *found,
                              struct fault *fault);

#endif
