/* Numbers about each row of a round, all from the Gram matrix: how long, how far from the rest, how
 * alike. */
#ifndef ROBUST_SCORE_H
#define ROBUST_SCORE_H

#include <stdbool.h>
#include <stddef.h>

#include "robust/scratch.h"
#include "robust/status.h"

/* Cosines are 0 where either vector is zero, and within [-1, 1]. */
struct robust_score {
  double norm;          /* |x_i| */
  double norm_ratio;    /* |x_i| over the median length; where that is 0: 1 for zeros, DBL_MAX for
                           others */
  double krum;          /* sum of squared distances to the `neighbours` nearest other rows */
  double distance;      /* |x_i - centre| */
  double cosine;        /* cos(x_i, centre) */
  double cosine_others; /* cos(x_i, the centre with row i's share taken out); 0 when row i was all
                           of it */
  size_t nearest; /* the other row of largest cosine, first in the order among equals; i itself when
                     n is 1 */
  double nearest_cosine; /* cos(x_i, x_nearest); 0 when n is 1 */
  size_t degree; /* how many rows, itself included, have row i among their neighbours + 1 nearest,
                    themselves included: with n - f - 1 neighbours, how often nnm would use it;
                    honest rows usually reach n - 2f (science.md 7.5) */
};

/* The centre is a smoothed geometric median: weights proportional to 1 / max(nu, distance),
 * Weiszfeld's iteration run a fixed number of times, nu being nu_rel times the median distance of
 * that iteration. It starts from the row whose median distance to the others is least, and rows
 * farther than 2^20 median distances weigh nothing, so that neither the start nor the cancellation
 * is in a liar's hand (breakdown point 1/2). */
struct robust_score_options {
  size_t neighbours; /* 1 .. n - 1; cut to n - 1; n - f - 1 is Krum's own */
  double nu_rel;     /* above 0; 0.1 is a good choice */
  size_t iterations; /* 32 is plenty */
};

size_t robust_score_scratch_bytes(size_t n);

/* score[0..n) from the Gram matrix of n >= 1 rows; about iterations x n^2 steps. `order` is a
 * permutation (NULL: identity) in which sums run and ties break. `centre` receives the n weights of
 * the centre, which add up to 1, so that robust_weighted_sum can make it; NULL when nobody asks.
 * `options` must be sensible: they are ours, not a client's. */
enum robust_status robust_score(size_t n, const double *gram, const size_t *order,
                                const struct robust_score_options *options,
                                const struct robust_scratch *scratch, struct robust_score *score,
                                double *centre, struct robust_error *error);

/* Around each of n rows, from the Gram matrix: krum[i] = sum of squared distances to the
 * `neighbours` nearest chosen rows other than i (all of them when there are fewer), added upwards;
 * degree[i] = how many chosen rows other than i have it as near as the last of their own
 * `neighbours`. Rows that are not chosen are measured too but are nobody's neighbour. `work` holds
 * 2 n doubles. About n^2 steps and n sorts of `neighbours`. */
void robust_neighbourhood(size_t n, const double *gram, const bool *chosen, size_t neighbours,
                          double *krum, size_t *degree, double *work);

/* Cosine from three entries of a Gram matrix. */
double robust_cosine(double inner, double norm_squared_x, double norm_squared_y);

/* The middle value, the mean of the two middle ones for even n >= 1. `work` holds n doubles;
 * `values` is not changed. */
double robust_median(size_t n, const double *values, double *work);

/* z[i] = (values[i] - median) / max(1.4826 MAD, floor), MAD being the median distance from the
 * median: 1.4826 MAD is the standard deviation of a normal cohort. `floor` (0 or more, in the unit
 * of the values) keeps a cohort of near-clones from branding a hair's breadth. Where that scale is
 * 0, z is 0 for values at the median and +-ROBUST_Z_CAP for others. `work` holds n doubles; z may
 * be `values`. */
#define ROBUST_Z_CAP 10.0
void robust_z_scores(size_t n, const double *values, double floor, double *z, double *work);

#endif
