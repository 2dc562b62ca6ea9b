/* Sorting networks over AVX2 registers. */
#include "robust/vector_avx2.h"

#include "robust/network_body.h"

void network_sort_avx2(const float *const *row, size_t n, size_t at, const void *const *ahead,
                       size_t from, size_t to, float *sorted) {
  network_for(n, from, to)(row, n, at, ahead, sorted);
}
