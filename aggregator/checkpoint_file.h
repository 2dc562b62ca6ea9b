/* The latest signed note, on disk before anybody sees it: what a start holds the journal against.
 */
#ifndef TAMIS_CHECKPOINT_FILE_H
#define TAMIS_CHECKPOINT_FILE_H

#include <stddef.h>
#include "proto/fault.h"

/* Replaces the note at `path`, durably. `length` is at most CHECKPOINT_NOTE_MAX. */
enum tamis_status checkpoint_file_write(const char *path, const char *note, size_t length,
                                        struct fault *fault);

/* `*note` is malloc'd and terminated, the caller frees it and checks its signature. NOT_FOUND when
 * there is none, CORRUPT when it is empty or longer than a note may be. */
enum tamis_status checkpoint_file_read(const char *path, char **note, size_t *length,
                                       struct fault *fault);

#endif
