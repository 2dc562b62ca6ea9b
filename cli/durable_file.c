/* open O_EXCL, write, fsync, (rename,) then fsync of the folder: the order that lasts. */
#include "cli/durable_file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "proto/disk.h"

enum tamis_status durable_file_fail(struct fault *fault, const char *verb, const char *path) {
  if (errno == EEXIST)
    return fault_set(fault, TAMIS_CONFLICT, "%s is there already, and nothing is overwritten",
                     path);
  return fault_set(fault, disk_status(errno), "cannot %s %s: %s", verb, path, strerror(errno));
}

enum tamis_status durable_file_new(const char *path, mode_t mode, const void *bytes, size_t length,
                                   struct fault *fault) {
  int descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (descriptor < 0) return durable_file_fail(fault, "make", path);
  enum tamis_status status = TAMIS_OK;
  errno = disk_write(descriptor, bytes, length, 0);
  if (errno != 0 || fchmod(descriptor, mode) != 0 || fsync(descriptor) != 0)
    status = durable_file_fail(fault, "write", path);
  if (close(descriptor) != 0 && status == TAMIS_OK)
    status = durable_file_fail(fault, "write", path);
  if (status != TAMIS_OK) unlink(path);
  return status;
}

enum tamis_status durable_file_folder(const char *path, struct fault *fault) {
  struct stat found;
  if (mkdir(path, 0700) == 0) return TAMIS_OK;
  if (errno != EEXIST) return durable_file_fail(fault, "make the folder", path);
  if (stat(path, &found) == 0 && S_ISDIR(found.st_mode)) return TAMIS_OK;
  errno = ENOTDIR;
  return durable_file_fail(fault, "make the folder", path);
}

enum tamis_status durable_file_settle(const char *folder, struct fault *fault) {
  int descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return durable_file_fail(fault, "open", folder);
  enum tamis_status status =
      fsync(descriptor) == 0 ? TAMIS_OK : durable_file_fail(fault, "sync", folder);
  close(descriptor);
  return status;
}

/* ---- drafts ---- */

static enum tamis_status check_place(const char *path, struct fault *fault) {
  struct stat found;
  if (stat(path, &found) != 0 || S_ISREG(found.st_mode)) return TAMIS_OK;
  return fault_set(fault, TAMIS_BAD_REQUEST, "%s is there and is not a plain file", path);
}

/* With the mode that the umask leaves, as any program's output. */
static enum tamis_status make_temporary(struct durable_draft *draft, struct fault *fault) {
  enum { TRIES = 100 };
  for (int i = 0; i < TRIES; i++) {
    free(draft->temporary);
    draft->temporary = NULL;
    if (asprintf(&draft->temporary, "%s.%ld-%d.part", draft->path, (long)getpid(), i) < 0) {
      draft->temporary = NULL;
      return fault_plain(fault, TAMIS_NO_MEMORY);
    }
    draft->descriptor =
        open(draft->temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (draft->descriptor >= 0) return TAMIS_OK;
    if (errno != EEXIST) break;
  }
  enum tamis_status status = durable_file_fail(fault, "make", draft->path);
  free(draft->temporary);
  draft->temporary = NULL;
  return status;
}

enum tamis_status durable_draft_open(const char *path, size_t length, struct durable_draft *draft,
                                     struct fault *fault) {
  *draft = (struct durable_draft){.length = length, .descriptor = -1};
  enum tamis_status status = check_place(path, fault);
  if (status != TAMIS_OK) return status;
  draft->path = strdup(path);
  if (draft->path == NULL) return fault_plain(fault, TAMIS_NO_MEMORY);
  status = make_temporary(draft, fault);
  if (status == TAMIS_OK) {
    /* Room first: a mapping has no other way to say that the disk is full than a signal. */
    errno = posix_fallocate(draft->descriptor, 0, (off_t)length);
    void *bytes =
        errno != 0 ? MAP_FAILED
                   : mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, draft->descriptor, 0);
    if (bytes == MAP_FAILED)
      status = durable_file_fail(fault, "write", path);
    else
      draft->bytes = bytes;
  }
  if (status != TAMIS_OK) durable_draft_close(draft);
  return status;
}

static enum tamis_status settle_beside(const char *path, struct fault *fault) {
  char *copy = strdup(path);
  if (copy == NULL) return fault_plain(fault, TAMIS_NO_MEMORY);
  enum tamis_status status = durable_file_settle(dirname(copy), fault);
  free(copy);
  return status;
}

enum tamis_status durable_draft_commit(struct durable_draft *draft, struct fault *fault) {
  enum tamis_status status = TAMIS_OK;
  if (fsync(draft->descriptor) != 0 || rename(draft->temporary, draft->path) != 0) {
    status = durable_file_fail(fault, "write", draft->path);
  } else {
    free(draft->temporary);
    draft->temporary = NULL;
    status = settle_beside(draft->path, fault);
  }
  durable_draft_close(draft);
  return status;
}

void durable_draft_close(struct durable_draft *draft) {
  if (draft->bytes != NULL) munmap(draft->bytes, draft->length);
  if (draft->temporary != NULL) unlink(draft->temporary);
  if (draft->path != NULL && draft->descriptor >= 0) close(draft->descriptor);
  free(draft->temporary);
  free(draft->path);
  *draft = (struct durable_draft){.descriptor = -1};
}

enum tamis_status durable_file_replace_json(const char *path, const json_t *root,
                                            struct fault *fault) {
  struct durable_draft draft;
  char *text = json_dumps(root, JSON_INDENT(1) | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(17));
  if (text == NULL) return fault_plain(fault, TAMIS_NO_MEMORY);
  size_t length = strlen(text);
  text[length] = '\n'; /* files end in one; the bytes are counted */
  enum tamis_status status = durable_draft_open(path, length + 1, &draft, fault);
  if (status == TAMIS_OK) {
    memcpy(draft.bytes, text, length + 1);
    status = durable_draft_commit(&draft, fault);
  }
  free(text);
  return status;
}
