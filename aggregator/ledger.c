/* The order that is never changed: blob, journal, projection, tiles, checkpoint, and only then an
 * answer.
 */
#include "aggregator/ledger.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "aggregator/checkpoint_file.h"
#include "aggregator/durable.h"
#include "aggregator/ledger_private.h"
#include "aggregator/manifest.h"
#include "aggregator/scrub.h"
#include "aggregator/snapshot.h"
#include "proto/canonical.h"
#include "proto/checkpoint.h"

struct staged {
  char *bytes; /* owned */
  size_t length;
  struct digest leaf;
  struct entry entry; /* owned */
  json_t *manifest;   /* owned; NULL: none */
};

static char *path_in(const char *folder, const char *name) {
  char *path = NULL;
  return asprintf(&path, "%s/%s", folder, name) < 0 ? NULL : path;
}

/* ---- folding ---- */

/* A manifest takes as long to read as an entry for every so many bytes of it. */
enum { MANIFEST_ENTRY_BYTES = 4096 };

/* The manifest of an entry, NULL when it has none. */
static enum tamis_status manifest_of(struct ledger *ledger, const struct entry *entry,
                                     json_t **manifest, struct fault *fault) {
  struct digest digest;
  *manifest = NULL;
  if (!federation_manifest(ledger->state, entry, &digest)) return TAMIS_OK;
  ledger->snapshot.since += blob_size(ledger->blobs, &digest) / MANIFEST_ENTRY_BYTES;
  return manifest_load(ledger->blobs, &digest, manifest, fault);
}

static enum tamis_status fold(void *context, uint64_t index, const char *bytes, size_t length,
                              struct fault *fault) {
  struct ledger *ledger = context;
  struct entry entry;
  json_t *manifest = NULL;
  struct digest leaf = merkle_leaf(bytes, length);
  struct fault why;
  enum tamis_status status = entry_open(ledger->state, bytes, length, &entry, &why);
  if (status != TAMIS_OK)
    return fault_set(fault, TAMIS_CORRUPT, "entry %" PRIu64 ": %s", index, why.text);
  status = manifest_of(ledger, &entry, &manifest, &why);
  if (status == TAMIS_OK) status = federation_apply(ledger->state, &entry, manifest, &why);
  if (status != TAMIS_OK) fault_set(fault, status, "entry %" PRIu64 ": %s", index, why.text);
  leaves_add(&ledger->leaves, &leaf, index);
  ledger->snapshot.since++;
  json_decref(manifest);
  entry_close(&entry);
  return status;
}

struct opening {
  struct ledger *ledger;
  struct fault fault;
};

static enum tamis_status fold_opening(void *context, uint64_t index, const char *bytes,
                                      size_t length) {
  struct opening *opening = context;
  return fold(opening->ledger, index, bytes, length, &opening->fault);
}

void ledger_state_begin(struct ledger *ledger) {
  state_free(ledger->state);
  leaves_clear(&ledger->leaves);
  ledger->state = state_new(&ledger->signed_last.key);
  ledger->snapshot.since = 0;
}

enum tamis_status ledger_fold_rest(struct ledger *ledger, struct fault *fault) {
  enum tamis_status status = TAMIS_OK;
  for (uint64_t i = ledger->state->applied; status == TAMIS_OK && i < journal_size(ledger->journal);
       i++) {
    char *bytes;
    size_t length;
    status = ledger_entry(ledger, i, &bytes, &length, fault);
    if (status != TAMIS_OK) break;
    status = fold(ledger, i, bytes, length, fault);
    free(bytes);
  }
  return status;
}

enum tamis_status ledger_entry(const struct ledger *ledger, uint64_t index, char **bytes,
                               size_t *length, struct fault *fault) {
  enum tamis_status status = journal_read(ledger->journal, index, bytes, length, fault);
  if (status == TAMIS_OK) {
    struct digest found = merkle_leaf(*bytes, *length);
    struct digest leaf = merkle_tree_leaf(journal_tree(ledger->journal), index);
    if (digest_equal(&found, &leaf)) return TAMIS_OK;
    free(*bytes);
    status = fault_set(fault, TAMIS_CORRUPT,
                       "entry %" PRIu64 " of the journal is not the one signed", index);
  }
  /* Either the journal is damaged, or the place that the snapshot gave is wrong: a start without it
   * tells which. */
  if (status == TAMIS_CORRUPT && ledger->snapshot.is_resumed) snapshot_remove(ledger->state_dir);
  return status;
}

