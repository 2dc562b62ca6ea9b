/* Two formats of the wire that protobuf-c never sees: a data part up and a data part down. */
#include <assert.h>
#include "proto/chunk.h"

size_t chunk_prefix_write(uint8_t tag, size_t payload, uint8_t prefix[CHUNK_PREFIX_MAX]) {
  size_t length = 0;
  assert(payload <= CHUNK_PAYLOAD_MAX);
  prefix[length++] = tag;
  for (; payload >= 0x80; payload >>= 7) prefix[length++] = (uint8_t)(payload | 0x80);
  prefix[length++] = (uint8_t)payload;
  return length;
}

size_t chunk_prefix_read(uint8_t tag, const uint8_t *bytes, size_t available,
                         size_t message_length) {
  size_t payload = 0, length = 1;
  uint8_t byte;
  if (available < 2 || message_length < 2 || bytes[0] != tag) return 0;
  do { /* at most four bytes of varint: 2^28 is far above any payload */
    if (length == available || length == 5) return 0;
    byte = bytes[length];
    payload |= (size_t)(byte & 0x7f) << (7 * (length - 1));
    length++;
  } while (byte & 0x80);
  if (byte == 0 && length > 2) return 0; /* a longer spelling of a shorter number */
  if (payload == 0 || payload > CHUNK_PAYLOAD_MAX) return 0;
  return payload == message_length - length ? length : 0;
}
