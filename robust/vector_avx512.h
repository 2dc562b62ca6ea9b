/* Sixteen floats in an AVX-512 register. Only lanes_avx512.c may include this: the file is compiled
 * for that processor. */
#ifndef ROBUST_VECTOR_H
#define ROBUST_VECTOR_H

#include <immintrin.h>

enum { VEC_WIDTH = 16, HALF_WIDTH = 8, PRODUCT_ROWS = 5 };
enum { MIX_ROWS = 12, MIX_FEW = 4, MIX_VECTORS = 2 };
typedef __m512 vec;
typedef __m512d wide;

#define VEC_INLINE static inline __attribute__((always_inline))

VEC_INLINE vec vec_load(const float *from) {
  return _mm512_loadu_ps(from);
}

VEC_INLINE void vec_store(float *to, vec v) {
  _mm512_storeu_ps(to, v);
}

VEC_INLINE vec vec_fill(float value) {
  return _mm512_set1_ps(value);
}

VEC_INLINE vec vec_min(vec a, vec b) {
  return _mm512_min_ps(a, b);
}

VEC_INLINE vec vec_max(vec a, vec b) {
  return _mm512_max_ps(a, b);
}

VEC_INLINE wide wide_load(const float *from) {
  return _mm512_cvtps_pd(_mm256_loadu_ps(from));
}

VEC_INLINE void wide_store(double *to, wide v) {
  _mm512_storeu_pd(to, v);
}

VEC_INLINE wide wide_load_double(const double *from) {
  return _mm512_loadu_pd(from);
}

VEC_INLINE wide wide_multiply_add(wide a, wide b, wide sum) {
  return _mm512_fmadd_pd(a, b, sum);
}

VEC_INLINE double wide_total(wide v) {
  return _mm512_reduce_add_pd(v);
}

VEC_INLINE wide wide_fill(double value) {
  return _mm512_set1_pd(value);
}

#endif