/* After a journal that took nothing: what was staged is gone, and so must be its effect. */
static void fold_again(struct ledger *ledger) {
  struct fault fault = {TAMIS_OK, ""};
  if (!ledger_snapshot_recall(ledger)) ledger_state_begin(ledger);
  enum tamis_status status = ledger_fold_rest(ledger, &fault);
  if (status == TAMIS_OK) return;
  fprintf(stderr, "tamis: the journal that was good at the start no longer is: %s\n", fault.text);
  abort();
}

/* ---- the projection ---- */

/* A cohort is no row of the projection; all other manifests are. */
static const json_t *projected(const struct entry *entry, const json_t *manifest) {
  return entry->statement.kind == STATEMENT_ROUND_OPEN ? NULL : manifest;
}

/* The verdicts that a rollback returns to are known to the state; of old entries they are found by
 * the projection's own lineage through the same call, since promoted rounds never change theirs. */
static enum tamis_status project_old(struct ledger *ledger, uint64_t index, struct fault *fault) {
  struct envelope envelope;
  struct entry entry = {0};
  json_t *manifest = NULL;
  char *bytes;
  size_t length;
  enum tamis_status status = ledger_entry(ledger, index, &bytes, &length, fault);
  if (status != TAMIS_OK) return status;
  status = envelope_open(bytes, length, &envelope, fault);
  if (status == TAMIS_OK) {
    status = statement_read(envelope.payload, envelope.payload_length, state_origin(ledger->state),
                            &entry.statement, fault);
    envelope_signers(&envelope, entry.signers);
    if (status == TAMIS_OK) status = manifest_of(ledger, &entry, &manifest, fault);
    if (status == TAMIS_OK)
      status = projection_apply(ledger->projection, index, &entry.statement, entry.signers, length,
                                projected(&entry, manifest), fault);
    envelope_close(&envelope);
  }
  json_decref(manifest);
  entry_close(&entry);
  free(bytes);
  return status;
}

enum { CATCH_UP_ENTRIES = 1024 };

static enum tamis_status catch_up(struct ledger *ledger, struct fault *fault) {
  enum tamis_status status = TAMIS_OK;
  uint64_t size = journal_size(ledger->journal);
  while (status == TAMIS_OK && projection_applied(ledger->projection) < size) {
    uint64_t from = projection_applied(ledger->projection), to = from + CATCH_UP_ENTRIES;
    status = projection_begin(ledger->projection, fault);
    for (uint64_t i = from; status == TAMIS_OK && i < size && i < to; i++)
      status = project_old(ledger, i, fault);
    if (status == TAMIS_OK) status = projection_commit(ledger->projection, fault);
  }
  return status;
}

/* Rows that the journal does not know of cannot be right: begun again. */
static enum tamis_status projection_start(struct ledger *ledger, struct fault *fault) {
  enum tamis_status status = projection_open(ledger->projection_path, &ledger->projection, fault);
  if (status != TAMIS_OK) return status;
  if (projection_applied(ledger->projection) > journal_size(ledger->journal)) {
    projection_close(ledger->projection);
    ledger->projection = NULL;
    unlink(ledger->projection_path);
    status = projection_open(ledger->projection_path, &ledger->projection, fault);
  }
  return status == TAMIS_OK ? catch_up(ledger, fault) : status;
}

enum tamis_status ledger_projection(struct ledger *ledger, struct projection **projection,
                                    struct fault *fault) {
  *projection = ledger->projection;
  return catch_up(ledger, fault);
}

