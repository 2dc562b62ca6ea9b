/* CRC-32C (Castagnoli, RFC 3720 appendix B.4): the guard on each journal record. It finds
 * accidents; the tree finds malice. */
#ifndef TAMIS_CRC32C_H
#define TAMIS_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* crc32c("123456789") is 0xe3069283. */
uint32_t crc32c(const void *bytes, size_t length);

/* The checksum of what `crc` is the checksum of, followed by `bytes`; of nothing it is 0. */
uint32_t crc32c_extend(uint32_t crc, const void *bytes, size_t length);

/* The same, four bits at a time on any machine; what the fast variants are tested against. */
uint32_t crc32c_extend_portable(uint32_t crc, const void *bytes, size_t length);

#endif
