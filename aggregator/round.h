/* The long computations of a round, from the blobs and back into blobs; no state is touched, so
 * they run beside the core thread. */
#ifndef TAMIS_ROUND_H
#define TAMIS_ROUND_H

#include "aggregator/blob.h"
#include "aggregator/federation.h"
#include "aggregator/found.h"

/* The rows of a rebuilt round, from the manifests; does nothing when they are there or the work is
 * another. CORRUPT, NO_MEMORY. round_find calls it. */
enum tamis_status round_rows(struct blob_store *blobs, struct work *work, struct fault *fault);

/* Fills in what is to be found: evidence and Gram matrix, or weights and candidate. The files that
 * go with it are in `found`, which the caller closes, and nowhere else. What went wrong is in
 * work->status. Resident memory: two models (one more for each vector that is remembered), tiles,
 * and n^2 doubles, however many rows; pages of the mapped updates are given back as the passes
 * leave them. `threads` 0: one a processor. The bits found do not depend on it. */
void round_find(struct blob_store *blobs, int threads, struct work *work, struct found *found);

/* What follows from the logged Gram matrix alone, in O(n^2) steps, no update or model read.
 * WORK_MEASURE (work->gram is the logged one): the evidence but own_cosine, which is left 0.
 * WORK_AGGREGATE: feasibility, and the weights and margin where `*is_whole`; a rule that looks into
 * the updates or compares them with something else leaves it false. */
void round_find_light(struct blob_store *blobs, struct work *work, bool *is_whole);

/* The same as round_find, and the files are durable blobs on return. */
void round_work(struct blob_store *blobs, int threads, struct work *work);

#endif
