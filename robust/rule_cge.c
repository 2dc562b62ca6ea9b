/* CGE, comparative gradient elimination (Gupta, Liu and Vaidya, 2020): the mean of the n - f
 * shortest rows.
 *
 * Withstands f liars who must be long to do harm, 2f < n. Cost: the
 * rows' lengths and one more read. Poor against any liar who keeps within the honest lengths:
 * direction is never looked at. */
#include "robust/rule.h"

#include <math.h>

enum { F };

static size_t work_doubles(const struct rule_value *value, size_t n) {
  (void)value;
  return n;
}

/* Scores are the lengths. */
static void weigh(const struct rule_input *input, struct rule_finding *finding) {
  size_t n = input->n;
  for (size_t i = 0; i < n; i++) {
    double square = input->square[i];
    finding->score[i] = square > 0.0 ? sqrt(square) : 0.0;
  }
  rule_select_lowest(n, n - input->value[F].count, input->work, finding);
}

extern const struct rule rule_cge;
const struct rule rule_cge = {.name = "cge",
                              .kind = RULE_BY_WEIGHTS,
                              .reads = RULE_READS_SQUARES,
                              .parameter = {{.name = "f", .is_required = true}},
                              .unmet = rule_unmet_majority,
                              .work_doubles = work_doubles,
                              .weigh = weigh};
