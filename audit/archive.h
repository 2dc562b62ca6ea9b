/* A state folder, a copy of one, or what `tamis log export --blobs` made, read as history: every
 * entry checked and folded again, and each round as the decider saw it. Nothing is written or
 * locked; a server may be running on it. */
#ifndef TAMIS_ARCHIVE_H
#define TAMIS_ARCHIVE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "aggregator/blob.h"
#include "aggregator/entry.h"
#include "aggregator/federation.h"
#include "aggregator/state.h"
#include "proto/checkpoint.h"
#include "proto/merkle.h"

struct archive;

struct archive_options {
  /* Keep rounds for archive_rounds: of this federation only (NULL: of all), and works only of
   * rounds from `first` to `last` (0: no bound). A work is about 100 bytes an update, twice. */
  bool keeps_rounds;
  const char *federation;
  int64_t first, last;
};

/* `folder` holds `journal` (or in its place `tile/entries/`), `blobs/` and `checkpoint`; `log_vkey`
 * is the log's verifier key, the only thing that is trusted. Reads the checkpoint, which must be
 * signed by that key; the journal is read by archive_walk. `options` (NULL: keep nothing) is
 * copied. NOT_FOUND, BAD_PROOF, BAD_REQUEST (the key), IO. The caller closes the archive. */
enum tamis_status archive_open(const char *folder, const char *log_vkey,
                               const struct archive_options *options, struct archive **archive,
                               struct fault *fault);
void archive_close(struct archive *archive);

/* One entry during the walk; everything is lent until the visit returns. */
struct archive_entry {
  uint64_t index;
  const char *bytes; /* the envelope */
  size_t length;
  const struct entry *entry; /* opened: the signature was by the key of its role at this index */
  const json_t *manifest;    /* NULL: the kind has none */
  const struct state *state; /* the decider's, before this entry */
  struct digest root;        /* of the log before this entry */
};

/* Every entry in order, from 0: opened against the state, shown, then folded. At the end the tree
 * is held against the checkpoint. The first entry that cannot follow is CORRUPT, and its index is
 * archive_walked; a visit that returns other than TAMIS_OK ends the walk with that status and fills
 * no fault. `visit` may be NULL. Once an archive. */
enum tamis_status archive_walk(struct archive *archive,
                               enum tamis_status (*visit)(void *context,
                                                          const struct archive_entry *entry),
                               void *context, struct fault *fault);

/* Entries that were folded. */
uint64_t archive_walked(const struct archive *archive);

/* Lent until archive_close. State and tree are those of the last entry walked. */
struct blob_store *archive_blobs(const struct archive *archive);
const struct state *archive_state(const struct archive *archive);
const struct merkle_tree *archive_tree(const struct archive *archive);
const struct checkpoint *archive_checkpoint(const struct archive *archive);
/* The signed note itself. */
const char *archive_note(const struct archive *archive, size_t *length);

/* Does an entry of the log say that the server no longer keeps this file? */
bool archive_was_dropped(const struct archive *archive, const struct digest *file);

#define ARCHIVE_NOWHERE UINT64_MAX

/* A round, from its plan on, or a rebuilt one, which has none: its verdicts and Gram matrix are
 * those of the round whose updates it is made of. Digests are zero and indices ARCHIVE_NOWHERE for
 * what it did not come to. */
struct archive_round {
  int64_t number, base_round;
  int64_t of; /* rebuilt: the round that it redoes; else 0 */
  enum outcome outcome;
  bool undone; /* as the log stands at its end */
  uint64_t open_index, verdicts_index, aggregate_index, end_index; /* end: promote, hold, abandon */
  size_t selected, updates, accepted;
  struct digest base, cohort, verdicts, gram, weights, candidate; /* weights: the manifest */
  /* What the decider handed out then, with nothing found filled in: to be computed anew, or varied.
   * Owned by the archive; work_copy makes one's own. NULL: not kept, or the round did not come to
   * it. */
  struct work *measure, *aggregate;
};

/* Of one federation after the walk, from round 1 on: round r is list[r - 1]. NULL and 0 when the
 * federation has none or they were not kept. Lent. */
const struct archive_round *archive_rounds(const struct archive *archive, const char *federation,
                                           size_t *count);

#endif
