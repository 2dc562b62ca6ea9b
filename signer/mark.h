/* How far a log key has signed, on disk beside the key (KEYFILE.signed): two slots in turn, so that
 * a torn write leaves the one before it, and each slot twice, so that a flipped bit loses nothing.
 */
#ifndef TAMIS_MARK_H
#define TAMIS_MARK_H

#include <stdbool.h>
#include <stdint.h>
#include "proto/digest.h"
#include "proto/fault.h"
#include "proto/key.h"

enum { MARK_FILE_SIZE = 8192, MARK_SLOT_SIZE = 4096, MARK_COPY_OFFSET = 2048 };

enum mark_state {
  MARK_ACTIVE = 1,
  MARK_HANDED_OVER = 2 /* another signer has the key: this one never signs again */
};

struct mark {
  enum mark_state state;
  uint64_t size;           /* entries of the largest tree that was signed; 0: none yet */
  struct digest root;      /* its root; zeros with size 0 */
  struct digest handed_to; /* digest of the hand-over file's absolute path; zeros while active */
};

struct mark_file; /* open and locked */

/* Makes the file with its lock-to-be, durably; CONFLICT when there is one. */
enum tamis_status mark_create(const char *path, const struct public_key *key,
                              const struct mark *mark, struct fault *fault);

/* Locks the file, reads it, and makes durable what it read. Waits up to `wait_ms` for the lock of a
 * signer that is just ending. NOT_FOUND, CONFLICT (another signer has it), CORRUPT, BAD_CONFIG (it
 * is another key's), IO. */
enum tamis_status mark_open(const char *path, const struct public_key *key, int wait_ms,
                            struct mark_file **file, struct fault *fault);
const struct mark *mark_read(const struct mark_file *file);

/* Durable on return, with one fdatasync. After a failure what is on disk is unknown: the file takes
 * no more writes, and only opening it again tells. */
enum tamis_status mark_write(struct mark_file *file, const struct mark *mark, struct fault *fault);
bool mark_is_unknown(const struct mark_file *file);
void mark_close(struct mark_file *file);

#endif
