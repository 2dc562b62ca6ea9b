/* Checks a whole log as a stranger can: every signature by the key that was good at that place,
 * every entry possible after those before it, the tree under the signed checkpoint, and with the
 * blob folder every file that the log names. Trusts nothing but the log's verifier key. */
#ifndef TAMIS_LOG_VERIFY_H
#define TAMIS_LOG_VERIFY_H

#include <stddef.h>
#include <stdint.h>
#include "proto/digest.h"
#include "proto/fault.h"
#include "proto/key.h"
#include "proto/statement.h"

struct log_report {
  uint64_t entries, signatures; /* checked and good */
  uint64_t federations, clients, rounds, updates;
  uint64_t blobs, bytes; /* of files whose digest was checked */
  uint64_t dropped;      /* updates whose files are not here because a tombstone says so */
  uint64_t kind[STATEMENT_KIND_COUNT];
  uint64_t covered;         /* entries under the checkpoint; those after it nobody has signed for */
  struct digest root;       /* of the covered entries */
  enum tamis_status status; /* TAMIS_OK: nothing is wrong */
  uint64_t index;           /* of the first entry where log and rules part */
  char expected[200], found[200];
};

struct log_verify;

/* `blob_folder` holds files as `ab/abcdef...`; NULL: the log alone is checked. */
enum tamis_status log_verify_open(const char *log_vkey, const char *blob_folder,
                                  struct log_verify **verify, struct fault *fault);
void log_verify_close(struct log_verify *verify);

/* Asked for each file that an entry names and the folder has not, before the entry is refused for
 * it: puts it there, whole or not at all. NOT_FOUND: as if nobody had been asked; any other refusal
 * becomes the report's. log_verify_finish then leaves it to log_verify_missing whether all is
 * there: a log that is followed may say later why a file is gone. */
void log_verify_on_missing(struct log_verify *verify,
                           enum tamis_status (*fetch)(void *context, const struct digest *digest,
                                                      const char *path, struct fault *fault),
                           void *context);

/* Updates without a file that no entry so far has let go. */
uint64_t log_verify_missing(struct log_verify *verify);

/* One entry after the other, from 0; fits operator_entries and journal_reader_walk. Other than
 * TAMIS_OK at the first divergence, which the report then describes. */
enum tamis_status log_verify_entry(void *verify, uint64_t index, const char *envelope,
                                   size_t length);

/* At the end: the checkpoint (a signed note) must be over a prefix of what was walked. */
enum tamis_status log_verify_finish(struct log_verify *verify, const char *note, size_t length);

/* Borrowed; final after log_verify_finish or the first divergence. */
const struct log_report *log_verify_report(const struct log_verify *verify);
/* What the entries so far add up to (client-sdk/log_fold.h). Borrowed. */
struct fold;
const struct fold *log_verify_fold(const struct log_verify *verify);

#endif
