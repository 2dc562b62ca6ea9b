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

static size_t work_doubles(size_t n) {
  return n * n + 2 * n;
}

static void weigh(const struct rule_input *input, struct robust_evidence *evidence) {
  size_t n = input->n;
  const struct rule_value *value = input->value;
  size_t neighbours = value[NEIGHBOURS].is_given ? value[NEIGHBOURS].count : n - value[F].count - 1;
  double *distances = input->work;
  double *score = distances + n * n;
  robust_distances(n, input->gram, distances);
  krum_scores(n, distances, neighbours, score, score + n);
  rule_select_lowest(input, score, 1, score + n, evidence);
}

extern const struct rule rule_krum;
const struct rule rule_krum = {
    .name = "krum",
    .kind = RULE_BY_WEIGHTS,
    .reads_gram = true,
    .parameter = {{.name = "f", .is_required = true}, {.name = "neighbours"}},
    .unmet = unmet,
    .work_doubles = work_doubles,
    .weigh = weigh};
