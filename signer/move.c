/* Each step is durable before the next, and each can be found half done and finished. */
#include "signer/move.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "proto/checkpoint.h"
#include "proto/disk.h"
#include "signer/signd.h"

enum { LOCK_WAIT_MS = 0, FILE_MAX = KEY_LINE_SIZE + CHECKPOINT_NOTE_MAX };

static enum tamis_status fail(struct fault *fault, const char *verb, const char *path) {
  enum tamis_status status = errno == ENOENT   ? TAMIS_NOT_FOUND
                             : errno == EEXIST ? TAMIS_CONFLICT
                                               : disk_status(errno);
  return fault_set(fault, status, "cannot %s %s: %s", verb, path, strerror(errno));
}

/* At most FILE_MAX bytes, terminated. */
static enum tamis_status read_whole(const char *path, char text[FILE_MAX + 2], size_t *length,
                                    struct fault *fault) {
  int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (descriptor < 0) return fail(fault, "open", path);
  ssize_t got = read(descriptor, text, FILE_MAX + 1);
  close(descriptor);
  if (got < 0) return fail(fault, "read", path);
  if (got > FILE_MAX) return fault_set(fault, TAMIS_CORRUPT, "%s is too long", path);
  text[got] = '\0';
  *length = (size_t)got;
  return TAMIS_OK;
}

static enum tamis_status sync_folder(const char *path, struct fault *fault) {
  errno = disk_sync_parent(path);
  return errno ? fail(fault, "make durable the folder of", path) : TAMIS_OK;
}

static enum tamis_status remove_file(const char *path, struct fault *fault) {
  if (unlink(path) != 0 && errno != ENOENT) return fail(fault, "remove", path);
  return sync_folder(path, fault);
}

static struct mark mark_of(const struct checkpoint *checkpoint) {
  return (struct mark){.state = MARK_ACTIVE, .size = checkpoint->size, .root = checkpoint->root};
}

/* ---- adopting ---- */

enum tamis_status move_adopt(const char *key_path, const char *checkpoint_path, struct mark *mark,
                             struct fault *fault) {
  char text[FILE_MAX + 2], path[SIGND_PATH_MAX];
  struct secret_key key;
  struct checkpoint checkpoint;
  size_t length = 0;
  enum tamis_status status = signd_mark_path(key_path, path, fault);
  if (status == TAMIS_OK) status = key_file_read(key_path, &key, fault);
  if (status != TAMIS_OK) return status;
  status = read_whole(checkpoint_path, text, &length, fault);
  if (status == TAMIS_OK) status = checkpoint_open(text, length, &key.public, &checkpoint, fault);
  if (status == TAMIS_OK) {
    *mark = mark_of(&checkpoint);
    status = mark_create(path, &key.public, mark, fault);
  }
  key_wipe(&key);
  return status;
}

/* ---- handing over ---- */

/* The same folder by another name is the same place. */
static enum tamis_status place_of(const char *path, struct digest *place, struct fault *fault) {
  char folder[PATH_MAX], *absolute = NULL;
  const char *slash = strrchr(path, '/');
  const char *name = slash ? slash + 1 : path;
  char *parent = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
  if (!parent) return fault_plain(fault, TAMIS_NO_MEMORY);
  enum tamis_status status =
      realpath(parent, folder) && *name ? TAMIS_OK : fail(fault, "use", path);
  free(parent);
  if (status != TAMIS_OK) return status;
  if (asprintf(&absolute, "%s/%s", folder, name) < 0) return fault_plain(fault, TAMIS_NO_MEMORY);
  *place = digest_of(absolute, strlen(absolute));
  free(absolute);
  return TAMIS_OK;
}

