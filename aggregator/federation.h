/* The decider: what may be appended to the log next, and what an appended entry means. No I/O, no
 * clock: time and the log's root are arguments, blobs are digests, long computations are work
 * handed out and answers taken back. The same code runs live, when the journal is folded, and in an
 * audit. */
#ifndef TAMIS_FEDERATION_H
#define TAMIS_FEDERATION_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "aggregator/decision.h"
#include "aggregator/entry.h"
#include "aggregator/evidence.h"
#include "aggregator/manifest.h"
#include "aggregator/review.h"
#include "aggregator/state.h"
#include "aggregator/witness.h"
#include "proto/fault.h"
#include "proto/statement.h"
#include "proto/tensor.h"

/* ---- entries that were appended ---- */

/* Is the entry about a manifest: a cohort, verdicts, weights, witnesses, a history, or for a
 * rollback the verdicts of the round it returns to and for a review those of its round? Then its
 * digest. */
bool federation_manifest(const struct state *state, const struct entry *entry,
                         struct digest *manifest);

/* Folds the next entry into the state; its index is state->applied. Depends on the entry and its
 * manifest alone. CORRUPT when the entry cannot follow from the state: such a log was not written
 * by this code. The state is then of no use. */
enum tamis_status federation_apply(struct state *state, const struct entry *entry,
                                   const json_t *manifest, struct fault *fault);

/* ---- statements that others signed ---- */

/* What the decider is told about the world. */
struct moment {
  int64_t now_ms;  /* unix time, never less than the moment before */
  bool is_settled; /* every entry of the state is in the log: `root` is its root */
  struct digest root;
  const struct cosigned *seen; /* the largest tree that witnesses vouched for; NULL: none */
  const struct layout
      *layout;              /* federation-create: of the model, NULL when the blob is not there */
  uint64_t expected_bytes;  /* update: size of the base model's file */
  bool is_other_history;    /* update: the checkpoint that it names is no tree of this log */
  bool has_proposed;        /* proposal: the blob is what it says, and waits for a cosigner */
  bool has_update;          /* dispute: the log has that update of that client in that round */
  struct reviewed reviewed; /* review: the update that it is about */
  uint64_t dropped_in;      /* dispute: the tombstone's entry; 0: its bytes are kept */
  bool is_preview;          /* nobody has signed it yet: what it would do is asked, not who may */
  bool is_full;             /* the disk takes no more updates: no round is opened */
  const json_t *manifest;   /* evaluation: what its statement names; NULL: it is not there */
  const struct undo_plan *plan; /* rebuild: what it would do; NULL: not looked at, as in an audit,
                                   where the files need not be here any more */
};

/* May this verified entry be appended? TAMIS_OK or the reason why not. */
enum tamis_status federation_admit(const struct state *state, const struct entry *entry,
                                   const struct moment *moment, struct fault *fault);

/* ---- statements of our own ---- */

/* Something to compute from blobs before the federation can go on. */
enum work_kind { WORK_MEASURE, WORK_AGGREGATE, WORK_SHADOW };

struct work_row {
  uint32_t client; /* of a rebuilt round: not set */
  char name[STATE_NAME_SIZE];
  uint64_t index;
  struct digest update, before; /* before: the client's last judged update, or zero */
  struct sketch_place sketch;   /* that goes with it */
  int64_t examples;
  enum bar bar;
  bool votes;
};

/* What a shadow's aggregate is to the plan's: |s - p| / |p| (0 where both are zero, 1 where only p
 * is) and <s, p> / |s| |p| (0 where one of them is zero). */
struct shadow_found {
  enum tamis_status status; /* TAMIS_OK or RULE_NOT_FEASIBLE */
  char sentence[200];       /* why not; "" */
  double distance, cosine, margin;
};

