/* Which organisations vouch for one tree of the log: cosignatures of enrolled clients counted by
 * who invited them. Pure: used when the decider asks whether there are enough, and again when the
 * entry that says so is folded. */
#ifndef TAMIS_WITNESS_H
#define TAMIS_WITNESS_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include "aggregator/state.h"
#include "proto/checkpoint.h"
#include "proto/fault.h"

/* Of one tree. More clients than this may be enrolled; enough for any quorum that is admitted. */
enum { WITNESS_COSIGNATURES_MAX = 4096 };

struct cosignature {
  uint32_t client;              /* its position in the state */
  uint8_t key[KEY_PUBLIC_SIZE]; /* that verified it: a name may be enrolled again with another */
  char text[COSIGNATURE_TEXT_SIZE];
};

/* What was cosigned, and by whom: each client once. */
struct cosigned {
  uint64_t size;
  struct digest root;
  struct cosignature *cosignature; /* sorted by client's position */
  size_t count;
};

/* The text of the tree's checkpoint under the state's origin. */
struct checkpoint witness_checkpoint(const struct state *state, uint64_t size,
                                     const struct digest *root);

/* May this cosignature's client still vouch: enrolled, with that key, not revoked? What it is worth
 * as a trainer does not matter: it says which history it saw, not what is good for the model. */
bool witness_is_good(const struct state *state, const struct cosignature *cosignature);

struct witness_tally {
  size_t witnesses;     /* good cosignatures */
  size_t organisations; /* with at least `per_organisation` of them */
  char missing[256];    /* organisations that have clients but too few of them; cut with "..." */
};
/* `cosigned` NULL: nobody. */
void witness_count(const struct state *state, const struct cosigned *cosigned,
                   int64_t per_organisation, struct witness_tally *tally);

/* The manifest of a `witnessed` entry: good cosignatures sorted by client. A new reference. */
json_t *witness_manifest(const struct state *state, const char *federation, int64_t round,
                         const struct cosigned *cosigned);
/* Reads one back and verifies every cosignature in it: CORRUPT when one is not good, comes twice or
 * out of order. Counts them. */
enum tamis_status witness_manifest_check(const struct state *state, const json_t *list,
                                         const struct checkpoint *checkpoint,
                                         int64_t per_organisation, struct witness_tally *tally,
                                         struct fault *fault);

#endif
