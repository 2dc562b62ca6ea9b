/* The geometric median (RFA: Pillutla, Kakade and Harchaoui, IEEE Transactions on Signal Processing
 * 2022): the point of least summed distance to the rows, by Weiszfeld's iteration, smoothed.
 *
 * Withstands f < n/2, however far the liars are. Cost: the Gram matrix, then n^2 a step. Each step
 * weighs row i by 1 / max(nu, |x_i - z|), z being the point so far. Defaults are ByzFL's: nu = 0.1,
 * iterations = 3 from zero, which is not yet the median. The authors' own code is
 * geometric_median(nu=1e-5, iterations=4, init=mean, weighted=yes, tolerance=1e-6): weighted
 * multiplies by the claimed examples, and tolerance stops once the summed distance changes by less
 * than that part of itself. Poor when nu is far from the rows' scale: much below nu everything is
 * the plain mean; so `nu_rel` says it in median norms of the rows. Poor too when liars stand
 * together just outside the honest: then they pull as hard as honest rows do. */
#include "robust/radius.h"
#include "robust/rule.h"
#include "robust/share.h"
#include "robust/sort.h"

#include <math.h>

enum { NU, NU_REL, ITERATIONS, INIT, WEIGHTED, TOLERANCE };
enum { ITERATIONS_MAX = 10000 };

/* Smaller ones count as this: 1/nu must be a number. It is what remains of nu_rel when most rows
 * are zero; those then outweigh all others. */
static const double nu_least = 0x1p-500;

static const char *const starts[] = {"zero", "mean", NULL};
static const char *const no_or_yes[] = {"no", "yes", NULL};

struct descent {
  size_t n;
  const double *gram;
  double nu;
  double *share;  /* what the rows weigh apart from distance; adds up to 1 */
  double *radius; /* distances from the point so far */
  double *spare;
};

static const char *unmet(const struct rule_value *value, size_t n) {
  (void)n;
  if (value[NU].is_given && value[NU_REL].is_given) return "nu or nu_rel, not both";
  if (value[NU].is_given && !(value[NU].number > 0.0)) return "nu > 0";
  if (value[NU_REL].is_given && !(value[NU_REL].number > 0.0)) return "nu_rel > 0";
  if (value[ITERATIONS].count > ITERATIONS_MAX) return "iterations <= 10000";
  if (!(value[TOLERANCE].number >= 0.0)) return "tolerance >= 0";
  return NULL;
}

static size_t work_doubles(const struct rule_value *value, size_t n) {
  (void)value;
  return 2 * n;
}

static void measure_norms(struct descent *descent) {
  for (size_t i = 0; i < descent->n; i++) {
    double square = descent->gram[i * descent->n + i];
    descent->radius[i] = square > 0.0 ? sqrt(square) : 0.0;
  }
}

static double smoothing(const struct rule_value *value, struct descent *descent) {
  double nu = rule_number_or(&value[NU], 0.1);
  if (value[NU_REL].is_given) {
    for (size_t i = 0; i < descent->n; i++) descent->spare[i] = descent->radius[i];
    nu = value[NU_REL].number * sort_median(descent->spare, descent->n);
  }
  return nu > nu_least ? nu : nu_least;
}

static void measure_radii(struct descent *descent, const double *weight) {
  size_t nearest = radius_nearest(descent->n, descent->radius);
  radius_measure(descent->n, descent->gram, weight, nearest, descent->spare, descent->radius);
}

/* One step of Weiszfeld's: the weights of the next point from the distances to this one. */
static void step(const struct descent *descent, double *weight) {
  double total = 0.0;
  for (size_t i = 0; i < descent->n; i++) {
    double radius = descent->radius[i];
    weight[i] = descent->share[i] / (radius > descent->nu ? radius : descent->nu);
    total += weight[i];
  }
  for (size_t i = 0; i < descent->n; i++) weight[i] /= total;
}

static double summed_distance(const struct descent *descent) {
  double sum = 0.0;
  for (size_t i = 0; i < descent->n; i++) sum += descent->share[i] * descent->radius[i];
  return sum;
}

static void descend(struct descent *descent, size_t iterations, double tolerance,
                    struct rule_finding *finding) {
  finding->is_capped = tolerance > 0.0;
  for (size_t iteration = 0; iteration < iterations; iteration++) {
    double before = summed_distance(descent);
    step(descent, finding->weight);
    measure_radii(descent, finding->weight);
    finding->iterations++;
    double after = summed_distance(descent);
    if (fabs(before - after) < tolerance * after) {
      finding->is_capped = false;
      return;
    }
  }
}

/* Scores are distances from the result. Nobody claiming an example, nothing is pulled anywhere: the
 * zero update, as of weighted_mean. */
static void weigh(const struct rule_input *input, struct rule_finding *finding) {
  size_t n = input->n;
  const struct rule_value *value = input->value;
  struct descent descent = {.n = n,
                            .gram = input->gram,
                            .share = input->work,
                            .radius = finding->score,
                            .spare = input->work + n};
  for (size_t i = 0; i < n; i++) finding->weight[i] = 0.0;
  measure_norms(&descent);
  descent.nu = smoothing(value, &descent);
  for (size_t i = 0; i < n; i++) descent.share[i] = value[WEIGHTED].count ? input->counts[i] : 1.0;
  if (!share_of_counts(n, descent.share, descent.share)) return;
  if (value[INIT].count) {
    for (size_t i = 0; i < n; i++) finding->weight[i] = descent.share[i];
    measure_radii(&descent, finding->weight);
  }
  descend(&descent, rule_count_or(&value[ITERATIONS], 3), value[TOLERANCE].number, finding);
}

extern const struct rule rule_geometric_median;
const struct rule rule_geometric_median = {
    .name = "geometric_median",
    .kind = RULE_BY_WEIGHTS,
    .reads = RULE_READS_GRAM | RULE_READS_COUNTS,
    .parameter = {{.name = "nu", .kind = PARAMETER_NUMBER},
                  {.name = "nu_rel", .kind = PARAMETER_NUMBER},
                  {.name = "iterations"},
                  {.name = "init", .kind = PARAMETER_WORD, .words = starts},
                  {.name = "weighted", .kind = PARAMETER_WORD, .words = no_or_yes},
                  {.name = "tolerance", .kind = PARAMETER_NUMBER}},
    .unmet = unmet,
    .work_doubles = work_doubles,
    .weigh = weigh};
