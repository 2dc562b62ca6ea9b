/* A lineage that was not: rounds computed again from their stored updates, without some clients or
 * by another rule, each on the model that the one before it gave. Lives in memory; a server would
 * find the same bytes. */
#ifndef TAMIS_VARIANT_H
#define TAMIS_VARIANT_H

#include <stdbool.h>
#include <stdint.h>
#include "aggregator/blob.h"
#include "aggregator/federation.h"
#include "aggregator/found.h"

struct variant {
  struct digest head;   /* its model now: one of the blobs, or among `files` */
  struct memory memory; /* what rule and optimiser remember with it */
  struct found files;   /* of the last round; owned */
};

/* Starts where the work of a round did: at its base. Nothing is held yet. */
struct variant variant_at(const struct work *work);
void variant_close(struct variant *variant);

/* Counts the clients for which `is_out` says so out of a WORK_AGGREGATE; NULL: nobody. */
void variant_leave_out(struct work *work, bool (*is_out)(const void *context, uint32_t client),
                       const void *context);

/* Computes the round of a WORK_AGGREGATE again on this variant's model and memory, some clients
 * left out as above. Everybody else's verdict is the logged
 * one. When the rule cannot keep its promise without them, RULE_NOT_FEASIBLE: the variant stays as
 * it is, as a server would hold the round. `done` (NULL: not wanted) is the work with what was
 * found; the caller frees it. */
enum tamis_status variant_round(struct variant *variant, struct blob_store *blobs, int threads,
                                const struct work *work,
                                bool (*is_out)(const void *context, uint32_t client),
                                const void *context, struct work **done, struct fault *fault);

/* The whole file of its model, in memory or mapped; unmap the view. */
enum tamis_status variant_model(const struct variant *variant, struct blob_store *blobs,
                                struct blob_view *view, struct fault *fault);

#endif