static enum tamis_status project_staged(struct ledger *ledger, struct fault *fault) {
  uint64_t first = journal_size(ledger->journal) - ledger->staged_count;
  if (projection_applied(ledger->projection) != first) return catch_up(ledger, fault);
  enum tamis_status status = projection_begin(ledger->projection, fault);
  for (size_t i = 0; status == TAMIS_OK && i < ledger->staged_count; i++) {
    const struct staged *staged = &ledger->staged[i];
    status = projection_apply(ledger->projection, first + i, &staged->entry.statement,
                              staged->entry.signers, staged->length,
                              projected(&staged->entry, staged->manifest), fault);
  }
  return status == TAMIS_OK ? projection_commit(ledger->projection, fault) : status;
}

/* ---- the tiles ---- */

/* Everything in the journal, with what an earlier commit had no room for. */
static enum tamis_status tiles_follow(struct ledger *ledger, struct fault *fault) {
  enum tamis_status status = TAMIS_OK;
  while (status == TAMIS_OK && tiles_count(ledger->tiles) < journal_size(ledger->journal)) {
    char *bytes;
    size_t length;
    status = ledger_entry(ledger, tiles_count(ledger->tiles), &bytes, &length, fault);
    if (status != TAMIS_OK) return status;
    status = tiles_add(ledger->tiles, bytes, length, fault);
    free(bytes);
  }
  return status == TAMIS_OK ? tiles_write(ledger->tiles, fault) : status;
}

/* Beside the tiles, for who hands them out; who checks them has the key from somewhere else. */
static enum tamis_status vkey_publish(const char *state_dir, const struct ledger *ledger,
                                      struct fault *fault) {
  char line[KEY_VKEY_SIZE + 1], *path = path_in(state_dir, "log.vkey");
  if (!path) return fault_plain(fault, TAMIS_NO_MEMORY);
  int length = snprintf(line, sizeof line, "%s\n", ledger->signed_last.vkey);
  enum tamis_status status = durable_publish(path, 0600, false, line, (size_t)length, fault);
  free(path);
  return status;
}

static enum tamis_status tiles_start(const char *state_dir, struct ledger *ledger,
                                     struct fault *fault) {
  struct tiles_options options = {.folder = state_dir, .tree = journal_tree(ledger->journal)};
  enum tamis_status status = vkey_publish(state_dir, ledger, fault);
  if (status == TAMIS_OK) status = tiles_open(&options, &ledger->tiles, fault);
  if (status != TAMIS_OK) return status;
  tiles_resume(ledger->tiles, ledger->published);
  return tiles_follow(ledger, fault);
}

/* ---- the checkpoint ---- */

/* What was signed must be in this journal: the signer forgets nothing when a folder is restored
 * from an old copy, or replaced. */
static enum tamis_status check_signed(const struct ledger *ledger, uint64_t signed_size,
                                      const struct digest *signed_root, struct fault *fault) {
  uint64_t size = journal_size(ledger->journal);
  if (signed_size > size)
    return fault_set(fault, TAMIS_CORRUPT,
                     "the journal holds %" PRIu64 " entries and %" PRIu64
                     " were signed: restored from a backup? Clients hold receipts for the others; "
                     "find the newer journal",
                     size, signed_size);
  if (signed_size == 0) return TAMIS_OK;
  struct digest root = merkle_tree_root(journal_tree(ledger->journal), signed_size);
  if (digest_equal(&root, signed_root)) return TAMIS_OK;
  return fault_set(fault, TAMIS_CORRUPT,
                   "the first %" PRIu64 " of the journal's %" PRIu64
                   " entries are not those that were signed: another log's state folder, or one "
                   "that was restored from a backup and continued?",
                   signed_size, size);
}

static enum tamis_status ask_signed(struct ledger *ledger, struct fault *fault) {
  enum tamis_status status = signer_last(ledger->signer, &ledger->signed_last, fault);
  ledger->is_signed_known = status == TAMIS_OK;
  return status;
}

