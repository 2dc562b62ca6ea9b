/* The truth, record by record: `u32 length, u32 crc32c, bytes`, little-endian, nothing in between.
 */
#include "aggregator/journal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "aggregator/crc32c.h"
#include "aggregator/durable.h"
#include "proto/disk.h"
#include "proto/envelope.h"

enum { HEAD_SIZE = 8, WINDOW_SIZE = 1 << 20 };

struct journal {
  int descriptor;
  char *path;
  struct merkle_tree *tree;
  pthread_mutex_t lock;  /* of the next three: journal_read looks at them from any thread */
  uint64_t *end;         /* end[i] is where record i stops and record i + 1 starts */
  uint64_t count, limit; /* records there are, and that `end` has room for */
  uint8_t *batch;        /* one append as it goes to disk; kept between calls */
  size_t batch_capacity;
};

static uint32_t u32_read(const uint8_t *at) {
  return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static void u32_write(uint8_t *at, uint32_t value) {
  for (int i = 0; i < 4; i++) at[i] = (uint8_t)(value >> 8 * i);
}

/* Reading from front to back */

enum record { RECORD_WHOLE, RECORD_TORN, RECORD_BAD };

struct scan {
  int descriptor;
  const char *path;
  uint64_t size;   /* of the file when the scan began */
  uint8_t *window; /* WINDOW_SIZE bytes of the file, of which `length` from `start` are there */
  uint64_t start;
  size_t length;
};

static enum tamis_status scan_open(struct scan *scan, int descriptor, const char *path,
                                   struct fault *fault) {
  struct stat about;
  *scan = (struct scan){.descriptor = descriptor, .path = path};
  if (fstat(descriptor, &about) != 0) return durable_fault(fault, errno, "stat", path);
  if (!S_ISREG(about.st_mode)) return fault_set(fault, TAMIS_IO, "%s is not a regular file", path);
  scan->size = (uint64_t)about.st_size;
  scan->window = malloc(WINDOW_SIZE);
  return scan->window ? TAMIS_OK : fault_plain(fault, TAMIS_NO_MEMORY);
}

/* Lends `length` bytes at `offset`, until the next call; they must lie within the file. */
static enum tamis_status scan_view(struct scan *scan, uint64_t offset, size_t length,
                                   const uint8_t **bytes, struct fault *fault) {
  assert(length <= WINDOW_SIZE && offset + length <= scan->size);
  if (offset < scan->start || offset + length > scan->start + scan->length) {
    uint64_t rest = scan->size - offset;
    size_t wanted = rest < WINDOW_SIZE ? (size_t)rest : WINDOW_SIZE;
    scan->start = offset;
    scan->length = 0;
    while (scan->length < wanted) {
      ssize_t got = pread(scan->descriptor, scan->window + scan->length, wanted - scan->length,
                          (off_t)(offset + scan->length));
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) return durable_fault(fault, got < 0 ? errno : EIO, "read", scan->path);
      scan->length += (size_t)got;
    }
  }
  *bytes = scan->window + (offset - scan->start);
  return TAMIS_OK;
}

static enum tamis_status scan_is_zero(struct scan *scan, uint64_t offset, bool *is_zero,
                                      struct fault *fault) {
  *is_zero = true;
  while (offset < scan->size && *is_zero) {
    uint64_t rest = scan->size - offset;
    size_t length = rest < WINDOW_SIZE ? (size_t)rest : WINDOW_SIZE;
    const uint8_t *bytes;
    enum tamis_status status = scan_view(scan, offset, length, &bytes, fault);
    if (status != TAMIS_OK) return status;
    for (size_t i = 0; i < length && *is_zero; i++) *is_zero = bytes[i] == 0;
    offset += length;
  }
  return TAMIS_OK;
}

/* What stands at `offset`. No record is empty, so zeros up to the end of the file are space that
 * was given to a write that never came: torn, not bad. */
static enum tamis_status scan_record(struct scan *scan, uint64_t offset, enum record *record,
                                     const uint8_t **bytes, size_t *length, struct fault *fault) {
  uint64_t rest = scan->size - offset;
  const uint8_t *head;
  *record = RECORD_TORN;
  if (rest < HEAD_SIZE) return TAMIS_OK;
  enum tamis_status status = scan_view(scan, offset, HEAD_SIZE, &head, fault);
  if (status != TAMIS_OK) return status;

  size_t said = u32_read(head);
  uint32_t checksum = u32_read(head + 4);
  if (said == 0 || said > ENVELOPE_SIZE_MAX) {
    bool is_zero;
    status = scan_is_zero(scan, offset, &is_zero, fault);
    *record = is_zero ? RECORD_TORN : RECORD_BAD;
    return status;
  }
  if (said > rest - HEAD_SIZE) return TAMIS_OK;
  status = scan_view(scan, offset + HEAD_SIZE, said, bytes, fault);
  if (status != TAMIS_OK) return status;

  *length = said;
  if (crc32c(*bytes, said) == checksum)
    *record = RECORD_WHOLE;
  else if (said < rest - HEAD_SIZE)
    *record = RECORD_BAD;
  return TAMIS_OK;
}

