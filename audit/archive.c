/* The same fold as the server's start, over files that nobody has to own. */
#include "audit/archive.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "aggregator/checkpoint_file.h"
#include "aggregator/journal.h"
#include "aggregator/leaves.h"
#include "aggregator/manifest.h"
#include "aggregator/round.h"
#include "aggregator/tiles.h"
#include "proto/digest_set.h"

struct lineage { /* the rounds of one federation */
  struct archive_round *round;
  size_t count, capacity;
};

struct archive {
  struct archive_options options;
  char federation[STATE_NAME_SIZE]; /* of the options */
  char *folder, *journal;
  struct blob_store *blobs;
  char *note;
  size_t note_length;
  struct checkpoint checkpoint;
  struct state *state;
  struct merkle_tree *tree;
  struct leaves leaves;
  struct digest_set dropped;                     /* files that are no longer kept */
  struct lineage lineage[STATE_FEDERATIONS_MAX]; /* in the order of state.federation */
};

/* ---- life ---- */

static char *path_in(const char *folder, const char *name) {
  char *path = NULL;
  return asprintf(&path, "%s/%s", folder, name) < 0 ? NULL : path;
}

static enum tamis_status open_files(struct archive *archive, const char *folder,
                                    struct fault *fault) {
  char *blobs = path_in(folder, "blobs"), *checkpoint = path_in(folder, "checkpoint");
  archive->folder = strdup(folder);
  archive->journal = path_in(folder, "journal");
  enum tamis_status status = blobs && checkpoint && archive->folder && archive->journal
                                 ? TAMIS_OK
                                 : fault_plain(fault, TAMIS_NO_MEMORY);
  /* Before the journal: it may grow meanwhile, and must hold what was promised until now. */
  if (status == TAMIS_OK)
    status = checkpoint_file_read(checkpoint, &archive->note, &archive->note_length, fault);
  if (status == TAMIS_OK)
    status = checkpoint_open(archive->note, archive->note_length, &archive->state->log_key,
                             &archive->checkpoint, fault);
  if (status == TAMIS_OK) status = blob_store_open_readonly(blobs, &archive->blobs, fault);
  free(checkpoint);
  free(blobs);
  return status;
}

enum tamis_status archive_open(const char *folder, const char *log_vkey,
                               const struct archive_options *options, struct archive **out,
                               struct fault *fault) {
  struct public_key log_key;
  enum tamis_status status = key_library_start();
  if (status == TAMIS_OK) status = key_vkey_read(log_vkey, strlen(log_vkey), &log_key, fault);
  if (status != TAMIS_OK) return status;
  struct archive *archive = calloc(1, sizeof *archive);
  if (!archive) return fault_plain(fault, TAMIS_NO_MEMORY);
  if (options) archive->options = *options;
  if (archive->options.federation) {
    snprintf(archive->federation, sizeof archive->federation, "%s", options->federation);
    archive->options.federation = archive->federation;
  }
  archive->state = state_new(&log_key);
  archive->tree = merkle_tree_new();
  status = open_files(archive, folder, fault);
  if (status == TAMIS_OK)
    *out = archive;
  else
    archive_close(archive);
  return status;
}

static void lineage_close(struct lineage *lineage) {
  for (size_t i = 0; i < lineage->count; i++) {
    work_free(lineage->round[i].measure);
    work_free(lineage->round[i].aggregate);
  }
  free(lineage->round);
}

void archive_close(struct archive *archive) {
  if (!archive) return;
  for (size_t i = 0; i < STATE_FEDERATIONS_MAX; i++) lineage_close(&archive->lineage[i]);
  if (archive->blobs) blob_store_close(archive->blobs);
  digest_set_clear(&archive->dropped);
  leaves_clear(&archive->leaves);
  merkle_tree_free(archive->tree);
  state_free(archive->state);
  free(archive->note);
  free(archive->journal);
  free(archive->folder);
  free(archive);
}

/* ---- rounds ---- */

static struct lineage *lineage_of(struct archive *archive, const struct federation *federation) {
  const struct state *state = archive->state;
  size_t i = 0;
  if (!federation || !archive->options.keeps_rounds) return NULL;
  if (archive->options.federation && strcmp(federation->name, archive->federation) != 0)
    return NULL;
  while (state->federation[i] != federation) i++;
  return &archive->lineage[i];
}

