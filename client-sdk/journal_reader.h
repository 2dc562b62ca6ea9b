/* A journal file read without its server: records of u32 length, u32 CRC-32C (both little-endian),
 * bytes. */
#ifndef TAMIS_JOURNAL_READER_H
#define TAMIS_JOURNAL_READER_H

#include <stddef.h>
#include <stdint.h>
#include "proto/fault.h"

/* Every whole record of `path` in order, `index` from 0. A record that is cut off by the end of the
 * file is no entry yet: `*torn_bytes` counts it, and that is no error. Anything else that does not
 * add up is CORRUPT and names the offset. `visit` returning other than TAMIS_OK stops with that. */
enum tamis_status journal_reader_walk(const char *path,
                                      enum tamis_status (*visit)(void *context, uint64_t index,
                                                                 const char *envelope,
                                                                 size_t length),
                                      void *context, uint64_t *torn_bytes, struct fault *fault);

#endif
