/* Cuts a pass over the rows into blocks small enough that their pages can be given back. */
#include "robust/rows.h"

size_t robust_rows_block(const struct robust_rows *rows, size_t step) {
  if (rows->release == NULL) return (rows->d / step + 1) * step;
  size_t steps = ROBUST_BLOCK_BYTES / (sizeof(float) * rows->n * step);
  return steps > 0 ? steps * step : step;
}