static struct archive_round *round_add(struct lineage *lineage) {
  if (lineage->count == lineage->capacity) {
    lineage->capacity = lineage->capacity ? 2 * lineage->capacity : 16;
    lineage->round =
        decision_memory(realloc(lineage->round, lineage->capacity * sizeof *lineage->round));
  }
  struct archive_round *round = &lineage->round[lineage->count++];
  *round = (struct archive_round){
      .number = (int64_t)lineage->count,
      .outcome = OUTCOME_OPEN,
      .open_index = ARCHIVE_NOWHERE,
      .verdicts_index = ARCHIVE_NOWHERE,
      .aggregate_index = ARCHIVE_NOWHERE,
      .end_index = ARCHIVE_NOWHERE,
  };
  return round;
}

static void round_begin(struct lineage *lineage, const struct archive_entry *at) {
  const struct statement *plan = &at->entry->statement;
  struct archive_round *round = round_add(lineage);
  round->open_index = at->index;
  round->base = plan->subject[0];
  round->cohort = statement_digest(plan, "cohort");
  round->selected = (size_t)statement_integer(plan, "selected");
}

/* A rebuilt round is one entry: its base is what the entry before has made. */
static void round_rebuilt(struct lineage *lineage, const struct archive_entry *at,
                          const struct federation *federation) {
  const struct statement *rebuilt = &at->entry->statement;
  struct archive_round *round = round_add(lineage);
  const struct past_round *past = &federation->past[round->number];
  const struct past_round *judged = &federation->past[state_round_judged(federation, past->of)];
  round->of = past->of;
  round->base = federation->past[past->base_round].model;
  round->verdicts = judged->verdicts;
  round->gram = judged->gram;
  round->aggregate_index = round->end_index = at->index;
  round->candidate = rebuilt->subject[0];
  round->weights = rebuilt->subject[1];
  round->accepted = round->updates = (size_t)statement_integer(rebuilt, "updates");
}

static bool is_kept(const struct archive *archive, int64_t round) {
  const struct archive_options *options = &archive->options;
  return (options->first == 0 || round >= options->first) &&
         (options->last == 0 || round <= options->last);
}

/* The rows of a rebuilt round are in its manifests; when those are gone there is no work. */
static struct work *archive_rows(struct archive *archive, const struct state *state,
                                 struct work *work) {
  if (!work || work->of == 0) return work;
  if (round_rows(archive->blobs, work, NULL) != TAMIS_OK) {
    work_free(work);
    return NULL;
  }
  for (size_t i = 0; i < work->count; i++)
    work->row[i].client = (uint32_t)state_client_find(state, work->row[i].name);
  return work;
}

/* What the decider had handed out before it wrote this entry; a round that was abandoned may have
 * waited for either computation, or for none. NULL when nothing was, or it is not wanted. */
static struct work *work_before(struct archive *archive, const struct archive_entry *at) {
  const struct statement *statement = &at->entry->statement;
  int64_t now_ms = 0; /* of an aggregate: nothing depends on it */
  switch (statement->kind) {
  case STATEMENT_VERDICTS:
  case STATEMENT_HOLD:
  case STATEMENT_ABANDON: now_ms = statement_integer(statement, "at_ms"); break;
  case STATEMENT_AGGREGATE:
  case STATEMENT_REBUILT: break;
  default: return NULL;
  }
  const struct federation *federation =
      state_federation_find(at->state, statement_text(statement, "federation"));
  if (!lineage_of(archive, federation)) return NULL;
  bool is_rebuild = federation->rebuild.is_under_way && federation->round.phase == PHASE_WAITING;
  if (!is_kept(archive, is_rebuild ? federation->last_round + 1 : federation->round.number))
    return NULL;
  return archive_rows(archive, at->state, federation_work(at->state, federation, now_ms));
}

static void keep_work(struct archive_round *round, struct work *work) {
  struct work **place = work->kind == WORK_AGGREGATE ? &round->aggregate : &round->measure;
  work_free(*place);
  *place = work;
}

/* After the entry was folded: it is one of its federation's last round. */
static void round_note(struct archive_round *round, const struct archive_entry *at) {
  const struct statement *statement = &at->entry->statement;
  switch (statement->kind) {
  case STATEMENT_UPDATE: round->updates++; break;
  case STATEMENT_VERDICTS:
    round->verdicts_index = at->index;
    round->verdicts = statement->subject[0];
    round->gram = statement_digest(statement, "gram");
    round->accepted = (size_t)statement_integer(statement, "accepted");
    break;
  case STATEMENT_AGGREGATE:
    round->aggregate_index = at->index;
    round->candidate = statement->subject[0];
    round->weights = statement->subject[1];
    break;
  case STATEMENT_PROMOTE:
  case STATEMENT_HOLD:
  case STATEMENT_ABANDON: round->end_index = at->index; break;
  default: break;
  }
}

