/* Ranking up to 128 rows by straight-line networks, for instruction sets whose registers can hold
 * one. */
#include "robust/lanes.h"
#include "robust/network.h"

#include <math.h>
#include <stdint.h>

/* Lines of what comes later are asked for in n even steps between the comparisons, so that memory
 * works while they run: in a network of n rows as many as it takes to have a piece of every row
 * when all strips of a piece are sorted. */
enum { PIECE_STRIPS = LANES_PIECE_BYTES / (VEC_WIDTH * sizeof(float)) };

VEC_INLINE void fetch_line(const void *const *ahead, size_t line) {
  uintptr_t piece = (uintptr_t)ahead[line / LANES_PIECE_LINES];
  uintptr_t offset = line % LANES_PIECE_LINES * (LANES_PIECE_BYTES / LANES_PIECE_LINES);
  __builtin_prefetch((const void *)(piece + offset), 0, 2);
}

VEC_INLINE size_t lines_due(size_t n) {
  return (n + PIECE_STRIPS - 1) / PIECE_STRIPS * LANES_PIECE_LINES;
}

VEC_INLINE void fetch_step(const void *const *ahead, size_t step, size_t n) {
  size_t end = (step + 1) * lines_due(n) / n;
  for (size_t line = step * lines_due(n) / n; line < end; line++) fetch_line(ahead, line);
}

VEC_INLINE vec row_load(const float *const *row, size_t i, size_t at) {
  return vec_load(row[i] + at);
}

/* Rows past n sort to the end, where nobody looks. */
VEC_INLINE vec row_load_or_infinity(const float *const *row, size_t n, size_t i, size_t at) {
  return i < n ? vec_load(row[i] + at) : vec_fill(INFINITY);
}

VEC_INLINE void rank_store(float *sorted, size_t rank, vec v) {
  vec_store(sorted + rank * VEC_WIDTH, v);
}

VEC_INLINE void rank_store_below(float *sorted, size_t n, size_t rank, vec v) {
  if (rank < n) rank_store(sorted, rank, v);
}

typedef void network(const float *const *row, size_t n, size_t at, const void *const *ahead,
                     float *sorted);

#include "robust_networks.h"

/* The smallest network that has all of the window: network_generate.c says what each leaves out. */
VEC_INLINE network *network_for(size_t n, size_t from, size_t to) {
  if (from >= (n - 1) / 2 && to <= n / 2 + 1) return middle_networks[n];
  if (from >= n / 5 && to <= n - n / 5) return inner_networks[n];
  return sort_networks[n];
}
