/* FABA (Xia, Tao, Hao and Li, IJCAI 2019): f times, the row farthest from the mean of those left
 * goes; the mean of the rest.
 *
 * Withstands f liars, 2f < n, who stand away from the honest mean one after the other. Cost: the
 * Gram matrix, then f n steps. Poor against a group so far away that it drags the mean to itself:
 * an honest row may then be the farthest, and liars near half of the rows win; also against liars
 * inside the honest spread, where the honest odd ones go first. */
#include "robust/gram.h"
#include "robust/rule.h"

enum { F };

static size_t work_doubles(const struct rule_value *value, size_t n) {
  (void)value;
  return n * n;
}

/* With S left, |x_i - mean|^2 is sum_(j in S) D_ij / |S| less a number that all rows share: the
 * sums rank alike, and when a row goes its column is taken off them. */
static void sum_columns(size_t n, const double *distances, double *sum) {
  for (size_t i = 0; i < n; i++) {
    sum[i] = 0.0;
    for (size_t j = 0; j < n; j++) sum[i] += distances[i * n + j];
  }
}

/* The farthest of those left, the last of equals, so that the first stay; *next is the runner-up's
 * sum. */
static size_t find_farthest(size_t n, const double *weight, const double *sum, double *next) {
  size_t farthest = n;
  *next = 0.0;
  for (size_t i = 0; i < n; i++) {
    if (!(weight[i] > 0.0)) continue;
    bool is_farther = farthest == n || sum[i] >= sum[farthest];
    double beaten = is_farther ? (farthest < n ? sum[farthest] : 0.0) : sum[i];
    if (beaten > *next) *next = beaten;
    if (is_farther) farthest = i;
  }
  return farthest;
}

/* Scores are the sums of squared distances to those left, as they stood when the row went, or at
 * the end; the margin is the narrowest of all choices. */
static void weigh(const struct rule_input *input, struct rule_finding *finding) {
  size_t n = input->n;
  size_t f = input->value[F].count;
  double *distances = input->work;
  double *sum = finding->score;
  robust_distances(n, input->gram, distances);
  sum_columns(n, distances, sum);
  for (size_t i = 0; i < n; i++) finding->weight[i] = 1.0 / (double)(n - f);
  for (size_t gone = 0; gone < f; gone++) {
    double next;
    size_t out = find_farthest(n, finding->weight, sum, &next);
    double margin = sum[out] > 0.0 ? (sum[out] - next) / sum[out] : 0.0;
    if (margin < finding->margin) finding->margin = margin;
    finding->weight[out] = 0.0;
    for (size_t i = 0; i < n; i++)
      if (finding->weight[i] > 0.0) sum[i] -= distances[i * n + out];
  }
}

extern const struct rule rule_faba;
const struct rule rule_faba = {.name = "faba",
                               .kind = RULE_BY_WEIGHTS,
                               .reads = RULE_READS_GRAM,
                               .parameter = {{.name = "f", .is_required = true}},
                               .unmet = rule_unmet_majority,
                               .work_doubles = work_doubles,
                               .weigh = weigh};
