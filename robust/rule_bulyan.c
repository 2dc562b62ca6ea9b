/* Bulyan (El Mhamdi, Guerraoui, Rouault, ICML 2018): Krum chooses n - 2f rows one after the other;
 * then, for every coordinate, the mean of the n - 4f chosen values nearest to their median.
 *
 * Withstands f liars, n >= 4f + 3, also those who hide a large error in a single coordinate of a
 * row that is otherwise close, where Krum is helpless. Cost: the Gram matrix, n - 2f choices of
 * about n^2 steps each, a sort of each column of the chosen. Poor when nearly a quarter lies or
 * honest clients differ much: what is left is few values, and its error is not of the best order. A
 * choice among r rows looks at max(1, r - f - 2) neighbours. */
#include "robust/krum.h"
#include "robust/rule.h"

enum { F };

static const char *unmet(const struct rule_value *value, size_t n) {
  return n >= 3 && value[F].count <= (n - 3) / 4 ? NULL : "n >= 4f + 3";
}

static size_t work_doubles(const struct rule_value *value, size_t n) {
  (void)value;
  return krum_race_work(n);
}

/* The score told is that of the first choice: later ones have fewer neighbours and do not compare.
 */
static size_t choose(const struct rule_input *input, size_t *chosen, struct rule_finding *finding) {
  size_t n = input->n;
  size_t f = input->value[F].count;
  struct krum_kind kind = {n - f - 2, 2};
  struct krum_race race;
  krum_scores(n, input->gram, &kind, finding->score, input->work);
  krum_race_start(&race, n, input->gram, &kind, input->work);
  for (size_t taken = 0; taken < n - 2 * f; taken++) chosen[taken] = krum_race_take(&race);
  finding->margin = race.margin;
  return n - 2 * f;
}

static void coordinates(const struct rule_input *input, const struct rank_tile *tile, double *out) {
  rank_nearest_means(tile, input->n - 4 * input->value[F].count, out);
}

extern const struct rule rule_bulyan;
const struct rule rule_bulyan = {.name = "bulyan",
                                 .kind = RULE_BY_COORDINATE,
                                 .reads = RULE_READS_GRAM,
                                 .parameter = {{.name = "f", .is_required = true}},
                                 .unmet = unmet,
                                 .work_doubles = work_doubles,
                                 .choose = choose,
                                 .coordinates = coordinates};
