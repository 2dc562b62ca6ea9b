/* Lays pieces of scratch out one after the other; the same walk with no memory measures how much is
 * needed. */
#include "robust/scratch.h"

#include <stdint.h>

enum { SCRATCH_ALIGNMENT = 64 };

struct scratch_cursor scratch_open(const struct robust_scratch *scratch) {
  struct scratch_cursor cursor = {NULL, 0, 0};
  if (scratch == NULL) return cursor;
  cursor.memory = scratch->memory;
  cursor.bytes = (uintptr_t)scratch->memory % SCRATCH_ALIGNMENT == 0 ? scratch->bytes : 0;
  return cursor;
}

void *scratch_take(struct scratch_cursor *cursor, size_t count, size_t size) {
  size_t bytes;
  size_t start = cursor->used;
  if (__builtin_mul_overflow(count, size, &bytes) ||
      __builtin_add_overflow(bytes, SCRATCH_ALIGNMENT - 1, &bytes) ||
      __builtin_add_overflow(start, bytes / SCRATCH_ALIGNMENT * SCRATCH_ALIGNMENT, &cursor->used))
    cursor->used = SIZE_MAX;
  bool inside = cursor->memory != NULL && cursor->used <= cursor->bytes;
  return inside ? cursor->memory + start : NULL;
}

bool scratch_fits(const struct scratch_cursor *cursor) {
  return cursor->memory != NULL && cursor->used <= cursor->bytes;
}
