/* Sixteen floats in an AVX-512 register. Only lanes_avx512.c may include this: the file is compiled
 * for that processor. */
#ifndef ROBUST_VECTOR_H
#define ROBUST_VECTOR_H

#include <immintrin.h>
#include <stdbool.h>
#include <stdint.h>

enum { VEC_WIDTH = 16, HALF_WIDTH = 8, PRODUCT_ROWS = 5 };
enum { MIX_ROWS = 12, MIX_FEW = 4, MIX_VECTORS = 2 };
typedef __m512 vec;
typedef uint32_t vec_bits __attribute__((vector_size(64)));
typedef __m512d wide;
typedef __mmask8 wide_mask;

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

/* One instruction for any function of three bits: its truth table is the number. */
VEC_INLINE vec_bits bits_choose(vec_bits take_a, vec_bits a, vec_bits b) {
  return (vec_bits)_mm512_ternarylogic_epi32((__m512i)take_a, (__m512i)a, (__m512i)b, 0xca);
}

VEC_INLINE vec_bits bits_majority(vec_bits a, vec_bits b, vec_bits c) {
  return (vec_bits)_mm512_ternarylogic_epi32((__m512i)a, (__m512i)b, (__m512i)c, 0xe8);
}

VEC_INLINE wide wide_low(vec v) {
  return _mm512_cvtps_pd(_mm512_castps512_ps256(v));
}

VEC_INLINE wide wide_high(vec v) {
  return _mm512_cvtps_pd(_mm512_extractf32x8_ps(v, 1));
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

/* Of whole numbers whose sum is exact: fused or not does not show. */
VEC_INLINE wide wide_add_whole_product(wide a, wide b, wide sum) {
  return _mm512_fmadd_pd(a, b, sum);
}

VEC_INLINE double wide_total(wide v) {
  return _mm512_reduce_add_pd(v);
}

VEC_INLINE wide wide_fill(double value) {
  return _mm512_set1_pd(value);
}

VEC_INLINE wide_mask wide_less(wide a, wide b) {
  return _mm512_cmp_pd_mask(a, b, _CMP_LT_OQ);
}

VEC_INLINE wide_mask wide_not_less(wide a, wide b) {
  return _mm512_cmp_pd_mask(a, b, _CMP_GE_OQ);
}

VEC_INLINE wide wide_pick(wide_mask take_a, wide a, wide b) {
  return _mm512_mask_blend_pd(take_a, b, a);
}

VEC_INLINE wide wide_keep(wide_mask keep, wide v) {
  return _mm512_maskz_mov_pd(keep, v);
}

VEC_INLINE bool wide_any(wide_mask mask) {
  return mask != 0;
}

VEC_INLINE wide wide_min(wide a, wide b) {
  return _mm512_min_pd(a, b);
}

VEC_INLINE wide wide_max(wide a, wide b) {
  return _mm512_max_pd(a, b);
}

VEC_INLINE wide wide_absolute(wide v) {
  return _mm512_abs_pd(v);
}

#endif
