/* The weighted mean, FedAvg's (McMahan et al., AISTATS 2017): each row weighs as many examples as
 * its client claims.
 *
 * Withstands nobody, and less than the mean does: the count is one more number to lie about, so cap
 * it before it comes here. Cost: one read of the rows. When nobody claims an example there is no
 * such mean; the answer is the zero update with all weights 0, which leaves the model where it was.
 */
#include "robust/rule.h"
#include "robust/share.h"

static const char *unmet(const struct rule_value *value, size_t n) {
  (void)value;
  (void)n;
  return NULL;
}

static void weigh(const struct rule_input *input, struct rule_finding *finding) {
  for (size_t i = 0; i < input->n; i++) finding->weight[i] = 0.0;
  share_of_counts(input->n, input->counts, finding->weight);
}

extern const struct rule rule_weighted_mean;
const struct rule rule_weighted_mean = {.name = "weighted_mean",
                                        .kind = RULE_BY_WEIGHTS,
                                        .reads = RULE_READS_COUNTS,
                                        .unmet = unmet,
                                        .weigh = weigh};
