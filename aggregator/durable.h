/* The few calls that decide whether bytes outlive a power cut, and what a failure of each means. */
#ifndef TAMIS_DURABLE_H
#define TAMIS_DURABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "proto/fault.h"

/* "cannot VERB PATH: reason". No room of any sort is DISK_FULL, the rest is IO or NO_MEMORY. */
enum tamis_status durable_fault(struct fault *fault, int error, const char *verb, const char *path);

/* Last words on stderr, then abort(): the file is in a state that only a fresh start can judge. */
_Noreturn void durable_die(const char *call, const char *path, int error);

/* fdatasync. A failure ends the process: the kernel has dropped the dirty pages and a second call
 * would succeed without them, so what is on disk is unknown (DESIGN 4). `path` is for the last
 * words. */
void durable_sync(int descriptor, const char *path);

/* fsync of a folder, so that names made or changed in it last. Ends the process like
 * durable_sync. */
enum tamis_status durable_sync_folder(const char *path, struct fault *fault);
/* As above for the folder that `path` is in. */
enum tamis_status durable_sync_parent(const char *path, struct fault *fault);

/* `path` holds either its old bytes or all of the new, whenever the power goes: temporary file,
 * sync, rename, sync of the folder. */
enum tamis_status durable_replace(const char *path, const void *bytes, size_t length,
                                  struct fault *fault);

/* As above with a mode, of which the umask takes. With `lasts` false nothing is synced: whoever
 * opens `path` finds it whole, but after a power cut it may be old, empty or gone. */
enum tamis_status durable_publish(const char *path, mode_t mode, bool lasts, const void *bytes,
                                  size_t length, struct fault *fault);

#endif
