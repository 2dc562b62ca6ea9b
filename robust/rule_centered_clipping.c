/* Centred clipping (Karimireddy, He and Jaggi, ICML 2021): from its last answer v, each row pulls
 * by at most tau: v <- v + mean of (x_i - v) min(1, tau / |x_i - v|).
 *
 * Withstands f < n/2 if tau is about the honest rows' spread; a liar moves one step by tau / n at
 * most. Cost: the Gram matrix and the rows' products with the reference, one more read; n^2 a step.
 * The reference is the last output (zeros in the first round) and keeps a weight of its own, so it
 * is state: it belongs into the checkpoint and goes back with the model. Defaults are ByzFL's: tau
 * = 100, iterations = 1. Poor with a tau that is not in the rows' unit: far too large it is the
 * mean, far too small it stands still. `tau_rel` takes tau anew in each step as that many median
 * distances |x_i - v|; tau_rel=1 is usable without knowing the scale. */
#include "robust/radius.h"
#include "robust/rule.h"
#include "robust/sort.h"

#include <string.h>

enum { TAU, TAU_REL, ITERATIONS };
enum { ITERATIONS_MAX = 10000 };

static const char *unmet(const struct rule_value *value, size_t n) {
  (void)n;
  if (value[TAU].is_given && value[TAU_REL].is_given) return "tau or tau_rel, not both";
  if (!(value[TAU].number >= 0.0)) return "tau >= 0";
  if (!(value[TAU_REL].number >= 0.0)) return "tau_rel >= 0";
  if (value[ITERATIONS].count > ITERATIONS_MAX) return "iterations <= 10000";
  return NULL;
}

static size_t work_doubles(const struct rule_value *value, size_t n) {
  (void)value;
  return (n + 1) * (n + 1) + 3 * (n + 1);
}

/* The Gram matrix of the reference, as row 0, and the rows. */
static void augment(const struct rule_input *input, double *augmented) {
  size_t n = input->n;
  augmented[0] = input->reference_square;
  memcpy(augmented + 1, input->to_reference, n * sizeof *augmented);
  for (size_t i = 0; i < n; i++) {
    double *row = augmented + (i + 1) * (n + 1);
    row[0] = input->to_reference[i];
    memcpy(row + 1, input->gram + i * n, n * sizeof *row);
  }
}

static double bound_of(const struct rule_value *value, size_t n, const double *radius,
                       double *spare) {
  if (!value[TAU_REL].is_given) return rule_number_or(&value[TAU], 100.0);
  memcpy(spare, radius, n * sizeof *spare);
  return value[TAU_REL].number * sort_median(spare, n);
}

/* weight[0] is the reference's; they add up to 1 throughout. */
static void step(size_t n, const double *radius, double bound, double *weight) {
  double taken = 0.0;
  for (size_t i = 0; i < n; i++) taken += radius_shrink(radius[i], bound);
  double kept = 1.0 - taken / (double)n;
  for (size_t i = 0; i <= n; i++) weight[i] *= kept;
  for (size_t i = 0; i < n; i++) weight[i + 1] += radius_shrink(radius[i], bound) / (double)n;
}

/* Scores are distances from the result. */
static void weigh(const struct rule_input *input, struct rule_finding *finding) {
  size_t n = input->n;
  const struct rule_value *value = input->value;
  double *augmented = input->work;
  double *weight = augmented + (n + 1) * (n + 1);
  double *radius = weight + n + 1;
  double *spare = radius + n + 1;
  augment(input, augmented);
  for (size_t i = 0; i <= n; i++) weight[i] = i == 0;
  radius_measure(n + 1, augmented, weight, 0, spare, radius);
  finding->iterations = rule_count_or(&value[ITERATIONS], 1);
  for (size_t iteration = 0; iteration < finding->iterations; iteration++) {
    step(n, radius + 1, bound_of(value, n, radius + 1, spare), weight);
    size_t nearest = radius_nearest(n + 1, radius);
    radius_measure(n + 1, augmented, weight, nearest, spare, radius);
  }
  finding->reference_weight = weight[0];
  memcpy(finding->weight, weight + 1, n * sizeof *weight);
  memcpy(finding->score, radius + 1, n * sizeof *radius);
}

extern const struct rule rule_centered_clipping;
const struct rule rule_centered_clipping = {
    .name = "centered_clipping",
    .kind = RULE_BY_WEIGHTS,
    .reads = RULE_READS_GRAM | RULE_READS_REFERENCE | RULE_REMEMBERS_OUTPUT,
    .parameter = {{.name = "tau", .kind = PARAMETER_NUMBER},
                  {.name = "tau_rel", .kind = PARAMETER_NUMBER},
                  {.name = "iterations"}},
    .unmet = unmet,
    .work_doubles = work_doubles,
    .weigh = weigh};
