/* Sorting up to 128 rows by straight-line networks, for instruction sets whose registers can hold
 * one. */
#include "robust/network.h"

#include <math.h>

/* One line of what comes later is asked for with each row, so that memory works while the
 * comparisons run. */
VEC_INLINE vec row_load(const float *const *row, size_t i, size_t at, const void *const *ahead) {
  __builtin_prefetch(ahead[i], 0, 2);
  return vec_load(row[i] + at);
}

/* Rows past n sort to the end, where nobody looks. */
VEC_INLINE vec row_load_or_infinity(const float *const *row, size_t n, size_t i, size_t at,
                                    const void *const *ahead) {
  return i < n ? row_load(row, i, at, ahead) : vec_fill(INFINITY);
}

VEC_INLINE void rank_store(float *sorted, size_t rank, vec v) {
  vec_store(sorted + rank * VEC_WIDTH, v);
}

VEC_INLINE void rank_store_below(float *sorted, size_t n, size_t rank, vec v) {
  if (rank < n) rank_store(sorted, rank, v);
}

#include "robust_networks.h"