static enum tamis_status sign(struct ledger *ledger, const struct checkpoint *checkpoint,
                              char **note, size_t *length, struct fault *fault) {
  struct signer_last *last = &ledger->signed_last;
  struct merkle_proof proof = {.count = 0};
  enum tamis_status status = TAMIS_OK;
  if (!ledger->is_signed_known) {
    status = ask_signed(ledger, fault);
    if (status == TAMIS_OK) status = check_signed(ledger, last->size, &last->root, fault);
  }
  if (status != TAMIS_OK) return status;
  if (last->size > 0)
    merkle_tree_consistency(journal_tree(ledger->journal), last->size, checkpoint->size, &proof);
  status = signer_sign(ledger->signer, checkpoint, &proof, note, length, fault);
  ledger->is_signed_known = status == TAMIS_OK;
  if (status != TAMIS_OK) return status;
  last->size = checkpoint->size;
  last->root = checkpoint->root;
  return TAMIS_OK;
}

static enum tamis_status publish(struct ledger *ledger, struct fault *fault) {
  struct checkpoint checkpoint = {.size = journal_size(ledger->journal)};
  char *note;
  size_t length;
  if (checkpoint.size == ledger->published) return TAMIS_OK;
  assert(checkpoint.size > ledger->published); /* a tree never shrinks */
  snprintf(checkpoint.origin, sizeof checkpoint.origin, "%s", state_origin(ledger->state));
  checkpoint.root = merkle_tree_root(journal_tree(ledger->journal), checkpoint.size);
  enum tamis_status status = sign(ledger, &checkpoint, &note, &length, fault);
  if (status != TAMIS_OK) return status;
  status = checkpoint_file_write(ledger->checkpoint_path, note, length, fault);
  if (status != TAMIS_OK) {
    free(note);
    return status;
  }
  free(ledger->note);
  ledger->note = note;
  ledger->note_length = length;
  ledger->published = checkpoint.size;
  return TAMIS_OK;
}

static enum tamis_status checkpoint_load(struct ledger *ledger, struct checkpoint *checkpoint,
                                         struct fault *fault) {
  enum tamis_status status =
      checkpoint_file_read(ledger->checkpoint_path, &ledger->note, &ledger->note_length, fault);
  *checkpoint = (struct checkpoint){.size = 0};
  if (status == TAMIS_NOT_FOUND) return TAMIS_OK;
  if (status == TAMIS_OK)
    status = checkpoint_open(ledger->note, ledger->note_length, &ledger->signed_last.key,
                             checkpoint, fault);
  ledger->published = checkpoint->size;
  return status;
}

enum tamis_status ledger_receipt(const struct ledger *ledger, uint64_t index, char **receipt,
                                 size_t *length, struct fault *fault) {
  struct merkle_proof proof;
  if (index >= ledger->published)
    return fault_set(fault, TAMIS_NOT_FOUND, "entry %" PRIu64 " is under no checkpoint yet", index);
  merkle_tree_inclusion(journal_tree(ledger->journal), index, ledger->published, &proof);
  receipt_write(index, &proof, ledger->note, ledger->note_length, receipt, length);
  return TAMIS_OK;
}

/* ---- staging and committing ---- */

static struct digest leaf_at(const void *context, uint64_t index) {
  const struct ledger *ledger = context;
  uint64_t size = journal_size(ledger->journal);
  return index < size ? merkle_tree_leaf(journal_tree(ledger->journal), index)
                      : ledger->staged[index - size].leaf;
}

static bool lets_go(const json_t *manifest, const char *hex) {
  const json_t *element;
  size_t i;
  json_array_foreach(json_object_get(manifest, "updates"), i, element) {
    const char *update = json_string_value(json_object_get(element, "update"));
    if (update && strcmp(update, hex) == 0) return true;
  }
  return false;
}

bool ledger_is_letting_go(const struct ledger *ledger, const struct digest *update,
                          uint64_t *index) {
  char hex[DIGEST_HEX_SIZE];
  digest_to_hex(update, hex);
  for (size_t i = 0; i < ledger->staged_count; i++) {
    const struct staged *staged = &ledger->staged[i];
    if (staged->entry.statement.kind != STATEMENT_TOMBSTONE || !lets_go(staged->manifest, hex))
      continue;
    *index = journal_size(ledger->journal) + i;
    return true;
  }
  return false;
}

bool ledger_find(const struct ledger *ledger, const char *envelope, size_t length,
                 uint64_t *index) {
  struct digest leaf = merkle_leaf(envelope, length);
  return leaves_find(&ledger->leaves, &leaf, leaf_at, ledger, index);
}

