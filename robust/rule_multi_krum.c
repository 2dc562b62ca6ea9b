/* Multi-Krum (Blanchard et al., NeurIPS 2017): the mean of the m rows of lowest Krum score.
 *
 * Withstands f liars, 2f < n, and averages away the noise that a single row keeps. Cost: that of
 * Krum. m is n - f and the score has n - f - 1 neighbours unless said (ByzFL's reading). Scores are
 * taken once, not again after each choice. Poor against liars who stand very close together: a
 * tight group of more than n - f - 1 looks like the best company. */
#include "robust/gram.h"
#include "robust/krum.h"
#include "robust/rule.h"

enum { F, M, NEIGHBOURS };

static const char *unmet(const struct rule_value *value, size_t n) {
  if (!rule_has_honest_majority(value[F].count, n)) return "2f < n";
  if (value[M].is_given && value[M].count < 1) return "m >= 1";
  if (value[M].is_given && value[M].count > n) return "m <= n";
  if (value[NEIGHBOURS].is_given && value[NEIGHBOURS].count < 1) return "neighbours >= 1";
  if (value[NEIGHBOURS].is_given && value[NEIGHBOURS].count >= n) return "neighbours < n";
  return NULL;
}

static size_t work_doubles(const struct rule_value *value, size_t n) {
  (void)value;
  return n * n + n;
}

static void weigh(const struct rule_input *input, struct rule_finding *finding) {
  size_t n = input->n;
  const struct rule_value *value = input->value;
  size_t f = value[F].count;
  size_t m = rule_count_or(&value[M], n - f);
  size_t neighbours = rule_count_or(&value[NEIGHBOURS], n - f - 1);
  double *distances = input->work;
  double *scratch = distances + n * n;
  robust_distances(n, input->gram, distances);
  krum_scores(n, distances, neighbours, finding->score, scratch);
  rule_select_lowest(n, m, scratch, finding);
}

extern const struct rule rule_multi_krum;
const struct rule rule_multi_krum = {
    .name = "multi_krum",
    .kind = RULE_BY_WEIGHTS,
    .reads = RULE_READS_GRAM,
    .parameter = {{.name = "f", .is_required = true}, {.name = "m"}, {.name = "neighbours"}},
    .unmet = unmet,
    .work_doubles = work_doubles,
    .weigh = weigh};
