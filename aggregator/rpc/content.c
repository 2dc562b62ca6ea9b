/* The values are looked at in blocks that are counted from the first one: where the network cut the
 * bytes changes no sum. */
#include "aggregator/rpc/content.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "proto/tensor.h"
#include "robust/kernel.h"

enum { BLOCK_FLOATS = 1024 }; /* small enough for the nearest cache */

struct content {
  const uint8_t *base;
  uint64_t base_length, header; /* bytes, of the base */
  uint64_t seen;                /* bytes, of the update */
  double norm_max, squared;
  bool is_other_layout;
  bool is_not_finite; /* found in block `blocks` */
  uint64_t blocks;    /* looked at and found good */
  size_t held;        /* bytes in `block` */
  float block[BLOCK_FLOATS];
};

enum tamis_status content_open(const uint8_t *base, size_t base_length, double norm_max,
                               struct content **out, struct fault *fault) {
  uint64_t header = base_length >= 8 ? layout_header_size(base) : 0;
  if (!header || header > base_length)
    return fault_set(fault, TAMIS_CORRUPT, "the base model is no tensor file");
  struct content *content = calloc(1, sizeof *content);
  if (!content) return fault_plain(fault, TAMIS_NO_MEMORY);
  content->base = base;
  content->base_length = base_length;
  content->header = header;
  content->norm_max = norm_max;
  *out = content;
  return TAMIS_OK;
}

void content_close(struct content *content) {
  free(content);
}

static size_t smaller(uint64_t a, uint64_t b) {
  return (size_t)(a < b ? a : b);
}

/* Two files have the same layout when their headers are the same bytes (proto/tensor.h). Gives back
 * how many of these bytes are the header's. */
static size_t compare_header(struct content *content, const uint8_t *bytes, size_t length) {
  if (content->seen >= content->header) return 0;
  size_t count = smaller(length, content->header - content->seen);
  if (memcmp(bytes, content->base + content->seen, count) != 0) content->is_other_layout = true;
  return count;
}

static void look_at_block(struct content *content) {
  bool is_finite = false;
  double squared = 0;
  size_t count = content->held / sizeof(float);
  content->held = 0;
  if (content->is_not_finite) return;
  robust_inspect(content->block, count, &is_finite, &squared);
  content->is_not_finite = !is_finite;
  if (!is_finite) return;
  content->squared += squared;
  content->blocks++;
}

void content_add(struct content *content, const void *bytes, size_t length) {
  const uint8_t *byte = bytes, *end = byte + length;
  byte += compare_header(content, byte, length);
  content->seen += length;
  while (byte < end) {
    size_t count = smaller((size_t)(end - byte), sizeof content->block - content->held);
    memcpy((uint8_t *)content->block + content->held, byte, count);
    content->held += count;
    byte += count;
    if (content->held == sizeof content->block) look_at_block(content);
  }
}

static enum tamis_status not_finite(const struct content *content, struct fault *fault) {
  uint64_t first = content->blocks * BLOCK_FLOATS;
  uint64_t all = (content->base_length - content->header) / sizeof(float);
  uint64_t end = first + smaller(BLOCK_FLOATS, all - first);
  return fault_set(fault, TAMIS_NOT_FINITE,
                   "NaN or infinity among the parameters %" PRIu64 " to %" PRIu64
                   "; nothing was aggregated",
                   first, end - 1);
}

enum tamis_status content_verdict(struct content *content, struct fault *fault) {
  if (content->held > 0) look_at_block(content);
  if (content->seen != content->base_length)
    return fault_set(fault, TAMIS_WRONG_LAYOUT,
                     "the update has %" PRIu64 " bytes, the base model %" PRIu64, content->seen,
                     content->base_length);
  if (content->is_other_layout)
    return fault_set(fault, TAMIS_WRONG_LAYOUT,
                     "the update's header is not that of the base model, byte for byte");
  if (content->is_not_finite) return not_finite(content, fault);
  double norm = sqrt(content->squared);
  if (norm <= content->norm_max) return TAMIS_OK; /* false for a NaN */
  return fault_set(fault, TAMIS_NORM_TOO_LARGE, "the update's norm is %.6g, the round's cap %.6g",
                   norm, content->norm_max);
}
