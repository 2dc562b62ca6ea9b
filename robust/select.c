/* Choosing the rows of lowest score, with ties and margins told, as every selecting rule needs it.
 */
#include "robust/rule.h"
#include "robust/sort.h"

#include <math.h>
#include <string.h>

bool rule_has_honest_majority(size_t f, size_t n) {
  return f < n / 2 + n % 2;
}

size_t rule_count_or(const struct rule_value *value, size_t otherwise) {
  return value->is_given ? value->count : otherwise;
}

double rule_number_or(const struct rule_value *value, double otherwise) {
  return value->is_given ? value->number : otherwise;
}

/* How far the first row left out was from being taken, as a share of its score (science.md 9.2).
 * Below about 1e-6 the choice is numerically arbitrary. 1 when nobody was left out. */
static double margin_of(const double *sorted, size_t m, size_t n) {
  if (m == n) return 1.0;
  double taken = sorted[m - 1];
  double left = sorted[m];
  if (!(left > taken)) return 0.0;
  return isinf(left) ? 1.0 : (left - taken) / left;
}

void rule_select_lowest(size_t n, size_t m, double *work, struct rule_finding *finding) {
  const double *score = finding->score;
  memcpy(work, score, n * sizeof *work);
  sort_doubles(work, n);
  double threshold = work[m - 1];
  size_t below = 0;
  for (size_t i = 0; i < n; i++) below += score[i] < threshold;
  size_t ties_left = m - below;
  for (size_t i = 0; i < n; i++) {
    bool is_tie = !(score[i] < threshold) && !(score[i] > threshold);
    bool is_taken = score[i] < threshold || (is_tie && ties_left > 0);
    if (is_tie && is_taken) ties_left--;
    finding->weight[i] = is_taken ? 1.0 / (double)m : 0.0;
  }
  finding->margin = margin_of(work, m, n);
}
