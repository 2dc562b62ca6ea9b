/* Finds a stretch of a row in memory, and converts it unless it lies there as wanted. */
#include "robust/convert.h"

#include <assert.h>

enum { CONVERT_BLOCK = 256 };

static const void *stretch(const struct robust_rows *rows, size_t i, size_t from) {
  return (const unsigned char *)rows->row[i] + from * robust_dtype_size(rows->dtype);
}

const float *rows_floats(const struct lanes *lanes, const struct robust_rows *rows, size_t i,
                         size_t from, size_t count, float *buffer) {
  assert(rows->dtype != ROBUST_F64);
  if (rows->dtype == ROBUST_F32) return stretch(rows, i, from);
  float scale = rows->dtype == ROBUST_I8 ? rows->scale[i] : 1.0F;
  lanes->to_floats(rows->dtype, stretch(rows, i, from), count, scale, buffer);
  return buffer;
}

const double *rows_doubles(const struct lanes *lanes, const struct robust_rows *rows, size_t i,
                           size_t from, size_t count, double *buffer) {
  if (rows->dtype == ROBUST_F64) return stretch(rows, i, from);
  for (size_t at = 0; at < count; at += CONVERT_BLOCK) {
    float narrow[CONVERT_BLOCK];
    size_t block = count - at < CONVERT_BLOCK ? count - at : CONVERT_BLOCK;
    const float *x = rows_floats(lanes, rows, i, from + at, block, narrow);
    for (size_t k = 0; k < block; k++) buffer[at + k] = (double)x[k];
  }
  return buffer;
}
