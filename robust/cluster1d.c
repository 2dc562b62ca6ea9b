/* In one dimension clusters are intervals, so dynamic programming over their last element finds the
 * best (Wang, Song, R Journal 2011). */
#include "robust/cluster1d.h"
#include "robust/logarithm.h"
#include "robust/sort.h"
#include "robust/splitmix.h"

#include <assert.h>
#include <math.h>

/* A cluster that grows by one value at a time (Welford 1962): its cost never comes from a
 * difference of large numbers, and is exactly 0 while all values are equal. */
struct cluster {
  double count;
  double mean;
  double cost;
};

static void cluster_add(struct cluster *cluster, double value) {
  double deviation = value - cluster->mean;
  cluster->count += 1.0;
  cluster->mean += deviation / cluster->count;
  cluster->cost += deviation * (value - cluster->mean);
}

/* best[k * n + last]: the least cost of the values up to `last` in at most k + 1 clusters. */
void cluster1d_costs(size_t n, const double *sorted, size_t k_max, double *cost, double *best) {
  assert(n > 0 && k_max > 0 && k_max <= CLUSTER1D_MAX);
  for (size_t last = 0; last < n; last++) {
    struct cluster top = {0.0, 0.0, 0.0};
    for (size_t k = 0; k < k_max; k++) cost[k] = INFINITY;
    for (size_t first = last; first > 0; first--) {
      cluster_add(&top, sorted[first]);
      for (size_t k = 1; k < k_max; k++) {
        double total = best[(k - 1) * n + first - 1] + top.cost;
        if (total < cost[k]) cost[k] = total;
      }
    }
    cluster_add(&top, sorted[0]);
    for (size_t k = 0; k < k_max; k++) best[k * n + last] = top.cost < cost[k] ? top.cost : cost[k];
  }
  for (size_t k = 0; k < k_max; k++) cost[k] = best[k * n + n - 1];
}

size_t cluster1d_halves(size_t n, const double *sorted, double *below) {
  assert(n > 1);
  struct cluster low = {0.0, 0.0, 0.0};
  struct cluster high = {0.0, 0.0, 0.0};
  for (size_t i = 0; i < n; i++) {
    cluster_add(&low, sorted[i]);
    below[i] = low.cost;
  }
  size_t start = n - 1;
  double least = INFINITY;
  for (size_t i = n; i-- > 1;) {
    cluster_add(&high, sorted[i]);
    if (below[i - 1] + high.cost > least) continue;
    least = below[i - 1] + high.cost;
    start = i;
  }
  return start;
}

size_t cluster1d_gap_work(size_t n, size_t k_max) {
  return n + k_max * n;
}

/* Over the reference samples, for each k: mean cost, and mean and variance of its logarithm. */
struct reference_costs {
  double cost[CLUSTER1D_MAX];
  struct cluster log[CLUSTER1D_MAX];
};

static void measure_references(size_t n, const double *sorted, size_t k_max, size_t references,
                               uint64_t seed, double *work, struct reference_costs *measured) {
  *measured = (struct reference_costs){0};
  for (size_t r = 0; r < references; r++) {
    double cost[CLUSTER1D_MAX];
    for (size_t i = 0; i < n; i++)
      work[i] = sorted[0] + (sorted[n - 1] - sorted[0]) * splitmix_unit(&seed);
    sort_doubles(work, n);
    cluster1d_costs(n, work, k_max, cost, work + n);
    for (size_t k = 0; k < k_max; k++) {
      measured->cost[k] += cost[k] / (double)references;
      cluster_add(&measured->log[k], cost[k] > 0.0 ? logarithm(cost[k]) : 0.0);
    }
  }
}

/* Values that k clusters hold without any cost have a gap without end, which no further one can
 * pass; the samples' own cost may only be 0 where there are no more values than clusters. */
static double gap_of(double cost, double reference) {
  if (!(cost > 0.0)) return INFINITY;
  return logarithm(reference) - logarithm(cost);
}

size_t cluster1d_gap(size_t n, const double *sorted, size_t k_max, size_t references, uint64_t seed,
                     double *work) {
  double cost[CLUSTER1D_MAX];
  struct reference_costs reference;
  assert(k_max >= 2 && references > 0);
  cluster1d_costs(n, sorted, k_max, cost, work + n);
  if (!(cost[0] > 0.0)) return 1;
  measure_references(n, sorted, k_max, references, seed, work, &reference);
  double share = 1.0 + 1.0 / (double)references;
  for (size_t k = 1; k < k_max; k++) {
    double deviation = sqrt(share * reference.log[k].cost / (double)references);
    double gap = gap_of(cost[k - 1], reference.cost[k - 1]);
    double next = gap_of(cost[k], reference.cost[k]);
    if (isinf(gap) || gap >= next - deviation) return k;
  }
  return k_max;
}
