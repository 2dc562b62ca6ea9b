/* The coordinate-wise trimmed mean (Yin et al., ICML 2018): drop the f lowest and the f highest
 * values, average the rest.
 *
 * Withstands f liars, 2f < n. Cost: that of the median. Values are added from the smallest up, so
 * that an attacker's 1e30 among the dropped never touches the sum, and so that the order of rows
 * cannot change a bit. f = 0 is the mean. Poor against attackers who stay inside the honest spread;
 * put nnm before it then. */
#include "robust/rule.h"

enum { F };

static void coordinates(const struct rule_input *input, const struct rank_tile *tile, double *out) {
  size_t f = input->value[F].count;
  rank_window_means(tile, f, input->n - f, out);
}

extern const struct rule rule_trimmed_mean;
const struct rule rule_trimmed_mean = {.name = "trimmed_mean",
                                       .kind = RULE_BY_COORDINATE,
                                       .parameter = {{.name = "f", .is_required = true}},
                                       .unmet = rule_unmet_majority,
                                       .coordinates = coordinates};
