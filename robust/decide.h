/* From numbers to weights: the mixers' matrices one after the other, then the rule. Internal. */
#ifndef ROBUST_DECIDE_H
#define ROBUST_DECIDE_H

#include "robust/lanes.h"
#include "robust/numbers.h"

struct decision {
  size_t n;       /* rows that came in */
  size_t m;       /* rows that the rule sees */
  double *mixing; /* m x n: the mixed rows as weights of the rows; NULL without mixers */
  struct rule_input seen;
  struct rule_value value[RULE_PARAMETERS_MAX]; /* the rule's, rows by position */
  struct rule_finding finding;
  size_t *chosen; /* rules by coordinate: the chosen_count rows that take part */
  size_t chosen_count;
  double *weight; /* n: what the rows weigh in the output, mixing included */
  /* Memory for the way there. */
  double *matrix[3];
  double *congruence;
  double *mixed_gram, *mixed_square, *mixed_products, *mixed_history, *mixed_counts, *mixed_samples;
  double *work;
};

void decide_lay_out(struct decision *decision, struct scratch_cursor *cursor,
                    const struct robust_pipeline *pipeline, const struct numbers *numbers);

/* Runs the mixers. `position` gives the canonical position of each of the caller's rows. */
void decide_mixing(struct decision *decision, const struct robust_pipeline *pipeline,
                   const struct numbers *numbers, const size_t *position, const struct lanes *lanes,
                   int threads);

/* Runs the rule on what decide_mixing left: finding and weight, or chosen for rules by coordinate.
 * `signs` as rule_input has it. */
void decide_rule(struct decision *decision, const struct robust_pipeline *pipeline,
                 const uint64_t (*signs)[3]);

/* Writes the decision down in the caller's order. */
void decide_report(const struct decision *decision, const struct robust_pipeline *pipeline,
                   const size_t *order, struct robust_evidence *evidence);

#endif
