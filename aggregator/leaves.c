/* A hash of a hash would be waste: the leaf's first bytes say where it goes. */
#include "aggregator/leaves.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct leaf {
  struct digest hash;
  uint64_t index_plus_one; /* 0: empty */
};

static struct leaf *place(const struct leaves *leaves, const struct digest *hash) {
  size_t i;
  memcpy(&i, hash->byte, sizeof i);
  i &= leaves->capacity - 1;
  while (leaves->slot[i].index_plus_one && !digest_equal(&leaves->slot[i].hash, hash))
    i = (i + 1) & (leaves->capacity - 1);
  return &leaves->slot[i];
}

static void grow(struct leaves *leaves) {
  struct leaves old = *leaves;
  leaves->capacity = old.capacity ? 2 * old.capacity : 256;
  leaves->slot = calloc(leaves->capacity, sizeof *leaves->slot);
  if (!leaves->slot) {
    fputs("tamis: out of memory while the log grew\n", stderr);
    abort();
  }
  for (size_t i = 0; i < old.capacity; i++)
    if (old.slot[i].index_plus_one) *place(leaves, &old.slot[i].hash) = old.slot[i];
  free(old.slot);
}

void leaves_add(struct leaves *leaves, const struct digest *leaf, uint64_t index) {
  if (2 * (leaves->count + 1) > leaves->capacity) grow(leaves);
  struct leaf *slot = place(leaves, leaf);
  if (slot->index_plus_one) return;
  *slot = (struct leaf){*leaf, index + 1};
  leaves->count++;
}

bool leaves_find(const struct leaves *leaves, const struct digest *leaf, uint64_t *index) {
  if (leaves->capacity == 0) return false;
  const struct leaf *slot = place(leaves, leaf);
  if (!slot->index_plus_one) return false;
  *index = slot->index_plus_one - 1;
  return true;
}

void leaves_clear(struct leaves *leaves) {
  free(leaves->slot);
  *leaves = (struct leaves){0};
}
