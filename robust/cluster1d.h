/* The best grouping of numbers on a line: exact where k-means in more dimensions has to guess.
 * Internal. */
#ifndef ROBUST_CLUSTER1D_H
#define ROBUST_CLUSTER1D_H

#include <stddef.h>
#include <stdint.h>

enum { CLUSTER1D_MAX = 16 };

/* cost[k - 1] = the least sum of squared distances to the clusters' means when n >= 1 ascending
 * values are cut into k clusters, k = 1..k_max <= CLUSTER1D_MAX; 0 from the number of distinct
 * values on. About k_max n^2 / 2 steps. `work` holds k_max n doubles. */
void cluster1d_costs(size_t n, const double *sorted, size_t k_max, double *cost, double *work);

/* Where the upper of the two best clusters of n >= 2 ascending values starts, 1..n-1; the first
 * such place of equals. About n steps. `work` holds n doubles. */
size_t cluster1d_halves(size_t n, const double *sorted, double *work);

size_t cluster1d_gap_work(size_t n, size_t k_max);

/* How many clusters n >= 1 ascending values fall into, by the gap statistic (Tibshirani, Walther,
 * Hastie, 2001) against `references` >= 1 samples of n uniform values between the first and the
 * last, drawn from `seed`: the first k whose gap reaches that of k + 1 less its deviation, k_max >=
 * 2 if none does. The gap is log(mean cost of the samples) - log(cost), the log of the mean as in
 * FLDetector's code, not the mean of logs as in the paper. Equal values are one cluster. */
size_t cluster1d_gap(size_t n, const double *sorted, size_t k_max, size_t references, uint64_t seed,
                     double *work);

#endif
