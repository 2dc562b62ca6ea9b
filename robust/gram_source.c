/* Finds, gathers and converts a piece of a row for the Gram matrix. */
#include "robust/gram_source.h"
#include "robust/convert.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static void gather(const void *row, size_t size, const size_t *coordinates, size_t count,
                   void *to) {
  const unsigned char *from = row;
  unsigned char *out = to;
  for (size_t k = 0; k < count; k++) memcpy(out + k * size, from + coordinates[k] * size, size);
}

static const void *gathered(const struct gram_source *source, size_t i, size_t from, size_t count,
                            void *buffer) {
  const struct robust_rows *rows = source->rows;
  uint64_t raw[PANEL_TILE];
  gather(rows->row[i], robust_dtype_size(rows->dtype), source->coordinates + from, count, raw);
  if (rows->dtype == ROBUST_F32 || rows->dtype == ROBUST_F64)
    return memcpy(buffer, raw, count * robust_dtype_size(rows->dtype));
  float scale = rows->dtype == ROBUST_I8 ? rows->scale[i] : 1.0F;
  source->lanes->to_floats(rows->dtype, raw, count, scale, buffer);
  return buffer;
}

const void *gram_source_piece(const struct gram_source *source, size_t i, size_t from, size_t count,
                              void *buffer) {
  bool is_wide = source->rows->dtype == ROBUST_F64;
  if (i == source->rows->n)
    return (const unsigned char *)source->last + from * (is_wide ? sizeof(double) : sizeof(float));
  if (source->coordinates != NULL) return gathered(source, i, from, count, buffer);
  if (is_wide) return rows_doubles(source->lanes, source->rows, i, from, count, buffer);
  return rows_floats(source->lanes, source->rows, i, from, count, buffer);
}

const unsigned char *gram_source_raw(const struct gram_source *source, size_t i, size_t from,
                                     size_t count, size_t *bytes) {
  const struct robust_rows *rows = source->rows;
  size_t size = robust_dtype_size(rows->dtype);
  *bytes = source->coordinates == NULL && i < rows->n ? count * size : 0;
  return *bytes > 0 ? (const unsigned char *)rows->row[i] + from * size : NULL;
}
