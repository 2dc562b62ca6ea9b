/* SignGuard (Xu, Huang, Song and Lan, ICDCS 2022): drops rows of unlikely length, and those whose
 * signs are balanced differently from most; clips the rest to the median length and averages.
 *
 * Withstands fewer than n / 2 liars that give themselves away by length or by signs: flipped,
 * scaled, random. Cost: the diagonal of the Gram matrix, three counts a row in another read, n log
 * n for the clusters. A row passes when lower M < |x| < upper M, M the median length, and when it
 * is in the larger of two clusters of (share of values > 0, < 0, = 0); of equal ones, in that of
 * the first row. Clusters are 2-means from a start that is not random (two_means.h), where the
 * paper has mean shift. Shares are of all coordinates, as in Blades, which also adds epsilon=1e-6
 * to a length before it divides by it. The paper counts in a random window and divides each share
 * by the largest: window=0.1, seed=S, features=scaled. Its SignGuard-Sim is similarity=reference: a
 * fourth feature, the cosine to the last aggregate, or before there is one the median cosine to the
 * other rows (n^2 steps).
 *
 * When nobody passes, all weights are 0, and so is the output: no evidence, no step. Scores count
 * the tests a row failed; the margin is the least distance of any row from changing sides in one.
 * Poor against liars who keep signs and length of honest rows (ALIE, min-max), and when honest
 * clients fall in two camps: then one goes. */
#include "robust/gram.h"
#include "robust/rule.h"
#include "robust/score.h"
#include "robust/sort.h"
#include "robust/splitmix.h"
#include "robust/two_means.h"

#include <math.h>
#include <string.h>

enum { LOWER, UPPER, WINDOW, SEED, FEATURES, SIMILARITY, EPSILON };
enum { FEATURES_AS_SHARES, FEATURES_SCALED };
enum { SIMILARITY_NONE, SIMILARITY_REFERENCE };
static const char *const feature_words[] = {"shares", "scaled", NULL};
static const char *const similarity_words[] = {"none", "reference", NULL};

static const char *unmet(const struct rule_value *value, size_t n) {
  double lower = rule_number_or(&value[LOWER], 0.1), upper = rule_number_or(&value[UPPER], 3.0);
  double window = rule_number_or(&value[WINDOW], 1.0);
  if (n < 3) return "n >= 3";
  if (!(lower >= 0.0)) return "lower >= 0";
  if (!(upper > lower)) return "lower < upper";
  if (!(window > 0.0 && window <= 1.0)) return "0 < window <= 1";
  return value[EPSILON].number >= 0.0 ? NULL : "epsilon >= 0";
}

static struct rule_window window(const struct rule_value *value, size_t d) {
  double share = rule_number_or(&value[WINDOW], 1.0);
  uint64_t state = value[SEED].count;
  if (!(share < 1.0) || d == 0) return (struct rule_window){0, d};
  size_t width = (size_t)(share * (double)d);
  if (width == 0) width = 1;
  size_t from = (size_t)splitmix_below(&state, d - width + 1);
  return (struct rule_window){from, from + width};
}

struct signguard {
  size_t n;
  size_t features; /* 3, or 4 with similarity */
  double *norm;
  double *feature; /* n x features */
  double *spare;   /* 2n */
  bool *side;
};

static size_t work_doubles(const struct rule_value *value, size_t n) {
  (void)value;
  return 8 * n;
}

static struct signguard lay_out(const struct rule_input *input) {
  size_t n = input->n;
  struct signguard guard = {.n = n, .norm = input->work};
  guard.features = input->value[SIMILARITY].count == SIMILARITY_REFERENCE ? 4 : 3;
  guard.feature = guard.norm + n;
  guard.spare = guard.feature + 4 * n;
  guard.side = (bool *)(guard.spare + 2 * n);
  return guard;
}

static void count_shares(const struct signguard *guard, const uint64_t (*signs)[3]) {
  for (size_t i = 0; i < guard->n; i++) {
    uint64_t total = signs[i][0] + signs[i][1] + signs[i][2];
    for (size_t k = 0; k < 3; k++)
      guard->feature[i * guard->features + k] =
          total > 0 ? (double)signs[i][k] / (double)total : 0.0;
  }
}

static void scale_features(const struct signguard *guard) {
  for (size_t k = 0; k < 3; k++) {
    double largest = 0.0;
    for (size_t i = 0; i < guard->n; i++)
      largest = fmax(largest, guard->feature[i * guard->features + k]);
    for (size_t i = 0; i < guard->n; i++) guard->feature[i * guard->features + k] /= largest + 1e-8;
  }
}

