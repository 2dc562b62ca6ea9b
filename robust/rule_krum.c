/* Krum (Blanchard et al., NeurIPS 2017): the one row whose nearest neighbours are closest, by
 * squared distance.
 *
 * Withstands f liars, 2f < n (the paper asks n >= 2f + 3). Cost: the Gram matrix, then n^2 log n.
 * "Krum" means four things in six code bases: here the score has n - f - 1 neighbours as in ByzFL;
 * the paper's is neighbours = n - f - 2, and can be said. Poor when honest clients differ much: it
 * returns a single client's update, noise and all. */
#include "robust/gram.h"
#include "robust/krum.h"
#include "robust/rule.h"

enum { F, NEIGHBOURS };

static const char *unmet(const struct rule_value *value, size_t n) {
  if (!rule_has_honest_majority(value[F].count, n)) return "2f < n";
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
  size_t neighbours = rule_count_or(&value[NEIGHBOURS], n - value[F].count - 1);
  double *distances = input->work;
  double *scratch = distances + n * n;
  robust_distances(n, input->gram, distances);
  krum_scores(n, distances, neighbours, finding->score, scratch);
  rule_select_lowest(n, 1, scratch, finding);
}

extern const struct rule rule_krum;
const struct rule rule_krum = {
    .name = "krum",
    .kind = RULE_BY_WEIGHTS,
    .reads = RULE_READS_GRAM,
    .parameter = {{.name = "f", .is_required = true}, {.name = "neighbours"}},
    .unmet = unmet,
    .work_doubles = work_doubles,
    .weigh = weigh};