/* Takes over `work`. */
static void rounds_follow(struct archive *archive, const struct archive_entry *at,
                          struct work *work) {
  const struct statement *statement = &at->entry->statement;
  struct lineage *lineage = NULL;
  switch (statement->kind) {
  case STATEMENT_ROUND_OPEN:
  case STATEMENT_UPDATE:
  case STATEMENT_VERDICTS:
  case STATEMENT_AGGREGATE:
  case STATEMENT_REBUILT:
  case STATEMENT_PROMOTE:
  case STATEMENT_HOLD:
  case STATEMENT_ABANDON:
    lineage = lineage_of(
        archive, state_federation_find(archive->state, statement_text(statement, "federation")));
    break;
  default: break;
  }
  const struct federation *federation =
      lineage ? state_federation_find(archive->state, statement_text(statement, "federation"))
              : NULL;
  if (lineage && statement->kind == STATEMENT_ROUND_OPEN)
    round_begin(lineage, at);
  else if (lineage && statement->kind == STATEMENT_REBUILT)
    round_rebuilt(lineage, at, federation);
  else if (lineage && (size_t)federation->last_round > lineage->count)
    round_add(lineage)->end_index = at->index; /* a rebuild that was abandoned */
  else if (lineage)
    round_note(&lineage->round[lineage->count - 1], at);
  if (work) keep_work(&lineage->round[lineage->count - 1], work);
}

/* What only the end of the log says. */
static void rounds_finish(struct archive *archive) {
  for (size_t i = 0; i < archive->state->federation_count; i++) {
    const struct federation *federation = archive->state->federation[i];
    for (size_t k = 0; k < archive->lineage[i].count; k++) {
      struct archive_round *round = &archive->lineage[i].round[k];
      const struct past_round *past = &federation->past[round->number];
      assert(round->number == (int64_t)k + 1);
      round->outcome = past->outcome;
      round->base_round = past->base_round;
      round->of = past->of;
      round->undone = past->undone;
    }
  }
}

const struct archive_round *archive_rounds(const struct archive *archive, const char *federation,
                                           size_t *count) {
  const struct state *state = archive->state;
  *count = 0;
  for (size_t i = 0; i < state->federation_count; i++) {
    if (strcmp(state->federation[i]->name, federation) != 0) continue;
    *count = archive->lineage[i].count;
    return archive->lineage[i].round;
  }
  return NULL;
}

/* ---- the walk ---- */

struct walk {
  struct archive *archive;
  enum tamis_status (*visit)(void *context, const struct archive_entry *entry);
  void *context;
  struct fault fault;
};

static struct digest leaf_at(const void *context, uint64_t index) {
  const struct archive *archive = context;
  return merkle_tree_leaf(archive->tree, index);
}

/* The same statement twice would be acted on twice. */
static enum tamis_status refuse_repeated(struct archive *archive, const struct digest *leaf,
                                         struct fault *fault) {
  uint64_t first;
  if (!leaves_find(&archive->leaves, leaf, leaf_at, archive, &first)) return TAMIS_OK;
  return fault_set(fault, TAMIS_CORRUPT, "it is entry %" PRIu64 " again", first);
}

static enum tamis_status load_manifest(struct archive *archive, const struct entry *entry,
                                       json_t **manifest, struct fault *fault) {
  struct digest digest;
  if (!federation_manifest(archive->state, entry, &digest)) return TAMIS_OK;
  return manifest_load(archive->blobs, &digest, manifest, fault);
}

static enum tamis_status show_and_fold(struct walk *walk, const struct archive_entry *at,
                                       struct fault *fault) {
  struct archive *archive = walk->archive;
  struct work *work = work_before(archive, at);
  enum tamis_status status = walk->visit ? walk->visit(walk->context, at) : TAMIS_OK;
  bool is_stopped = status != TAMIS_OK;
  if (status == TAMIS_OK) status = federation_apply(archive->state, at->entry, at->manifest, fault);
  if (status == TAMIS_OK)
    rounds_follow(archive, at, work);
  else
    work_free(work);
  if (is_stopped) fault->status = TAMIS_OK; /* the visitor knows why */
  return status;
}

/* Bytes that are gone under the retention policy: the list stays for ever. */
static enum tamis_status note_dropped(struct archive *archive, const struct entry *entry,
                                      const json_t *manifest, struct fault *fault) {
  const json_t *element;
  size_t i;
  if (entry->statement.kind != STATEMENT_TOMBSTONE) return TAMIS_OK;
  json_array_foreach(json_object_get(manifest, "updates"), i, element) {
    struct manifest_update update;
    enum tamis_status status = manifest_dropped_read(element, &update, fault);
    if (status != TAMIS_OK) return status;
    digest_set_add(&archive->dropped, &update.update);
  }
  return TAMIS_OK;
}