static enum tamis_status write_parcel(const char *file, const struct secret_key *key,
                                      const struct mark *mark, struct fault *fault) {
  char line[KEY_LINE_SIZE], *part = NULL, *note;
  struct checkpoint checkpoint = {.size = mark->size, .root = mark->root};
  size_t length;
  if (asprintf(&part, "%s.part", file) < 0) return fault_plain(fault, TAMIS_NO_MEMORY);
  snprintf(checkpoint.origin, sizeof checkpoint.origin, "%s", key->public.name);
  checkpoint_sign(&checkpoint, key, &note, &length);
  key_line_write(key, line);
  unlink(part);
  int descriptor = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0400);
  errno = descriptor < 0 ? errno : disk_write(descriptor, line, strlen(line), 0);
  if (!errno) errno = disk_write(descriptor, note, length, strlen(line));
  enum tamis_status status = TAMIS_OK;
  if (errno || fsync(descriptor) != 0 || rename(part, file) != 0)
    status = fail(fault, "write", file);
  if (descriptor >= 0) close(descriptor);
  if (status == TAMIS_OK) status = sync_folder(file, fault);
  explicit_bzero(line, sizeof line);
  free(note);
  free(part);
  return status;
}

static enum tamis_status may_hand_over(const char *file, const struct mark *mark,
                                       const struct digest *place, struct fault *fault) {
  struct stat about;
  if (mark->state == MARK_HANDED_OVER && digest_equal(&mark->handed_to, place)) return TAMIS_OK;
  if (mark->state == MARK_HANDED_OVER)
    return fault_set(fault, TAMIS_CONFLICT,
                     "the key was handed over to another file already, after %" PRIu64 " entries",
                     mark->size);
  if (lstat(file, &about) == 0)
    return fault_set(fault, TAMIS_CONFLICT, "%s is there already, and nothing is overwritten",
                     file);
  return TAMIS_OK;
}

enum tamis_status move_hand_over(const char *key_path, const char *file, struct mark *mark,
                                 struct fault *fault) {
  char path[SIGND_PATH_MAX];
  struct secret_key key;
  struct mark_file *marked = NULL;
  struct digest place;
  enum tamis_status status = signd_mark_path(key_path, path, fault);
  if (status == TAMIS_OK) status = place_of(file, &place, fault);
  if (status == TAMIS_OK) status = key_file_read(key_path, &key, fault);
  if (status != TAMIS_OK) return status;
  status = mark_open(path, &key.public, LOCK_WAIT_MS, &marked, fault);
  if (status == TAMIS_OK) {
    *mark = *mark_read(marked);
    status = may_hand_over(file, mark, &place, fault);
  }
  if (status == TAMIS_OK && mark->state == MARK_ACTIVE) {
    mark->state = MARK_HANDED_OVER;
    mark->handed_to = place;
    status = mark_write(marked, mark, fault);
  }
  if (status == TAMIS_OK) status = write_parcel(file, &key, mark, fault);
  if (status == TAMIS_OK) status = remove_file(key_path, fault);
  mark_close(marked);
  key_wipe(&key);
  return status;
}

/* ---- taking over ---- */

/* The rename is what makes it once: of two that try, one finds nothing. */
static enum tamis_status claim(const char *file, const char *claimed, struct fault *fault) {
  struct stat about;
  bool is_claimed = lstat(claimed, &about) == 0;
  if (is_claimed && lstat(file, &about) != 0 && errno == ENOENT) return TAMIS_OK;
  if (is_claimed)
    return fault_set(fault, TAMIS_CONFLICT,
                     "%s is left of another take-over; finish that one first", claimed);
  if (renameat2(AT_FDCWD, file, AT_FDCWD, claimed, RENAME_NOREPLACE) != 0) {
    if (errno != EXDEV) return fail(fault, "take", file);
    return fault_set(fault, TAMIS_BAD_REQUEST,
                     "%s is on another file system than the key's new place; mv it there first",
                     file);
  }
  enum tamis_status status = sync_folder(file, fault);
  if (status != TAMIS_OK) return status;
  return sync_folder(claimed, fault);
}