static void staged_clear(struct ledger *ledger) {
  for (size_t i = 0; i < ledger->staged_count; i++) {
    free(ledger->staged[i].bytes);
    json_decref(ledger->staged[i].manifest);
    entry_close(&ledger->staged[i].entry);
  }
  ledger->staged_count = 0;
}

/* Takes over all three; the state follows. */
static enum tamis_status stage(struct ledger *ledger, char *bytes, size_t length,
                               struct entry *entry, json_t *manifest, uint64_t *index,
                               struct fault *fault) {
  if (ledger->staged_count == ledger->staged_capacity) {
    size_t capacity = ledger->staged_capacity ? 2 * ledger->staged_capacity : 64;
    struct staged *grown = realloc(ledger->staged, capacity * sizeof *grown);
    if (!grown) return fault_plain(fault, TAMIS_NO_MEMORY);
    ledger->staged = grown;
    ledger->staged_capacity = capacity;
  }
  *index = ledger->state->applied;
  enum tamis_status status = federation_apply(ledger->state, entry, manifest, fault);
  if (status != TAMIS_OK) return status;
  struct digest leaf = merkle_leaf(bytes, length);
  leaves_add(&ledger->leaves, &leaf, *index);
  ledger->snapshot.since++;
  ledger->staged[ledger->staged_count++] = (struct staged){bytes, length, leaf, *entry, manifest};
  entry->statement.root = NULL;
  return TAMIS_OK;
}

enum tamis_status ledger_stage(struct ledger *ledger, const char *envelope, size_t length,
                               struct entry *entry, uint64_t *index, struct fault *fault) {
  json_t *manifest = NULL;
  char *bytes = malloc(length);
  enum tamis_status status =
      bytes ? manifest_of(ledger, entry, &manifest, fault) : fault_plain(fault, TAMIS_NO_MEMORY);
  if (status == TAMIS_OK) {
    memcpy(bytes, envelope, length);
    status = stage(ledger, bytes, length, entry, manifest, index, fault);
  }
  if (status == TAMIS_OK) return TAMIS_OK;
  json_decref(manifest);
  free(bytes);
  return status;
}

/* What we sign goes through the same door as what others sign. */
static enum tamis_status propose_one(struct ledger *ledger, const struct proposal *proposal,
                                     struct fault *fault) {
  struct entry entry = {0};
  char *bytes = NULL;
  size_t length;
  uint64_t index;
  enum tamis_status status = statement_sign(
      state_origin(ledger->state), proposal->kind, proposal->predicate, proposal->subject_count,
      proposal->subject_name, proposal->subject, &ledger->aggregator_key, &bytes, &length, fault);
  if (status != TAMIS_OK) return status;
  status = entry_open(ledger->state, bytes, length, &entry, fault);
  json_t *manifest = json_incref(proposal->manifest_json);
  if (status == TAMIS_OK && !manifest) /* an earlier one, when it goes back to that */
    status = manifest_of(ledger, &entry, &manifest, fault);
  if (status == TAMIS_OK) status = stage(ledger, bytes, length, &entry, manifest, &index, fault);
  if (status == TAMIS_OK) return TAMIS_OK;
  json_decref(manifest);
  entry_close(&entry);
  free(bytes);
  return status;
}

enum tamis_status ledger_propose(struct ledger *ledger, const struct decision *decision,
                                 struct fault *fault) {
  struct fault why;
  enum tamis_status status = TAMIS_OK;
  for (size_t i = 0; status == TAMIS_OK && i < decision->count; i++) {
    const struct proposal *proposal = &decision->proposal[i];
    struct digest digest;
    if (proposal->manifest)
      status =
          blob_put(ledger->blobs, proposal->manifest, proposal->manifest_length, &digest, fault);
  }
  if (status != TAMIS_OK) return status;
  for (size_t i = 0; i < decision->count; i++) {
    status = propose_one(ledger, &decision->proposal[i], &why);
    if (status == TAMIS_OK) continue;
    fprintf(stderr, "tamis: we cannot say what we decided (%s): %s\n",
            statement_kind_name(decision->proposal[i].kind), why.text);
    abort(); /* a decision that does not follow from the state is our own fault */
  }
  return TAMIS_OK;
}

