/* Multi-Krum (Blanchard et al., NeurIPS 2017): the mean of the m rows of lowest Krum score.
 *
 * Withstands f liars, 2f < n, and averages away the noise that a single row keeps. Cost: that of
 * Krum. Poor against liars who stand very close together: a tight group of more than n - f - 1
 * looks like the best company.
 *
 * Unless said, m is n - f and the score has n - f - 1 neighbours (ByzFL's reading); power as for
 * krum. selection = iterated takes one row at a time and scores the others anew, with one neighbour
 * fewer, as the code of Shejwalkar and Houmansadr (NDSS 2021) does: m = n - 2f - 2 rows, n - f - 3
 * neighbours at first, n >= 2f + 3. weighted = yes weighs those taken by their counts, as Flower
 * does; a liar then counts as many examples as it likes, up to the caller's cap. */
#include "robust/krum.h"
#include "robust/rule.h"

enum { F, M, NEIGHBOURS, POWER, SELECTION, WEIGHTED };

enum { SELECTION_ONCE, SELECTION_ITERATED };
static const char *const selections[] = {"once", "iterated", NULL};

enum { WEIGHTED_NO, WEIGHTED_YES };
static const char *const answers[] = {"no", "yes", NULL};

static const char *unmet_iterated(const struct rule_value *value, size_t n) {
  size_t f = value[F].count;
  if (n < 3 || f > (n - 3) / 2) return "n >= 2f + 3";
  return rule_count_or(&value[M], 1) <= n - 2 * f - 2 ? NULL : "m <= n - 2f - 2";
}

static const char *unmet(const struct rule_value *value, size_t n) {
  size_t m = rule_count_or(&value[M], 1);
  size_t neighbours = rule_count_or(&value[NEIGHBOURS], 1);
  size_t power = rule_count_or(&value[POWER], 2);
  if (!rule_has_honest_majority(value[F].count, n)) return "2f < n";
  if (m < 1) return "m >= 1";
  if (m > n) return "m <= n";
  if (neighbours < 1) return "neighbours >= 1";
  if (value[NEIGHBOURS].is_given && neighbours >= n) return "neighbours < n";
  if (power != 1 && power != 2 && power != 4) return "power 1, 2 or 4";
  return value[SELECTION].count == SELECTION_ITERATED ? unmet_iterated(value, n) : NULL;
}

static size_t work_doubles(const struct rule_value *value, size_t n) {
  return value[SELECTION].count == SELECTION_ITERATED ? krum_race_work(n) : n;
}

static void select_once(const struct rule_input *input, struct rule_finding *finding) {
  size_t n = input->n;
  const struct rule_value *value = input->value;
  size_t f = value[F].count;
  struct krum_kind kind = {rule_count_or(&value[NEIGHBOURS], n - f - 1),
                           (unsigned)rule_count_or(&value[POWER], 2)};
  krum_scores(n, input->gram, &kind, finding->score, input->work);
  rule_select_lowest(n, rule_count_or(&value[M], n - f), input->work, finding);
}

/* The score told is that of the first choice: later ones have fewer neighbours and do not compare.
 */
static void select_iterated(const struct rule_input *input, struct rule_finding *finding) {
  size_t n = input->n;
  const struct rule_value *value = input->value;
  size_t f = value[F].count;
  size_t m = rule_count_or(&value[M], n - 2 * f - 2);
  size_t usual = n - f > 3 ? n - f - 3 : 1;
  struct krum_kind kind = {rule_count_or(&value[NEIGHBOURS], usual),
                           (unsigned)rule_count_or(&value[POWER], 2)};
  struct krum_race race;
  krum_scores(n, input->gram, &kind, finding->score, input->work);
  krum_race_start(&race, n, input->gram, &kind, input->work);
  for (size_t taken = 0; taken < m; taken++)
    finding->weight[krum_race_take(&race)] = 1.0 / (double)m;
  finding->margin = race.margin;
}

/* Nobody's examples weigh nothing: if all that were taken claim none, the sum is the zero update.
 */
static void weigh_by_counts(const struct rule_input *input, struct rule_finding *finding) {
  double total = 0.0;
  for (size_t i = 0; i < input->n; i++)
    if (finding->weight[i] > 0.0) total += input->counts[i];
  for (size_t i = 0; i < input->n; i++)
    if (finding->weight[i] > 0.0) finding->weight[i] = total > 0.0 ? input->counts[i] / total : 0.0;
}

static void weigh(const struct rule_input *input, struct rule_finding *finding) {
  if (input->value[SELECTION].count == SELECTION_ITERATED)
    select_iterated(input, finding);
  else
    select_once(input, finding);
  if (input->value[WEIGHTED].count == WEIGHTED_YES) weigh_by_counts(input, finding);
}

extern const struct rule rule_multi_krum;
const struct rule rule_multi_krum = {
    .name = "multi_krum",
    .kind = RULE_BY_WEIGHTS,
    .reads = RULE_READS_GRAM | RULE_READS_COUNTS,
    .parameter = {{.name = "f", .is_required = true},
                  {.name = "m"},
                  {.name = "neighbours"},
                  {.name = "power"},
                  {.name = "selection", .kind = PARAMETER_WORD, .words = selections},
                  {.name = "weighted", .kind = PARAMETER_WORD, .words = answers}},
    .unmet = unmet,
    .work_doubles = work_doubles,
    .weigh = weigh};