static enum tamis_status open_parcel(const char *claimed, struct secret_key *key,
                                     struct checkpoint *checkpoint, struct fault *fault) {
  char text[FILE_MAX + 2];
  size_t length = 0;
  enum tamis_status status = read_whole(claimed, text, &length, fault);
  const char *newline = status == TAMIS_OK ? memchr(text, '\n', length) : NULL;
  if (status == TAMIS_OK && !newline)
    status = fault_set(fault, TAMIS_CORRUPT, "%s is not a hand-over file", claimed);
  if (status == TAMIS_OK)
    status = key_line_read(claimed, text, (size_t)(newline - text), key, fault);
  if (status == TAMIS_OK)
    status = checkpoint_open(newline + 1, length - (size_t)(newline + 1 - text), &key->public,
                             checkpoint, fault);
  explicit_bzero(text, sizeof text);
  return status;
}

/* The key may come back to where it once was: the mark there must be handed over, and not beyond.
 */
static enum tamis_status mark_taken(const char *path, const struct public_key *key,
                                    const struct mark *mark, struct fault *fault) {
  struct mark_file *marked;
  enum tamis_status status = mark_create(path, key, mark, fault);
  if (status != TAMIS_CONFLICT) return status;
  status = mark_open(path, key, LOCK_WAIT_MS, &marked, fault);
  if (status != TAMIS_OK) return status;
  const struct mark *there = mark_read(marked);
  bool is_done = there->state == MARK_ACTIVE && there->size == mark->size &&
                 digest_equal(&there->root, &mark->root);
  bool may = there->state == MARK_HANDED_OVER && there->size <= mark->size;
  if (!is_done && !may)
    status = fault_set(fault, TAMIS_CONFLICT,
                       "%s says that this key is active here, or has signed more (%" PRIu64
                       " entries) than the file says",
                       path, there->size);
  if (status == TAMIS_OK && !is_done) status = mark_write(marked, mark, fault);
  mark_close(marked);
  return status;
}

static enum tamis_status key_taken(const char *key_path, const struct secret_key *key,
                                   struct fault *fault) {
  struct secret_key there;
  enum tamis_status status = key_file_write(key_path, key, fault);
  if (status != TAMIS_CONFLICT || key_file_read(key_path, &there, NULL) != TAMIS_OK) return status;
  bool is_same = memcmp(there.seed, key->seed, KEY_SEED_SIZE) == 0;
  key_wipe(&there);
  return is_same ? TAMIS_OK : status;
}

/* Before anything is claimed: is the new place free? A key there is only ever our own, half taken.
 */
static enum tamis_status check_place(const char *key_path, const char *claimed,
                                     struct fault *fault) {
  struct stat about;
  if (lstat(key_path, &about) != 0 || lstat(claimed, &about) == 0) return TAMIS_OK;
  return fault_set(fault, TAMIS_CONFLICT, "there is a key at %s already", key_path);
}

enum tamis_status move_take_over(const char *file, const char *key_path, struct mark *mark,
                                 struct fault *fault) {
  char path[SIGND_PATH_MAX], claimed[SIGND_PATH_MAX + 16];
  struct secret_key key = {.seed = {0}};
  struct checkpoint checkpoint;
  enum tamis_status status = signd_mark_path(key_path, path, fault);
  snprintf(claimed, sizeof claimed, "%s.taking", key_path);
  if (status == TAMIS_OK) status = check_place(key_path, claimed, fault);
  if (status == TAMIS_OK) status = claim(file, claimed, fault);
  if (status == TAMIS_OK) status = open_parcel(claimed, &key, &checkpoint, fault);
  if (status == TAMIS_OK) {
    *mark = mark_of(&checkpoint);
    status = mark_taken(path, &key.public, mark, fault);
  }
  if (status == TAMIS_OK) status = key_taken(key_path, &key, fault);
  if (status == TAMIS_OK) status = remove_file(claimed, fault);
  key_wipe(&key);
  return status;
}