static enum tamis_status append(struct ledger *ledger, struct fault *fault) {
  struct journal_entry *entries = calloc(ledger->staged_count, sizeof *entries);
  if (!entries) return fault_plain(fault, TAMIS_NO_MEMORY);
  for (size_t i = 0; i < ledger->staged_count; i++)
    entries[i] = (struct journal_entry){ledger->staged[i].bytes, ledger->staged[i].length};
  enum tamis_status status = journal_append(ledger->journal, entries, ledger->staged_count, fault);
  free(entries);
  return status;
}

enum tamis_status ledger_commit(struct ledger *ledger, struct fault *fault) {
  struct fault behind; /* a projection that lags is caught up later; it answers questions only */
  if (ledger->staged_count > 0) {
    enum tamis_status status = append(ledger, fault);
    if (status != TAMIS_OK) {
      staged_clear(ledger);
      fold_again(ledger);
      return status;
    }
    assert(journal_size(ledger->journal) == ledger->state->applied);
    project_staged(ledger, &behind);
    for (size_t i = 0; ledger->on_entry && i < ledger->staged_count; i++)
      ledger->on_entry(ledger->context, &ledger->staged[i].entry.statement);
    staged_clear(ledger);
  }
  enum tamis_status status = tiles_follow(ledger, fault);
  return status == TAMIS_OK ? publish(ledger, fault) : status;
}

/* ---- opening ---- */

static enum tamis_status keys_load(const struct ledger_options *options, struct ledger *ledger,
                                   struct fault *fault) {
  enum tamis_status status = key_library_start();
  if (status == TAMIS_OK)
    status = key_file_read(options->aggregator_key_path, &ledger->aggregator_key, fault);
  ledger->signer = options->signer;
  return status == TAMIS_OK ? ask_signed(ledger, fault) : status;
}

static enum tamis_status journal_load(struct ledger *ledger, struct fault *fault) {
  struct opening opening = {.ledger = ledger, .fault = {TAMIS_OK, ""}};
  const struct signer_last *last = &ledger->signed_last;
  struct checkpoint checkpoint;
  uint64_t torn_bytes;
  enum tamis_status status = checkpoint_load(ledger, &checkpoint, fault);
  char *path = path_in(ledger->state_dir, "journal");
  if (status == TAMIS_OK && !path) status = fault_plain(fault, TAMIS_NO_MEMORY);
  /* Signed comes before published, so the signer knows at least as much; but its mark may have been
   * adopted. The larger of the two is what the journal must hold, before its tail is cut. */
  struct checkpoint held = checkpoint;
  if (last->size > held.size) held = (struct checkpoint){.size = last->size, .root = last->root};
  if (status == TAMIS_OK && !ledger_snapshot_resume(ledger, path, &held))
    status = journal_open(path, held.size, &held.root, fold_opening, &opening, &ledger->journal,
                          &torn_bytes, fault);
  if (status != TAMIS_OK && opening.fault.status != TAMIS_OK) *fault = opening.fault;
  if (status == TAMIS_OK) status = check_signed(ledger, last->size, &last->root, fault);
  if (status == TAMIS_OK) status = check_signed(ledger, checkpoint.size, &checkpoint.root, fault);
  free(path);
  return status;
}

static enum tamis_status genesis_read(const char *path, char *bytes, size_t *length,
                                      struct fault *fault) {
  FILE *file = fopen(path, "rbe");
  if (!file)
    return fault_set(fault, TAMIS_BAD_CONFIG, "cannot open the genesis %s: %s", path,
                     strerror(errno));
  *length = fread(bytes, 1, ENVELOPE_SIZE_MAX + 1, file);
  fclose(file);
  if (*length > 0 && bytes[*length - 1] == '\n') --*length; /* an editor's or a shell's */
  return TAMIS_OK;
}

