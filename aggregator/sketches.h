/* What a round leaves of its updates for rounds to come: a sketch of each, of each client's past,
 * and of how model and centre moved. A kilobyte each, so that a whole history is compared without a
 * whole history being kept. */
#ifndef TAMIS_SKETCHES_H
#define TAMIS_SKETCHES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "aggregator/evidence.h"
#include "proto/fault.h"
#include "robust/sketch.h"

enum {
  SKETCHES_TRAIL_MAX = 11, /* rounds: ten differences, as FLDetector keeps */
  SKETCHES_TRAIL_LEAST = 4 /* fewer foretell nothing */
};

/* One file, float32 tensors of ROBUST_SKETCH_SIZE columns: `update` and `past` have a row an
 * update, in the order of the verdicts; `step` and `centre` one a round of the trail, oldest first,
 * this round last. A step is how the base moved since the round of the trail before; the first
 * one's is zero. */
struct sketches {
  size_t count, trail;
  float *update, *past, *step, *centre;
  float *memory; /* owned: all four */
};

bool sketches_new(size_t count, size_t trail, struct sketches *sketches);
void sketches_close(struct sketches *sketches);
/* A whole file; `*bytes` is malloc'd. */
enum tamis_status sketches_write(const struct sketches *sketches, uint8_t **bytes, size_t *length,
                                 struct fault *fault);
/* The reverse; a copy. CORRUPT when it is no such file. */
enum tamis_status sketches_read(const uint8_t *bytes, size_t length, struct sketches *sketches,
                                struct fault *fault);

/* What is remembered of a row's client. */
struct sketches_past {
  bool is_there;
  float update[ROBUST_SKETCH_SIZE], past[ROBUST_SKETCH_SIZE];
  size_t seen; /* place in the trail of the round that it is of; SIZE_MAX: none of these */
};

/* This round: `now` has room for before->trail + 1 rounds (at most SKETCHES_TRAIL_MAX: the oldest
 * falls off), its `update` rows and last `step` are filled in. Adds to the pasts, fills in trail
 * and centre (`centre`: the weights of its rows), and writes history_cosine, history_similarity
 * with its neighbour and prediction_error. False when out of memory. */
bool sketches_compare(const struct sketches *before, const struct sketches_past *past,
                      const double *centre, int threads, struct sketches *now,
                      struct evidence *evidence);

#endif
