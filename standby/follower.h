/* A copy of another server's log that is checked as it grows: every signature, every fold, every
 * file, the tree under each checkpoint, and each checkpoint against the one before. */
#ifndef TAMIS_FOLLOWER_H
#define TAMIS_FOLLOWER_H

#include <stdbool.h>
#include <stdint.h>
#include "proto/digest.h"
#include "proto/fault.h"

struct follower;

struct follower_options {
  const char *state_dir;    /* of this standby; made when missing */
  const char *address;      /* of the one that serves */
  const char *log_vkey;     /* pinned */
  const char *operator_key; /* file of a key that may read everything */
  const char *ca_file;      /* PEM; NULL: plain text, to this machine only */
  /* Asked while a file cannot be had: false gives it up, and the step is CANCELLED. Then only
   * closing it and opening it again goes on. */
  bool (*is_patient)(void *context);
  void *context;
};

/* Takes up the folder where it was left; everything in it is checked again. CORRUPT when it is not
 * a log of this key, FORK when evidence of one is there, CONFLICT when another process has it. */
enum tamis_status follower_open(const struct follower_options *options, struct follower **follower,
                                struct fault *fault);
void follower_close(struct follower *follower);

/* Asks for the newest checkpoint and takes what is before it: files, journal, checkpoint, each
 * durable before the next; some thousand entries a step at most. UNAVAILABLE and the like pass.
 * FORK and CORRUPT are final: what was shown is in STATE/follow (`fork-evidence`, or
 * `refused-checkpoint` with the entries in the journal). */
enum tamis_status follower_step(struct follower *follower, struct fault *fault);

/* The same from a state folder, read-only, whose server is gone: all of it in one step. For what
 * the last answers of a primary no longer brought. */
enum tamis_status follower_step_folder(struct follower *follower, const char *folder,
                                       struct fault *fault);

struct follower_progress {
  uint64_t entries;      /* in our journal, checked */
  uint64_t covered;      /* of those, under a checkpoint that we hold */
  uint64_t shown;        /* of the other's newest checkpoint that we know */
  uint64_t blobs, bytes; /* files checked since the start */
  uint64_t missing;      /* updates whose file was gone and that no entry has let go (yet) */
};
void follower_progress(const struct follower *follower, struct follower_progress *progress);

/* Root of the first `size` entries, at most `entries`. */
struct digest follower_root(const struct follower *follower, uint64_t size);

#endif
