/* A round's sketches between the files of rounds before and the one it leaves. Internal to round.c.
 */
#ifndef TAMIS_ROUND_SKETCH_H
#define TAMIS_ROUND_SKETCH_H

#include "aggregator/blob.h"
#include "aggregator/federation.h"
#include "aggregator/found.h"
#include "aggregator/measure.h"

/* Reads what is remembered of the rows' clients and of the trail, fills in the rest of
 * work->evidence and work->sketches, and adds the file to `found`. `centre`: the weights of the
 * robust centre. A file that is gone or of other bytes fails the round: NOT_FOUND, CORRUPT. */
enum tamis_status round_sketch(struct blob_store *blobs, const struct measure *measure,
                               const double *centre, int threads, struct work *work,
                               struct found *found, struct fault *fault);

#endif
