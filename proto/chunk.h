/* Data parts on the wire, parsed by hand: one tag, one length, then nothing but payload
 * (grpc-c-core.md 5). */
#ifndef TAMIS_CHUNK_H
#define TAMIS_CHUNK_H

#include <stddef.h>
#include <stdint.h>

enum { CHUNK_PAYLOAD_MAX = 1 << 20, CHUNK_PREFIX_MAX = 6 };

enum { CHUNK_TAG_DOWN = 0x0a, CHUNK_TAG_UP = 0x12 }; /* Chunk.data, UploadPart.data */

/* Writes tag and length, gives back how many bytes; `payload` <= CHUNK_PAYLOAD_MAX. */
size_t chunk_prefix_write(uint8_t tag, size_t payload, uint8_t prefix[CHUNK_PREFIX_MAX]);

/* Is a message of `message_length` bytes that begins with `bytes` (`available` of them, at least
 * min(message_length, CHUNK_PREFIX_MAX)) one data part and nothing else? Gives the prefix's length
 * back, 0 for anything else: wrong tag, over-long varint, a length that is not the rest of the
 * message, an empty or too large payload. */
size_t chunk_prefix_read(uint8_t tag, const uint8_t *bytes, size_t available,
                         size_t message_length);

#endif
