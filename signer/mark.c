/* A slot is two copies of one record in one block of the disk:
 *    0  "tamis signed 1\n\0"
 *   16  u64 sequence, u64 state, u64 size, little-endian
 *   40  root, public key, digest of where it was handed to: 32 bytes each
 *  136  SHA-256 of the bytes before it
 * Sequence s is in slot s mod 2. The copies lie half a block apart. */
#include "signer/mark.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "proto/disk.h"

enum { BODY_SIZE = 136, RECORD_SIZE = BODY_SIZE + DIGEST_SIZE, LOOK_MS = 10 };

static const char magic[16] = "tamis signed 1\n";

struct mark_file {
  int descriptor;
  char *path;
  struct public_key key;
  struct mark mark;
  uint64_t sequence;
  bool is_unknown; /* after a write that failed */
};

/* ---- a slot ---- */

static void put_u64(uint8_t *out, uint64_t value) {
  for (int i = 0; i < 8; i++) out[i] = (uint8_t)(value >> (8 * i));
}

static uint64_t get_u64(const uint8_t *in) {
  uint64_t value = 0;
  for (int i = 7; i >= 0; i--) value = value << 8 | in[i];
  return value;
}

static void slot_encode(const struct mark *mark, const struct public_key *key, uint64_t sequence,
                        uint8_t slot[MARK_SLOT_SIZE]) {
  memset(slot, 0, MARK_SLOT_SIZE);
  memcpy(slot, magic, sizeof magic);
  put_u64(slot + 16, sequence);
  put_u64(slot + 24, (uint64_t)mark->state);
  put_u64(slot + 32, mark->size);
  memcpy(slot + 40, mark->root.byte, DIGEST_SIZE);
  memcpy(slot + 72, key->byte, KEY_PUBLIC_SIZE);
  memcpy(slot + 104, mark->handed_to.byte, DIGEST_SIZE);
  struct digest sum = digest_of(slot, BODY_SIZE);
  memcpy(slot + BODY_SIZE, sum.byte, DIGEST_SIZE);
  memcpy(slot + MARK_COPY_OFFSET, slot, RECORD_SIZE);
}

struct slot {
  struct mark mark;
  uint8_t key[KEY_PUBLIC_SIZE];
  uint64_t sequence;
};

static bool record_decode(const uint8_t *record, unsigned place, struct slot *slot) {
  struct digest sum = digest_of(record, BODY_SIZE);
  if (memcmp(record + BODY_SIZE, sum.byte, DIGEST_SIZE) != 0) return false;
  if (memcmp(record, magic, sizeof magic) != 0) return false;
  uint64_t state = get_u64(record + 24);
  slot->sequence = get_u64(record + 16);
  slot->mark.size = get_u64(record + 32);
  if (state != MARK_ACTIVE && state != MARK_HANDED_OVER) return false;
  if (slot->sequence % 2 != place || slot->mark.size > INT64_MAX) return false;
  slot->mark.state = (enum mark_state)state;
  memcpy(slot->mark.root.byte, record + 40, DIGEST_SIZE);
  memcpy(slot->key, record + 72, KEY_PUBLIC_SIZE);
  memcpy(slot->mark.handed_to.byte, record + 104, DIGEST_SIZE);
  return true;
}

/* A slot whose write was torn has no whole copy: nothing left the signer because of it. */
static bool slot_decode(const uint8_t *bytes, unsigned place, struct slot *slot) {
  return record_decode(bytes, place, slot) || record_decode(bytes + MARK_COPY_OFFSET, place, slot);
}

static bool newest(const uint8_t bytes[MARK_FILE_SIZE], struct slot *slot) {
  struct slot pair[2];
  bool good[2];
  for (unsigned i = 0; i < 2; i++) good[i] = slot_decode(bytes + i * MARK_SLOT_SIZE, i, &pair[i]);
  if (!good[0] && !good[1]) return false;
  bool is_second = good[1] && (!good[0] || pair[1].sequence > pair[0].sequence);
  *slot = pair[is_second];
  return true;
}

/* ---- the file ---- */

static enum tamis_status fail(struct fault *fault, int error, const char *verb, const char *path) {
  return fault_set(fault, disk_status(error), "cannot %s %s: %s", verb, path, strerror(error));
}

