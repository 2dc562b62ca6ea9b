/* The hand-made parser of data parts against protobuf-c: it accepts exactly the messages that hold
 * nothing but one data part in its shortest spelling. */
#include <string.h>
#include "fuzz.h"
#include "proto/chunk.h"
#include "proto/unpack.h"
#include "tamis/v1/tamis.pb-c.h"

/* 0 unless the bytes are that message and packing it gives them again. */
static size_t part_of(const uint8_t *data, size_t size) {
  struct unpack_arena arena;
  size_t payload = 0;
  unpack_arena_open(&arena, 4 * size + 4096);
  Tamis__V1__UploadPart *part =
      unpack_message(&arena, &tamis__v1__upload_part__descriptor, data, size);
  if (part && part->part_case == TAMIS__V1__UPLOAD_PART__PART_DATA &&
      tamis__v1__upload_part__get_packed_size(part) == size && part->base.n_unknown_fields == 0) {
    uint8_t *again = malloc(size + 1);
    fuzz_must(again != NULL, "memory");
    tamis__v1__upload_part__pack(part, again);
    if (memcmp(again, data, size) == 0) payload = part->data.len;
    free(again);
  }
  unpack_arena_close(&arena);
  return payload <= CHUNK_PAYLOAD_MAX ? payload : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  size_t least = size < CHUNK_PREFIX_MAX ? size : CHUNK_PREFIX_MAX;
  size_t prefix = chunk_prefix_read(CHUNK_TAG_UP, data, size, size);
  size_t payload = part_of(data, size);
  fuzz_must(payload == (prefix ? size - prefix : 0), "as protobuf-c reads it");
  /* However the transport cut the message, the first bytes decide, and none past them is read. */
  for (size_t available = least; available <= size && available < 64; available++) {
    uint8_t *head = malloc(available ? available : 1);
    fuzz_must(head != NULL, "memory");
    memcpy(head, data, available);
    fuzz_must(chunk_prefix_read(CHUNK_TAG_UP, head, available, size) == prefix, "any first slice");
    free(head);
  }
  if (prefix) {
    uint8_t again[CHUNK_PREFIX_MAX];
    fuzz_must(chunk_prefix_write(CHUNK_TAG_UP, payload, again) == prefix &&
                  memcmp(again, data, prefix) == 0,
              "one spelling");
  }
  fuzz_must(!prefix || chunk_prefix_read(CHUNK_TAG_DOWN, data, size, size) == 0, "one direction");
  return 0;
}
