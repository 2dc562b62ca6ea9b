/* Mean around the median, MeaMed (Xie, Koyejo, Gupta, 2018): for every coordinate, the mean of the
 * n - f values nearest to the median.
 *
 * Withstands f liars, 2f < n. Cost: a sort of each column and a walk outwards from its middle.
 * Keeps more values than the trimmed mean (n - f, not n - 2f), and pays for it: liars who stay
 * close to the median on one side are all kept. Of values equally far from the median, those of the
 * first rows count (science.md 2.9). */
#include "robust/rule.h"

enum { F };

static void coordinates(const struct rule_input *input, const struct rank_tile *tile, double *out) {
  rank_nearest_means(tile, input->n - input->value[F].count, out);
}

extern const struct rule rule_meamed;
const struct rule rule_meamed = {.name = "meamed",
                                 .kind = RULE_BY_COORDINATE,
                                 .parameter = {{.name = "f", .is_required = true}},
                                 .unmet = rule_unmet_majority,
                                 .coordinates = coordinates};