static enum tamis_status follow(void *context, uint64_t index, const char *bytes, size_t length) {
  struct walk *walk = context;
  struct archive *archive = walk->archive;
  struct entry entry;
  json_t *manifest = NULL;
  struct fault why = {TAMIS_OK, ""};
  struct digest leaf = merkle_leaf(bytes, length);
  enum tamis_status status = refuse_repeated(archive, &leaf, &why);
  bool is_open = false;
  if (status == TAMIS_OK) status = entry_open(archive->state, bytes, length, &entry, &why);
  is_open = status == TAMIS_OK;
  if (is_open) status = load_manifest(archive, &entry, &manifest, &why);
  if (status == TAMIS_OK) {
    struct archive_entry at = {.index = index,
                               .bytes = bytes,
                               .length = length,
                               .entry = &entry,
                               .manifest = manifest,
                               .state = archive->state,
                               .root = merkle_tree_root(archive->tree, index)};
    status = show_and_fold(walk, &at, &why);
  }
  if (status == TAMIS_OK) status = note_dropped(archive, &entry, manifest, &why);
  json_decref(manifest);
  if (is_open) entry_close(&entry);
  if (status == TAMIS_OK) {
    merkle_tree_append(archive->tree, &leaf);
    leaves_add(&archive->leaves, &leaf, index);
    return TAMIS_OK;
  }
  if (why.status == TAMIS_OK) return status;
  return fault_set(&walk->fault, TAMIS_CORRUPT, "entry %" PRIu64 ": %s", index, why.text);
}

static enum tamis_status check_tree(const struct archive *archive, struct fault *fault) {
  const struct checkpoint *checkpoint = &archive->checkpoint;
  uint64_t size = merkle_tree_size(archive->tree);
  if (size < checkpoint->size)
    return fault_set(fault, TAMIS_CORRUPT,
                     "the journal has %" PRIu64 " entries, the signed checkpoint covers %" PRIu64
                     ": it is cut short or an old copy",
                     size, checkpoint->size);
  struct digest root = merkle_tree_root(archive->tree, checkpoint->size);
  if (digest_equal(&root, &checkpoint->root)) return TAMIS_OK;
  return fault_set(fault, TAMIS_CORRUPT,
                   "the first %" PRIu64
                   " entries are not those that the checkpoint was signed over",
                   checkpoint->size);
}

/* An export has the same entries in bundles, and no journal. */
static enum tamis_status entries_walk(const struct archive *archive, struct walk *walk,
                                      struct fault *fault) {
  char *bundles = path_in(archive->folder, "tile/entries");
  if (!bundles) return fault_plain(fault, TAMIS_NO_MEMORY);
  bool is_export = access(archive->journal, F_OK) != 0 && access(bundles, F_OK) == 0;
  free(bundles);
  if (!is_export) return journal_walk(archive->journal, follow, walk, fault);
  return tiles_walk(archive->folder, archive->checkpoint.size, follow, walk, fault);
}

enum tamis_status archive_walk(struct archive *archive,
                               enum tamis_status (*visit)(void *context,
                                                          const struct archive_entry *entry),
                               void *context, struct fault *fault) {
  struct walk walk = {archive, visit, context, {TAMIS_OK, ""}};
  assert(archive->state->applied == 0);
  enum tamis_status status = entries_walk(archive, &walk, fault);
  if (walk.fault.status != TAMIS_OK && fault) *fault = walk.fault;
  if (status == TAMIS_OK) status = check_tree(archive, fault);
  rounds_finish(archive);
  return status;
}

/* ---- what there is ---- */

uint64_t archive_walked(const struct archive *archive) {
  return merkle_tree_size(archive->tree);
}

bool archive_was_dropped(const struct archive *archive, const struct digest *file) {
  return digest_set_has(&archive->dropped, file);
}

struct blob_store *archive_blobs(const struct archive *archive) {
  return archive->blobs;
}

const struct state *archive_state(const struct archive *archive) {
  return archive->state;
}

const struct merkle_tree *archive_tree(const struct archive *archive) {
  return archive->tree;
}

const struct checkpoint *archive_checkpoint(const struct archive *archive) {
  return &archive->checkpoint;
}

const char *archive_note(const struct archive *archive, size_t *length) {
  *length = archive->note_length;
  return archive->note;
}