/* Growing in memory */

static enum tamis_status reserve(struct journal *journal, size_t more, struct fault *fault) {
  if (journal->limit - journal->count >= more) return TAMIS_OK;
  uint64_t limit =
      journal->limit * 2 > journal->count + more ? journal->limit * 2 : journal->count + more + 64;
  pthread_mutex_lock(&journal->lock);
  uint64_t *end = reallocarray(journal->end, limit, sizeof *end);
  if (end) {
    journal->end = end;
    journal->limit = limit;
  }
  pthread_mutex_unlock(&journal->lock);
  return end ? TAMIS_OK : fault_plain(fault, TAMIS_NO_MEMORY);
}

static uint64_t file_end(const struct journal *journal) {
  return journal->count ? journal->end[journal->count - 1] : 0;
}

/* After `reserve`. */
static void grow(struct journal *journal, const void *bytes, size_t length) {
  struct digest leaf = merkle_leaf(bytes, length);
  merkle_tree_append(journal->tree, &leaf);
  pthread_mutex_lock(&journal->lock);
  uint64_t end = file_end(journal) + HEAD_SIZE + length;
  journal->end[journal->count++] = end;
  pthread_mutex_unlock(&journal->lock);
}

/* Every whole record from `*end` on to `visit` and into `journal`, either of which may be NULL.
 * `*end` becomes where a torn tail starts, or the size of the file. */
static enum tamis_status walk(struct scan *scan, struct journal *journal,
                              enum tamis_status (*visit)(void *context, uint64_t index,
                                                         const char *bytes, size_t length),
                              void *context, uint64_t *end, struct fault *fault) {
  for (uint64_t index = journal ? journal->count : 0; *end < scan->size; index++) {
    enum record record;
    const uint8_t *bytes = NULL;
    size_t length = 0;
    enum tamis_status status = scan_record(scan, *end, &record, &bytes, &length, fault);
    if (status != TAMIS_OK) return status;
    if (record == RECORD_TORN) break;
    if (record == RECORD_BAD)
      return fault_set(fault, TAMIS_CORRUPT,
                       "%s: entry %" PRIu64 " at offset %" PRIu64 " is not what was written",
                       scan->path, index, *end);
    if (journal && (status = reserve(journal, 1, fault)) != TAMIS_OK) return status;
    if (journal) grow(journal, bytes, length);
    if (visit) status = visit(context, index, (const char *)bytes, length);
    if (status != TAMIS_OK) return status;
    *end += HEAD_SIZE + length;
  }
  return TAMIS_OK;
}

/* Opening */

static enum tamis_status check_signed(const struct journal *journal, uint64_t signed_size,
                                      const struct digest *signed_root, struct fault *fault) {
  if (signed_size == 0) return TAMIS_OK;
  if (journal->count < signed_size)
    return fault_set(fault, TAMIS_CORRUPT,
                     "%s holds %" PRIu64 " entries, and %" PRIu64
                     " were signed: restored from a backup, or cut short? Clients hold receipts "
                     "for the others; find the newer journal",
                     journal->path, journal->count, signed_size);
  struct digest root = merkle_tree_root(journal->tree, signed_size);
  if (!digest_equal(&root, signed_root))
    return fault_set(fault, TAMIS_CORRUPT,
                     "%s: the first %" PRIu64
                     " entries are not those that were signed: another log's, or restored from a "
                     "backup and continued?",
                     journal->path, signed_size);
  return TAMIS_OK;
}

static enum tamis_status lock_file(struct journal *journal, struct fault *fault) {
  if (flock(journal->descriptor, LOCK_EX | LOCK_NB) == 0) return TAMIS_OK;
  if (errno == EWOULDBLOCK)
    return fault_set(fault, TAMIS_CONFLICT, "%s is open in another process", journal->path);
  return durable_fault(fault, errno, "lock", journal->path);
}

/* The lock comes before the first look at the size; the cut comes after everything else is known to
 * be right, so that a refusal leaves the evidence as it was. */
