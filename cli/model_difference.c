/* Reads both files where they lie, each number once; subtracts before squaring. */
#include "cli/model_difference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double number_at(const uint8_t *data, uint64_t i) {
  float value;
  memcpy(&value, data + 4 * i, sizeof value); /* little-endian, as the file */
  return (double)value;
}

/* Squares of both norms are gathered in their places first. */
static void take_tensor(const struct tensor *tensor, const uint8_t *before, const uint8_t *after,
                        struct difference *one) {
  *one = (struct difference){.count = tensor->count};
  for (uint64_t i = 0; i < tensor->count; i++) {
    double old = number_at(before, tensor->offset + i);
    double change = number_at(after, tensor->offset + i) - old;
    one->norm += change * change;
    one->norm_before += old * old;
    if (change == 0) continue;
    one->changed++;
    if (fabs(change) <= fabs(one->largest)) continue;
    one->largest = change;
    one->largest_at = i;
  }
}

static void add_to_total(const struct tensor *tensor, const struct difference *one,
                         struct difference *total) {
  total->count += one->count;
  total->changed += one->changed;
  total->norm += one->norm;
  total->norm_before += one->norm_before;
  if (fabs(one->largest) <= fabs(total->largest)) return;
  total->largest = one->largest;
  total->largest_at = tensor->offset + one->largest_at;
}

static void take_roots(struct difference *one) {
  one->norm = sqrt(one->norm);
  one->norm_before = sqrt(one->norm_before);
}

static enum tamis_status compare_layouts(const struct layout *layout, const uint8_t *after,
                                         size_t length, struct fault *fault) {
  struct layout other;
  enum tamis_status status = layout_parse(after, length, length, &other, fault);
  if (status != TAMIS_OK) return status;
  if (!digest_equal(&layout->digest, &other.digest))
    status = fault_set(fault, TAMIS_WRONG_LAYOUT,
                       "the two models have other tensors or other shapes: there is no difference "
                       "number by number");
  layout_close(&other);
  return status;
}

enum tamis_status model_difference(const uint8_t *before, size_t before_length,
                                   const uint8_t *after, size_t after_length, struct layout *layout,
                                   struct difference **each, struct difference *total,
                                   struct fault *fault) {
  *each = NULL;
  *total = (struct difference){0};
  enum tamis_status status = layout_parse(before, before_length, before_length, layout, fault);
  if (status != TAMIS_OK) return status;
  status = compare_layouts(layout, after, after_length, fault);
  if (status == TAMIS_OK) {
    *each = calloc(layout->tensor_count, sizeof **each);
    if (*each == NULL) status = fault_plain(fault, TAMIS_NO_MEMORY);
  }
  if (status != TAMIS_OK) {
    layout_close(layout);
    return status;
  }
  for (size_t i = 0; i < layout->tensor_count; i++) {
    take_tensor(&layout->tensor[i], before + layout->header_size, after + layout->header_size,
                &(*each)[i]);
    add_to_total(&layout->tensor[i], &(*each)[i], total);
    take_roots(&(*each)[i]);
  }
  take_roots(total);
  return TAMIS_OK;
}
