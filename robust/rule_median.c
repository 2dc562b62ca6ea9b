/* The coordinate-wise median (Yin et al., ICML 2018): the middle value, the mean of the two middle
 * ones for even n.
 *
 * Withstands f < n/2 liars in every coordinate. Cost: one read, and a sort of each column in
 * registers. Poor when honest clients differ much (non-IID data): it may follow no client at all,
 * and small common shifts (ALIE) pass. */
#include "robust/rule.h"

static const char *unmet(const struct rule_value *value, size_t n) {
  (void)value;
  (void)n;
  return NULL;
}

static void coordinates(const struct rule_input *input, const struct rank_tile *tile, double *out) {
  size_t n = input->n;
  rank_window_means(tile, (n - 1) / 2, n / 2 + 1, out);
}

extern const struct rule rule_median;
const struct rule rule_median = {
    .name = "median", .kind = RULE_BY_COORDINATE, .unmet = unmet, .coordinates = coordinates};
