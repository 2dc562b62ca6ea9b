/* Claimed example counts as shares of one. Internal. */
#ifndef ROBUST_SHARE_H
#define ROBUST_SHARE_H

#include <stdbool.h>
#include <stddef.h>

/* share[i] = counts[i] / sum of counts, for finite counts >= 0 of any size. False when nobody
 * claims an example: then there are no shares, and nothing is written. `share` may be `counts`. */
bool share_of_counts(size_t n, const double *counts, double *share);

#endif
