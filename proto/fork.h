/* Evidence that a log showed two histories: both signed notes, and what the server answered when it
 * was asked to link them. One text file, written by a client, checked by anybody. */
#ifndef TAMIS_FORK_H
#define TAMIS_FORK_H

#include <stddef.h>
#include "proto/checkpoint.h"
#include "proto/fault.h"
#include "proto/key.h"
#include "proto/merkle.h"

/* Two notes, a proof and the lines between them. */
enum { FORK_SIZE_MAX = 2 * CHECKPOINT_NOTE_MAX + 8192 };

struct fork_evidence {
  struct public_key log_key;
  enum tamis_status answer;  /* TAMIS_OK: `proof`; else what the server said in its place */
  struct merkle_proof proof; /* from the smaller tree to the larger */
  char *kept, *shown;        /* the notes; owned after fork_read, else borrowed */
  size_t kept_length, shown_length;
};

/* `tamis-fork/v1\n`, `log VKEY\n`, `answer NAME\n`, `proof COUNT\n` and so many base64 lines,
 * `kept LENGTH\n` and the note's bytes, `shown LENGTH\n` and those. malloc'd, the caller frees it.
 */
enum tamis_status fork_write(const struct fork_evidence *evidence, char **text, size_t *length,
                             struct fault *fault);
/* Strict parse of outside bytes; BAD_PROOF. */
enum tamis_status fork_read(const char *text, size_t length, struct fork_evidence *evidence,
                            struct fault *fault);
void fork_close(struct fork_evidence *evidence);

enum fork_finding {
  FORK_NONE,     /* the notes are of one history: the same tree, or the proof links them */
  FORK_PROVED,   /* the same size, two roots: no proof can mend that */
  FORK_UNLINKED, /* two sizes, and the answer does not link them: the log owes a proof that does */
};

/* Both notes must be signed by the evidence's log key (BAD_PROOF otherwise): then what they show.
 */
enum tamis_status fork_judge(const struct fork_evidence *evidence, enum fork_finding *finding,
                             struct checkpoint *kept, struct checkpoint *shown,
                             struct fault *fault);

#endif
