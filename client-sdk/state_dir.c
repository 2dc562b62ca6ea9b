/* Everything goes through the folder's descriptor, so that moving the folder under us is harmless.
 */
#include "client-sdk/state_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "proto/disk.h"

static enum tamis_status io_fault(const struct state_dir *dir, const char *what, const char *name,
                                  struct fault *fault) {
  return fault_set(fault, disk_status(errno), "cannot %s %s/%s: %s", what, dir->path, name,
                   strerror(errno));
}

static enum tamis_status folder_check(const struct state_dir *dir, struct fault *fault) {
  struct stat info;
  if (fstat(dir->fd, &info) != 0) return io_fault(dir, "look at", ".", fault);
  if (info.st_mode & (S_IWGRP | S_IWOTH))
    return fault_set(fault, TAMIS_BAD_CONFIG, "others may write to %s; chmod 700 it", dir->path);
  if (flock(dir->fd, LOCK_EX | LOCK_NB) != 0)
    return fault_set(fault, TAMIS_CONFLICT, "another process is using %s", dir->path);
  return TAMIS_OK;
}

enum tamis_status state_dir_open(const char *path, struct state_dir *dir, struct fault *fault) {
  dir->fd = -1;
  int length = snprintf(dir->path, sizeof dir->path, "%s", path);
  if (length <= 0 || (size_t)length >= sizeof dir->path)
    return fault_set(fault, TAMIS_BAD_CONFIG, "the state folder's path is empty or too long");
  if (mkdir(path, 0700) != 0 && errno != EEXIST) return io_fault(dir, "make", ".", fault);
  dir->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (dir->fd < 0) return io_fault(dir, "open", ".", fault);
  enum tamis_status status = folder_check(dir, fault);
  if (status != TAMIS_OK) state_dir_close(dir);
  return status;
}

void state_dir_close(struct state_dir *dir) {
  if (dir->fd >= 0) close(dir->fd);
  dir->fd = -1;
}

bool state_dir_has(const struct state_dir *dir, const char *name) {
  return faccessat(dir->fd, name, F_OK, 0) == 0;
}

void state_dir_path(const struct state_dir *dir, const char *name, char *out) {
  snprintf(out, (size_t)2 * STATE_DIR_PATH_MAX, "%s/%s", dir->path, name);
}

static enum tamis_status read_all(int fd, char *bytes, size_t size, size_t *length) {
  *length = 0;
  while (*length < size) {
    ssize_t got = read(fd, bytes + *length, size - *length);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return TAMIS_IO;
    if (got == 0) break;
    *length += (size_t)got;
  }
  return TAMIS_OK;
}

enum tamis_status state_dir_read(const struct state_dir *dir, const char *name, char **out,
                                 size_t *length, struct fault *fault) {
  int fd = openat(dir->fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT)
    return fault_set(fault, TAMIS_NOT_FOUND, "there is no %s/%s", dir->path, name);
  if (fd < 0) return io_fault(dir, "open", name, fault);
  enum tamis_status status = TAMIS_OK;
  char *bytes = malloc(STATE_DIR_FILE_MAX + 1);
  if (!bytes)
    status = fault_plain(fault, TAMIS_NO_MEMORY);
  else if (read_all(fd, bytes, STATE_DIR_FILE_MAX + 1, length) != TAMIS_OK)
    status = io_fault(dir, "read", name, fault);
  else if (*length > STATE_DIR_FILE_MAX)
    status =
        fault_set(fault, TAMIS_CORRUPT, "%s/%s is larger than anything we write", dir->path, name);
  close(fd);
  if (status != TAMIS_OK) {
    free(bytes);
    return status;
  }
  bytes[*length] = '\0';
  *out = bytes;
  return TAMIS_OK;
}

enum tamis_status state_dir_write(const struct state_dir *dir, const char *name, const char *bytes,
                                  size_t length, struct fault *fault) {
  char temporary[128];
  snprintf(temporary, sizeof temporary, ".%s.tmp", name);
  int fd = openat(dir->fd, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0) return io_fault(dir, "make", temporary, fault);
  enum tamis_status status = TAMIS_OK;
  errno = disk_write(fd, bytes, length, 0);
  if (errno != 0 || fsync(fd) != 0) status = io_fault(dir, "write", temporary, fault);
  if (close(fd) != 0 && status == TAMIS_OK) status = io_fault(dir, "close", temporary, fault);
  if (status == TAMIS_OK &&
      (renameat(dir->fd, temporary, dir->fd, name) != 0 || fsync(dir->fd) != 0))
    status = io_fault(dir, "rename to", name, fault);
  if (status != TAMIS_OK) unlinkat(dir->fd, temporary, 0);
  return status;
}
