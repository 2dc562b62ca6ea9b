/* The covariance-bound agnostic filter (Allouah, Guerraoui and Stephan, ICML 2025): rows far out
 * along the direction of largest variance lose their vote bit by bit; of the means on the way, that
 * of least variance is the answer.
 *
 * Withstands f liars, 2f < n, and bounds the error by the honest covariance without knowing it.
 * Cost: the Gram matrix, then an eigenvector and 3 n^2 each step: 0.4 ms at n = 100, half a second
 * at n = 1000; 4 to 10 steps on honest rows. `tau_max` says what a row's deviation is measured
 * against: that of the farthest of `all` rows, as in ByzFL, or of those `active` that still have a
 * vote. A liar can place himself so that, once out, he stays the farthest; then `all` filters next
 * to nothing in a step. After max(64, 8n) steps it goes on as `active` (is_capped): half a second
 * at n = 100, about an hour at n = 1000, so say tau_max=active there: it takes a row's whole vote
 * each step. Scores are the votes lost, the margin is that of the second-least variance. Poor
 * when liars hide within the honest covariance, as every filter is. */
#include "robust/caf.h"
#include "robust/gram.h"
#include "robust/rule.h"

enum { F, TAU_MAX };
enum { TAU_OF_ALL, TAU_OF_ACTIVE };
static const char *const tau_words[] = {"all", "active", NULL};

static size_t work_doubles(const struct rule_value *value, size_t n) {
  (void)value;
  return n * n + caf_work_doubles(n);
}

static void weigh(const struct rule_input *input, struct rule_finding *finding) {
  const struct caf caf = {.n = input->n,
                          .f = input->value[F].count,
                          .is_active = input->value[TAU_MAX].count == TAU_OF_ACTIVE};
  double *distances = input->work;
  robust_distances(input->n, input->gram, distances);
  caf_filter(&caf, distances, distances + input->n * input->n, finding);
}

extern const struct rule rule_caf;
const struct rule rule_caf = {
    .name = "caf",
    .kind = RULE_BY_WEIGHTS,
    .reads = RULE_READS_GRAM,
    .parameter = {{.name = "f", .is_required = true},
                  {.name = "tau_max", .kind = PARAMETER_WORD, .words = tau_words}},
    .unmet = rule_unmet_majority,
    .work_doubles = work_doubles,
    .weigh = weigh};
