/* Four floats in a GNU vector: the widths every 64-bit processor has, with no instruction set
 * named. */
#ifndef ROBUST_VECTOR_H
#define ROBUST_VECTOR_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { VEC_WIDTH = 4, HALF_WIDTH = 2, PRODUCT_ROWS = 3 };
enum { MIX_ROWS = 4, MIX_FEW = 1, MIX_VECTORS = 2 };
typedef float vec __attribute__((vector_size(16)));
typedef int32_t vec_mask __attribute__((vector_size(16)));
typedef uint32_t vec_bits __attribute__((vector_size(16)));
typedef float half_vec __attribute__((vector_size(8)));
typedef double wide __attribute__((vector_size(16)));
typedef int64_t wide_mask __attribute__((vector_size(16)));

#define VEC_INLINE static inline __attribute__((always_inline))

VEC_INLINE vec vec_load(const float *from) {
  vec v;
  memcpy(&v, from, sizeof v);
  return v;
}

VEC_INLINE void vec_store(float *to, vec v) {
  memcpy(to, &v, sizeof v);
}

VEC_INLINE vec vec_fill(float value) {
  return (vec){value, value, value, value};
}

VEC_INLINE vec vec_pick(vec_mask take_a, vec a, vec b) {
  return (vec)((take_a & (vec_mask)a) | (~take_a & (vec_mask)b));
}

VEC_INLINE vec vec_min(vec a, vec b) {
  return vec_pick(a < b, a, b);
}

VEC_INLINE vec vec_max(vec a, vec b) {
  return vec_pick(a > b, a, b);
}

VEC_INLINE vec_bits bits_choose(vec_bits take_a, vec_bits a, vec_bits b) {
  return (take_a & a) | (~take_a & b);
}

VEC_INLINE vec_bits bits_majority(vec_bits a, vec_bits b, vec_bits c) {
  return (a & b) | ((a | b) & c);
}

VEC_INLINE wide wide_low(vec v) {
  return (wide){(double)v[0], (double)v[1]};
}

VEC_INLINE wide wide_high(vec v) {
  return (wide){(double)v[2], (double)v[3]};
}

VEC_INLINE wide wide_load(const float *from) {
  half_vec v;
  memcpy(&v, from, sizeof v);
  return __builtin_convertvector(v, wide);
}

VEC_INLINE void wide_store(double *to, wide v) {
  memcpy(to, &v, sizeof v);
}

VEC_INLINE wide wide_load_double(const double *from) {
  wide v;
  memcpy(&v, from, sizeof v);
  return v;
}

/* Rounded once, as FMA instructions do: slow where the processor has none. */
VEC_INLINE wide wide_multiply_add(wide a, wide b, wide sum) {
  return (wide){fma(a[0], b[0], sum[0]), fma(a[1], b[1], sum[1])};
}

/* Of whole numbers whose sum is exact: fused or not does not show. */
VEC_INLINE wide wide_add_whole_product(wide a, wide b, wide sum) {
  return a * b + sum;
}

VEC_INLINE double wide_total(wide v) {
  return v[0] + v[1];
}

VEC_INLINE wide wide_fill(double value) {
  return (wide){value, value};
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
  return (mask[0] | mask[1]) != 0;
}

VEC_INLINE wide wide_min(wide a, wide b) {
  return wide_pick(a < b, a, b);
}

VEC_INLINE wide wide_max(wide a, wide b) {
  return wide_pick(a > b, a, b);
}

VEC_INLINE wide wide_absolute(wide v) {
  return (wide)((wide_mask)v & INT64_MAX);
}

#endif
