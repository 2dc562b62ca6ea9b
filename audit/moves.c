/* Differences are taken before squares: two models are nearly equal far more often than not. */
#include "audit/moves.h"

#include <math.h>
#include <string.h>
#include "proto/tensor.h"

static double cosine(double product, double left, double right) {
  return left > 0 && right > 0 ? product / (sqrt(left) * sqrt(right)) : 0;
}

static bool is_alike(const struct layout *layout, const struct blob_view *view) {
  return view->length == layout_file_size(layout) &&
         memcmp(view->bytes, layout->header, layout->header_size) == 0;
}

static void sum_up(const float *base, const float *model, const float *other, uint64_t count,
                   struct moves *moves) {
  double own = 0, its = 0, between = 0, gap = 0, along = 0;
  for (uint64_t i = 0; i < count; i++) {
    double a = (double)model[i] - (double)base[i], b = (double)other[i] - (double)base[i];
    double c = (double)model[i] - (double)other[i];
    own += a * a;
    its += b * b;
    between += a * b;
    gap += c * c;
    along += a * c;
  }
  *moves = (struct moves){.length = sqrt(own),
                          .other = sqrt(its),
                          .apart = sqrt(gap),
                          .cosine = cosine(between, own, its),
                          .direction = cosine(along, own, gap)};
}

static const float *values_of(const struct blob_view *view, const struct layout *layout) {
  return (const float *)(const void *)(view->bytes + layout->header_size);
}

enum tamis_status moves_compare(const struct blob_view *base, const struct blob_view *model,
                                const struct blob_view *other, struct moves *moves,
                                struct fault *fault) {
  struct layout layout;
  enum tamis_status status = layout_parse(base->bytes, base->length, base->length, &layout, fault);
  if (status != TAMIS_OK) return status;
  if (is_alike(&layout, model) && is_alike(&layout, other))
    sum_up(values_of(base, &layout), values_of(model, &layout), values_of(other, &layout),
           layout.parameters, moves);
  else
    status = fault_set(fault, TAMIS_WRONG_LAYOUT, "the models are not of one layout");
  layout_close(&layout);
  return status;
}
