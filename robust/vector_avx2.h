/* Eight floats in an AVX2 register, with FMA. Only lanes_avx2.c may include this: the file is
 * compiled for that processor. */
#ifndef ROBUST_VECTOR_H
#define ROBUST_VECTOR_H

#include <immintrin.h>
#include <stdbool.h>
#include <stdint.h>

enum { VEC_WIDTH = 8, HALF_WIDTH = 4, PRODUCT_ROWS = 3 };
enum { MIX_ROWS = 6, MIX_FEW = 2, MIX_VECTORS = 2 };
typedef __m256 vec;
typedef uint32_t vec_bits __attribute__((vector_size(32)));
typedef __m256d wide;
typedef int64_t wide_mask __attribute__((vector_size(32)));

#define VEC_INLINE static inline __attribute__((always_inline))

VEC_INLINE vec vec_load(const float *from) {
  return _mm256_loadu_ps(from);
}

VEC_INLINE void vec_store(float *to, vec v) {
  _mm256_storeu_ps(to, v);
}

VEC_INLINE vec vec_fill(float value) {
  return _mm256_set1_ps(value);
}

VEC_INLINE vec vec_min(vec a, vec b) {
  return _mm256_min_ps(a, b);
}

VEC_INLINE vec vec_max(vec a, vec b) {
  return _mm256_max_ps(a, b);
}

VEC_INLINE vec_bits bits_choose(vec_bits take_a, vec_bits a, vec_bits b) {
  return (take_a & a) | (~take_a & b);
}

VEC_INLINE vec_bits bits_majority(vec_bits a, vec_bits b, vec_bits c) {
  return (a & b) | ((a | b) & c);
}

VEC_INLINE wide wide_low(vec v) {
  return _mm256_cvtps_pd(_mm256_castps256_ps128(v));
}

VEC_INLINE wide wide_high(vec v) {
  return _mm256_cvtps_pd(_mm256_extractf128_ps(v, 1));
}

VEC_INLINE wide wide_load(const float *from) {
  return _mm256_cvtps_pd(_mm_loadu_ps(from));
}

VEC_INLINE void wide_store(double *to, wide v) {
  _mm256_storeu_pd(to, v);
}

VEC_INLINE wide wide_load_double(const double *from) {
  return _mm256_loadu_pd(from);
}

VEC_INLINE wide wide_multiply_add(wide a, wide b, wide sum) {
  return _mm256_fmadd_pd(a, b, sum);
}

/* Of whole numbers whose sum is exact: fused or not does not show. */
VEC_INLINE wide wide_add_whole_product(wide a, wide b, wide sum) {
  return _mm256_fmadd_pd(a, b, sum);
}

VEC_INLINE double wide_total(wide v) {
  return (v[0] + v[1]) + (v[2] + v[3]);
}

VEC_INLINE wide wide_fill(double value) {
  return _mm256_set1_pd(value);
}

VEC_INLINE wide_mask wide_less(wide a, wide b) {
  return (wide_mask)(a < b);
}

VEC_INLINE wide_mask wide_not_less(wide a, wide b) {
  return (wide_mask)(a >= b);
}

VEC_INLINE wide wide_pick(wide_mask take_a, wide a, wide b) {
  return (wide)((take_a & (wide_mask)a) | (~take_a & (wide_mask)b));
}

VEC_INLINE wide wide_keep(wide_mask keep, wide v) {
  return (wide)(keep & (wide_mask)v);
}

VEC_INLINE bool wide_any(wide_mask mask) {
  return _mm256_movemask_pd((wide)mask) != 0;
}

VEC_INLINE wide wide_min(wide a, wide b) {
  return _mm256_min_pd(a, b);
}

VEC_INLINE wide wide_max(wide a, wide b) {
  return _mm256_max_pd(a, b);
}

VEC_INLINE wide wide_absolute(wide v) {
  return _mm256_andnot_pd(_mm256_set1_pd(-0.0), v);
}

#endif
