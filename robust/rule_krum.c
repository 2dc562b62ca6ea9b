/* Krum (Blanchard et al., NeurIPS 2017): the one row whose nearest neighbours are closest.
 *
 * Withstands f liars, 2f < n (the paper asks n >= 2f + 3). Cost: the Gram matrix, then n^2 log n.
 * Poor when honest clients differ much: it returns a single client's update, noise and all. "Krum"
 * means four things in six code bases (science.md 10): here the score adds up n - f - 1 squared
 * distances, as in ByzFL; the paper's is neighbours = n - f - 2. power = 1 adds distances, power =
 * 4 their fourth powers, as the bucketing paper's code does. */
#include "robust/krum.h"
#include "robust/rule.h"

enum { F, NEIGHBOURS, POWER };

static const char *unmet(const struct rule_value *value, size_t n) {
  size_t neighbours = rule_count_or(&value[NEIGHBOURS], 1);
  size_t power = rule_count_or(&value[POWER], 2);
  if (!rule_has_honest_majority(value[F].count, n)) return "2f < n";
  if (neighbours < 1) return "neighbours >= 1";
  if (value[NEIGHBOURS].is_given && neighbours >= n) return "neighbours < n";
  return power == 1 || power == 2 || power == 4 ? NULL : "power 1, 2 or 4";
}

static size_t work_doubles(const struct rule_value *value, size_t n) {
  (void)value;
  return n;
}

static void weigh(const struct rule_input *input, struct rule_finding *finding) {
  size_t n = input->n;
  const struct rule_value *value = input->value;
  struct krum_kind kind = {rule_count_or(&value[NEIGHBOURS], n - value[F].count - 1),
                           (unsigned)rule_count_or(&value[POWER], 2)};
  krum_scores(n, input->gram, &kind, finding->score, input->work);
  rule_select_lowest(n, 1, input->work, finding);
}

extern const struct rule rule_krum;
const struct rule rule_krum = {
    .name = "krum",
    .kind = RULE_BY_WEIGHTS,
    .reads = RULE_READS_GRAM,
    .parameter = {{.name = "f", .is_required = true}, {.name = "neighbours"}, {.name = "power"}},
    .unmet = unmet,
    .work_doubles = work_doubles,
    .weigh = weigh};
