/* The weighted sum before it is anybody's result. Internal. */
#ifndef ROBUST_SUM_H
#define ROBUST_SUM_H

#include "robust/kernel.h"
#include "robust/sink.h"

/* robust_weighted_sum into a sink, which may add more before the rounding. */
enum robust_status kernel_weighted_sum(const struct robust_rows *rows, const double *weights,
                                       const size_t *order, const struct robust_scratch *scratch,
                                       const struct sink *sink, struct robust_error *error);

#endif
