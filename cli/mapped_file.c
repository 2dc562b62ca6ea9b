/* open, fstat, mmap: only regular files, and never a descriptor kept. */
#include "cli/mapped_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/durable_file.h"
#include "proto/disk.h"

static enum tamis_status fail(struct fault *fault, const char *path) {
  return fault_set(fault, errno == ENOENT ? TAMIS_NOT_FOUND : TAMIS_IO, "cannot read %s: %s", path,
                   strerror(errno));
}

/* Page by page: a huge page of each of a thousand rows at once would be half of them. */
static bool map(int descriptor, size_t length, struct mapped_file *file) {
  void *bytes = mmap(NULL, length, PROT_READ, MAP_SHARED, descriptor, 0);
  if (bytes == MAP_FAILED) return false;
  madvise(bytes, length, MADV_NOHUGEPAGE);
  *file = (struct mapped_file){bytes, length};
  return true;
}

enum tamis_status mapped_file_open(const char *path, struct mapped_file *file,
                                   struct fault *fault) {
  struct stat found;
  *file = (struct mapped_file){NULL, 0};
  int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (descriptor < 0) return fail(fault, path);
  enum tamis_status status = TAMIS_OK;
  if (fstat(descriptor, &found) != 0)
    status = fail(fault, path);
  else if (!S_ISREG(found.st_mode))
    status = fault_set(fault, TAMIS_IO, "cannot read %s: it is not a file", path);
  else if (found.st_size == 0)
    status = fault_set(fault, TAMIS_WRONG_LAYOUT, "%s is empty", path);
  else if (!map(descriptor, (size_t)found.st_size, file))
    status = fail(fault, path);
  close(descriptor);
  return status;
}

enum tamis_status mapped_file_copy_tail(const struct mapped_file *file, size_t offset,
                                        struct mapped_file *copy, struct fault *fault) {
  enum { STRETCH = 8 << 20 };
  const char *folder = getenv("TMPDIR");
  enum tamis_status status = TAMIS_OK;
  *copy = (struct mapped_file){NULL, 0};
  if (folder == NULL || *folder == '\0') folder = "/var/tmp";
  int descriptor = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (descriptor < 0) return durable_file_fail(fault, "make a copy in", folder);
  for (size_t at = offset, size; status == TAMIS_OK && at < file->length; at += size) {
    size = file->length - at < STRETCH ? file->length - at : STRETCH;
    errno = disk_write(descriptor, file->bytes + at, size, at - offset);
    if (errno != 0) status = durable_file_fail(fault, "make a copy in", folder);
    mapped_file_drop(file->bytes + at, file->bytes + at + size);
  }
  if (status == TAMIS_OK && !map(descriptor, file->length - offset, copy))
    status = durable_file_fail(fault, "make a copy in", folder);
  close(descriptor);
  return status;
}

void mapped_file_drop(const void *begin, const void *end) {
  uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
  uintptr_t from = (uintptr_t)begin / page * page, to = (uintptr_t)end / page * page;
  if (from < to) madvise((void *)from, to - from, MADV_DONTNEED);
}

void mapped_file_close(struct mapped_file *file) {
  if (file->bytes != NULL) munmap((void *)(uintptr_t)file->bytes, file->length);
  *file = (struct mapped_file){NULL, 0};
}