static enum tamis_status
recover(struct journal *journal, uint64_t signed_size, const struct digest *signed_root,
        enum tamis_status (*visit)(void *context, uint64_t index, const char *bytes, size_t length),
        void *context, uint64_t *torn_bytes, struct fault *fault) {
  struct scan scan = {.window = NULL};
  uint64_t end = file_end(journal);
  enum tamis_status status = lock_file(journal, fault);
  if (status != TAMIS_OK) goto out;
  status = scan_open(&scan, journal->descriptor, journal->path, fault);
  if (status != TAMIS_OK) goto out;
  if (scan.size == 0) status = durable_sync_parent(journal->path, fault);
  if (status != TAMIS_OK) goto out;
  if (scan.size < end) {
    status = fault_set(fault, TAMIS_CORRUPT, "%s ends before entry %" PRIu64 ", which is known",
                       journal->path, journal->count - 1);
    goto out;
  }
  status = walk(&scan, journal, visit, context, &end, fault);
  if (status != TAMIS_OK) goto out;
  status = check_signed(journal, signed_size, signed_root, fault);
  if (status != TAMIS_OK) goto out;

  *torn_bytes = scan.size - end;
  if (*torn_bytes > 0 && ftruncate(journal->descriptor, (off_t)end) != 0)
    status = durable_fault(fault, errno, "cut the torn tail of", journal->path);
  /* Also when nothing was cut: whole records may be in the page cache of a process that was killed
   * between write and sync, and from now on they count. */
  if (status == TAMIS_OK) durable_sync(journal->descriptor, journal->path);
out:
  free(scan.window);
  return status;
}

/* Ends that do not grow by at least a record would send a reader anywhere. */
static enum tamis_status take_known(struct journal *journal, const struct journal_record *known,
                                    uint64_t count, struct fault *fault) {
  enum tamis_status status = reserve(journal, count, fault);
  uint64_t start = 0;
  if (status != TAMIS_OK) return status;
  for (uint64_t i = 0; i < count; i++) {
    if (known[i].end < start + HEAD_SIZE + 1 ||
        known[i].end > start + HEAD_SIZE + ENVELOPE_SIZE_MAX)
      return fault_set(fault, TAMIS_CORRUPT, "what is known of entry %" PRIu64 " cannot be", i);
    journal->end[i] = start = known[i].end;
  }
  journal->count = count;
  merkle_tree_load(journal->tree, &known->leaf, sizeof *known, count);
  return TAMIS_OK;
}

static enum tamis_status open_from(
    const char *path, const struct journal_record *known, uint64_t known_count,
    uint64_t signed_size, const struct digest *signed_root,
    enum tamis_status (*visit)(void *context, uint64_t index, const char *bytes, size_t length),
    void *context, struct journal **out, uint64_t *torn_bytes, struct fault *fault) {
  struct journal *journal = calloc(1, sizeof *journal);
  if (!journal) return fault_plain(fault, TAMIS_NO_MEMORY);
  pthread_mutex_init(&journal->lock, NULL);
  journal->tree = merkle_tree_new();
  journal->path = strdup(path);
  journal->descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

  enum tamis_status status = TAMIS_OK;
  if (!journal->path)
    status = fault_plain(fault, TAMIS_NO_MEMORY);
  else if (journal->descriptor < 0)
    status = durable_fault(fault, errno, "open", path);
  else if (known_count > 0)
    status = take_known(journal, known, known_count, fault);
  if (status == TAMIS_OK)
    status = recover(journal, signed_size, signed_root, visit, context, torn_bytes, fault);
  if (status != TAMIS_OK) {
    journal_close(journal);
    return status;
  }
  *out = journal;
  return TAMIS_OK;
}

enum tamis_status journal_open(
    const char *path, uint64_t signed_size, const struct digest *signed_root,
    enum tamis_status (*visit)(void *context, uint64_t index, const char *bytes, size_t length),
    void *context, struct journal **journal, uint64_t *torn_bytes, struct fault *fault) {
  return open_from(path, NULL, 0, signed_size, signed_root, visit, context, journal, torn_bytes,
                   fault);
}

enum tamis_status journal_resume(const char *path, const struct journal_record *known,
                                 uint64_t known_count, uint64_t signed_size,
                                 const struct digest *signed_root, struct journal **journal,
                                 uint64_t *torn_bytes, struct fault *fault) {
  assert(known_count < signed_size);
  return open_from(path, known, known_count, signed_size, signed_root, NULL, NULL, journal,
                   torn_bytes, fault);
}

void journal_records(const struct journal *journal, uint64_t from, uint64_t count,
                     struct journal_record *records) {
  assert(from + count <= journal_size(journal));
  for (uint64_t i = 0; i < count; i++)
    records[i] =
        (struct journal_record){merkle_tree_leaf(journal->tree, from + i), journal->end[from + i]};
}

void journal_close(struct journal *journal) {
  if (!journal) return;
  if (journal->descriptor >= 0) close(journal->descriptor);
  merkle_tree_free(journal->tree);
  pthread_mutex_destroy(&journal->lock);
  free(journal->batch);
  free(journal->end);
  free(journal->path);
  free(journal);
}

