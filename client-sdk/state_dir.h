/* The client's folder: small files that are either the old ones or the new ones, never half. */
#ifndef TAMIS_STATE_DIR_H
#define TAMIS_STATE_DIR_H

#include <stdbool.h>
#include <stddef.h>
#include "proto/fault.h"

enum { STATE_DIR_PATH_MAX = 1024, STATE_DIR_FILE_MAX = 64 << 10 };

struct state_dir {
  char path[STATE_DIR_PATH_MAX];
  int fd; /* of the folder, locked; -1: closed */
};

/* Makes the folder (mode 0700) if it is missing and locks it: CONFLICT when another process has it
 * open. BAD_CONFIG when others may write to it. */
enum tamis_status state_dir_open(const char *path, struct state_dir *dir, struct fault *fault);
void state_dir_close(struct state_dir *dir);

bool state_dir_has(const struct state_dir *dir, const char *name);
/* "PATH/NAME", for functions that take a path. `out` holds 2 * STATE_DIR_PATH_MAX. */
void state_dir_path(const struct state_dir *dir, const char *name, char *out);

/* The whole file, terminated; malloc'd, the caller frees it. NOT_FOUND; CORRUPT past
 * STATE_DIR_FILE_MAX. */
enum tamis_status state_dir_read(const struct state_dir *dir, const char *name, char **bytes,
                                 size_t *length, struct fault *fault);
/* Durable on return: temporary file (mode 0600), fsync, rename, fsync of the folder. */
enum tamis_status state_dir_write(const struct state_dir *dir, const char *name, const char *bytes,
                                  size_t length, struct fault *fault);

#endif
