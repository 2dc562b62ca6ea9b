/* What is done to a key while no signer runs: telling it where an older log stands, and moving it,
 * so that it is at no moment in two places. */
#ifndef TAMIS_MOVE_H
#define TAMIS_MOVE_H

#include <stdint.h>
#include "proto/fault.h"
#include "signer/mark.h"

/* For a log that is older than the signer: the mark is that of a checkpoint signed by this very
 * key. CONFLICT when there is a mark. */
enum tamis_status move_adopt(const char *key_path, const char *checkpoint_path, struct mark *mark,
                             struct fault *fault);

/* Marks the key as handed over, for ever; writes `file` (the key's line, then a checkpoint of what
 * it signed last; mode 0400); removes the key file. Stopped half-way, the same call again goes on;
 * another `file` is refused. */
enum tamis_status move_hand_over(const char *key_path, const char *file, struct mark *mark,
                                 struct fault *fault);

/* Claims `file` by renaming it beside the new key, makes mark and key file, removes it. Once:
 * stopped half-way, the same call again goes on; with another `key_path` there is nothing to take.
 * CONFLICT where a key or an active mark is already, or a mark beyond the file's. */
enum tamis_status move_take_over(const char *file, const char *key_path, struct mark *mark,
                                 struct fault *fault);

#endif
