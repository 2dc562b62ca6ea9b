/* Carries the Gram matrix through the mixers, hands it to the rule, and takes the rule's weights
 * back to the clients' rows. */
#include "robust/decide.h"
#include "robust/mix.h"

#include <string.h>

static size_t most_work(const struct robust_pipeline *pipeline, size_t n) {
  size_t most = 0;
  for (size_t i = 0; i < pipeline->count; i++) {
    const struct pipeline_stage *stage = &pipeline->stage[i];
    size_t work =
        stage->rule->work_doubles != NULL ? stage->rule->work_doubles(stage->value, n) : 0;
    if (work > most) most = work;
    n = pipeline_rows_after(stage, n);
  }
  return most;
}

/* While memory is only being measured, every pointer is NULL: what is there is told by what the
 * pipeline reads. */
static void lay_out_mixing(struct decision *decision, struct scratch_cursor *cursor,
                           const struct robust_pipeline *pipeline, const struct numbers *numbers) {
  size_t n = decision->n;
  unsigned reads = pipeline_reads(pipeline, 0);
  for (size_t i = 0; i < 3; i++) decision->matrix[i] = scratch_take(cursor, n * n, sizeof(double));
  decision->congruence = scratch_take(cursor, n * n, sizeof(double));
  if (reads & RULE_READS_GRAM) decision->mixed_gram = scratch_take(cursor, n * n, sizeof(double));
  if (reads & RULE_READS_SQUARES) decision->mixed_square = scratch_take(cursor, n, sizeof(double));
  if (reads & (RULE_READS_REFERENCE | RULE_NEEDS_REFERENCE))
    decision->mixed_products = scratch_take(cursor, n + 1, sizeof(double));
  if (reads & RULE_READS_HISTORY)
    decision->mixed_history = scratch_take(cursor, n * n, sizeof(double));
  if (reads & RULE_READS_COUNTS) decision->mixed_counts = scratch_take(cursor, n, sizeof(double));
  if (reads & RULE_READS_SAMPLES)
    decision->mixed_samples = scratch_take(cursor, numbers->draws.draws * n * n, sizeof(double));
}

void decide_lay_out(struct decision *decision, struct scratch_cursor *cursor,
                    const struct robust_pipeline *pipeline, const struct numbers *numbers) {
  size_t n = numbers->n;
  *decision = (struct decision){.n = n, .m = pipeline_rows_at_rule(pipeline, n)};
  if (pipeline->count > 1) lay_out_mixing(decision, cursor, pipeline, numbers);
  decision->finding.weight = scratch_take(cursor, n, sizeof(double));
  decision->finding.score = scratch_take(cursor, n, sizeof(double));
  decision->weight = scratch_take(cursor, n, sizeof(double));
  decision->chosen = scratch_take(cursor, n, sizeof *decision->chosen);
  decision->work = scratch_take(cursor, most_work(pipeline, n), sizeof(double));
}

/* What a stage may read: only what it asked for. */
static struct rule_input narrowed(const struct rule_input *all, const struct rule *rule) {
  struct rule_input input = *all;
  if (!(rule->reads & RULE_READS_GRAM)) input.gram = NULL;
  if (!(rule->reads & RULE_READS_SQUARES)) input.square = NULL;
  if (!(rule->reads & (RULE_READS_REFERENCE | RULE_NEEDS_REFERENCE))) input.to_reference = NULL;
  if (!(rule->reads & RULE_READS_HISTORY)) input.history_gram = NULL;
  if (!(rule->reads & RULE_READS_COUNTS)) input.counts = NULL;
  if (!(rule->reads & RULE_READS_SIGNS)) input.signs = NULL;
  if (!(rule->reads & RULE_READS_SAMPLES)) input.sample_gram = NULL;
  return input;
}

/* Parameters that name a row of the caller's name its position from here on; not given is row 0. */
static void place_rows(const struct pipeline_stage *stage, const size_t *position,
                       struct rule_value *value) {
  memcpy(value, stage->value, sizeof stage->value);
  for (size_t i = 0; stage->rule->parameter[i].name != NULL; i++)
    if (stage->rule->parameter[i].kind == PARAMETER_ROW) value[i].count = position[value[i].count];
}

/* Numbers of mixed rows, always from those of the rows themselves, so that errors do not pile up.
 */
static void mix_numbers(struct decision *decision, const struct numbers *numbers, unsigned reads,
                        size_t m, const struct lanes *lanes, int threads) {
  size_t n = decision->n;
  const double *mixing = decision->mixing;
  struct rule_input *seen = &decision->seen;
  seen->n = m;
  if (reads & RULE_READS_GRAM) {
    matrix_congruence(lanes, threads, m, n, mixing, numbers->gram, decision->congruence,
                      decision->mixed_gram);
    seen->gram = decision->mixed_gram;
  }
  if (reads & RULE_READS_SQUARES) {
    for (size_t b = 0; b < m; b++) decision->mixed_square[b] = decision->mixed_gram[b * m + b];
    seen->square = decision->mixed_square;
  }
  if (reads & (RULE_READS_REFERENCE | RULE_NEEDS_REFERENCE)) {
    matrix_product(lanes, 1, m, n, 1, mixing, numbers->products, decision->mixed_products);
    seen->to_reference = decision->mixed_products;
  }
  if (reads & RULE_READS_HISTORY) {
    matrix_congruence(lanes, threads, m, n, mixing, numbers->history_gram, decision->congruence,
                      decision->mixed_history);
    seen->history_gram = decision->mixed_history;
  }
  if (reads & RULE_READS_COUNTS) {
    matrix_product(lanes, 1, m, n, 1, mixing, numbers->counts, decision->mixed_counts);
    seen->counts = decision->mixed_counts;
  }
  if (reads & RULE_READS_SAMPLES) {
    for (size_t draw = 0; draw < numbers->draws.draws; draw++)
      matrix_congruence(lanes, threads, m, n, mixing, numbers->sample_gram + draw * n * n,
                        decision->congruence, decision->mixed_samples + draw * m * m);
    seen->sample_gram = decision->mixed_samples;
  }
}