struct work {
  enum work_kind kind;
  char federation[STATE_NAME_SIZE];
  int64_t round;
  uint64_t revision;
  struct digest base, randomness;
  char rule[STATE_RULE_SIZE], optimiser[STATE_RULE_SIZE];
  char shadows[STATE_RULE_SIZE]; /* WORK_SHADOW */
  /* WORK_AGGREGATE of a rebuild: the round to redo (else 0), the one that judged its updates, and
   * who is left out; WORK_SHADOW: the round, twice. Rows are in the two manifests: round_rows reads
   * them, until then there are none. */
  int64_t of, judged;
  struct digest verdicts, weights;
  size_t without_count;
  char (*without)[STATE_NAME_SIZE]; /* owned; sorted */
  struct memory before;             /* WORK_AGGREGATE: what is remembered with the base */
  bool weigh_by_examples;
  double copy_cosine;        /* of the policy: what is a copy */
  struct digest base_before; /* the model that the base was made from; zero: none */
  struct trail trail;        /* of the rounds before; none where the base does not follow on them */
  bool is_same_base;         /* as in the last round of the trail: no step since */
  uint64_t sketch_seed;
  struct digest gram; /* WORK_AGGREGATE: of the rows that were measured; WORK_MEASURE: found */
  size_t count;
  struct work_row *row; /* owned; sorted by client name */
  size_t accepted;      /* WORK_AGGREGATE: how many of the rows count */
  bool *counts;         /* owned */

  /* found */
  enum tamis_status status; /* RULE_NOT_FEASIBLE leads to hold, any other fault to abandon */
  struct fault fault;
  struct evidence *evidence;   /* owned; WORK_MEASURE */
  struct digest sketches;      /* WORK_MEASURE: the file that this round leaves */
  double *weight;              /* owned; WORK_AGGREGATE, one a row, 0 where it does not count;
                                  WORK_SHADOW, rule after rule, one a row that counts */
  struct shadow_found *shadow; /* owned; WORK_SHADOW, one a rule */
  double margin, reference_weight;
  struct digest candidate;
  struct memory after; /* WORK_AGGREGATE: to be remembered with the candidate */
};
/* What every rebuilt round says of itself. */
#define FEDERATION_APPROXIMATE                                                                     \
  "approximate: its updates were computed from the models of the old line, and judged beside "     \
  "those that are left out"

void work_free(struct work *work);
/* What was handed out, nothing found; the caller owns it. */
struct work *work_copy(const struct work *work);

/* What the federation waits for, if the round is ready for it: NULL when it is not. The caller owns
 * it, computes what is to be found, and gives it to federation_worked. */
struct work *federation_work(const struct state *state, const struct federation *federation,
                             int64_t now_ms);

/* The verdicts, the candidate and its promotion, or a rebuilt round. False when the work is about a
 * state that is no more (an exclusion, a rollback, a review came in between): nothing is proposed,
 * and federation_work gives it out anew. */
bool federation_worked(const struct state *state, const struct work *work,
                       const struct moment *moment, struct decision *decision);

/* What follows by itself: abandon a round, open the next one. False when nothing does. */
bool federation_next(const struct state *state, const struct federation *federation,
                     const struct moment *moment, struct decision *decision);

/* A tombstone for those of the round's updates that may go (retention.h), `count` of them in the
 * order of the log with the bytes that each takes. False when none may. */
bool federation_tombstone(const struct state *state, const struct federation *federation,
                          int64_t round, const struct manifest_update *update,
                          const uint64_t *bytes, size_t count, struct decision *decision);

/* What the state of now adds up to, for the log to say. `digest` is state_text_digest's; nothing
 * may come between the two. */
void federation_snapshot(const struct state *state, const struct digest *digest,
                         struct decision *decision);

/* Does the open round wait for witnesses? Then from which size on a tree holds its aggregate. */
bool federation_wants_witnesses(const struct federation *federation, uint64_t *size_least);

/* Cosignatures that were verified, of a tree whose root is the log's own. Proposes `witnessed` when
 * they stand for enough organisations and the tree holds the candidate that waits; the promotion
 * follows by itself. False: not yet, or nobody waits. */
bool federation_witnessed(const struct state *state, const struct federation *federation,
                          const struct cosigned *cosigned, struct decision *decision);

/* When federation_next or federation_work has to be asked again although nothing was appended;
 * INT64_MAX: never. */
int64_t federation_deadline_ms(const struct state *state);

/* A verified update is turned away with `status`. Proposes a `refusal`, or nothing when enough were
 * logged. */
void federation_refuse(const struct state *state, const struct entry *entry,
                       enum tamis_status status, const char *sentence, struct decision *decision);

#endif