static double median_cosine(const struct signguard *guard, const double *gram, size_t i) {
  size_t n = guard->n, others = 0;
  for (size_t j = 0; j < n; j++)
    if (j != i)
      guard->spare[others++] = robust_cosine(gram[i * n + j], gram[i * n + i], gram[j * n + j]);
  return sort_median(guard->spare, others);
}

/* Cosines held to [0, median] and divided by 5 medians, so that no row gains by agreeing too well;
 * nothing when half of them disagree. */
static void add_similarity(const struct signguard *guard, const struct rule_input *input) {
  size_t n = guard->n, features = guard->features;
  double *similarity = guard->feature + 3;
  for (size_t i = 0; i < n; i++)
    similarity[i * features] =
        input->reference_square > 0.0
            ? robust_cosine(input->to_reference[i], input->gram[i * n + i], input->reference_square)
            : median_cosine(guard, input->gram, i);
  for (size_t i = 0; i < n; i++) guard->spare[i] = similarity[i * features];
  double median = fmax(sort_median(guard->spare, n), 0.0);
  for (size_t i = 0; i < n; i++)
    similarity[i * features] =
        fmin(fmax(similarity[i * features], 0.0), median) / (5.0 * median + 1e-8);
}

static double relative_gap(double a, double b) {
  double larger = fmax(a, b);
  return larger > 0.0 ? fabs(a - b) / larger : 0.0;
}

static double shrink(double norm, double median, double epsilon) {
  return norm > median ? median / (norm + epsilon) : 1.0;
}

/* Adds to the scores of rows that fail; keeps the margin. */
static void test_norms(const struct signguard *guard, const struct rule_value *value, double median,
                       struct rule_finding *finding) {
  double lower = rule_number_or(&value[LOWER], 0.1) * median;
  double upper = rule_number_or(&value[UPPER], 3.0) * median;
  for (size_t i = 0; i < guard->n; i++) {
    double norm = guard->norm[i];
    if (!(norm > lower && norm < upper)) finding->score[i] += 1.0;
    finding->margin = fmin(finding->margin, relative_gap(norm, lower));
    finding->margin = fmin(finding->margin, relative_gap(norm, upper));
  }
}

static void test_signs(const struct signguard *guard, struct rule_finding *finding) {
  struct two_means means;
  two_means(guard->n, guard->features, guard->feature, guard->side, guard->spare, &means);
  finding->iterations = means.rounds;
  finding->is_capped = !means.is_settled;
  if (means.count[1] == 0) return;
  bool is_second_larger = means.count[1] > means.count[0];
  for (size_t i = 0; i < guard->n; i++) {
    const double *point = guard->feature + i * guard->features;
    if (guard->side[i] != is_second_larger) finding->score[i] += 1.0;
    finding->margin = fmin(
        finding->margin, relative_gap(two_means_distance(guard->features, point, means.centre[0]),
                                      two_means_distance(guard->features, point, means.centre[1])));
  }
}

static void weigh(const struct rule_input *input, struct rule_finding *finding) {
  struct signguard guard = lay_out(input);
  size_t n = guard.n, passed = 0;
  for (size_t i = 0; i < n; i++) guard.norm[i] = sqrt(input->gram[i * n + i]);
  memcpy(guard.spare, guard.norm, n * sizeof *guard.spare);
  double median = sort_median(guard.spare, n);
  count_shares(&guard, input->signs);
  if (input->value[FEATURES].count == FEATURES_SCALED) scale_features(&guard);
  if (input->value[SIMILARITY].count == SIMILARITY_REFERENCE) add_similarity(&guard, input);
  test_norms(&guard, input->value, median, finding);
  test_signs(&guard, finding);
  for (size_t i = 0; i < n; i++) passed += finding->score[i] < 1.0;
  for (size_t i = 0; i < n; i++)
    if (finding->score[i] < 1.0)
      finding->weight[i] =
          shrink(guard.norm[i], median, input->value[EPSILON].number) / (double)passed;
}

extern const struct rule rule_signguard;
const struct rule rule_signguard = {
    .name = "signguard",
    .kind = RULE_BY_WEIGHTS,
    .reads = RULE_READS_GRAM | RULE_READS_SIGNS | RULE_READS_REFERENCE | RULE_REMEMBERS_OUTPUT,
    .parameter = {{.name = "lower", .kind = PARAMETER_NUMBER},
                  {.name = "upper", .kind = PARAMETER_NUMBER},
                  {.name = "window", .kind = PARAMETER_NUMBER},
                  {.name = "seed"},
                  {.name = "features", .kind = PARAMETER_WORD, .words = feature_words},
                  {.name = "similarity", .kind = PARAMETER_WORD, .words = similarity_words},
                  {.name = "epsilon", .kind = PARAMETER_NUMBER}},
    .unmet = unmet,
    .work_doubles = work_doubles,
    .window = window,
    .weigh = weigh};
