/* Norm clipping (Sun, Kairouz, Suresh and McMahan, 2019): the mean of the rows, each shortened to
 * length c if it is longer.
 *
 * Withstands nobody in the strict sense: f liars of n still move the result by f c / n, each round
 * anew. It bounds one round's damage and costs honest clients little. Cost: the rows'
 * lengths, a read or two, and one more read. c is 2 unless given, ByzFL's for
 * its clipping; sigma adds Gaussian noise of that deviation to every coordinate, and needs a seed,
 * a new one each round (what noise does not buy: noise.h). Poor when the honest lengths are not
 * known: c far above them does nothing. As a mixer before a robust rule, clip does the same to each
 * row. */
#include "robust/radius.h"
#include "robust/rule.h"

#include <math.h>

enum { C, SIGMA, SEED };

static const char *unmet(const struct rule_value *value, size_t n) {
  (void)n;
  if (!(value[C].number >= 0.0)) return "c >= 0";
  if (!(value[SIGMA].number >= 0.0)) return "sigma >= 0";
  if (value[SIGMA].number > 0.0 && !value[SEED].is_given) return "a seed when sigma > 0";
  return NULL;
}

/* Scores are the lengths. */
static void weigh(const struct rule_input *input, struct rule_finding *finding) {
  size_t n = input->n;
  double bound = rule_number_or(&input->value[C], 2.0);
  for (size_t i = 0; i < n; i++) {
    double square = input->square[i];
    finding->score[i] = square > 0.0 ? sqrt(square) : 0.0;
    finding->weight[i] = radius_shrink(finding->score[i], bound) / (double)n;
  }
  finding->noise = input->value[SIGMA].number;
  finding->noise_seed = input->value[SEED].count;
}

extern const struct rule rule_norm_clip;
const struct rule rule_norm_clip = {.name = "norm_clip",
                                    .kind = RULE_BY_WEIGHTS,
                                    .reads = RULE_READS_SQUARES,
                                    .parameter = {{.name = "c", .kind = PARAMETER_NUMBER},
                                                  {.name = "sigma", .kind = PARAMETER_NUMBER},
                                                  {.name = "seed"}},
                                    .unmet = unmet,
                                    .weigh = weigh};
