/* Whole files that a computation has found and nobody has kept yet: an auditor looks at their
 * digests, a server makes them last. */
#ifndef TAMIS_FOUND_H
#define TAMIS_FOUND_H

#include <stddef.h>
#include <stdint.h>
#include "aggregator/blob.h"
#include "proto/digest.h"
#include "proto/fault.h"

enum { FOUND_FILES_MAX = 8 };

struct found {
  size_t count;
  struct found_file {
    uint8_t *bytes; /* owned */
    size_t length;
    struct digest digest;
  } file[FOUND_FILES_MAX];
};

/* Takes over `bytes`, which were malloc'd, and gives back their digest. More than FOUND_FILES_MAX
 * are our own fault (asserted). */
struct digest found_add(struct found *found, uint8_t *bytes, size_t length);
/* The file of this digest, or NULL. Lent. */
const struct found_file *found_file(const struct found *found, const struct digest *digest);
/* Makes all of them durable blobs, in the order in which they were added. */
enum tamis_status found_keep(const struct found *found, struct blob_store *blobs,
                             struct fault *fault);
void found_close(struct found *found);

#endif
