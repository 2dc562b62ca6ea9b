/* What only the updates themselves say: comparisons with a client's last update and with the
 * model's last step, which layers carry an update, where its output layer points. Filled in block
 * by block while the Gram matrix reads the same bytes, so that they are read once. No bit depends
 * on threads or on how the blocks fall: every sum of a row runs over tiles of 1024 coordinates in
 * order. */
#ifndef TAMIS_MEASURE_H
#define TAMIS_MEASURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "aggregator/evidence.h"
#include "proto/tensor.h"
#include "robust/sketch.h"

/* All borrowed until measure_free; pointers to d floats each. */
struct measure_input {
  size_t n;
  const struct layout *layout; /* d is its parameters */
  const void *const *row;
  const float *const *before;      /* one a row: the client's update before; NULL: there is none */
  const float *base, *base_before; /* the model and the one before it; NULL: there was none */
  uint64_t seed;                   /* of sketches */
  int threads;
  /* NULL, or told which coordinates measure_output has done with. */
  void (*release)(void *context, size_t from, size_t to);
  void *context;
};

/* NULL when out of memory. At most 64 layers of n doubles. */
struct measure;
struct measure *measure_new(const struct measure_input *input);
void measure_free(struct measure *measure);

/* The coordinates below `to` may be read, and are as far as tiles are whole: gives back how far,
 * which is all of them when `to` is d. Those below will not be read again but by measure_output. */
size_t measure_upto(struct measure *measure, size_t to);

/* After all coordinates: own_cosine, aggregate_cosine and layer_share. `votes` as in
 * evidence_measure. False when out of memory. */
bool measure_evidence(const struct measure *measure, const double *gram, const bool *votes,
                      struct evidence *evidence);

/* After all coordinates: the sketch of row i, or, for i = n, of the model's last step. */
void measure_sketch(const struct measure *measure, size_t i, float *sketch);

/* A second look at the coordinates of the output layer, now that the weights of the centre are
 * known: output_cosine and output_opposed. False when out of memory. */
bool measure_output(const struct measure *measure, const double *centre, struct evidence *evidence);

#endif
