/* The long lists of a round as canonical JSON: what the decider writes is what it reads back when
 * the log is folded. Encode and decode stand side by side. */
#ifndef TAMIS_MANIFEST_H
#define TAMIS_MANIFEST_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include "aggregator/blob.h"
#include "aggregator/judge.h"
#include "aggregator/state.h"
#include "proto/digest.h"
#include "proto/fault.h"

/* Reads one from its blob, digest and canonical form checked; CORRUPT, with the digest in the
 * sentence. `*manifest` is a new reference. */
enum tamis_status manifest_load(struct blob_store *blobs, const struct digest *digest,
                                json_t **manifest, struct fault *fault);

/* New references. `list` is taken over. */
json_t *manifest_digest(const struct digest *digest);
json_t *manifest_cohort(const char *federation, int64_t round, json_t *clients);
/* `trail` is written when it has a file. */
json_t *manifest_verdicts(const char *federation, int64_t round, json_t *clients, json_t *updates,
                          const struct trail *trail);
/* The reverse; zeros when it has none. CORRUPT. */
enum tamis_status manifest_trail_read(const json_t *manifest, struct trail *trail,
                                      struct fault *fault);

/* What a weight manifest says beside the weights. */
struct manifest_weights {
  const char *federation, *rule;
  const char *optimiser; /* "": none */
  int64_t round;
  struct digest gram;
  double margin;
  double reference_weight; /* of the rule's last output; written when the rule remembers it */
  const struct memory *memory;
  int64_t of;              /* the round that is redone; 0: none, and the next two are not written */
  const char *approximate; /* why its model is not what training would have given */
  json_t *without;         /* names of clients that were left out; taken over */
};
json_t *manifest_weights(const struct manifest_weights *weights, json_t *updates);

/* The memory in a weight manifest; CORRUPT when a name comes twice or there are too many. */
enum tamis_status manifest_memory_read(const json_t *manifest, struct memory *memory,
                                       struct fault *fault);

/* CORRUPT unless the manifest is one of this federation and round with a list of that name. The
 * list is borrowed. */
enum tamis_status manifest_list(const json_t *manifest, const char *federation, int64_t round,
                                const char *name, const json_t **list, struct fault *fault);

/* An element of `updates` in a verdict manifest. */
struct manifest_update {
  const char *client; /* borrowed from the manifest */
  uint64_t index;
  struct digest update;
  int64_t examples;
  enum verdict verdict;
  bool is_strike, is_counted; /* is the round in the client's history, and as a strike? */
  double risk, z_distance;
};
/* Names of the clients that the evidence points to; "": nobody. */
struct manifest_alike {
  const char *neighbour, *residual_neighbour, *history_neighbour;
};
json_t *manifest_update_write(const struct manifest_update *update, const struct judged *judged,
                              const struct manifest_alike *alike);
enum tamis_status manifest_update_read(const json_t *element, struct manifest_update *update,
                                       struct fault *fault);

/* An element of `clients` there: what the judge remembers, and the update it compares the next one
 * with. */
json_t *manifest_history_write(const char *client, const struct history *history,
                               const struct digest *before, const struct sketch_place *sketch);
enum tamis_status manifest_history_read(const json_t *element, const char **client,
                                        struct history *history, struct digest *before,
                                        struct sketch_place *sketch, struct fault *fault);

/* The history of one client after a person's word; element as in the verdicts. */
json_t *manifest_amended(const char *federation, int64_t round, json_t *history);

/* The list of a tombstone, and an element of it. */
json_t *manifest_tombstone(const char *federation, int64_t round, json_t *updates);
json_t *manifest_dropped_write(const struct manifest_update *update);
enum tamis_status manifest_dropped_read(const json_t *element, struct manifest_update *update,
                                        struct fault *fault);

/* An element of `updates` in a weight manifest. */
json_t *manifest_weight_write(const char *client, uint64_t index, const struct digest *update,
                              double weight);

#endif
