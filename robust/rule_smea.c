/* Smallest maximum eigenvalue averaging (Allouah, Guerraoui, Gupta, Pinot and Stephan, ICML 2023):
 * the mean of the n - f rows whose covariance has the smallest top eigenvalue.
 *
 * Withstands f liars, 2f < n. Cost: the Gram matrix, then all subsets in the worst case, so n is at
 * most 20 (167,960 subsets at f = 9, 25 ms or so). Three things make a subset cheap: two of
 * its rows too far apart condemn it and all that begin like it, since they alone stretch the
 * covariance; whether the eigenvalue is below a bound takes one elimination, no eigenvalue; and few
 * are below. Subsets come in lexicographic order and the first of several is taken, as in ByzFL;
 * but here a subset without any variance wins, where ByzFL meets a NaN and skips it. Scores are 0:
 * subsets are ranked, not rows; the margin is that of the second-best subset. Poor beyond a handful
 * of clients: CAF has the same aim in polynomial time. */
#include "robust/centred.h"
#include "robust/eigen.h"
#include "robust/gram.h"
#include "robust/lowest.h"
#include "robust/rule.h"

#include <math.h>
#include <string.h>

enum { F };
enum { ROWS_MAX = 20 };

/* A bound is met with this to spare, so that no rounding in the short cuts can turn away what the
 * eigenvalue itself would let pass. */
static const double slack = 1.0 + 0x1p-30;

/* Eigenvalues are of the scatter, the covariance times m: that changes no order. */
struct smea {
  size_t n;
  size_t m; /* rows of a subset */
  const double *distances;
  size_t chosen[ROWS_MAX];
  size_t best[ROWS_MAX];
  double least, next;                /* top eigenvalues of the two best subsets */
  double among[ROWS_MAX * ROWS_MAX]; /* distances among the chosen */
  double scatter[ROWS_MAX * ROWS_MAX];
  double even[ROWS_MAX];
  double vector[ROWS_MAX];
  double work[5 * ROWS_MAX];
};

static const char *unmet(const struct rule_value *value, size_t n) {
  if (!rule_has_honest_majority(value[F].count, n)) return "2f < n";
  return n <= ROWS_MAX ? NULL : "n <= 20";
}

static size_t work_doubles(const struct rule_value *value, size_t n) {
  (void)value;
  return n * n;
}

/* The direction from one of two rows to the other has half their squared distance of scatter. */
static bool is_near_all(const struct smea *smea, size_t taken, size_t i) {
  for (size_t k = 0; k < taken; k++)
    if (0.5 * smea->distances[i * smea->n + smea->chosen[k]] > smea->next * slack) return false;
  return true;
}

/* Whether every eigenvalue is below the bound: all pivots of (bound I - scatter) are positive. */
static bool is_below(size_t m, const double *scatter, double bound) {
  double left[ROWS_MAX * ROWS_MAX];
  if (isinf(bound)) return true;
  for (size_t i = 0; i < m; i++)
    for (size_t j = 0; j <= i; j++) left[i * m + j] = (i == j ? bound : 0.0) - scatter[i * m + j];
  for (size_t k = 0; k < m; k++) {
    if (!(left[k * m + k] > 0.0)) return false;
    for (size_t i = k + 1; i < m; i++) {
      double factor = left[i * m + k] / left[k * m + k];
      for (size_t j = k + 1; j <= i; j++) left[i * m + j] -= factor * left[j * m + k];
    }
  }
  return true;
}

static void consider(struct smea *smea) {
  size_t m = smea->m;
  for (size_t i = 0; i < m; i++)
    for (size_t j = 0; j < m; j++)
      smea->among[i * m + j] = smea->distances[smea->chosen[i] * smea->n + smea->chosen[j]];
  centred_gram(m, smea->among, smea->even, smea->scatter, smea->work);
  if (!is_below(m, smea->scatter, smea->next * slack)) return;
  double top = eigen_top(m, smea->scatter, smea->vector, smea->work);
  if (top < smea->least) {
    smea->next = smea->least;
    smea->least = top;
    memcpy(smea->best, smea->chosen, m * sizeof *smea->best);
  } else if (top < smea->next) {
    smea->next = top;
  }
}

/* All subsets that begin with the `taken` rows chosen, in lexicographic order. */
static void extend(struct smea *smea, size_t taken, size_t from) {
  if (taken == smea->m) {
    consider(smea);
    return;
  }
  for (size_t i = from; i + smea->m - taken <= smea->n; i++) {
    if (!is_near_all(smea, taken, i)) continue;
    smea->chosen[taken] = i;
    extend(smea, taken + 1, i + 1);
  }
}

static void weigh(const struct rule_input *input, struct rule_finding *finding) {
  size_t n = input->n;
  struct smea smea = {.n = n, .m = n - input->value[F].count, .distances = input->work};
  robust_distances(n, input->gram, input->work);
  for (size_t i = 0; i < smea.m; i++) smea.even[i] = 1.0 / (double)smea.m;
  smea.least = smea.next = INFINITY;
  extend(&smea, 0, 0);
  for (size_t i = 0; i < smea.m; i++) finding->weight[smea.best[i]] = 1.0 / (double)smea.m;
  finding->margin = lowest_margin(smea.least, smea.next);
}

extern const struct rule rule_smea;
const struct rule rule_smea = {.name = "smea",
                               .kind = RULE_BY_WEIGHTS,
                               .reads = RULE_READS_GRAM,
                               .parameter = {{.name = "f", .is_required = true}},
                               .unmet = unmet,
                               .work_doubles = work_doubles,
                               .weigh = weigh};
