/* The same order as where it was first written: files, journal, checkpoint. */
#include "standby/follower.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "aggregator/checkpoint_file.h"
#include "aggregator/durable.h"
#include "aggregator/journal.h"
#include "client-sdk/journal_reader.h"
#include "client-sdk/log_verify.h"
#include "client-sdk/operator.h"
#include "client-sdk/state_dir.h"
#include "proto/checkpoint.h"
#include "proto/disk.h"

enum { STEP_ENTRIES = 1024, DEADLINE_MS = 5000, RETRY_MS = 200 };

struct batch {
  struct journal_entry entry[STEP_ENTRIES]; /* bytes owned */
  size_t count;
};

struct follower {
  char *blobs, *checkpoint_path;
  struct state_dir kept; /* STATE/follow: the last checkpoint, evidence of a fork */
  struct operator* operator;
  struct log_verify *verify;
  struct journal *journal;
  struct public_key log_key;
  const char *folder; /* files are copied from its blobs/; NULL: asked of the server */
  struct batch batch;
  uint64_t covered, shown;
  bool (*is_patient)(void *context);
  void *context;
  bool has_gap;     /* a file was gone: dropped by an entry that no checkpoint we know covers yet */
  bool is_given_up; /* in the middle of an entry */
  struct fault broken; /* verify has seen what no log of ours holds; or TAMIS_OK */
};

/* ---- files ---- */

static int copy_bytes(int from, int to) {
  char window[1 << 16];
  uint64_t offset = 0;
  ssize_t got;
  while ((got = read(from, window, sizeof window)) > 0) {
    int error = disk_write(to, window, (size_t)got, offset);
    if (error) return error;
    offset += (uint64_t)got;
  }
  return got < 0 || fsync(to) != 0 ? errno : 0;
}

