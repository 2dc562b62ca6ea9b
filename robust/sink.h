/* Where a pass leaves its results: rounded once to float for the model, or as doubles for the
 * golden vectors. Internal. */
#ifndef ROBUST_SINK_H
#define ROBUST_SINK_H

#include <stddef.h>
#include <stdint.h>

/* Exactly one of narrow and wide is set. Before the rounding, weight times the addend is added (a
 * reference that a rule gave a weight, as floats or doubles), and noise. */
struct sink {
  float *narrow;
  double *wide;
  const float *narrow_addend;
  const double *wide_addend;
  double weight;
  double noise; /* standard deviation, 0: none */
  uint64_t noise_seed;
};

/* `values` are the thread's own and change. */
void sink_put(const struct sink *sink, size_t at, double *values, size_t count);

#endif
