/* SHA-256 is its own hash function: the first bytes choose the place. */
#include "proto/digest_set.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *grow(void *memory, size_t count, size_t size) {
  void *grown = reallocarray(memory, count, size);
  if (!grown) {
    fputs("tamis: out of memory while remembering digests\n", stderr);
    abort();
  }
  return grown;
}

static size_t place(const struct digest_set *set, const struct digest *digest) {
  size_t at;
  memcpy(&at, digest->byte, sizeof at);
  at &= set->capacity - 1;
  while (set->slot[at] != 0 && !digest_equal(&set->digest[set->slot[at] - 1], digest))
    at = (at + 1) & (set->capacity - 1);
  return at;
}

static void slots_double(struct digest_set *set) {
  set->capacity = set->capacity ? 2 * set->capacity : 64;
  set->slot = grow(set->slot, set->capacity, sizeof *set->slot);
  memset(set->slot, 0, set->capacity * sizeof *set->slot);
  for (size_t i = 0; i < set->count; i++) set->slot[place(set, &set->digest[i])] = (uint32_t)i + 1;
}

bool digest_set_has(const struct digest_set *set, const struct digest *digest) {
  return set->capacity > 0 && set->slot[place(set, digest)] != 0;
}

bool digest_set_add(struct digest_set *set, const struct digest *digest) {
  if (digest_set_has(set, digest)) return false;
  if (2 * (set->count + 1) > set->capacity) slots_double(set);
  if (set->count == set->room) {
    set->room = set->room ? 2 * set->room : 16;
    set->digest = grow(set->digest, set->room, sizeof *set->digest);
  }
  set->digest[set->count++] = *digest;
  set->slot[place(set, digest)] = (uint32_t)set->count;
  return true;
}

void digest_set_clear(struct digest_set *set) {
  free(set->digest);
  free(set->slot);
  *set = (struct digest_set){0};
}
