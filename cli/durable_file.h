/* New files that must still be there after a power cut, and never take another's place. */
#ifndef TAMIS_CLI_DURABLE_FILE_H
#define TAMIS_CLI_DURABLE_FILE_H

#include <stddef.h>
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

#endif
