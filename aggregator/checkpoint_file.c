/* One small file that is replaced after every commit and read once, at the start. */
#include "aggregator/checkpoint_file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include "aggregator/durable.h"
#include "proto/checkpoint.h"

enum tamis_status checkpoint_file_write(const char *path, const char *note, size_t length,
                                        struct fault *fault) {
  assert(length > 0 && length <= CHECKPOINT_NOTE_MAX);
  return durable_replace(path, note, length, fault);
}

enum tamis_status checkpoint_file_read(const char *path, char **note, size_t *length,
                                       struct fault *fault) {
  enum { CAPACITY = CHECKPOINT_NOTE_MAX + 1 }; /* one more shows a file that is too long */
  enum tamis_status status = TAMIS_OK;
  char *text = NULL;
  size_t have = 0;
  ssize_t got = 1;

  int descriptor = open(path, O_RDONLY | O_CLOEXEC);
  if (descriptor < 0 && errno == ENOENT)
    return fault_set(fault, TAMIS_NOT_FOUND, "no checkpoint at %s", path);
  if (descriptor < 0) return durable_fault(fault, errno, "open", path);

  text = malloc(CAPACITY + 1);
  if (!text) {
    status = fault_plain(fault, TAMIS_NO_MEMORY);
    goto out;
  }
  while (have < CAPACITY && got > 0) {
    got = read(descriptor, text + have, CAPACITY - have);
    if (got > 0) have += (size_t)got;
  }
  if (got < 0) {
    status = durable_fault(fault, errno, "read", path);
  } else if (have == 0 || have > CHECKPOINT_NOTE_MAX) {
    status = fault_set(fault, TAMIS_CORRUPT, "%s is not a checkpoint: %s", path,
                       have ? "too long" : "empty");
  }
out:
  close(descriptor);
  if (status != TAMIS_OK) {
    free(text);
    return status;
  }
  text[have] = '\0';
  *note = text;
  *length = have;
  return TAMIS_OK;
}
