/* CRC-32C by the SSE 4.2 instruction, eight bytes at a time, on processors that have it. */
#include "aggregator/crc32c.h"

#include <nmmintrin.h>
#include <string.h>

__attribute__((target("sse4.2"))) static uint32_t extend_sse42(uint32_t crc, const uint8_t *byte,
                                                               size_t length) {
  uint64_t wide = ~crc;
  for (; length >= 8; byte += 8, length -= 8) {
    uint64_t word;
    memcpy(&word, byte, sizeof word);
    wide = _mm_crc32_u64(wide, word);
  }
  uint32_t narrow = (uint32_t)wide;
  for (; length > 0; byte++, length--) narrow = _mm_crc32_u8(narrow, *byte);
  return ~narrow;
}

uint32_t crc32c_extend(uint32_t crc, const void *bytes, size_t length) {
  if (!__builtin_cpu_supports("sse4.2")) return crc32c_extend_portable(crc, bytes, length);
  return extend_sse42(crc, bytes, length);
}
