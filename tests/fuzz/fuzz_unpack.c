/* Every message of both services, unpacked into a small budget and into an ample one. */
#include "fuzz.h"
#include "proto/unpack.h"
#include "tamis/v1/tamis.pb-c.h"

static void unpack(const ProtobufCMessageDescriptor *descriptor, const uint8_t *data, size_t size,
                   size_t budget) {
  struct unpack_arena arena;
  unpack_arena_open(&arena, budget);
  ProtobufCMessage *message = unpack_message(&arena, descriptor, data, size);
  fuzz_must(arena.used <= budget, "the budget holds");
  if (message) {
    size_t length = protobuf_c_message_get_packed_size(message);
    uint8_t *again = malloc(length + 1);
    fuzz_must(again != NULL, "memory");
    fuzz_must(protobuf_c_message_pack(message, again) == length, "it can be packed");
    free(again);
  }
  unpack_arena_close(&arena);
}

static void unpack_all(const ProtobufCServiceDescriptor *service, const uint8_t *data,
                       size_t size) {
  for (unsigned i = 0; i < service->n_methods; i++) {
    const ProtobufCMessageDescriptor *both[] = {service->methods[i].input,
                                                service->methods[i].output};
    for (int k = 0; k < 2; k++) {
      unpack(both[k], data, size, 256);
      unpack(both[k], data, size, 1 << 16);
    }
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  unpack_all(&tamis__v1__client__descriptor, data, size);
  unpack_all(&tamis__v1__operator__descriptor, data, size);
  return 0;
}