/* What was copied is hashed afterwards, as any file is. */
static enum tamis_status copy_file(const char *folder, const struct digest *digest,
                                   const char *path, struct fault *fault) {
  char hex[DIGEST_HEX_SIZE], source[PATH_MAX], part[PATH_MAX];
  digest_to_hex(digest, hex);
  if (snprintf(source, sizeof source, "%s/blobs/%.2s/%s", folder, hex, hex) >= PATH_MAX ||
      snprintf(part, sizeof part, "%s.part", path) >= PATH_MAX)
    return durable_fault(fault, ENAMETOOLONG, "copy", path);
  int from = open(source, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (from < 0 && errno == ENOENT) return fault_set(fault, TAMIS_NOT_FOUND, "no file %s", source);
  if (from < 0) return durable_fault(fault, errno, "open", source);
  int to = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  int error = to < 0 ? errno : copy_bytes(from, to);
  if (!error && rename(part, path) != 0) error = errno;
  close(from);
  if (to >= 0) close(to);
  return error ? durable_fault(fault, error, "copy", source) : TAMIS_OK;
}

/* The fold is already beyond the entry that names the file, so it cannot be asked for later. */
static enum tamis_status fetch_patiently(struct follower *follower, const struct digest *digest,
                                         const char *path, struct fault *fault) {
  const struct timespec pause = {0, RETRY_MS * 1000000L};
  if (follower->folder) return copy_file(follower->folder, digest, path, fault);
  for (;;) {
    enum tamis_status status = operator_fetch_file(follower->operator, digest, path, fault);
    if (status == TAMIS_OK || !tamis_status_is_retryable(status)) return status;
    if (!follower->is_patient(follower->context)) {
      follower->is_given_up = true;
      return fault_set(fault, TAMIS_CANCELLED, "given up while a file could not be had");
    }
    nanosleep(&pause, NULL);
  }
}

/* Named only when it is whole: operator_fetch_file checks the digest and syncs before it links. */
static enum tamis_status fetch(void *context, const struct digest *digest, const char *path,
                               struct fault *fault) {
  struct follower *follower = context;
  /* A start asks nobody: what is not here was let go, and the log says so further on. */
  if (!follower->journal) return fault_set(fault, TAMIS_NOT_FOUND, "not here");
  char *folder = strndup(path, (size_t)(strrchr(path, '/') - path));
  if (!folder) return fault_plain(fault, TAMIS_NO_MEMORY);
  enum tamis_status status = TAMIS_OK;
  if (mkdir(folder, 0700) == 0)
    status = durable_sync_parent(folder, fault);
  else if (errno != EEXIST)
    status = durable_fault(fault, errno, "make", folder);
  if (status == TAMIS_OK) status = fetch_patiently(follower, digest, path, fault);
  if (status == TAMIS_OK) status = durable_sync_folder(folder, fault);
  free(folder);
  return status;
}

/* ---- entries ---- */

static enum tamis_status broken(struct follower *follower, struct fault *fault) {
  const struct log_report *report = log_verify_report(follower->verify);
  fault_set(&follower->broken, follower->is_given_up ? TAMIS_CANCELLED : TAMIS_CORRUPT,
            "entry %" PRIu64 ": expected %s, found %s", report->index, report->expected,
            report->found);
  *fault = follower->broken;
  return follower->broken.status;
}

static enum tamis_status take(void *context, uint64_t index, const char *envelope, size_t length) {
  struct batch *batch = context;
  (void)index; /* operator_entries gives them in order */
  assert(batch->count < STEP_ENTRIES);
  char *bytes = malloc(length);
  if (!bytes) return TAMIS_NO_MEMORY;
  memcpy(bytes, envelope, length);
  batch->entry[batch->count++] = (struct journal_entry){bytes, length};
  return TAMIS_OK;
}

static void batch_clear(struct batch *batch) {
  for (size_t i = 0; i < batch->count; i++) free((char *)(uintptr_t)batch->entry[i].bytes);
  batch->count = 0;
}

static enum tamis_status batch_check(struct follower *follower, struct fault *fault) {
  uint64_t first = journal_size(follower->journal);
  for (size_t i = 0; i < follower->batch.count; i++) {
    const struct journal_entry *entry = &follower->batch.entry[i];
    if (log_verify_entry(follower->verify, first + i, entry->bytes, entry->length) != TAMIS_OK)
      return broken(follower, fault);
  }
  return TAMIS_OK;
}

/* Checks what was taken and makes it last; the batch is empty afterwards in any case. */
static enum tamis_status batch_keep(struct follower *follower, struct fault *fault) {
  enum tamis_status status = batch_check(follower, fault);
  if (status == TAMIS_OK && follower->batch.count > 0)
    status = journal_append(follower->journal, follower->batch.entry, follower->batch.count, fault);
  batch_clear(&follower->batch);
  return status;
}

static enum tamis_status take_entries(struct follower *follower, uint64_t size,
                                      struct fault *fault) {
  uint64_t have = journal_size(follower->journal);
  uint64_t count = size - have < STEP_ENTRIES ? size - have : STEP_ENTRIES;
  enum tamis_status status =
      operator_entries(follower->operator, have, count, take, &follower->batch, fault);
  if (status == TAMIS_OK && follower->batch.count < count)
    status = fault_set(fault, TAMIS_UNAVAILABLE, "the server gave %zu of %" PRIu64 " entries",
                       follower->batch.count, count);
  if (status == TAMIS_OK) return batch_keep(follower, fault);
  batch_clear(&follower->batch);
  return status;
}

/* ---- checkpoints ---- */

static enum tamis_status take_checkpoint(struct follower *follower, const char *note, size_t length,
                                         uint64_t size, struct fault *fault) {
  if (size == follower->covered) return TAMIS_OK;
  if (log_verify_finish(follower->verify, note, length) != TAMIS_OK) {
    state_dir_write(&follower->kept, "refused-checkpoint", note, length, NULL);
    return broken(follower, fault);
  }
  enum tamis_status status = checkpoint_file_write(follower->checkpoint_path, note, length, fault);
  if (status == TAMIS_OK) follower->covered = size;
  return status;
}

static uint64_t size_of(const char *note) {
  const char *line = strchr(note, '\n');
  return line ? strtoull(line + 1, NULL, 10) : 0; /* operator_checkpoint has parsed it strictly */
}

enum tamis_status follower_step(struct follower *follower, struct fault *fault) {
  char *note = NULL;
  size_t length = 0;
  if (follower->broken.status != TAMIS_OK) {
    *fault = follower->broken;
    return follower->broken.status;
  }
  enum tamis_status status = operator_checkpoint(follower->operator, & note, &length, fault);
  if (status != TAMIS_OK) return status;
  uint64_t size = size_of(note);
  follower->shown = size;
  if (size > journal_size(follower->journal)) status = take_entries(follower, size, fault);
  if (status == TAMIS_OK && size <= journal_size(follower->journal))
    status = take_checkpoint(follower, note, length, size, fault);
  free(note);
  return status;
}

/* ---- a folder instead of a server ---- */

struct tail {
  struct follower *follower;
  uint64_t size; /* that the folder's checkpoint covers */
  struct fault fault;
};

static enum tamis_status take_tail(void *context, uint64_t index, const char *envelope,
                                   size_t length) {
  struct tail *tail = context;
  struct batch *batch = &tail->follower->batch;
  if (index < journal_size(tail->follower->journal) + batch->count || index >= tail->size)
    return TAMIS_OK;
  enum tamis_status status = take(batch, index, envelope, length);
  if (status == TAMIS_OK && batch->count == STEP_ENTRIES)
    status = batch_keep(tail->follower, &tail->fault);
  return status;
}

static enum tamis_status folder_walk(struct follower *follower, const char *folder, uint64_t size,
                                     struct fault *fault) {
  struct tail tail = {.follower = follower, .size = size, .fault = {TAMIS_OK, ""}};
  char path[PATH_MAX];
  uint64_t torn;
  snprintf(path, sizeof path, "%s/journal", folder);
  follower->folder = folder;
  enum tamis_status status = journal_reader_walk(path, take_tail, &tail, &torn, fault);
  if (status != TAMIS_OK && tail.fault.status != TAMIS_OK) *fault = tail.fault;
  if (status == TAMIS_OK) status = batch_keep(follower, fault);
  follower->folder = NULL;
  batch_clear(&follower->batch);
  return status;
}

enum tamis_status follower_step_folder(struct follower *follower, const char *folder,
                                       struct fault *fault) {
  struct checkpoint checkpoint;
  char path[PATH_MAX], *note = NULL;
  size_t length;
  if (snprintf(path, sizeof path, "%s/checkpoint", folder) >= PATH_MAX)
    return durable_fault(fault, ENAMETOOLONG, "read", folder);
  enum tamis_status status = checkpoint_file_read(path, &note, &length, fault);
  if (status != TAMIS_OK) return status;
  status = checkpoint_open(note, length, &follower->log_key, &checkpoint, fault);
  if (status == TAMIS_OK && checkpoint.size > follower->covered) {
    follower->shown = checkpoint.size;
    status = folder_walk(follower, folder, checkpoint.size, fault);
    if (status == TAMIS_OK)
      status = take_checkpoint(follower, note, length, checkpoint.size, fault);
  }
  free(note);
  return status;
}

/* ---- life ---- */

static enum tamis_status folders_make(const struct follower_options *options,
                                      struct follower *follower, char **kept, struct fault *fault) {
  *kept = NULL;
  if (asprintf(&follower->blobs, "%s/blobs", options->state_dir) < 0 ||
      asprintf(&follower->checkpoint_path, "%s/checkpoint", options->state_dir) < 0 ||
      asprintf(kept, "%s/follow", options->state_dir) < 0)
    return fault_plain(fault, TAMIS_NO_MEMORY);
  const char *const folders[] = {options->state_dir, follower->blobs};
  for (size_t i = 0; i < 2; i++)
    if (mkdir(folders[i], 0700) != 0 && errno != EEXIST)
      return durable_fault(fault, errno, "make", folders[i]);
  return TAMIS_OK;
}

static enum tamis_status journal_load(const struct follower_options *options,
                                      struct follower *follower, struct fault *fault) {
  struct checkpoint checkpoint = {.size = 0};
  char *note = NULL, *path = NULL;
  size_t length = 0;
  uint64_t torn;
  enum tamis_status status =
      key_vkey_read(options->log_vkey, strlen(options->log_vkey), &follower->log_key, fault);
  if (status != TAMIS_OK) return status;
  status = checkpoint_file_read(follower->checkpoint_path, &note, &length, fault);
  if (status == TAMIS_OK)
    status = checkpoint_open(note, length, &follower->log_key, &checkpoint, fault);
  if (status == TAMIS_NOT_FOUND) status = TAMIS_OK;
  if (status == TAMIS_OK && asprintf(&path, "%s/journal", options->state_dir) < 0)
    status = fault_plain(fault, TAMIS_NO_MEMORY);
  if (status == TAMIS_OK)
    status = journal_open(path, checkpoint.size, &checkpoint.root, log_verify_entry,
                          follower->verify, &follower->journal, &torn, fault);
  if (status != TAMIS_OK && log_verify_report(follower->verify)->status != TAMIS_OK)
    status = broken(follower, fault);
  follower->covered = follower->shown = checkpoint.size;
  free(path);
  free(note);
  return status;
}

enum tamis_status follower_open(const struct follower_options *options, struct follower **out,
                                struct fault *fault) {
  char *kept = NULL;
  struct follower *follower = calloc(1, sizeof *follower);
  if (!follower) return fault_plain(fault, TAMIS_NO_MEMORY);
  follower->kept.fd = -1;
  follower->is_patient = options->is_patient;
  follower->context = options->context;
  enum tamis_status status = folders_make(options, follower, &kept, fault);
  if (status == TAMIS_OK) status = state_dir_open(kept, &follower->kept, fault);
  struct operator_options reader = {.address = options->address,
                                    .ca_file = options->ca_file,
                                    .log_vkey = options->log_vkey,
                                    .operator_key_path = options->operator_key,
                                    .deadline_ms = DEADLINE_MS,
                                    .dir = &follower->kept};
  if (status == TAMIS_OK) status = operator_open(&reader, &follower->operator, fault);
  if (status == TAMIS_OK)
    status = log_verify_open(options->log_vkey, follower->blobs, &follower->verify, fault);
  if (status == TAMIS_OK) {
    log_verify_on_missing(follower->verify, fetch, follower);
    status = journal_load(options, follower, fault);
  }
  free(kept);
  if (status == TAMIS_OK)
    *out = follower;
  else
    follower_close(follower);
  return status;
}

void follower_close(struct follower *follower) {
  if (!follower) return;
  batch_clear(&follower->batch);
  journal_close(follower->journal);
  log_verify_close(follower->verify);
  operator_close(follower->operator);
  if (follower->kept.fd >= 0) state_dir_close(&follower->kept);
  free(follower->blobs);
  free(follower->checkpoint_path);
  free(follower);
}

void follower_progress(const struct follower *follower, struct follower_progress *progress) {
  const struct log_report *report = log_verify_report(follower->verify);
  *progress = (struct follower_progress){.entries = journal_size(follower->journal),
                                         .covered = follower->covered,
                                         .shown = follower->shown,
                                         .blobs = report->blobs,
                                         .bytes = report->bytes,
                                         .missing = log_verify_missing(follower->verify)};
}

struct digest follower_root(const struct follower *follower, uint64_t size) {
  return merkle_tree_root(journal_tree(follower->journal), size);
}
