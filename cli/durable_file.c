/* open O_EXCL, write, fsync, then fsync of the folder: the order that lasts. */
#include "cli/durable_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum tamis_status fail(struct fault *fault, const char *verb, const char *path) {
  if (errno == EEXIST)
    return fault_set(fault, TAMIS_CONFLICT, "%s is there already, and nothing is overwritten",
                     path);
  enum tamis_status status = errno == ENOSPC || errno == EDQUOT ? TAMIS_DISK_FULL : TAMIS_IO;
  return fault_set(fault, status, "cannot %s %s: %s", verb, path, strerror(errno));
}

static bool write_all(int descriptor, const char *bytes, size_t length) {
  while (length > 0) {
    ssize_t written = write(descriptor, bytes, length);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    bytes += written;
    length -= (size_t)written;
  }
  return true;
}

enum tamis_status durable_file_new(const char *path, mode_t mode, const void *bytes, size_t length,
                                   struct fault *fault) {
  int descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (descriptor < 0) return fail(fault, "make", path);
  enum tamis_status status = TAMIS_OK;
  if (!write_all(descriptor, bytes, length) || fchmod(descriptor, mode) != 0 ||
      fsync(descriptor) != 0)
    status = fail(fault, "write", path);
  if (close(descriptor) != 0 && status == TAMIS_OK) status = fail(fault, "write", path);
  if (status != TAMIS_OK) unlink(path);
  return status;
}

enum tamis_status durable_file_folder(const char *path, struct fault *fault) {
  struct stat found;
  if (mkdir(path, 0700) == 0) return TAMIS_OK;
  if (errno != EEXIST) return fail(fault, "make the folder", path);
  if (stat(path, &found) == 0 && S_ISDIR(found.st_mode)) return TAMIS_OK;
  errno = ENOTDIR;
  return fail(fault, "make the folder", path);
}

enum tamis_status durable_file_settle(const char *folder, struct fault *fault) {
  int descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return fail(fault, "open", folder);
  enum tamis_status status = fsync(descriptor) == 0 ? TAMIS_OK : fail(fault, "sync", folder);
  close(descriptor);
  return status;
}
