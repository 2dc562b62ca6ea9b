/* The sorting networks that exist; what they do is said at `sort` in lanes.h. Internal. */
#ifndef ROBUST_NETWORK_H
#define ROBUST_NETWORK_H

#include <stddef.h>

void network_sort_avx2(const float *const *row, size_t n, size_t at, const void *const *ahead,
                       size_t from, size_t to, float *sorted);
void network_sort_avx512(const float *const *row, size_t n, size_t at, const void *const *ahead,
                         size_t from, size_t to, float *sorted);

#endif
