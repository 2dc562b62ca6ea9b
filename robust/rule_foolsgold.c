/* FoolsGold (Fung, Yoon and Beschastnikh, RAID 2020): clients whose whole histories point the same
 * way are taken for one attacker's sybils and lose their weight.
 *
 * Withstands any number of sybils that share a goal, if honest clients' data differ; a single
 * attacker it does not see, nor sybils that add noise of their own which sums to zero. Cost: the
 * Gram matrix of the histories (each client's updates added up, this round's included), which is
 * state, one more read; then n^2. Poor when honest clients have like data: they look like sybils.
 *
 * Semantics are the authors' code: epsilon = 1e-5 inside the logarithm and beside each greatest
 * cosine, and the weighted rows are added, not averaged, so that n trusted clients move the model n
 * times as far. `normalise=rows` divides by n (the DBA code, with epsilon=0), `normalise=weights`
 * by the sum of the weights. kappa (1) is the paper's: weights are kappa (logit + 1/2), cut to [0,
 * 1]. When every client has a twin the answer is the zero update. */
#include "robust/logarithm.h"
#include "robust/rule.h"
#include "robust/score.h"
#include "robust/split.h"

enum { EPSILON, KAPPA, NORMALISE };
enum { AS_IT_IS, BY_ROWS, BY_WEIGHTS };

/* Nearer to cosine 1 than this is a twin: less than the rounding of rows in the Gram matrix. */
static const double twin = 0x1p-40;

static const char *const divisors[] = {"no", "rows", "weights", NULL};

static const char *unmet(const struct rule_value *value, size_t n) {
  if (n < 2) return "n >= 2";
  if (!(value[EPSILON].number >= 0.0)) return "epsilon >= 0";
  if (value[KAPPA].is_given && !(value[KAPPA].number > 0.0)) return "kappa > 0";
  return NULL;
}

static size_t work_doubles(const struct rule_value *value, size_t n) {
  (void)value;
  return n;
}

static double likeness(const struct rule_input *input, size_t i, size_t j) {
  const double *gram = input->history_gram;
  size_t n = input->n;
  return robust_cosine(gram[i * n + j], gram[i * n + i], gram[j * n + j]);
}

/* closest[i] = max(0, the greatest cosine with another's history) + epsilon. */
static void find_closest(const struct rule_input *input, double epsilon, double *closest) {
  for (size_t i = 0; i < input->n; i++) {
    double most = 0.0;
    for (size_t j = 0; j < input->n; j++)
      if (j != i && likeness(input, i, j) > most) most = likeness(input, i, j);
    closest[i] = most + epsilon;
  }
}

/* The same, but a likeness to somebody who has a still closer twin counts less: an honest client
 * that resembles a sybil is pardoned. */
static double pardoned(const struct rule_input *input, const double *closest, size_t i) {
  double most = 0.0;
  for (size_t j = 0; j < input->n; j++) {
    if (j == i) continue;
    double like = likeness(input, i, j);
    if (closest[i] < closest[j]) like = like * closest[i] / closest[j];
    if (like > most) most = like;
  }
  return most;
}

/* `share` is 1 - likeness over the greatest of those. */
static double weight_of(double share, double epsilon, double kappa) {
  if (!(share < 1.0)) share = 0.99;
  double weight = kappa * (logarithm(share / (1.0 - share) + epsilon) + 0.5);
  return weight > 1.0 ? 1.0 : weight > 0.0 ? weight : 0.0;
}

static void divide(const struct rule_input *input, struct rule_finding *finding) {
  double sum = 0.0;
  for (size_t i = 0; i < input->n; i++) sum += finding->weight[i];
  size_t by = input->value[NORMALISE].count;
  double divisor = by == BY_ROWS ? (double)input->n : by == BY_WEIGHTS ? sum : 1.0;
  for (size_t i = 0; i < input->n; i++) finding->weight[i] /= divisor;
}

/* Scores are the pardoned likenesses. */
static void weigh(const struct rule_input *input, struct rule_finding *finding) {
  double epsilon = rule_number_or(&input->value[EPSILON], 1e-5);
  double kappa = rule_number_or(&input->value[KAPPA], 1.0);
  double most_unlike = 0.0;
  find_closest(input, epsilon, input->work);
  for (size_t i = 0; i < input->n; i++) {
    finding->score[i] = pardoned(input, input->work, i);
    finding->weight[i] = 0.0;
    if (1.0 - finding->score[i] > most_unlike) most_unlike = 1.0 - finding->score[i];
  }
  if (most_unlike > twin) {
    for (size_t i = 0; i < input->n; i++)
      finding->weight[i] = weight_of((1.0 - finding->score[i]) / most_unlike, epsilon, kappa);
    divide(input, finding);
  }
  split_margin(input->n, finding);
}

extern const struct rule rule_foolsgold;
const struct rule rule_foolsgold = {
    .name = "foolsgold",
    .kind = RULE_BY_WEIGHTS,
    .reads = RULE_READS_HISTORY,
    .parameter = {{.name = "epsilon", .kind = PARAMETER_NUMBER},
                  {.name = "kappa", .kind = PARAMETER_NUMBER},
                  {.name = "normalise", .kind = PARAMETER_WORD, .words = divisors}},
    .unmet = unmet,
    .work_doubles = work_doubles,
    .weigh = weigh};
