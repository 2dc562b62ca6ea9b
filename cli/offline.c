/* One walk over the archive fills the tables in memory and notes where each entry lies in the
 * journal; of an export, which has none, the walk leaves a file like it. */
#include "cli/offline.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "aggregator/projection.h"
#include "audit/archive.h"
#include "cli/mapped_file.h"
#include "cli/progress.h"
#include "cli/site.h"
#include "proto/envelope.h"

enum { RECORD_HEAD = 8, ROWS_AT_ONCE = 500, COMMIT_EVERY = 4096 };

struct offline {
  struct archive *archive;
  struct projection *projection;
  struct public_key log_key;
  int journal;
  bool is_export;   /* the journal is ours: a file without a name, written by the walk */
  uint64_t *offset; /* of each entry's bytes in the journal */
  size_t count, capacity;
  uint64_t end; /* of the records so far */
  struct progress progress;
  char *note; /* owned: the checkpoint with its witnesses */
  size_t note_length;
  struct fault fault; /* of the visit, which cannot hand one up */
};

/* ---- Opening ---- */

static void note_place(struct offline *offline, size_t length) {
  if (offline->count == offline->capacity) {
    offline->capacity = 2 * offline->capacity + 1024;
    offline->offset = reallocarray(offline->offset, offline->capacity, sizeof *offline->offset);
    if (offline->offset == NULL) abort();
  }
  offline->offset[offline->count++] = offline->end + RECORD_HEAD;
  offline->end += RECORD_HEAD + length;
}

static enum tamis_status keep_entry(struct offline *offline, const struct archive_entry *at) {
  off_t place = (off_t)(offline->end + RECORD_HEAD);
  for (size_t done = 0; done < at->length;) {
    ssize_t wrote =
        pwrite(offline->journal, at->bytes + done, at->length - done, place + (off_t)done);
    if (wrote <= 0)
      return fault_set(&offline->fault, TAMIS_IO, "cannot keep entry %" PRIu64 " aside: %s",
                       at->index, strerror(errno));
    done += (size_t)wrote;
  }
  return TAMIS_OK;
}

/* A plan's manifest is the cohort, of which the tables hold nothing. */
static enum tamis_status visit(void *context, const struct archive_entry *at) {
  struct offline *offline = context;
  bool is_plan = at->entry->statement.kind == STATEMENT_ROUND_OPEN;
  enum tamis_status status = TAMIS_OK;
  progress_step(&offline->progress, at->index);
  if (offline->is_export) status = keep_entry(offline, at);
  if (status != TAMIS_OK) return status;
  note_place(offline, at->length);
  if (at->index > 0 && at->index % COMMIT_EVERY == 0) {
    status = projection_commit(offline->projection, &offline->fault);
    if (status == TAMIS_OK) status = projection_begin(offline->projection, &offline->fault);
  }
  if (status != TAMIS_OK) return status;
  return projection_apply(offline->projection, at->index, &at->entry->statement, at->entry->signer,
                          at->length, is_plan ? NULL : at->manifest, &offline->fault);
}

static enum tamis_status open_journal(struct offline *offline, const char *folder,
                                      struct fault *fault) {
  char *path = NULL;
  FILE *aside;
  if (asprintf(&path, "%s/journal", folder) < 0) return fault_plain(fault, TAMIS_NO_MEMORY);
  offline->journal = open(path, O_RDONLY | O_CLOEXEC);
  offline->is_export = offline->journal < 0 && errno == ENOENT;
  if (offline->is_export && (aside = tmpfile()) != NULL) {
    offline->journal = fcntl(fileno(aside), F_DUPFD_CLOEXEC, 0);
    fclose(aside);
  }
  enum tamis_status status =
      offline->journal >= 0
          ? TAMIS_OK
          : fault_set(fault, TAMIS_IO, "cannot open %s: %s", path, strerror(errno));
  free(path);
  return status;
}

static enum tamis_status walk(struct offline *offline, struct context *context) {
  struct fault *fault = &context->fault;
  progress_begin(&offline->progress, context, "reading", "entries",
                 archive_checkpoint(offline->archive)->size);
  enum tamis_status status = projection_begin(offline->projection, fault);
  if (status == TAMIS_OK) status = archive_walk(offline->archive, visit, offline, fault);
  progress_end(&offline->progress);
  if (status != TAMIS_OK && offline->fault.status != TAMIS_OK) *fault = offline->fault;
  return status == TAMIS_OK ? projection_commit(offline->projection, fault) : status;
}

