/* The one thread that changes anything: commands come in, the federation decides, the journal makes
 * it durable, the projection follows, the checkpoint is signed, and only then is the caller
 * answered. */
#ifndef TAMIS_CORE_H
#define TAMIS_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "aggregator/blob.h"
#include "aggregator/notice.h"
#include "proto/digest.h"
#include "proto/fault.h"
#include "proto/key.h"
#include "proto/merkle.h"
#include "proto/statement.h"

struct core;
struct signer;

struct core_options {
  const char *state_dir;    /* journal, blobs/, tamis.db, tile/, log.vkey, checkpoint */
  const char *genesis_path; /* the operator's genesis envelope: entry 0 of a new log */
  const char *aggregator_key_path;
  struct signer *signer;             /* of the log; the caller's, closed after the core */
  uint64_t reserve_bytes;            /* free space kept for the journal */
  uint64_t snapshot_entries;         /* between snapshots; 0: LEDGER_SNAPSHOT_ENTRIES */
  struct notice notice;              /* told what an operator should know */
  int threads;                       /* for judging and aggregating; 0: all */
  uint64_t (*now_ms)(void *context); /* unix time; the only clock */
  void *clock_context;
  /* Called on the core's thread with each entry that has become durable; must not block; or NULL.
   */
  void (*on_entry)(void *context, const struct statement *statement);
  void *entry_context;
};

/* Opens the state, folds the journal, refuses to start on anything that does not add up, starts the
 * thread. */
enum tamis_status core_open(const struct core_options *options, struct core **core,
                            struct fault *fault);
/* Answers what is queued, then stops. Calls after that return UNAVAILABLE. */
void core_close(struct core *core);

const char *core_origin(const struct core *core);
const char *core_log_vkey(const struct core *core);
const struct public_key *core_aggregator_key(const struct core *core);
struct blob_store *core_blobs(struct core *core);

/* Called on the core's thread after each batch that changed something; must not block. Set before
 * the first call. */
void core_on_change(struct core *core, void (*changed)(void *context), void *context);

/* The functions below may be called from any thread and block until the answer is final (and
 * durable, when it changes something). Texts given back are malloc'd; the caller frees them. */

/* Key of a client (not revoked) or operator, for sessions. UNKNOWN_CLIENT, KEY_REVOKED. */
enum tamis_status core_principal(struct core *core, const char *name, struct public_key *key,
                                 bool *is_operator, struct fault *fault);

enum tamis_status core_enrol(struct core *core, const uint8_t *token, size_t token_length,
                             const char *envelope, size_t length, char **receipt,
                             size_t *receipt_length, struct fault *fault);

struct core_task {
  bool has_task, finished;
  char *federation, *plan, *receipt, *state, *reason; /* owned; NULL without a task */
  size_t plan_length, receipt_length;
  uint64_t round, plan_index;
};
/* A round of `federation` (NULL: any) later than `round_after` that still wants this client. */
enum tamis_status core_poll(struct core *core, const char *client, const char *federation,
                            uint64_t round_after, struct core_task *task, struct fault *fault);
void core_task_close(struct core_task *task);

struct core_offer {
  bool complete; /* already in the log; `receipt` is set */
  char *receipt;
  size_t receipt_length;
  struct digest blob;
  uint64_t size;      /* of the blob, bytes; checked against the layout */
  struct digest base; /* whose header the update must carry */
  double norm_max;
};
/* Admission before any body, refusals in the order of DESIGN 3. An authenticated refusal is logged.
 */
enum tamis_status core_offer(struct core *core, const char *client, const char *envelope,
                             size_t length, struct core_offer *offer, struct fault *fault);
/* The blob is durable and its content checked: append the statement, answer with its receipt. The
 * round may have closed meanwhile. */
enum tamis_status core_accept(struct core *core, const char *client, const char *envelope,
                              size_t length, char **receipt, size_t *receipt_length,
                              struct fault *fault);
/* The content was refused: log it, so that the client counts as answered and its history knows. */
enum tamis_status core_refuse(struct core *core, const char *client, const char *envelope,
                              size_t length, enum tamis_status status, const char *sentence,
                              struct fault *fault);

/* An operator's statement. `*result` is JSON for people: what happened, or with `dry_run` what
 * would. The same bytes again give the same index and change nothing. */
