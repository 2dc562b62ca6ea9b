/* The loops that turn the short spellings of a number into floats. Plain C over integers: every
 * instruction set has what it needs in vectors, and there are no denormals for it to stumble over,
 * of which binary16 updates are full. */
#include "robust/lanes.h"

#include <stdint.h>
#include <string.h>

/* A normal number has its exponent moved from bias 15 to 127; one without an exponent is its
 * fraction in steps of 2^-24; infinities and NaN keep all exponent bits set. */
static void halves_to_floats(const uint16_t *restrict from, size_t count, float *restrict to) {
  for (size_t k = 0; k < count; k++) {
    uint32_t magnitude = from[k] & 0x7fffU;
    float tiny = (float)(int32_t)magnitude * 0x1p-24F;
    uint32_t tiny_bits;
    memcpy(&tiny_bits, &tiny, sizeof tiny_bits);
    uint32_t bits = (magnitude << 13) + (112U << 23);
    bits += magnitude >= 0x7c00U ? 112U << 23 : 0;
    bits = magnitude < 0x400U ? tiny_bits : bits;
    bits |= (uint32_t)(from[k] & 0x8000U) << 16;
    memcpy(to + k, &bits, sizeof bits);
  }
}

static void brains_to_floats(const uint16_t *restrict from, size_t count, float *restrict to) {
  for (size_t k = 0; k < count; k++) {
    uint32_t bits = (uint32_t)from[k] << 16;
    memcpy(to + k, &bits, sizeof bits);
  }
}

static void bytes_to_floats(const int8_t *restrict from, size_t count, float scale,
                            float *restrict to) {
  for (size_t k = 0; k < count; k++) to[k] = (float)from[k] * scale;
}

static void to_floats(enum robust_dtype dtype, const void *from, size_t count, float scale,
                      float *to) {
  switch (dtype) {
  case ROBUST_F16: halves_to_floats(from, count, to); break;
  case ROBUST_BF16: brains_to_floats(from, count, to); break;
  case ROBUST_I8: bytes_to_floats(from, count, scale, to); break;
  case ROBUST_F32: memcpy(to, from, count * sizeof *to); break;
  case ROBUST_F64: break; /* has no exact floats */
  }
}
