/* A file that somebody else wrote, read where it lies. */
#ifndef TAMIS_CLI_MAPPED_FILE_H
#define TAMIS_CLI_MAPPED_FILE_H

#include <stddef.h>
#include <stdint.h>
#include "proto/fault.h"

struct mapped_file {
  const uint8_t *bytes; /* NULL: not open */
  size_t length;
};

/* Maps a whole regular file for reading. NOT_FOUND when there is none, WRONG_LAYOUT when it is
 * empty. Whoever shortens the file meanwhile ends this process, as with any mapping. */
enum tamis_status mapped_file_open(const char *path, struct mapped_file *file, struct fault *fault);
/* An unnamed copy of the bytes of `file` from `offset` on, made in TMPDIR (/var/tmp) and not in
 * memory: how numbers are aligned that their file put at an odd place. */
enum tamis_status mapped_file_copy_tail(const struct mapped_file *file, size_t offset,
                                        struct mapped_file *copy, struct fault *fault);
/* Gives the pages of [begin, end) back to the system; the file still has them. */
void mapped_file_drop(const void *begin, const void *end);
/* Of one never opened: nothing. */
void mapped_file_close(struct mapped_file *file);

#endif