void decide_mixing(struct decision *decision, const struct robust_pipeline *pipeline,
                   const struct numbers *numbers, const size_t *position, const struct lanes *lanes,
                   int threads) {
  size_t n = decision->n;
  decision->seen = (struct rule_input){
      .n = n,
      .gram = numbers->gram,
      .square = numbers->square,
      .to_reference = numbers->products,
      .reference_square = numbers->products != NULL ? numbers->products[n] : 0.0,
      .history_gram = numbers->history_gram,
      .counts = numbers->counts,
      .sample_gram = numbers->sample_gram,
  };
  for (size_t i = 0; i + 1 < pipeline->count; i++) {
    const struct pipeline_stage *stage = &pipeline->stage[i];
    if (stage->rule->mix == NULL) { /* a sketch: what it changes has been measured so */
      decision->finding.is_approximate = true;
      continue;
    }
    size_t rows = decision->seen.n;
    size_t rows_after = pipeline_rows_after(stage, rows);
    double *own = decision->matrix[2];
    struct rule_input input = narrowed(&decision->seen, stage->rule);
    struct rule_value value[RULE_PARAMETERS_MAX];
    place_rows(stage, position, value);
    input.value = value;
    input.work = decision->work;
    stage->rule->mix(&input, own, &decision->finding);
    double *joined = decision->matrix[decision->mixing == decision->matrix[0] ? 1 : 0];
    if (decision->mixing == NULL)
      memcpy(joined, own, rows_after * n * sizeof *own);
    else
      matrix_product(lanes, threads, rows_after, rows, n, own, decision->mixing, joined);
    decision->mixing = joined;
    mix_numbers(decision, numbers, pipeline_reads(pipeline, i + 1), rows_after, lanes, threads);
  }
  place_rows(pipeline_rule(pipeline), position, decision->value);
}

/* weight = mixing' of what the rule gave, added in the order of the mixed rows. */
static void unmix_weights(struct decision *decision, const double *of_mixed) {
  size_t n = decision->n;
  if (decision->mixing == NULL) {
    memcpy(decision->weight, of_mixed, n * sizeof *of_mixed);
    return;
  }
  for (size_t j = 0; j < n; j++) decision->weight[j] = 0.0;
  for (size_t b = 0; b < decision->m; b++)
    for (size_t j = 0; j < n; j++) decision->weight[j] += of_mixed[b] * decision->mixing[b * n + j];
}

static void choose(struct decision *decision, const struct rule *rule) {
  double *weight = decision->finding.weight;
  decision->chosen_count = decision->m;
  for (size_t b = 0; b < decision->m; b++) decision->chosen[b] = b;
  if (rule->choose != NULL)
    decision->chosen_count = rule->choose(&decision->seen, decision->chosen, &decision->finding);
  for (size_t b = 0; b < decision->m; b++) weight[b] = 0.0;
  for (size_t c = 0; c < decision->chosen_count; c++)
    weight[decision->chosen[c]] = 1.0 / (double)decision->chosen_count;
}

void decide_rule(struct decision *decision, const struct robust_pipeline *pipeline,
                 const uint64_t (*signs)[3]) {
  const struct rule *rule = pipeline_rule(pipeline)->rule;
  struct rule_finding *finding = &decision->finding;
  decision->seen.signs = signs;
  decision->seen = narrowed(&decision->seen, rule);
  decision->seen.value = decision->value;
  decision->seen.work = decision->work;
  memset(finding->weight, 0, decision->m * sizeof(double));
  memset(finding->score, 0, decision->m * sizeof(double));
  finding->margin = 1.0;
  if (rule->kind == RULE_BY_COORDINATE)
    choose(decision, rule);
  else
    rule->weigh(&decision->seen, finding);
  unmix_weights(decision, finding->weight);
}

/* The mixed row that a row went into: its own, or the one where it weighs most, the first of them.
 */
static size_t home_of(const struct decision *decision, size_t position) {
  size_t home = 0;
  if (decision->m == decision->n) return position;
  for (size_t b = 1; b < decision->m; b++)
    if (decision->mixing[b * decision->n + position] >
        decision->mixing[home * decision->n + position])
      home = b;
  return home;
}

void decide_report(const struct decision *decision, const struct robust_pipeline *pipeline,
                   const size_t *order, struct robust_evidence *evidence) {
  const struct rule_finding *finding = &decision->finding;
  evidence->selected = 0;
  for (size_t p = 0; p < decision->n; p++) {
    double weight = decision->weight[p];
    evidence->weights[order[p]] = weight;
    evidence->selected += weight > 0.0 || weight < 0.0;
    if (evidence->scores != NULL) evidence->scores[order[p]] = finding->score[home_of(decision, p)];
  }
  evidence->reference_weight = finding->reference_weight;
  evidence->margin = finding->margin;
  evidence->noise = finding->noise;
  evidence->iterations = finding->iterations;
  evidence->weights_are_exact = pipeline_rule(pipeline)->rule->kind == RULE_BY_WEIGHTS;
  evidence->is_capped = finding->is_capped;
  evidence->is_approximate = finding->is_approximate;
}