enum tamis_status core_submit(struct core *core, const char *envelope, size_t length, bool dry_run,
                              uint64_t *index, char **receipt, size_t *receipt_length,
                              char **result, struct fault *fault);

enum tamis_status core_receipt(struct core *core, const char *client, const char *federation,
                               uint64_t round, char **receipt, size_t *length, struct fault *fault);
enum tamis_status core_entry(struct core *core, uint64_t index, char **envelope, size_t *length,
                             char **receipt, size_t *receipt_length, struct fault *fault);
/* The same with the inclusion proof for an earlier tree of `size` entries in place of the receipt.
 * NOT_FOUND beyond what is published. */
enum tamis_status core_entry_under(struct core *core, uint64_t index, uint64_t size,
                                   char **envelope, size_t *length, struct merkle_proof *proof,
                                   struct fault *fault);
/* From `size` to `to`, or with `to` 0 to the latest checkpoint, whose note is given in any case.
 * FORK beyond that, BAD_REQUEST backwards. */
enum tamis_status core_consistency(struct core *core, uint64_t size, uint64_t to,
                                   struct merkle_proof *proof, char **note, size_t *note_length,
                                   struct fault *fault);
enum tamis_status core_query(struct core *core, const char *name, size_t argument_count,
                             const char *const *arguments, uint64_t after, char **rows,
                             uint64_t *next, struct fault *fault);
/* Operators may read any blob; clients models, plans' cohorts and manifests, never another's update
 * (DENIED, NOT_FOUND). */
enum tamis_status core_may_fetch(struct core *core, const char *principal, bool is_operator,
                                 const struct digest *digest, struct fault *fault);

/* A client's cosignature of the tree of `size` entries with this root: a line of a signed note.
 * FORK when that is no tree of this log, BAD_PROOF when it is not by the client's enrolled key,
 * KEY_REVOKED, UNKNOWN_CLIENT. `*held`: how many there are of it. Not durable on return. */
enum tamis_status core_cosign(struct core *core, const char *client, uint64_t size,
                              const struct digest *root, const char *line, size_t length,
                              uint64_t *held, struct fault *fault);
/* The checkpoint that some round wants this client to cosign; `*note` NULL: none. */
enum tamis_status core_witness_wanted(struct core *core, const char *client, char **note,
                                      size_t *length, struct fault *fault);

uint64_t core_size(struct core *core); /* entries in the log */

/* What the state folder holds and how long that can go on. Walks the folder: not for every second.
 */
struct core_space {
  uint64_t bodies, body_bytes; /* updates that are kept */
  uint64_t dropped, dropped_bytes;
  uint64_t model_bytes;    /* models, optimiser state, Gram matrices */
  uint64_t manifest_bytes; /* lists that entries name */
  uint64_t journal_bytes;
  uint64_t index_bytes; /* what can be made again: database, tiles, snapshot */
  uint64_t unfinished_bytes, free_bytes, reserve_bytes;
  uint64_t round_bytes; /* what a round of each federation adds, at its present pace */
  bool is_full;
};
enum tamis_status core_space(struct core *core, struct core_space *space, struct fault *fault);

enum { CORE_GATES_MAX = 4 };

struct core_counters { /* monotonic since start, but for the last two lines */
  uint64_t updates_accepted, updates_refused[TAMIS_STATUS_COUNT];
  uint64_t verdict_accept, verdict_clip, verdict_hold, verdict_reject;
  uint64_t fork_evidence; /* calls that spoke of a tree that is not this log's */
  uint64_t rounds_promoted, rounds_abandoned, rounds_held, rounds_rebuilt, rollbacks, rebuilds;
  struct core_gate {
    const char *name; /* NULL: there is no such gate */
    uint64_t green, red;
  } gate[CORE_GATES_MAX];
  uint64_t freezes, evaluations, auto_rollbacks;
  uint64_t glass_broken; /* what takes several persons was done by one */
  uint64_t commits;
  double commit_seconds, judge_seconds, aggregate_seconds, shadow_seconds;
  uint64_t shadows;                /* entries */
  uint64_t dropped, dropped_bytes; /* updates that got a tombstone */
  uint64_t entries, clients, clients_excluded, federations, federations_frozen;
  uint64_t body_bytes, journal_bytes;
};
void core_counters(struct core *core, struct core_counters *counters);

#endif
