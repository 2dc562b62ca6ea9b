/* What this side has seen the log sign, and whether all of it can be one history. */
#ifndef TAMIS_TRUST_H
#define TAMIS_TRUST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "client-sdk/session.h"
#include "client-sdk/state_dir.h"
#include "proto/checkpoint.h"
#include "proto/merkle.h"

struct trust {
  struct public_key log_key;        /* pinned; its name is the origin */
  struct public_key aggregator_key; /* from the genesis entry; valid with has_aggregator */
  bool has_aggregator;
  const struct state_dir *dir; /* borrowed; NULL: nothing outlives the process */
  struct checkpoint kept;      /* the last one verified; size 0: none yet */
  char *kept_note;             /* owned */
  size_t kept_length;
  bool is_saved; /* `dir` has it */
};

/* Reads the checkpoint kept in `dir`. */
enum tamis_status trust_open(struct trust *trust, const struct public_key *log_key,
                             const struct state_dir *dir, struct fault *fault);
void trust_close(struct trust *trust);

/* The file in `dir` that holds evidence of a fork, in the form of proto/fork.h. */
#define TRUST_EVIDENCE "fork-evidence"
/* FORK when it is there: what was seen cannot be unseen, until a human takes the file away. The
 * calls below ask this first. */
enum tamis_status trust_is_whole(const struct trust *trust, struct fault *fault);

/* `entry` is in the log at `*index`, under a checkpoint that continues what was seen before; the
 * newest one seen is kept. FORK: both notes are in `dir`, in the file TRUST_EVIDENCE. */
enum tamis_status trust_receipt(struct trust *trust, struct session *session, const void *receipt,
                                size_t length, const void *entry, size_t entry_length,
                                uint64_t *index, struct checkpoint *checkpoint,
                                struct fault *fault);

/* The same for a bare note. */
enum tamis_status trust_note(struct trust *trust, struct session *session, const void *note,
                             size_t length, struct fault *fault);

/* The log's latest checkpoint, linked to what was seen; it is then `trust->kept`. */
enum tamis_status trust_latest(struct trust *trust, struct session *session, struct fault *fault);

/* Entry `index` and its inclusion. `*entry` is malloc'd and terminated, the caller frees it. */
enum tamis_status trust_entry(struct trust *trust, struct session *session, uint64_t index,
                              char **entry, size_t *length, struct fault *fault);

/* Entry `index` and its inclusion in the tree of a checkpoint that was verified before, latest or
 * not. `*entry` as above. */
enum tamis_status trust_entry_under(const struct checkpoint *checkpoint, struct session *session,
                                    uint64_t index, char **entry, size_t *length,
                                    struct merkle_proof *proof, struct fault *fault);

/* By which hashes the tree of `size` entries goes on to that of such a checkpoint; whoever knows a
 * root of that size checks them. */
enum tamis_status trust_link_under(struct trust *trust, const struct checkpoint *checkpoint,
                                   struct session *session, uint64_t size,
                                   struct merkle_proof *proof, struct fault *fault);

/* The same with the text of its receipt, malloc'd too. */
enum tamis_status trust_entry_receipt(struct trust *trust, struct session *session, uint64_t index,
                                      char **entry, size_t *length, char **receipt,
                                      size_t *receipt_length, struct fault *fault);

/* Learns the aggregator's key from the genesis entry, once. */
enum tamis_status trust_aggregator(struct trust *trust, struct session *session,
                                   struct fault *fault);

#endif
