/* protobuf-c behind a budget: outside bytes are unpacked into memory that was counted first. */
#ifndef TAMIS_UNPACK_H
#define TAMIS_UNPACK_H

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdint.h>

/* An arena of at most `budget` bytes, given back as a whole. */
struct unpack_arena {
  ProtobufCAllocator allocator;
  size_t used, budget;
  void *blocks;
};

void unpack_arena_open(struct unpack_arena *arena, size_t budget);
/* NULL when the bytes are not a message of this type or would need more than the budget. Lives
 * until the arena closes; never call the generated free functions on it. */
void *unpack_message(struct unpack_arena *arena, const ProtobufCMessageDescriptor *descriptor,
                     const uint8_t *bytes, size_t length);
void unpack_arena_close(struct unpack_arena *arena);

#endif
