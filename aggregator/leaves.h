/* Where in the log an envelope is, by its leaf hash: the same bytes sent again are the same entry.
 */
#ifndef TAMIS_LEAVES_H
#define TAMIS_LEAVES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "proto/digest.h"

/* Only a piece of each hash is kept, as whoever has the log has the rest. */
struct leaves {
  uint64_t *slot; /* open addressing; 0: empty, else the hash's first 32 bits and index + 1 */
  size_t count, capacity;
};

/* Out of memory ends the process, as for the rest of the state. `index` is below 2^32 - 1. */
void leaves_add(struct leaves *leaves, const struct digest *leaf, uint64_t index);
/* The first index of that leaf. `leaf_at` gives the whole hash of an index that was added. */
bool leaves_find(const struct leaves *leaves, const struct digest *leaf,
                 struct digest (*leaf_at)(const void *context, uint64_t index), const void *context,
                 uint64_t *index);
void leaves_clear(struct leaves *leaves);

#endif
