/* Asks of every entry whether it is what had to follow: who signed it, whether it could be let in,
 * and, of the server's own, whether the same decider, given the same log and files, says the same
 * bytes. Trusts the log's verifier key and nothing else. */
#ifndef TAMIS_AUDIT_H
#define TAMIS_AUDIT_H

#include <stdbool.h>
#include <stdint.h>
#include "aggregator/state.h"
#include "proto/digest.h"
#include "proto/fault.h"

struct audit_options {
  const char *federation; /* whose rounds are computed again; NULL: of all */
  int64_t first, last;    /* which of them; 0: no bound. All entries are read in any case */
  bool is_light;          /* decisions from the logged Gram matrices; no update or model is read */
  int threads;            /* 0: one a processor. Nothing found depends on it */
  /* Now and then, on the calling thread: so many entries of `total` were read. NULL: not told. */
  void (*progress)(void *context, uint64_t entries, uint64_t total);
  void *context;
};

/* The first place where log and rules part. */
struct audit_divergence {
  uint64_t index;
  int64_t round;                    /* 0: of no round */
  char federation[STATE_NAME_SIZE]; /* "": of none */
  char what[160], expected[160], found[320];
};

struct audit_report {
  uint64_t entries, covered; /* read; of them under the signed checkpoint */
  uint64_t signatures;       /* good, each by the key of its role at its place */
  struct digest root;        /* of the covered entries */
  uint64_t decisions;        /* entries of the server itself that were made again, byte for byte */
  /* Rounds that the options ask for. */
  uint64_t rounds, promoted, rebuilt, held, abandoned, open, undone;
  uint64_t updates;      /* whose evidence and verdict were made again */
  uint64_t files, bytes; /* of which the digest was checked */
  uint64_t by_policy;    /* rounds whose files were dropped under the retention policy: no pass
                            and no failure. What follows from the logged numbers does */
  /* What nobody can make again, and is believed. */
  uint64_t past_believed; /* updates whose likeness to their client's last is; that was dropped by
                             policy, and all else was made again */
  uint64_t refusals;      /* the refused statement is not in the log */
  uint64_t troubles; /* rounds that ended for what is not in the log: a disk or a file of the server
                        failed it, witnesses did not come; light: a result that was not finite */
  uint64_t weights_believed; /* light: rounds whose rule looks into the updates to weigh them */
  uint64_t shadows_believed; /* light: `shadow` entries with a rule that looks into the updates */
  struct digest digest;      /* over everything that was made again, in the log's order */
  bool has_diverged;
  struct audit_divergence divergence;
};

/* `folder` and `log_vkey` as for archive_open. TAMIS_OK: nothing diverges. CORRUPT: something does,
 * and the report says what; `fault` has it as a sentence. Anything else: the audit could not be
 * made. */
enum tamis_status audit_run(const char *folder, const char *log_vkey,
                            const struct audit_options *options, struct audit_report *report,
                            struct fault *fault);

#endif
