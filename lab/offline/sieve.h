/* Three aggregations written the naive way, in double, from their definitions: an experiment's
 * yardstick that shares no line with robust/. */
#ifndef TAMIS_LAB_OFFLINE_SIEVE_H
#define TAMIS_LAB_OFFLINE_SIEVE_H

#include <stdbool.h>
#include <stddef.h>

enum sieve_rule { SIEVE_MEAN, SIEVE_MULTI_KRUM, SIEVE_TRIMMED_MEAN };

/* Aggregates `n` rows of `d` finite floats into out[d]; f liars are tolerated, 2f < n (the mean
 * ignores f). kept[i] says whether row i counted; a coordinate-wise rule keeps all. multi_krum:
 * neighbours n-f-1, m = n-f, squared distances (byzfl). */
void sieve_aggregate(enum sieve_rule rule, const float *const *rows, size_t n, size_t d, size_t f,
                     const double *gram, float *out, bool *kept);

#endif
