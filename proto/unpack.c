/* protobuf-c asks for up to fifty-six times what it is given; here it gets one block and then NULL,
 * which it answers with NULL. */
#include <stdlib.h>
#include "proto/unpack.h"

enum { ALIGNMENT = 16 };

static void *arena_alloc(void *context, size_t size) {
  struct unpack_arena *arena = context;
  if (size > arena->budget - arena->used) return NULL;
  if (!arena->blocks && !(arena->blocks = malloc(arena->budget))) return NULL;
  void *piece = (char *)arena->blocks + arena->used;
  size_t rounded = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
  size_t left = arena->budget - arena->used;
  arena->used += rounded < left ? rounded : left;
  return piece;
}

static void arena_free(void *context, void *piece) {
  (void)context;
  (void)piece;
}

void unpack_arena_open(struct unpack_arena *arena, size_t budget) {
  arena->allocator = (ProtobufCAllocator){arena_alloc, arena_free, arena};
  arena->used = 0;
  arena->budget = budget;
  arena->blocks = NULL;
}

void *unpack_message(struct unpack_arena *arena, const ProtobufCMessageDescriptor *descriptor,
                     const uint8_t *bytes, size_t length) {
  arena->allocator.allocator_data = arena; /* the arena may have been moved since it was opened */
  return protobuf_c_message_unpack(descriptor, &arena->allocator, length, bytes);
}

void unpack_arena_close(struct unpack_arena *arena) {
  free(arena->blocks);
  arena->blocks = NULL;
  arena->used = 0;
}
