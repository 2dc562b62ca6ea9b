/* The log's signed head: C2SP tlog-checkpoint in a signed note, and the tlog-proof receipts that
 * carry one (trust.md 2.2). */
#ifndef TAMIS_CHECKPOINT_H
#define TAMIS_CHECKPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "proto/digest.h"
#include "proto/fault.h"
#include "proto/key.h"
#include "proto/merkle.h"

enum {
  CHECKPOINT_NOTE_MAX = 16384,
  CHECKPOINT_SIGNATURES_MAX = 100,
  /* Cosignatures that we hand out with a note: more would be too many for some readers. */
  CHECKPOINT_WITNESSES_MAX = 16,
  RECEIPT_SIZE_MAX = 32768,
  COSIGNATURE_TEXT_SIZE = 105, /* base64 of id, time and signature, with terminator */
  COSIGNATURE_LINE_SIZE = 4 + KEY_NAME_SIZE + 1 + COSIGNATURE_TEXT_SIZE + 1,
};

struct checkpoint {
  char origin[KEY_NAME_SIZE];
  uint64_t size;
  struct digest root;
};

/* The whole signed note: text, blank line, one signature line. `*note` is malloc'd, the caller
 * frees it. */
void checkpoint_sign(const struct checkpoint *checkpoint, const struct secret_key *log_key,
                     char **note, size_t *length);

/* Strict parse of outside bytes. Needs one good signature by `log_key`, whose name must be the
 * origin; unknown keys are ignored, a known key that fails refuses the note (BAD_PROOF). */
enum tamis_status checkpoint_open(const char *note, size_t length, const struct public_key *log_key,
                                  struct checkpoint *checkpoint, struct fault *fault);

/* Cosignature line of a witness (type 0x04): signed are "cosignature/v1\n", "time <unix>\n" and
 * the checkpoint's text. `line` is malloc'd with its newline. */
void checkpoint_cosign(const struct checkpoint *checkpoint, uint64_t unix_seconds,
                       const struct secret_key *witness, char **line, size_t *length);

/* Is the line, its newline included, a cosignature of this checkpoint by `witness`? Then when, and
 * the base64 in it, which with the witness's name makes the line again. BAD_PROOF. */
enum tamis_status checkpoint_cosigned(const struct checkpoint *checkpoint,
                                      const struct public_key *witness, const char *line,
                                      size_t length, uint64_t *unix_seconds,
                                      char text[COSIGNATURE_TEXT_SIZE], struct fault *fault);
/* "— NAME TEXT\n"; gives back its length. Both are bounded by what checkpoint_cosigned takes. */
size_t checkpoint_cosignature_line(const char *name, const char *text,
                                   char line[COSIGNATURE_LINE_SIZE]);

/* The next signature line of a note from `*at` on, 0 at first, with its newline, and the name in
 * it; `text` may also be such lines alone. False after the last, or before one that is none. */
bool checkpoint_line_next(const char *text, size_t length, size_t *at, const char **line,
                          size_t *line_length, char name[KEY_NAME_SIZE]);

/* "c2sp.org/tlog-proof@v1\nindex <i>\n<hashes>\n\n<note>". `*receipt` is malloc'd, the caller frees
 * it. */
void receipt_write(uint64_t index, const struct merkle_proof *proof, const char *note,
                   size_t note_length, char **receipt, size_t *length);

/* Verifies that `entry` is at the receipt's index under a checkpoint that `log_key` signed; gives
 * both back. */
enum tamis_status receipt_verify(const char *receipt, size_t length, const void *entry,
                                 size_t entry_length, const struct public_key *log_key,
                                 uint64_t *index, struct checkpoint *checkpoint,
                                 struct fault *fault);

#endif
