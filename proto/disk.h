/* The steps by which bytes and names reach a disk, for everyone who writes files. What a failure
 * means is for the caller to say. */
#ifndef TAMIS_DISK_H
#define TAMIS_DISK_H

#include <stddef.h>
#include <stdint.h>
#include "proto/status.h"

/* No room of any sort is DISK_FULL, the rest is NO_MEMORY or IO. */
enum tamis_status disk_status(int error);

/* Writes all of it at `offset`; 0, or the errno of the write that failed. Some bytes may be there
 * then. */
int disk_write(int descriptor, const void *bytes, size_t length, uint64_t offset);

/* fsync of the folder that `path` is in, so that names made or changed there last; 0 or errno. */
int disk_sync_parent(const char *path);

#endif