/* Is the line a good cosignature of the checkpoint by a client of its log? The file is no part of
 * the log, and nobody has checked it. */
static bool is_good(const struct offline *offline, const char *name, const char *line,
                    size_t length) {
  const struct state *state = archive_state(offline->archive);
  char text[COSIGNATURE_TEXT_SIZE];
  uint64_t seconds;
  int64_t client = state_client_find(state, name);
  return client != STATE_NOBODY && !state->client[client].revoked &&
         checkpoint_cosigned(archive_checkpoint(offline->archive), &state->client[client].key, line,
                             length, &seconds, text, NULL) == TAMIS_OK;
}

/* The note, and behind the log's signature those of witnesses of this very tree. */
static enum tamis_status read_note(struct offline *offline, const char *folder,
                                   struct fault *fault) {
  struct mapped_file lines = {.bytes = NULL};
  char *path = NULL, name[KEY_NAME_SIZE];
  const char *line, *note = archive_note(offline->archive, &offline->note_length);
  size_t line_length, at = 0;
  offline->note = malloc(CHECKPOINT_NOTE_MAX + offline->note_length);
  if (offline->note == NULL || asprintf(&path, "%s/cosignatures/%" PRIu64, folder,
                                        archive_checkpoint(offline->archive)->size) < 0)
    return fault_plain(fault, TAMIS_NO_MEMORY);
  memcpy(offline->note, note, offline->note_length);
  if (mapped_file_open(path, &lines, NULL) != TAMIS_OK) lines.length = 0; /* nobody has */
  for (int count = 0; count < CHECKPOINT_WITNESSES_MAX &&
                      checkpoint_line_next((const char *)lines.bytes, lines.length, &at, &line,
                                           &line_length, name);) {
    if (!is_good(offline, name, line, line_length) ||
        offline->note_length + line_length > CHECKPOINT_NOTE_MAX)
      continue;
    memcpy(offline->note + offline->note_length, line, line_length);
    offline->note_length += line_length;
    count++;
  }
  mapped_file_close(&lines);
  free(path);
  return TAMIS_OK;
}

static enum tamis_status open_folder(struct context *context, const char *folder, const char *vkey,
                                     struct offline *offline) {
  enum tamis_status status = archive_open(folder, vkey, NULL, &offline->archive, &context->fault);
  if (status == TAMIS_OK)
    status = projection_open(":memory:", &offline->projection, &context->fault);
  if (status == TAMIS_OK) status = open_journal(offline, folder, &context->fault);
  if (status == TAMIS_OK) status = walk(offline, context);
  return status == TAMIS_OK ? read_note(offline, folder, &context->fault) : status;
}

enum tamis_status offline_choose(struct context *context, const struct arguments *arguments) {
  const char *vkey;
  char *folder = NULL;
  if (!arguments_has(arguments, "state") || context->offline != NULL) return TAMIS_OK;
  struct offline *offline = calloc(1, sizeof *offline);
  if (offline == NULL) return fault_plain(&context->fault, TAMIS_NO_MEMORY);
  offline->journal = -1;
  enum tamis_status status = site_log_key(context, arguments, &vkey, &offline->log_key);
  if (status == TAMIS_OK) status = site_state(context, arguments, &folder);
  if (status == TAMIS_OK) status = open_folder(context, folder, vkey, offline);
  free(folder);
  if (status == TAMIS_OK)
    context->offline = offline;
  else
    offline_close(offline);
  return status;
}

void offline_close(struct offline *offline) {
  if (offline == NULL) return;
  projection_close(offline->projection);
  archive_close(offline->archive);
  if (offline->journal >= 0) close(offline->journal);
  free(offline->offset);
  free(offline->note);
  free(offline);
}

/* ---- Answers ---- */

