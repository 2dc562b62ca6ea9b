/* The state and everything it is kept in: journal, blobs, projection, tiles, signed checkpoint. One
 * thread's. Entries are staged, which changes the state, and then committed together, which makes
 * them last. */
#ifndef TAMIS_LEDGER_H
#define TAMIS_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "aggregator/blob.h"
#include "aggregator/federation.h"
#include "aggregator/journal.h"
#include "aggregator/leaves.h"
#include "aggregator/notice.h"
#include "aggregator/projection.h"
#include "aggregator/tiles.h"
#include "proto/key.h"
#include "signer/signer.h"

struct ledger_options {
  const char *state_dir, *genesis_path, *aggregator_key_path;
  struct signer *signer;  /* of the log; the caller's, open as long as the ledger */
  uint64_t reserve_bytes; /* free space that uploads leave for the journal */
  /* So many entries after the last snapshot the next is due (0: LEDGER_SNAPSHOT_ENTRIES), and a
   * tenth of them before a stop. */
  uint64_t snapshot_entries;
  struct notice notice;
};

/* A fold of so many entries takes less than half a second. */
enum { LEDGER_SNAPSHOT_ENTRIES = 10000 };

struct staged;
struct ledger_snapshot_job;
struct scrub;

struct ledger {
  struct secret_key aggregator_key;
  struct signer *signer;
  struct signer_last signed_last; /* as the signer said; with the log's public key */
  bool is_signed_known;           /* false after a signer that did not answer */
  char *state_dir, *checkpoint_path, *projection_path;
  struct state *state;
  struct leaves leaves;
  struct journal *journal;
  struct blob_store *blobs;
  struct projection *projection;
  struct tiles *tiles;
  struct staged *staged; /* applied to the state, not yet in the journal */
  size_t staged_count, staged_capacity;
  char *note; /* the published checkpoint */
  size_t note_length;
  uint64_t published; /* its size: what receipts are for */
  void (*on_entry)(void *context,
                   const struct statement *statement); /* after its commit; or NULL */
  void *context;
  struct notice notice;
  struct {         /* what of it is on disk, or will be when `job` is done */
    uint64_t size; /* 0: none */
    struct digest digest;
    uint64_t records; /* in `index`, with this checksum */
    uint32_t records_crc;
    uint64_t every, since; /* entries; one with a long manifest counts for more */
    struct ledger_snapshot_job *job;
    bool is_resumed; /* this start did not fold what is before `size` */
  } snapshot;
  struct scrub *scrub;
};

/* Has this state folder no entry yet? Then the signer may begin. */
bool ledger_is_new(const char *state_dir);

/* Folds the journal, from the last snapshot on if it is good, and holds it against keys, manifests,
 * the published checkpoint and what the signer signed last; begins a new log with the genesis file.
 * Refuses to open on anything that does not add up, and says what. */
enum tamis_status ledger_open(const struct ledger_options *options, struct ledger *ledger,
                              struct fault *fault);
void ledger_close(struct ledger *ledger);

/* Is this very envelope in the log or staged? */
bool ledger_find(const struct ledger *ledger, const char *envelope, size_t length, uint64_t *index);
/* Does a staged tombstone, which the projection does not know of yet, let this update go? */
bool ledger_is_letting_go(const struct ledger *ledger, const struct digest *update,
                          uint64_t *index);

/* An envelope that federation_admit has let in. Takes over `entry`'s statement, copies the bytes.
 * On failure nothing has changed. */
enum tamis_status ledger_stage(struct ledger *ledger, const char *envelope, size_t length,
                               struct entry *entry, uint64_t *index, struct fault *fault);

/* Makes the decision's manifests durable, signs its statements and stages them, all or none. */
enum tamis_status ledger_propose(struct ledger *ledger, const struct decision *decision,
                                 struct fault *fault);

/* Journal, then projection, then tiles, then checkpoint. When the journal refuses, the staged
 * entries are forgotten and the state is folded anew. When tiles or checkpoint cannot be written,
 * the entries are in the log all the same, and the next commit publishes them. */
enum tamis_status ledger_commit(struct ledger *ledger, struct fault *fault);

/* Has enough happened since the last snapshot? */
bool ledger_snapshot_is_due(const struct ledger *ledger, bool is_closing);
/* Says in the log what the entries so far add up to, commits that, and has the state written beside
 * the journal in the background. Nothing may be staged. A snapshot that is not written is no
 * failure: it is said as a notice. */
enum tamis_status ledger_snapshot(struct ledger *ledger, struct fault *fault);

/* An entry's bytes, held against its leaf in the tree; the caller frees them. NOT_FOUND past the
 * end, CORRUPT. */
enum tamis_status ledger_entry(const struct ledger *ledger, uint64_t index, char **bytes,
                               size_t *length, struct fault *fault);

/* tlog-proof of an entry under the published checkpoint. NOT_FOUND when it is not under it yet. */
enum tamis_status ledger_receipt(const struct ledger *ledger, uint64_t index, char **receipt,
                                 size_t *length, struct fault *fault);

/* The projection after catching up with the journal. */
enum tamis_status ledger_projection(struct ledger *ledger, struct projection **projection,
                                    struct fault *fault);

#endif
