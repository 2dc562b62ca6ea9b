/* The head of `snapshot` is six lines; what is read must be what would be written for the same
 * numbers. */
#include "aggregator/snapshot.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "aggregator/crc32c.h"
#include "aggregator/durable.h"
#include "proto/disk.h"

enum { HEAD_MAX = 512 };

static_assert(sizeof(struct journal_record) == DIGEST_SIZE + 8, "the records have holes");

static void path_of(const char *folder, const char *name, char path[PATH_MAX]) {
  int length = snprintf(path, PATH_MAX, "%s/%s", folder, name);
  if (length < 0 || length >= PATH_MAX) path[0] = '\0'; /* open says so */
}

static int head_write(const struct snapshot *snapshot, char head[HEAD_MAX]) {
  char hex[DIGEST_HEX_SIZE];
  digest_to_hex(&snapshot->digest, hex);
  return snprintf(head, HEAD_MAX,
                  "tamis-snapshot/v1\nsize %" PRIu64 "\nrecords_crc32c %08" PRIx32
                  "\ntext_bytes %zu\ntext_sha256 %s\n\n",
                  snapshot->size, snapshot->records_crc, snapshot->length, hex);
}

static bool head_read(const char *file, size_t size, struct snapshot *snapshot, size_t *head_size) {
  char head[HEAD_MAX] = "", hex[DIGEST_HEX_SIZE] = "";
  memcpy(head, file, size < HEAD_MAX - 1 ? size : HEAD_MAX - 1);
  int found = sscanf(head,
                     "tamis-snapshot/v1\nsize %" SCNu64 "\nrecords_crc32c %8" SCNx32
                     "\ntext_bytes %zu\ntext_sha256 %64[0-9a-f]\n\n",
                     &snapshot->size, &snapshot->records_crc, &snapshot->length, hex);
  if (found != 4 || !digest_from_hex(hex, strlen(hex), &snapshot->digest)) return false;
  char again[HEAD_MAX];
  *head_size = (size_t)head_write(snapshot, again);
  return *head_size <= size && memcmp(again, file, *head_size) == 0 && snapshot->size > 0;
}

/* A file as it is, mapped; NOT_FOUND when it is not there. */
static enum tamis_status map_file(const char *path, const uint8_t **bytes, size_t *size,
                                  struct fault *fault) {
  struct stat about;
  int descriptor = open(path, O_RDONLY | O_CLOEXEC);
  *bytes = NULL;
  *size = 0;
  if (descriptor < 0 && errno == ENOENT)
    return fault_set(fault, TAMIS_NOT_FOUND, "there is no %s", path);
  if (descriptor < 0) return durable_fault(fault, errno, "open", path);
  int error = fstat(descriptor, &about) == 0 ? 0 : errno;
  if (!error && about.st_size > 0) {
    void *map =
        mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, descriptor, 0);
    error = map == MAP_FAILED ? errno : 0;
    if (!error) *bytes = map;
    *size = (size_t)about.st_size;
  }
  close(descriptor);
  return error ? durable_fault(fault, error, "read", path) : TAMIS_OK;
}

static void unmap(const void *bytes, size_t size) {
  if (bytes) munmap((void *)(uintptr_t)bytes, size);
}

enum tamis_status snapshot_open_text(const char *folder, struct snapshot *snapshot,
                                     struct fault *fault) {
  char path[PATH_MAX];
  const uint8_t *file;
  size_t size, head_size;
  *snapshot = (struct snapshot){.size = 0};
  path_of(folder, "snapshot", path);
  enum tamis_status status = map_file(path, &file, &size, fault);
  if (status != TAMIS_OK) return status;
  if (!file || !head_read((const char *)file, size, snapshot, &head_size) ||
      size - head_size != snapshot->length) {
    status = fault_set(fault, TAMIS_CORRUPT, "%s does not have the form of a snapshot", path);
    goto out;
  }
  struct digest found = digest_of(file + head_size, snapshot->length);
  if (!digest_equal(&found, &snapshot->digest)) {
    status =
        fault_set(fault, TAMIS_CORRUPT, "%s: its text does not have the digest in its head", path);
    goto out;
  }
  snapshot->text = malloc(snapshot->length + 1);
  if (!snapshot->text) {
    status = fault_plain(fault, TAMIS_NO_MEMORY);
    goto out;
  }
  memcpy(snapshot->text, file + head_size, snapshot->length);
  snapshot->text[snapshot->length] = '\0';
out:
  unmap(file, size);
  return status;
}

static uint32_t records_crc(uint32_t before, const struct journal_record *records, uint64_t count) {
  return crc32c_extend(before, records, count * sizeof *records);
}

enum tamis_status snapshot_open(const char *folder, struct snapshot *snapshot,
                                struct fault *fault) {
  char path[PATH_MAX];
  const uint8_t *file = NULL;
  size_t size = 0;
  enum tamis_status status = snapshot_open_text(folder, snapshot, fault);
  if (status != TAMIS_OK) return status;
  path_of(folder, "index", path);
  status = map_file(path, &file, &size, fault);
  if (status == TAMIS_OK && snapshot->size > size / sizeof(struct journal_record)) {
    status = fault_set(fault, TAMIS_CORRUPT, "%s holds fewer than %" PRIu64 " records", path,
                       snapshot->size);
  } else if (status == TAMIS_OK) {
    const struct journal_record *record = (const struct journal_record *)(const void *)file;
    if (records_crc(0, record, snapshot->size) == snapshot->records_crc) {
      snapshot->record = record;
      snapshot->mapped = size;
      return TAMIS_OK;
    }
    status = fault_set(fault, TAMIS_CORRUPT, "%s: a record is not what was written", path);
  }
  unmap(file, size);
  snapshot_close(snapshot);
  return status;
}

void snapshot_close(struct snapshot *snapshot) {
  unmap(snapshot->record, snapshot->mapped);
  free(snapshot->text);
  *snapshot = (struct snapshot){.size = 0};
}

static enum tamis_status records_write(const char *folder, const struct journal_record *records,
                                       uint64_t from, uint64_t count, struct fault *fault) {
  char path[PATH_MAX];
  path_of(folder, "index", path);
  int descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0) return durable_fault(fault, errno, "open", path);
  int error = disk_write(descriptor, records, count * sizeof *records, from * sizeof *records);
  if (!error) durable_sync(descriptor, path);
  close(descriptor);
  return error ? durable_fault(fault, error, "write", path) : TAMIS_OK;
}

enum tamis_status snapshot_write(const char *folder, struct snapshot *snapshot,
                                 const struct journal_record *records, uint64_t added,
                                 uint32_t before_crc, struct fault *fault) {
  char path[PATH_MAX];
  path_of(folder, "snapshot", path);
  assert(added <= snapshot->size);
  enum tamis_status status = records_write(folder, records, snapshot->size - added, added, fault);
  if (status != TAMIS_OK) return status;
  snapshot->records_crc = records_crc(before_crc, records, added);
  snapshot->digest = digest_of(snapshot->text, snapshot->length);
  char *file = malloc(HEAD_MAX + snapshot->length);
  if (!file) return fault_plain(fault, TAMIS_NO_MEMORY);
  size_t head_size = (size_t)head_write(snapshot, file);
  memcpy(file + head_size, snapshot->text, snapshot->length);
  status = durable_replace(path, file, head_size + snapshot->length, fault);
  free(file);
  return status;
}

void snapshot_remove(const char *folder) {
  char path[PATH_MAX];
  path_of(folder, "snapshot", path);
  unlink(path);
}