enum tamis_status offline_query(struct offline *offline, const char *name, size_t argument_count,
                                const char *const *arguments, json_t **rows, struct fault *fault) {
  json_t *all = json_array();
  uint64_t after = 0;
  enum tamis_status status;
  do {
    char *text = NULL;
    status = projection_query(offline->projection, name, argument_count, arguments, after,
                              ROWS_AT_ONCE, &text, &after, fault);
    json_t *page = status == TAMIS_OK ? json_loads(text, 0, NULL) : NULL;
    if (status == TAMIS_OK && json_array_extend(all, page) != 0)
      status = fault_plain(fault, TAMIS_NO_MEMORY);
    json_decref(page);
    free(text);
  } while (status == TAMIS_OK && after != 0);
  if (status == TAMIS_OK)
    *rows = all;
  else
    json_decref(all);
  return status;
}

enum tamis_status offline_blob(struct offline *offline, const struct digest *digest,
                               enum tamis_status (*sink)(void *sink_context, const uint8_t *bytes,
                                                         size_t length, struct fault *fault),
                               void *sink_context, struct fault *fault) {
  struct blob_view view;
  enum tamis_status status = blob_map(archive_blobs(offline->archive), digest, true, &view, fault);
  if (status != TAMIS_OK) return status;
  status = sink(sink_context, view.bytes, view.length, fault);
  blob_unmap(&view);
  return status;
}

/* ---- As the source of a bundle ---- */

static enum tamis_status source_checkpoint(void *context, const char **note, size_t *length,
                                           struct fault *fault) {
  const struct offline *offline = context;
  (void)fault;
  *note = offline->note;
  *length = offline->note_length;
  return TAMIS_OK;
}

static enum tamis_status source_ask(void *context, const char *name, size_t argument_count,
                                    const char *const *arguments, json_t **rows,
                                    struct fault *fault) {
  return offline_query(context, name, argument_count, arguments, rows, fault);
}

/* The bytes are those that were walked over: whoever reads the bundle hashes them. */
static enum tamis_status read_entry(const struct offline *offline, uint64_t index, char **envelope,
                                    size_t *length, struct fault *fault) {
  uint64_t begin = offline->offset[index];
  uint64_t end =
      index + 1 < offline->count ? offline->offset[index + 1] - RECORD_HEAD : offline->end;
  *length = (size_t)(end - begin);
  *envelope = malloc(*length + 1);
  if (*envelope == NULL) return fault_plain(fault, TAMIS_NO_MEMORY);
  if (pread(offline->journal, *envelope, *length, (off_t)begin) == (ssize_t)*length)
    return TAMIS_OK;
  free(*envelope);
  *envelope = NULL;
  return fault_set(fault, TAMIS_IO, "the journal changed while it was read");
}

static enum tamis_status source_entry(void *context, uint64_t index, char **envelope,
                                      size_t *length, char **receipt, size_t *receipt_length,
                                      struct fault *fault) {
  const struct offline *offline = context;
  struct merkle_proof proof;
  uint64_t size = archive_checkpoint(offline->archive)->size;
  if (index >= size)
    return fault_set(fault, TAMIS_NOT_FOUND, "entry %" PRIu64 " is under no checkpoint yet", index);
  enum tamis_status status = read_entry(offline, index, envelope, length, fault);
  if (status != TAMIS_OK) return status;
  merkle_tree_inclusion(archive_tree(offline->archive), index, size, &proof);
  receipt_write(index, &proof, offline->note, offline->note_length, receipt, receipt_length);
  return TAMIS_OK;
}

static enum tamis_status source_link(void *context, uint64_t size, struct merkle_proof *proof,
                                     struct fault *fault) {
  const struct offline *offline = context;
  uint64_t last = archive_checkpoint(offline->archive)->size;
  if (size == 0 || size > last)
    return fault_set(fault, TAMIS_NOT_FOUND, "there is no tree of %" PRIu64 " entries yet", size);
  merkle_tree_consistency(archive_tree(offline->archive), size, last, proof);
  return TAMIS_OK;
}

static enum tamis_status source_blob(void *context, const struct digest *digest,
                                     enum tamis_status (*sink)(void *sink_context,
                                                               const uint8_t *bytes, size_t length,
                                                               struct fault *fault),
                                     void *sink_context, struct fault *fault) {
  return offline_blob(context, digest, sink, sink_context, fault);
}

void offline_bundle_source(struct offline *offline, struct bundle_source *source) {
  *source = (struct bundle_source){.context = offline,
                                   .log_key = offline->log_key,
                                   .checkpoint = source_checkpoint,
                                   .ask = source_ask,
                                   .entry = source_entry,
                                   .link = source_link,
                                   .blob = source_blob};
}
