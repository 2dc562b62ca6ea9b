/* Cuts a pass over the rows into blocks small enough that their pages can be given back. */
#include "robust/rows.h"

size_t robust_rows_block(const struct robust_rows *rows, size_t step) {
  if (rows->release == NULL) return (rows->d / step + 1) * step;
  size_t steps = ROBUST_BLOCK_BYTES / (robust_dtype_size(rows->dtype) * rows->n * step);
  return steps > 0 ? steps * step : step;
}

size_t robust_dtype_size(enum robust_dtype dtype) {
  switch (dtype) {
  case ROBUST_F64: return 8;
  case ROBUST_F32: return 4;
  case ROBUST_F16:
  case ROBUST_BF16: return 2;
  case ROBUST_I8: return 1;
  }
  return 0;
}
