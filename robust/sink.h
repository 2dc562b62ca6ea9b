/* Where a pass leaves its results: rounded once to float for the model, or as doubles for the
 * golden vectors. Internal. */
#ifndef ROBUST_SINK_H
#define ROBUST_SINK_H

#include <stddef.h>
#include <string.h>

/* Exactly one is set. */
struct sink {
  float *narrow;
  double *wide;
};

static inline void sink_put(struct sink sink, size_t at, const double *values, size_t count) {
  if (sink.wide != NULL) {
    memcpy(sink.wide + at, values, count * sizeof *values);
    return;
  }
  for (size_t k = 0; k < count; k++) sink.narrow[at + k] = (float)values[k];
}

#endif
