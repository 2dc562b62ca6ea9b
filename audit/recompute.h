/* One long computation of the log made again: what the decider would have said after it, against
 * the entry that stands there. */
#ifndef TAMIS_RECOMPUTE_H
#define TAMIS_RECOMPUTE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include "aggregator/blob.h"
#include "aggregator/federation.h"
#include "audit/differ.h"

/* What it is made from: all that is needed, so that it may run beside the walk. */
struct recompute {
  struct blob_store *blobs; /* lent */
  struct state *state;      /* an excerpt: the decider's before the entry */
  struct work *work;        /* as it was handed out */
  int64_t now_ms;           /* when the entry was decided */
  uint64_t index;           /* of the entry */
  char *bytes;              /* the entry: owned; JSON is read anew, its counts are not for two
                               threads */
  size_t length;
  bool has_manifest;
  struct digest manifest_digest;
  bool is_light;

  /* read by recompute_run */
  struct statement statement;
  json_t *manifest; /* NULL: none */
};

enum recomputed {
  RECOMPUTED_SAME,      /* the same bytes, and the files that it names have them too */
  RECOMPUTED_DIFFERENT, /* `difference` says where */
  RECOMPUTED_ABSENT,    /* `absent` are not here; what follows without them has been held against
                           the log, and `is_different` says whether it parts there */
  RECOMPUTED_TROUBLE,   /* abandoned over a failure of the server's machine */
  RECOMPUTED_FAILED,    /* `fault`: it could not be made on this machine */
};

/* A file that is not here. */
struct recompute_absent {
  struct digest file;
  uint64_t index; /* the entry that names it */
};

struct recomputation {
  enum recomputed recomputed;
  uint64_t index; /* the entry to blame: of an update when its file is not what was signed */
  struct difference difference;
  bool is_different;
  struct recompute_absent *absent; /* owned: recomputation_close */
  size_t absent_count;
  bool is_only_past; /* absent are no more than updates that new ones are compared with: all else
                        was made again */
  struct fault fault;
  bool weights_believed, shadow_believed;
  uint64_t files, bytes; /* whose digest was checked */
  struct digest answer;  /* of the statement and manifest that were made again */
};

void recompute_run(struct recompute *recompute, int threads, struct recomputation *out);
void recompute_close(struct recompute *recompute);
void recomputation_close(struct recomputation *out);

/* Checks a file's digest and counts it; what is wrong with it is blamed on out->index. False when
 * it is not there or has other bytes. */
bool recompute_file(struct blob_store *blobs, const struct digest *digest,
                    struct recomputation *out);

#endif
