/* The last steps of every output value: what the rule adds beside the rows, then one rounding. */
#include "robust/noise.h"
#include "robust/sink.h"

#include <string.h>

void sink_put(const struct sink *sink, size_t at, double *values, size_t count) {
  if (sink->narrow_addend != NULL)
    for (size_t k = 0; k < count; k++)
      values[k] += sink->weight * (double)sink->narrow_addend[at + k];
  if (sink->wide_addend != NULL)
    for (size_t k = 0; k < count; k++) values[k] += sink->weight * sink->wide_addend[at + k];
  if (sink->noise > 0.0) noise_add(values, at, count, sink->noise, sink->noise_seed);
  if (sink->wide != NULL) {
    memcpy(sink->wide + at, values, count * sizeof *values);
    return;
  }
  for (size_t k = 0; k < count; k++) sink->narrow[at + k] = (float)values[k];
}
