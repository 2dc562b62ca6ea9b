/* Choosing the rows of lowest score, with ties and margins told, as every selecting rule needs it.
 */
#include "robust/lowest.h"
#include "robust/rule.h"

#include <math.h>

bool rule_has_honest_majority(size_t f, size_t n) {
  return f < n / 2 + n % 2;
}

const char *rule_unmet_majority(const struct rule_value *value, size_t n) {
  return rule_has_honest_majority(value[0].count, n) ? NULL : "2f < n";
}

size_t rule_count_or(const struct rule_value *value, size_t otherwise) {
  return value->is_given ? value->count : otherwise;
}

double rule_number_or(const struct rule_value *value, double otherwise) {
  return value->is_given ? value->number : otherwise;
}

void rule_select_lowest(size_t n, size_t m, double *work, struct rule_finding *finding) {
  double taken = -INFINITY;
  double left = INFINITY;
  lowest_share(n, m, finding->score, work, finding->weight);
  for (size_t i = 0; i < n; i++) {
    if (finding->weight[i] > 0.0)
      taken = fmax(taken, finding->score[i]);
    else
      left = fmin(left, finding->score[i]);
  }
  finding->margin = m < n ? lowest_margin(taken, left) : 1.0;
}
