/* A hash of a hash would be waste: the leaf's first bytes say where it goes. */
#include "aggregator/leaves.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint32_t tag_of(const struct digest *hash) {
  uint32_t tag;
  memcpy(&tag, hash->byte, sizeof tag);
  return tag;
}

static void put(struct leaves *leaves, uint32_t tag, uint32_t index_plus_one) {
  size_t i = tag & (leaves->capacity - 1);
  while (leaves->slot[i]) i = (i + 1) & (leaves->capacity - 1);
  leaves->slot[i] = (uint64_t)tag << 32 | index_plus_one;
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
    if (old.slot[i]) put(leaves, (uint32_t)(old.slot[i] >> 32), (uint32_t)old.slot[i]);
  free(old.slot);
}

void leaves_add(struct leaves *leaves, const struct digest *leaf, uint64_t index) {
  assert(index < UINT32_MAX);
  if (2 * (leaves->count + 1) > leaves->capacity) grow(leaves);
  put(leaves, tag_of(leaf), (uint32_t)index + 1);
  leaves->count++;
}

/* Growing may turn the order of equal leaves around, so all of the run is looked at. */
bool leaves_find(const struct leaves *leaves, const struct digest *leaf,
                 struct digest (*leaf_at)(const void *context, uint64_t index), const void *context,
                 uint64_t *index) {
  uint32_t tag = tag_of(leaf);
  bool is_found = false;
  if (leaves->capacity == 0) return false;
  for (size_t i = tag & (leaves->capacity - 1); leaves->slot[i];
       i = (i + 1) & (leaves->capacity - 1)) {
    uint64_t candidate = (uint32_t)leaves->slot[i] - 1;
    if (leaves->slot[i] >> 32 != tag || (is_found && *index < candidate)) continue;
    struct digest whole = leaf_at(context, candidate);
    if (!digest_equal(&whole, leaf)) continue;
    *index = candidate;
    is_found = true;
  }
  return is_found;
}

void leaves_clear(struct leaves *leaves) {
  free(leaves->slot);
  *leaves = (struct leaves){0};
}