static enum tamis_status genesis_append(const struct ledger_options *options, struct ledger *ledger,
                                        struct fault *fault) {
  struct moment moment = {.is_settled = true};
  struct entry entry = {0};
  size_t length = 0;
  uint64_t index;
  char *bytes = malloc(ENVELOPE_SIZE_MAX + 1);
  if (!bytes) return fault_plain(fault, TAMIS_NO_MEMORY);
  enum tamis_status status = genesis_read(options->genesis_path, bytes, &length, fault);
  if (status == TAMIS_OK) status = entry_open(ledger->state, bytes, length, &entry, fault);
  if (status == TAMIS_OK) status = federation_admit(ledger->state, &entry, &moment, fault);
  if (status == TAMIS_OK) status = ledger_stage(ledger, bytes, length, &entry, &index, fault);
  if (status == TAMIS_OK) status = ledger_commit(ledger, fault);
  entry_close(&entry);
  free(bytes);
  return status;
}

/* The log says whose decisions it takes; our key must be that one. */
static enum tamis_status check_aggregator(const struct ledger *ledger, struct fault *fault) {
  const struct public_key *named = &ledger->state->aggregator;
  const struct public_key *ours = &ledger->aggregator_key.public;
  if (strcmp(named->name, ours->name) == 0 && memcmp(named->byte, ours->byte, KEY_PUBLIC_SIZE) == 0)
    return TAMIS_OK;
  return fault_set(fault, TAMIS_BAD_CONFIG,
                   "the aggregator key %s is not the one that the log's genesis names", ours->name);
}

bool ledger_is_new(const char *state_dir) {
  struct stat about;
  char *path = path_in(state_dir, "journal");
  bool is_new = path && (stat(path, &about) == 0 ? about.st_size == 0 : errno == ENOENT);
  free(path);
  return is_new;
}

enum tamis_status ledger_open(const struct ledger_options *options, struct ledger *ledger,
                              struct fault *fault) {
  memset(ledger, 0, sizeof *ledger);
  enum tamis_status status = keys_load(options, ledger, fault);
  if (status != TAMIS_OK) return status;
  char *blobs = path_in(options->state_dir, "blobs");
  ledger->notice = options->notice;
  ledger->snapshot.every =
      options->snapshot_entries ? options->snapshot_entries : LEDGER_SNAPSHOT_ENTRIES;
  ledger->state_dir = strdup(options->state_dir);
  ledger->checkpoint_path = path_in(options->state_dir, "checkpoint");
  ledger->projection_path = path_in(options->state_dir, "tamis.db");
  if (!blobs || !ledger->state_dir || !ledger->checkpoint_path || !ledger->projection_path)
    status = fault_plain(fault, TAMIS_NO_MEMORY);
  if (status == TAMIS_OK && mkdir(options->state_dir, 0700) != 0 && errno != EEXIST)
    status = fault_set(fault, TAMIS_IO, "cannot make %s: %s", options->state_dir, strerror(errno));
  if (status == TAMIS_OK)
    status = blob_store_open(blobs, options->reserve_bytes, &ledger->blobs, fault);
  free(blobs);
  ledger_state_begin(ledger);
  if (status == TAMIS_OK) status = journal_load(ledger, fault);
  if (status == TAMIS_OK) status = projection_start(ledger, fault);
  if (status == TAMIS_OK) status = tiles_start(options->state_dir, ledger, fault);
  if (status == TAMIS_OK && journal_size(ledger->journal) == 0)
    status = genesis_append(options, ledger, fault);
  if (status == TAMIS_OK) status = check_aggregator(ledger, fault);
  if (status == TAMIS_OK) status = publish(ledger, fault);
  return status;
}

void ledger_close(struct ledger *ledger) {
  scrub_stop(ledger->scrub);
  ledger_snapshot_wait(ledger);
  staged_clear(ledger);
  free(ledger->staged);
  tiles_close(ledger->tiles);
  if (ledger->projection) projection_close(ledger->projection);
  if (ledger->journal) journal_close(ledger->journal);
  if (ledger->blobs) blob_store_close(ledger->blobs);
  leaves_clear(&ledger->leaves);
  state_free(ledger->state);
  free(ledger->note);
  free(ledger->projection_path);
  free(ledger->checkpoint_path);
  free(ledger->state_dir);
  key_wipe(&ledger->aggregator_key);
}
