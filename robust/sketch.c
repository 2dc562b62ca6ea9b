/* A run that is turned goes past the last bucket: sums are kept twice as long and folded at the
 * end, so that the inner loop has neither a wrap nor a scatter. */
#include "robust/sketch.h"
#include "robust/lanes.h"
#include "robust/splitmix.h"

#include <float.h>

enum { RUN = ROBUST_SKETCH_SIZE, WORD = 64, WORDS = RUN / WORD };

/* Five words a run: its turn, then a bit a sign. */
void robust_sketch_tile(uint64_t seed, size_t from, struct robust_sketch_tile *tile) {
  for (size_t run = 0; run < ROBUST_SKETCH_TILE / RUN; run++) {
    uint64_t state = splitmix_mix(seed ^ splitmix_mix((uint64_t)(from / RUN + run)));
    tile->turn[run] = (size_t)(splitmix_next(&state) % RUN);
    for (size_t word = 0; word < WORDS; word++) {
      uint64_t bits = splitmix_next(&state);
      for (size_t k = 0; k < WORD; k++)
        tile->sign[run * RUN + word * WORD + k] = bits >> k & 1 ? -1.0F : 1.0F;
    }
  }
}

void robust_sketch_add(const struct robust_sketch_tile *tile, const float *x, size_t count,
                       double *sum) {
  const struct lanes *lanes = lanes_choose(ROBUST_ISA_BEST);
  for (size_t at = 0; at < count; at += RUN)
    lanes->add_signed(sum + tile->turn[at / RUN], tile->sign + at, x + at,
                      count - at < RUN ? count - at : RUN);
}

void robust_sketch_finish(const double *sum, float *sketch) {
  for (size_t k = 0; k < RUN; k++) {
    double value = sum[k] + sum[k + RUN];
    value = value > (double)FLT_MAX ? (double)FLT_MAX : value;
    sketch[k] = (float)(value < -(double)FLT_MAX ? -(double)FLT_MAX : value);
  }
}
