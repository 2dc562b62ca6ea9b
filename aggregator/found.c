/* A handful of files and their names. */
#include "aggregator/found.h"

#include <assert.h>
#include <stdlib.h>

struct digest found_add(struct found *found, uint8_t *bytes, size_t length) {
  assert(found->count < FOUND_FILES_MAX);
  struct found_file *file = &found->file[found->count++];
  *file = (struct found_file){bytes, length, digest_of(bytes, length)};
  return file->digest;
}

const struct found_file *found_file(const struct found *found, const struct digest *digest) {
  for (size_t i = 0; i < found->count; i++)
    if (digest_equal(&found->file[i].digest, digest)) return &found->file[i];
  return NULL;
}

enum tamis_status found_keep(const struct found *found, struct blob_store *blobs,
                             struct fault *fault) {
  enum tamis_status status = TAMIS_OK;
  struct digest digest;
  for (size_t i = 0; status == TAMIS_OK && i < found->count; i++)
    status = blob_put(blobs, found->file[i].bytes, found->file[i].length, &digest, fault);
  return status;
}

void found_close(struct found *found) {
  for (size_t i = 0; i < found->count; i++) free(found->file[i].bytes);
  *found = (struct found){0};
}
