/* FLDetector (Zhang, Cao, Jia, Gong, KDD 2022): every client's next update is foretold from its
 * last one and from how the federation's updates have bent so far; who keeps being far off is under
 * suspicion.
 *
 * A round goes: measure, solve, add_errors, distances; then, over the last rounds, suspicion and
 * flag. All but the last two are sums over coordinates: shards of the coordinates may be measured
 * apart and added. Sums run in a fixed order, so that equal inputs give equal bits. Formulas:
 * science.md 7.1. Honest clients whose data differ are also foretold badly: a flag is a reason to
 * look, not a proof (the authors claim it for like data only). */
#ifndef ROBUST_FLDETECTOR_H
#define ROBUST_FLDETECTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "robust/rows.h"

enum { FLDETECTOR_PAIRS_MAX = 16 }; /* the paper keeps 10 */

/* What the federation remembers: `pairs` rounds, oldest first, and the round that is being judged.
 * The caller's, d floats each. */
struct fldetector_window {
  size_t pairs; /* 0..FLDETECTOR_PAIRS_MAX */
  size_t d;
  const float *const *step;   /* w_k - w_(k-1): how the model moved */
  const float *const *change; /* how the aggregated update changed at that step */
  const float *move; /* w_t - w_(t-1): how the model has moved since the clients' last updates */
};

/* Inner products of the window's vectors. */
struct fldetector_products {
  double step_step[FLDETECTOR_PAIRS_MAX][FLDETECTOR_PAIRS_MAX];
  double step_change[FLDETECTOR_PAIRS_MAX][FLDETECTOR_PAIRS_MAX]; /* <step k, change l> */
  double change_square[FLDETECTOR_PAIRS_MAX];
  double step_move[FLDETECTOR_PAIRS_MAX];
  double change_move[FLDETECTOR_PAIRS_MAX];
};

/* The foretold change of every update, as weights of the window's vectors: H v, the compact BFGS
 * matrix times the move. */
struct fldetector_forecast {
  double move;
  double step[FLDETECTOR_PAIRS_MAX];
  double change[FLDETECTOR_PAIRS_MAX];
};

void fldetector_measure(const struct fldetector_window *window,
                        struct fldetector_products *products);

/* Pairs whose step and change do not point the same way (cosine at most 1e-10) are left out;
 * without any left, nothing is foretold to change. If the system is singular the latest curvature
 * alone is used. */
void fldetector_solve(size_t pairs, const struct fldetector_products *products,
                      struct fldetector_forecast *forecast);

/* out[0..count): coordinates [from, from + count) of the foretold change. */
void fldetector_foretell(const struct fldetector_window *window,
                         const struct fldetector_forecast *forecast, size_t from, size_t count,
                         double *out);

/* square[i] += |now_i - last_i - foretold change|^2. Rows of the two rounds stand in the same order
 * of clients, n rows of window->d; any dtype. One pass over both. */
void fldetector_add_errors(const struct fldetector_window *window,
                           const struct fldetector_forecast *forecast,
                           const struct robust_rows *now, const struct robust_rows *last,
                           double *square);

/* distance[i] = sqrt(square[i]) as a share of all; zeros when everybody was foretold exactly. May
 * be `square`. */
void fldetector_distances(size_t n, const double *square, double *distance);

/* suspicion[i] = mean of distance[round][i] over `rounds` >= 1 rounds. */
void fldetector_suspicion(size_t n, size_t rounds, const double *const *distance,
                          double *suspicion);

/* How many clusters the suspicions may fall into, and how many uniform samples they are compared
 * with. */
struct fldetector_options {
  size_t clusters_max; /* 2..CLUSTER1D_MAX; 7 in the authors' code */
  size_t references;   /* at least 1; 10 there */
  uint64_t seed;
};

size_t fldetector_work_doubles(size_t n);

/* Whether the suspicions of n >= 1 clients fall into more than one cluster (gap statistic); if so,
 * is_flagged[i] says who is in the more suspicious half of the best split in two. If not, nobody is
 * flagged. `work` holds fldetector_work_doubles(n). */
bool fldetector_flag(size_t n, const double *suspicion, const struct fldetector_options *options,
                     double *work, bool *is_flagged);

#endif
