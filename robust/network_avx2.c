/* Sorting networks over AVX2 registers. */
#include "robust/vector_avx2.h"

#include "robust/network_body.h"

void network_sort_avx2(const float *const *row, size_t n, size_t at, const void *const *ahead,
                       float *sorted) {
  sorters[n](row, n, at, ahead, sorted);
}
