/* What changed between two files of one layout, tensor by tensor, in one pass over both. */
#ifndef TAMIS_CLI_MODEL_DIFFERENCE_H
#define TAMIS_CLI_MODEL_DIFFERENCE_H

#include <stddef.h>
#include <stdint.h>
#include "proto/fault.h"
#include "proto/tensor.h"

/* Of the changes new - old of one tensor, or of all. Sums are in double, in the order of the file.
 */
struct difference {
  uint64_t count, changed;
  double norm;         /* L2, of the changes */
  double norm_before;  /* L2, of the old numbers */
  double largest;      /* of the changes, in size; with its sign */
  uint64_t largest_at; /* element of the tensor (of the whole file in the total), the first such */
};

/* `before` and `after` are whole safetensors files of float32. WRONG_LAYOUT when they are none, or
 * of different layouts. `layout` is the caller's to close; `*each` has layout->tensor_count
 * elements, malloc'd, the caller frees it. Numbers that are not finite give norms that are not. */
enum tamis_status model_difference(const uint8_t *before, size_t before_length,
                                   const uint8_t *after, size_t after_length, struct layout *layout,
                                   struct difference **each, struct difference *total,
                                   struct fault *fault);

#endif
