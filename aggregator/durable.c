/* Writing so that it lasts: every fsync of the store goes through here. */
#include "aggregator/durable.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "proto/disk.h"

enum tamis_status durable_fault(struct fault *fault, int error, const char *verb,
                                const char *path) {
  const char *reason = strerrordesc_np(error);
  return fault_set(fault, disk_status(error), "cannot %s %s: %s", verb, path,
                   reason ? reason : "unknown error");
}

_Noreturn void durable_die(const char *call, const char *path, int error) {
  const char *reason = strerrordesc_np(error);
  fprintf(stderr,
          "tamis: %s of %s failed: %s. What is on disk is unknown; stopping. A restart reads it "
          "again.\n",
          call, path, reason ? reason : "unknown error");
  abort();
}

void durable_sync(int descriptor, const char *path) {
  if (fdatasync(descriptor) != 0) durable_die("fdatasync", path, errno);
}

enum tamis_status durable_sync_folder(const char *path, struct fault *fault) {
  int descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return durable_fault(fault, errno, "open folder", path);
  if (fsync(descriptor) != 0) durable_die("fsync", path, errno);
  close(descriptor);
  return TAMIS_OK;
}

enum tamis_status durable_sync_parent(const char *path, struct fault *fault) {
  char parent[PATH_MAX];
  const char *slash = strrchr(path, '/');
  if (!slash) return durable_sync_folder(".", fault);
  if (slash == path) return durable_sync_folder("/", fault);
  if ((size_t)(slash - path) >= sizeof parent)
    return durable_fault(fault, ENAMETOOLONG, "open folder of", path);
  memcpy(parent, path, (size_t)(slash - path));
  parent[slash - path] = '\0';
  return durable_sync_folder(parent, fault);
}

enum tamis_status durable_publish(const char *path, mode_t mode, bool lasts, const void *bytes,
                                  size_t length, struct fault *fault) {
  char temporary[PATH_MAX];
  int size = snprintf(temporary, sizeof temporary, "%s.new", path);
  if (size < 0 || (size_t)size >= sizeof temporary)
    return durable_fault(fault, ENAMETOOLONG, "write", path);

  int descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
  if (descriptor < 0) return durable_fault(fault, errno, "create", temporary);
  int error = disk_write(descriptor, bytes, length, 0);
  if (!error && lasts) durable_sync(descriptor, temporary);
  close(descriptor);
  if (!error && rename(temporary, path) != 0) error = errno;
  if (error) {
    unlink(temporary);
    return durable_fault(fault, error, "write", path);
  }
  return lasts ? durable_sync_parent(path, fault) : TAMIS_OK;
}

enum tamis_status durable_replace(const char *path, const void *bytes, size_t length,
                                  struct fault *fault) {
  return durable_publish(path, 0600, true, bytes, length, fault);
}
