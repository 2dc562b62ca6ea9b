/* FLAME (Nguyen et al., USENIX Security 2022): the cluster of more than half of the clients whose
 * models point alike, cut to the median length of the updates, averaged; noise on request.
 *
 * Withstands f < n/2 liars who differ from the others in direction; length is dealt with by the
 * cut, small backdoors by noise of deviation lambda times the median length (the paper's image
 * tasks: about 0.001). Cost: the Gram matrix, and the products with the reference, one more read;
 * then n^2. Poor when honest clients fall into groups: whichever joins to a majority first wins.
 *
 * The paper clusters models by HDBSCAN with clusters of n/2 + 1 rows at least. That is single
 * linkage stopped at the first cluster so large (compared with the hdbscan library on 800 random
 * cases, science.md 0.8); rows that join at that same distance are in, as in the library. The
 * reference is the global model; without one it is zero, and the updates themselves are compared,
 * which tells them apart better. lambda is 0 unless given, and then a seed must be given too: one
 * seed for all rounds would add the same vector each time, and a seed that is known hides nothing
 * (noise.h). */
#include "robust/gram.h"
#include "robust/linkage.h"
#include "robust/radius.h"
#include "robust/rule.h"
#include "robust/sort.h"
#include "robust/split.h"

#include <math.h>

enum { LAMBDA, SEED };

static const char *unmet(const struct rule_value *value, size_t n) {
  if (n < 3) return "n >= 3";
  if (!(value[LAMBDA].number >= 0.0)) return "lambda >= 0";
  if (value[LAMBDA].number > 0.0 && !value[SEED].is_given) return "a seed when lambda > 0";
  return NULL;
}

static size_t work_doubles(const struct rule_value *value, size_t n) {
  (void)value;
  return n * n + linkage_work_doubles(n);
}

/* 1 - cos of the models a = g + x_i and b = g + x_j, as (|a - b|^2 - (|a| - |b|)^2) / 2|a||b|:
 * |a - b| is that of the updates, so nothing of the size of g is subtracted from its like. A zero
 * model has cosine 0 with all. */
static double cosine_distance(const struct rule_input *input, size_t i, size_t j) {
  const double *gram = input->gram;
  const double *to_model = input->to_reference;
  size_t n = input->n;
  double square_a = input->reference_square + 2.0 * to_model[i] + gram[i * n + i];
  double square_b = input->reference_square + 2.0 * to_model[j] + gram[j * n + j];
  if (!(square_a > 0.0 && square_b > 0.0)) return 1.0;
  double lengths = sqrt(square_a) + sqrt(square_b);
  double squares = 2.0 * (to_model[i] - to_model[j]) + (gram[i * n + i] - gram[j * n + j]);
  double apart = robust_distance(n, gram, i, j);
  double difference = squares / lengths;
  double distance = apart - difference * difference;
  return distance > 0.0 ? distance / (2.0 * sqrt(square_a) * sqrt(square_b)) : 0.0;
}

static void fill_distances(const struct rule_input *input, double *distance) {
  size_t n = input->n;
  for (size_t i = 0; i < n; i++) {
    distance[i * n + i] = 0.0;
    for (size_t j = 0; j < i; j++)
      distance[i * n + j] = distance[j * n + i] = cosine_distance(input, i, j);
  }
}

static double length_of(const struct rule_input *input, size_t i) {
  double square = input->gram[i * input->n + i];
  return square > 0.0 ? sqrt(square) : 0.0;
}

static double median_length(const struct rule_input *input) {
  for (size_t i = 0; i < input->n; i++) input->work[i] = length_of(input, i);
  return sort_median(input->work, input->n);
}

/* Scores are the cosine distances at which the rows join the cluster. */
static void weigh(const struct rule_input *input, struct rule_finding *finding) {
  size_t n = input->n;
  double *distance = input->work;
  fill_distances(input, distance);
  linkage_majority(n, distance, n / 2 + 1, distance + n * n, finding->weight, finding->score);
  split_margin(n, finding);
  double bound = median_length(input);
  for (size_t i = 0; i < n; i++) finding->weight[i] *= radius_shrink(length_of(input, i), bound);
  finding->noise = input->value[LAMBDA].number * bound;
  finding->noise_seed = input->value[SEED].count;
}

extern const struct rule rule_flame;
const struct rule rule_flame = {
    .name = "flame",
    .kind = RULE_BY_WEIGHTS,
    .reads = RULE_READS_GRAM | RULE_READS_REFERENCE,
    .parameter = {{.name = "lambda", .kind = PARAMETER_NUMBER}, {.name = "seed"}},
    .unmet = unmet,
    .work_doubles = work_doubles,
    .weigh = weigh};
