/* The one way in which a bundle is a tar file: POSIX ustar, plain files only, names ascending,
 * every field that could differ fixed. `tar xf` opens it; what another tar made is refused, because
 * a header is believed only when it is byte for byte the one that is written here. */
#ifndef TAMIS_TAR_H
#define TAMIS_TAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "proto/fault.h"

enum { TAR_BLOCK = 512, TAR_NAME_SIZE = 100, TAR_END_SIZE = 2 * TAR_BLOCK };
#define TAR_SIZE_MAX ((UINT64_C(1) << 33) - 1) /* of a member: eleven octal digits */

/* 1 to 99 of A-Z a-z 0-9 . _ - in parts between single slashes; no part is "." or "..". */
bool tar_name_is_good(const char *name, size_t length);

/* Bytes that a member of `size` takes: header, content, zeros up to a whole block. */
uint64_t tar_member_size(uint64_t size);
/* Writes header and zeros around the content, whose place in `out` is returned: `out` holds
 * tar_member_size(size) zeros. The name is good and `size` at most TAR_SIZE_MAX. */
uint8_t *tar_member_write(const char *name, uint64_t size, uint8_t *out);

struct tar_reader {
  const uint8_t *bytes;
  size_t length, offset;
  char name[TAR_NAME_SIZE]; /* of the member last read */
};
struct tar_member {
  const char *name; /* the reader's, until the next call */
  const uint8_t *bytes;
  size_t size;
};

void tar_reader_open(struct tar_reader *reader, const uint8_t *bytes, size_t length);
/* The next member; `*is_end` after the last one, where two blocks of zeros and nothing else must be
 * left. BAD_REQUEST for anything that tar_member_write would not have written, a name that is not
 * above the one before, or an end that comes too early. */
enum tamis_status tar_reader_next(struct tar_reader *reader, struct tar_member *member,
                                  bool *is_end, struct fault *fault);

#endif
