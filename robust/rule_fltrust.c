/* FLTrust (Cao, Fang, Liu and Gong, NDSS 2021): rows are trusted as far as they point where the
 * server's own update points, and brought to its length.
 *
 * Withstands any number of liars, as long as the reference is honest: the server trains it itself,
 * each round, on a small clean data set (the paper: 100 examples). Cost: the rows' lengths
 * and products with the reference, and one more read. Trust
 * is max(0, cosine); a zero row has none. When nobody is trusted, or the reference is zero, the
 * answer is the zero update. Poor when the server's data are unlike the clients': whoever knows
 * what it does not know looks wrong. */
#include "robust/rule.h"
#include "robust/score.h"
#include "robust/split.h"

#include <math.h>

static const char *unmet(const struct rule_value *value, size_t n) {
  (void)value;
  (void)n;
  return NULL;
}

/* Scores are 1 - cosine, of which trust ends at 1. */
static double trust_all(const struct rule_input *input, struct rule_finding *finding) {
  double total = 0.0;
  for (size_t i = 0; i < input->n; i++) {
    double cosine =
        robust_cosine(input->to_reference[i], input->square[i], input->reference_square);
    finding->score[i] = 1.0 - cosine;
    finding->weight[i] = cosine > 0.0 ? cosine : 0.0;
    total += finding->weight[i];
  }
  return total;
}

static void weigh(const struct rule_input *input, struct rule_finding *finding) {
  double total = trust_all(input, finding);
  split_margin(input->n, finding);
  for (size_t i = 0; i < input->n; i++) {
    if (!(finding->weight[i] > 0.0)) continue;
    double length = sqrt(input->square[i]);
    finding->weight[i] *= sqrt(input->reference_square) / length / total;
  }
}

extern const struct rule rule_fltrust;
const struct rule rule_fltrust = {.name = "fltrust",
                                  .kind = RULE_BY_WEIGHTS,
                                  .reads = RULE_READS_SQUARES | RULE_READS_REFERENCE |
                                           RULE_NEEDS_REFERENCE,
                                  .unmet = unmet,
                                  .weigh = weigh};