enum tamis_status mark_create(const char *path, const struct public_key *key,
                              const struct mark *mark, struct fault *fault) {
  uint8_t bytes[MARK_FILE_SIZE];
  char *temporary = NULL;
  slot_encode(mark, key, 0, bytes);
  slot_encode(mark, key, 1, bytes + MARK_SLOT_SIZE);
  if (asprintf(&temporary, "%s.new", path) < 0) return fault_plain(fault, TAMIS_NO_MEMORY);
  int descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  int error = descriptor < 0 ? errno : disk_write(descriptor, bytes, sizeof bytes, 0);
  if (!error && fsync(descriptor) != 0) error = errno;
  if (descriptor >= 0) close(descriptor);
  if (!error && link(temporary, path) != 0) error = errno; /* never over another */
  unlink(temporary);
  if (!error) error = disk_sync_parent(path);
  free(temporary);
  if (error == EEXIST) return fault_set(fault, TAMIS_CONFLICT, "%s is there already", path);
  return error ? fail(fault, error, "make", path) : TAMIS_OK;
}

static enum tamis_status lock(int descriptor, const char *path, int wait_ms, struct fault *fault) {
  const struct timespec look = {0, LOOK_MS * 1000000L};
  while (flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return fail(fault, errno, "lock", path);
    if (wait_ms <= 0)
      return fault_set(fault, TAMIS_CONFLICT,
                       "%s is locked: another signer uses this key; stop it first", path);
    nanosleep(&look, NULL);
    wait_ms -= LOOK_MS;
  }
  return TAMIS_OK;
}

static enum tamis_status load(struct mark_file *file, struct fault *fault) {
  uint8_t bytes[MARK_FILE_SIZE + 1];
  struct slot slot;
  ssize_t length = pread(file->descriptor, bytes, sizeof bytes, 0);
  if (length < 0) return fail(fault, errno, "read", file->path);
  if (length != MARK_FILE_SIZE || !newest(bytes, &slot))
    return fault_set(fault, TAMIS_CORRUPT,
                     "%s does not say what was signed last: neither slot is whole. Move it away "
                     "and run `tamis-signd --adopt` with the log's last checkpoint",
                     file->path);
  if (memcmp(slot.key, file->key.byte, KEY_PUBLIC_SIZE) != 0)
    return fault_set(fault, TAMIS_BAD_CONFIG, "%s belongs to another key than %s", file->path,
                     file->key.name);
  file->mark = slot.mark;
  file->sequence = slot.sequence;
  /* A signer that was killed may have left it in the page cache only, and from now on it counts. */
  if (fdatasync(file->descriptor) != 0) return fail(fault, errno, "sync", file->path);
  return TAMIS_OK;
}

enum tamis_status mark_open(const char *path, const struct public_key *key, int wait_ms,
                            struct mark_file **out, struct fault *fault) {
  struct stat about;
  struct mark_file *file = calloc(1, sizeof *file);
  if (!file || !(file->path = strdup(path))) {
    free(file);
    return fault_plain(fault, TAMIS_NO_MEMORY);
  }
  file->key = *key;
  file->descriptor = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  enum tamis_status status;
  if (file->descriptor < 0)
    status = errno == ENOENT ? fault_set(fault, TAMIS_NOT_FOUND, "no file %s", path)
                             : fail(fault, errno, "open", path);
  else if (fstat(file->descriptor, &about) != 0 || !S_ISREG(about.st_mode))
    status = fault_set(fault, TAMIS_CORRUPT, "%s is not a plain file", path);
  else
    status = lock(file->descriptor, path, wait_ms, fault);
  if (status == TAMIS_OK) status = load(file, fault);
  if (status == TAMIS_OK)
    *out = file;
  else
    mark_close(file);
  return status;
}

const struct mark *mark_read(const struct mark_file *file) {
  return &file->mark;
}

enum tamis_status mark_write(struct mark_file *file, const struct mark *mark, struct fault *fault) {
  uint8_t slot[MARK_SLOT_SIZE];
  uint64_t sequence = file->sequence + 1;
  if (file->is_unknown)
    return fault_set(fault, TAMIS_IO, "an earlier write to %s failed; start the signer again",
                     file->path);
  slot_encode(mark, &file->key, sequence, slot);
  int error = disk_write(file->descriptor, slot, sizeof slot, sequence % 2 * MARK_SLOT_SIZE);
  if (!error && fdatasync(file->descriptor) != 0) error = errno;
  file->is_unknown = error != 0;
  if (error) return fail(fault, error, "write", file->path);
  file->sequence = sequence;
  file->mark = *mark;
  return TAMIS_OK;
}

bool mark_is_unknown(const struct mark_file *file) {
  return file->is_unknown;
}

void mark_close(struct mark_file *file) {
  if (!file) return;
  if (file->descriptor >= 0) close(file->descriptor);
  free(file->path);
  free(file);
}
