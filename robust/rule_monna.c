/* MoNNA (Farhadkhani et al., ICML 2023): the mean of the n - f rows nearest to one row that is
 * trusted, itself included.
 *
 * Withstands f liars, 2f < n, if the pivot is honest: the server's own update, or that of a client
 * whose word counts. Cost: the Gram matrix, one row of distances. Poor without such a row: a lying
 * pivot chooses its company, and nothing shows. `pivot` is the caller's number of the row; the
 * first row unless said, as in ByzFL. */
#include "robust/gram.h"
#include "robust/rule.h"

enum { F, PIVOT };

static size_t work_doubles(const struct rule_value *value, size_t n) {
  (void)value;
  return n;
}

static void weigh(const struct rule_input *input, struct rule_finding *finding) {
  size_t n = input->n;
  size_t pivot = input->value[PIVOT].count;
  for (size_t i = 0; i < n; i++) finding->score[i] = robust_distance(n, input->gram, pivot, i);
  rule_select_lowest(n, n - input->value[F].count, input->work, finding);
}

extern const struct rule rule_monna;
const struct rule rule_monna = {
    .name = "monna",
    .kind = RULE_BY_WEIGHTS,
    .reads = RULE_READS_GRAM,
    .parameter = {{.name = "f", .is_required = true}, {.name = "pivot", .kind = PARAMETER_ROW}},
    .unmet = rule_unmet_majority,
    .work_doubles = work_doubles,
    .weigh = weigh};
