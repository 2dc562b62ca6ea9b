/* The inner loops for any processor. Sorting works in memory: with few and narrow registers the
 * straight-line networks spill everything and cost 1.5 MB of code, so here the same comparisons are
 * a loop. */
#include "robust/vector_plain.h"

#include "robust/lanes_body.h"
#include "robust/lanes_tables.h"

static void sort_in_memory(const float *const *row, size_t n, size_t at, const void *const *ahead,
                           size_t from, size_t to, float *sorted) {
  (void)ahead;
  (void)from;
  (void)to;
  for (size_t i = 0; i < n; i++) vec_store(sorted + i * VEC_WIDTH, vec_load(row[i] + at));
  merge(sorted, n, 1);
}

const struct lanes lanes_plain = LANES_TABLE("plain", sort_in_memory);
