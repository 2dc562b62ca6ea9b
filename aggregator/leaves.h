/* Where in the log an envelope is, by its leaf hash: the same bytes sent again are the same entry.
 */
#ifndef TAMIS_LEAVES_H
#define TAMIS_LEAVES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "proto/digest.h"

struct leaves {
  struct leaf *slot; /* open addressing */
  size_t count, capacity;
};

/* Out of memory ends the process, as for the rest of the state. The first index of equal leaves
 * stays. */
void leaves_add(struct leaves *leaves, const struct digest *leaf, uint64_t index);
bool leaves_find(const struct leaves *leaves, const struct digest *leaf, uint64_t *index);
void leaves_clear(struct leaves *leaves);

#endif
