/* Digests that were seen, in the order in which they came. */
#ifndef TAMIS_DIGEST_SET_H
#define TAMIS_DIGEST_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "proto/digest.h"

/* All zero is empty. */
struct digest_set {
  struct digest *digest; /* `count` of them */
  size_t count, room;
  uint32_t *slot; /* open addressing; 0: empty, else position + 1 */
  size_t capacity;
};

/* False when it was there. Out of memory ends the process; fewer than 2^32 - 1 digests. */
bool digest_set_add(struct digest_set *set, const struct digest *digest);
bool digest_set_has(const struct digest_set *set, const struct digest *digest);
void digest_set_clear(struct digest_set *set);

#endif