/* Appending */

static enum tamis_status encode(struct journal *journal, const struct journal_entry *entries,
                                size_t count, size_t *size, struct fault *fault) {
  *size = 0;
  for (size_t i = 0; i < count; i++) {
    assert(entries[i].length > 0 && entries[i].length <= ENVELOPE_SIZE_MAX);
    *size += HEAD_SIZE + entries[i].length;
  }
  if (*size > journal->batch_capacity) {
    uint8_t *batch = realloc(journal->batch, *size);
    if (!batch) return fault_plain(fault, TAMIS_NO_MEMORY);
    journal->batch = batch;
    journal->batch_capacity = *size;
  }
  uint8_t *at = journal->batch;
  for (size_t i = 0; i < count; i++) {
    u32_write(at, (uint32_t)entries[i].length);
    u32_write(at + 4, crc32c(entries[i].bytes, entries[i].length));
    memcpy(at + HEAD_SIZE, entries[i].bytes, entries[i].length);
    at += HEAD_SIZE + entries[i].length;
  }
  return TAMIS_OK;
}

/* A tail that cannot be cut again would be taken for entries by the next start; nobody was told of
 * them, but nobody may rely on that either. */
static void take_back(struct journal *journal) {
  if (ftruncate(journal->descriptor, (off_t)file_end(journal)) == 0) return;
  durable_die("ftruncate", journal->path, errno);
}

enum tamis_status journal_append(struct journal *journal, const struct journal_entry *entries,
                                 size_t count, struct fault *fault) {
  size_t size;
  if (count == 0) return TAMIS_OK;
  enum tamis_status status = encode(journal, entries, count, &size, fault);
  if (status != TAMIS_OK) return status;
  status = reserve(journal, count, fault);
  if (status != TAMIS_OK) return status;

  int error = disk_write(journal->descriptor, journal->batch, size, file_end(journal));
  if (error) {
    take_back(journal);
    return durable_fault(fault, error, "append to", journal->path);
  }
  durable_sync(journal->descriptor, journal->path);
  for (size_t i = 0; i < count; i++) grow(journal, entries[i].bytes, entries[i].length);
  return TAMIS_OK;
}

uint64_t journal_bytes(const struct journal *journal) {
  return file_end(journal);
}

uint64_t journal_size(const struct journal *journal) {
  return merkle_tree_size(journal->tree);
}

const struct merkle_tree *journal_tree(const struct journal *journal) {
  return journal->tree;
}

/* Reading one back */

static bool locate(const struct journal *journal, uint64_t index, uint64_t *start, uint64_t *end) {
  pthread_mutex_t *lock = (pthread_mutex_t *)&journal->lock;
  pthread_mutex_lock(lock);
  bool is_there = index < journal->count;
  if (is_there) {
    *start = index ? journal->end[index - 1] : 0;
    *end = journal->end[index];
  }
  pthread_mutex_unlock(lock);
  return is_there;
}

enum tamis_status journal_read(const struct journal *journal, uint64_t index, char **bytes,
                               size_t *length, struct fault *fault) {
  uint64_t start, end;
  if (!locate(journal, index, &start, &end))
    return fault_set(fault, TAMIS_NOT_FOUND, "the log has no entry %" PRIu64, index);

  size_t size = (size_t)(end - start);
  uint8_t *record = malloc(size);
  if (!record) return fault_plain(fault, TAMIS_NO_MEMORY);
  ssize_t got = pread(journal->descriptor, record, size, (off_t)start);
  if (got < 0) {
    free(record);
    return durable_fault(fault, errno, "read", journal->path);
  }
  size_t body = size - HEAD_SIZE;
  if ((size_t)got != size || u32_read(record) != body ||
      crc32c(record + HEAD_SIZE, body) != u32_read(record + 4)) {
    free(record);
    return fault_set(fault, TAMIS_CORRUPT,
                     "%s: entry %" PRIu64 " at offset %" PRIu64 " is not what was written",
                     journal->path, index, start);
  }
  memmove(record, record + HEAD_SIZE, body);
  *bytes = (char *)record;
  *length = body;
  return TAMIS_OK;
}

enum tamis_status journal_walk(const char *path,
                               enum tamis_status (*visit)(void *context, uint64_t index,
                                                          const char *bytes, size_t length),
                               void *context, struct fault *fault) {
  struct scan scan;
  uint64_t end = 0;
  int descriptor = open(path, O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return durable_fault(fault, errno, "open", path);
  enum tamis_status status = scan_open(&scan, descriptor, path, fault);
  if (status == TAMIS_OK) status = walk(&scan, NULL, visit, context, &end, fault);
  free(scan.window);
  close(descriptor);
  return status;
}
