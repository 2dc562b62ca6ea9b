/* Files that must still be there after a power cut: new ones that never take another's place, and
 * results that take their name only when they are whole. */
#ifndef TAMIS_CLI_DURABLE_FILE_H
#define TAMIS_CLI_DURABLE_FILE_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "proto/fault.h"

/* Makes `path` with exactly `mode`, whatever the umask; CONFLICT when something of that name is
 * there. What was begun and failed is removed. */
enum tamis_status durable_file_new(const char *path, mode_t mode, const void *bytes, size_t length,
                                   struct fault *fault);
/* Makes a folder of mode 0700; one that is there and is a folder is left as it is. */
enum tamis_status durable_file_folder(const char *path, struct fault *fault);
/* Makes the names in a folder last. */
enum tamis_status durable_file_settle(const char *folder, struct fault *fault);

/* A file under a temporary name beside `path`, mapped for writing, its room on the disk taken. */
struct durable_draft {
  uint8_t *bytes; /* zeros at first; NULL: not open */
  size_t length;
  char *path, *temporary; /* owned */
  int descriptor;
};

/* `length` at least 1. BAD_REQUEST when `path` is there and is not a plain file. */
enum tamis_status durable_draft_open(const char *path, size_t length, struct durable_draft *draft,
                                     struct fault *fault);
/* Makes the bytes last and gives the file its name, in place of whatever had it; closes the draft
 * either way. */
enum tamis_status durable_draft_commit(struct durable_draft *draft, struct fault *fault);
/* Removes what was not committed. Of one never opened or committed: nothing. */
void durable_draft_close(struct durable_draft *draft);

/* A whole JSON document, reals with 17 digits, in place of whatever was there. */
enum tamis_status durable_file_replace_json(const char *path, const json_t *root,
                                            struct fault *fault);

/* The words for `errno` (CONFLICT, DISK_FULL, NO_MEMORY or IO). */
enum tamis_status durable_file_fail(struct fault *fault, const char *verb, const char *path);

#endif
