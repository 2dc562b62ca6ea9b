/* Sorting up to 128 rows by straight-line networks, for instruction sets whose registers can hold
 * one. */
#include "robust/lanes.h"

#include <math.h>
#include <stdint.h>

/* The networks read each row once; the next strips of that row are asked for while the comparisons
 * run. */
enum { PREFETCH_FLOATS = 96 };

VEC_INLINE vec row_load(const float *const *row, size_t i, size_t at) {
  const float *from = row[i] + at;
  __builtin_prefetch((const void *)((uintptr_t)from + PREFETCH_FLOATS * sizeof(float)), 0, 2);
  return vec_load(from);
}

/* Rows past n sort to the end, where nobody looks. */
VEC_INLINE vec row_load_or_infinity(const float *const *row, size_t n, size_t i, size_t at) {
  return i < n ? row_load(row, i, at) : vec_fill(INFINITY);
}

VEC_INLINE void rank_store(float *sorted, size_t rank, vec v) {
  vec_store(sorted + rank * VEC_WIDTH, v);
}

VEC_INLINE void rank_store_below(float *sorted, size_t n, size_t rank, vec v) {
  if (rank < n) rank_store(sorted, rank, v);
}

#include "robust_networks.h"

static void sort_by_network(const float *const *row, size_t n, size_t at, float *sorted) {
  sorters[n](row, n, at, sorted);
}
