/* The log as static files under FOLDER/tile, growing with it: what tlog clients read, and what
 * `tamis log serve` hands out (PROTOCOL.md 9). A projection: delete the folder and a start makes it
 * again.
 *
 * A full tile never changes. The partial tiles of each checkpoint stay until their tile is full.
 * Whoever opens a file finds it whole; what a power cut may take of them, a start makes again. */
#ifndef TAMIS_TILES_H
#define TAMIS_TILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "proto/fault.h"
#include "proto/merkle.h"
#include "proto/tile.h"

enum tiles_difference { TILES_MISSING, TILES_DIFFERENT, TILES_STRAY };

struct tiles_options {
  const char *folder;             /* must be there; tile/ is made in it */
  const struct merkle_tree *tree; /* borrowed; grows ahead of the tiles */
  /* Files and folders for everybody, as the umask says; otherwise the owner's. All of
   * them are synced at once: nobody starts an export and looks after it. */
  bool is_public;
  bool is_checked; /* what is there is read first, and left alone where it is right */
  bool is_dry;     /* with is_checked: nothing is written or removed */
  /* With is_checked: told of each file that was not right, by its path under `folder`; or NULL. */
  void (*differs)(void *context, const char *path, enum tiles_difference difference);
  void *context;
};

struct tiles;

enum tamis_status tiles_open(const struct tiles_options *options, struct tiles **tiles,
                             struct fault *fault);
void tiles_close(struct tiles *tiles); /* of NULL: nothing */

/* After tiles_open, for the log whose last checkpoint is over `size` entries, all in the tree:
 * takes over the full tiles that are there and right, reading few of them. Entries are then wanted
 * from tiles_count() on. */
void tiles_resume(struct tiles *tiles, uint64_t size);

/* Entries taken over or added. */
uint64_t tiles_count(const struct tiles *tiles);
/* Entry tiles_count(); the tree must have it by the next tiles_write. On failure (DISK_FULL, IO) it
 * was not taken. */
enum tamis_status tiles_add(struct tiles *tiles, const char *entry, size_t length,
                            struct fault *fault);
/* Makes the files those of a log of tiles_count() entries. After a failure the next call goes on
 * where this one stopped. */
enum tamis_status tiles_write(struct tiles *tiles, struct fault *fault);
/* With is_checked, after tiles_write: what else is under tile/ and is no tile of this log, or an
 * older partial one with other bytes, is told and removed. */
enum tamis_status tiles_sweep(struct tiles *tiles, struct fault *fault);

/* The bytes of FOLDER/PATH, malloc'd, the caller frees them; NOT_FOUND when it is not there,
 * CORRUPT when it is larger than any tile. */
enum tamis_status tiles_read(const char *folder, const struct tile *tile, uint8_t **bytes,
                             size_t *length, struct fault *fault);
/* Hands the first `size` entries of FOLDER/tile to `visit`, in order. CORRUPT or NOT_FOUND names
 * the bundle that is not as it should be. */
enum tamis_status tiles_walk(const char *folder, uint64_t size,
                             enum tamis_status (*visit)(void *context, uint64_t index,
                                                        const char *bytes, size_t length),
                             void *context, struct fault *fault);

#endif
