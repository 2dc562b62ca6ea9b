/* CRC-32C where no instruction for it is used. */
#include "aggregator/crc32c.h"

uint32_t crc32c_extend(uint32_t crc, const void *bytes, size_t length) {
  return crc32c_extend_portable(crc, bytes, length);
}
