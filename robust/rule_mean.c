/* The mean: every row weighs 1/n.
 *
 * Withstands nobody: one liar moves it anywhere (breakdown point 0). Cost: one read of the rows.
 * The only rule that is exact when clients, not coordinates, are split over machines. Use it to
 * show what the others are for. */
#include "robust/rule.h"

static const char *unmet(const struct rule_value *value, size_t n) {
  (void)value;
  (void)n;
  return NULL;
}

static void weigh(const struct rule_input *input, struct rule_finding *finding) {
  for (size_t i = 0; i < input->n; i++) finding->weight[i] = 1.0 / (double)input->n;
}

extern const struct rule rule_mean;
const struct rule rule_mean = {
    .name = "mean", .kind = RULE_BY_WEIGHTS, .unmet = unmet, .weigh = weigh};
