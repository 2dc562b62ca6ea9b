/* One pass over the mapped update, block by block in fixed order, so that the same bytes are always
 * judged the same. */
#include "aggregator/rpc/content.h"

#include <math.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "proto/tensor.h"
#include "robust/kernel.h"

enum { BLOCK_FLOATS = 1 << 16 };

/* Two files have the same layout when their headers are the same bytes (proto/tensor.h). */
static enum tamis_status layout_check(const uint8_t *update, size_t update_length,
                                      const uint8_t *base, size_t base_length, size_t *header,
                                      struct fault *fault) {
  *header = base_length >= 8 ? (size_t)layout_header_size(base) : 0;
  if (!*header || *header > base_length)
    return fault_set(fault, TAMIS_CORRUPT, "the base model is no tensor file");
  if (update_length != base_length)
    return fault_set(fault, TAMIS_WRONG_LAYOUT, "the update has %zu bytes, the base model %zu",
                     update_length, base_length);
  if (memcmp(update, base, *header))
    return fault_set(fault, TAMIS_WRONG_LAYOUT,
                     "the update's header is not that of the base model, byte for byte");
  return TAMIS_OK;
}

/* Whole pages inside [from, from + length) are given back; the mapping stays and would be read
 * again from the file. */
static void forget(const uint8_t *from, size_t length) {
  uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
  uintptr_t start = ((uintptr_t)from + page - 1) / page * page;
  uintptr_t end = ((uintptr_t)from + length) / page * page;
  if (start < end) madvise((void *)start, end - start, MADV_DONTNEED);
}

enum tamis_status content_check(const uint8_t *update, size_t update_length, const uint8_t *base,
                                size_t base_length, double norm_max, struct fault *fault) {
  size_t header = 0;
  enum tamis_status status = layout_check(update, update_length, base, base_length, &header, fault);
  if (status) return status;
  const float *values = (const float *)(const void *)(update + header);
  size_t count = (update_length - header) / sizeof(float);
  double total = 0.0;
  for (size_t at = 0; at < count; at += BLOCK_FLOATS) {
    size_t length = count - at < BLOCK_FLOATS ? count - at : BLOCK_FLOATS;
    bool is_finite = false;
    double squared = 0.0;
    robust_inspect(values + at, length, &is_finite, &squared);
    if (!is_finite)
      return fault_set(fault, TAMIS_NOT_FINITE,
                       "NaN or infinity among the parameters %zu to %zu; nothing was aggregated",
                       at, at + length - 1);
    total += squared;
    forget((const uint8_t *)(values + at), length * sizeof(float));
  }
  if (!(sqrt(total) <= norm_max))
    return fault_set(fault, TAMIS_NORM_TOO_LARGE, "the update's norm is %.6g, the round's cap %.6g",
                     sqrt(total), norm_max);
  return TAMIS_OK;
}
