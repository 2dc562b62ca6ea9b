/* Divide and conquer (Shejwalkar and Houmansadr, NDSS 2021): in each of several random samples of
 * coordinates, the rows that stand out most along the direction of largest variance are thrown out;
 * the mean of those that every sample kept.
 *
 * Withstands f liars, 2f < n, that pull together in one direction. Cost: no Gram matrix of the
 * whole rows, only one for each of `iterations` samples of `size` coordinates, with its
 * eigenvector. Each sample loses the floor of c f rows. Which coordinates a sample takes is drawn
 * from `seed`: liars who know it in time aim beside the sample. Defaults are those of Blades. When
 * no row survives every sample, those that the last one kept are taken, and is_capped says so.
 * Scores are a row's largest share of a sample's top variance, the margin is the smallest of any
 * sample's. Poor when one liar is very far away: he alone is the direction, the others' order along
 * it is left to chance, and f - 1 liars stay as likely as anybody. */
#include "robust/centred.h"
#include "robust/eigen.h"
#include "robust/gram.h"
#include "robust/rule.h"

#include <math.h>
#include <string.h>

enum { F, C, ITERATIONS, SIZE, SEED };

enum { ITERATIONS_MAX = 100 }; /* each costs a Gram matrix held in memory */

/* As a double, since nothing bounds c f before unmet has. */
static double thrown_out(const struct rule_value *value) {
  return floor(rule_number_or(&value[C], 1.0) * (double)value[F].count);
}

static const char *unmet(const struct rule_value *value, size_t n) {
  if (!rule_has_honest_majority(value[F].count, n)) return "2f < n";
  if (!(rule_number_or(&value[C], 1.0) >= 0.0)) return "c >= 0";
  if (!(thrown_out(value) < (double)n)) return "floor(c f) < n";
  if (value[ITERATIONS].is_given && value[ITERATIONS].count < 1) return "iterations >= 1";
  if (value[ITERATIONS].count > ITERATIONS_MAX) return "iterations <= 100";
  if (value[SIZE].is_given && value[SIZE].count < 1) return "size >= 1";
  return NULL;
}

static struct rule_draws draws(const struct rule_value *value, size_t d) {
  size_t size = rule_count_or(&value[SIZE], 10000);
  return (struct rule_draws){.draws = rule_count_or(&value[ITERATIONS], 5),
                             .size = size < d ? size : d,
                             .seed = value[SEED].count};
}

static size_t work_doubles(const struct rule_value *value, size_t n) {
  (void)value;
  return 2 * n * n + 4 * n + eigen_work_doubles(n);
}

struct dnc {
  size_t n;
  double *distances; /* n x n, in the sample */
  double *scatter;   /* n x n */
  double *even;      /* 1/n, n times */
  double *vector;
  double *share; /* largest share of a sample's top variance so far */
  double *kept;  /* 1 while every sample kept the row */
  double *spare;
};

static struct dnc lay_out(const struct rule_input *input) {
  size_t n = input->n;
  struct dnc dnc = {.n = n, .distances = input->work};
  dnc.scatter = dnc.distances + n * n;
  dnc.even = dnc.scatter + n * n;
  dnc.vector = dnc.even + n;
  dnc.share = dnc.vector + n;
  dnc.kept = dnc.share + n;
  dnc.spare = dnc.kept + n;
  return dnc;
}

/* score[i] = the share of the top variance that is row i's: its component of the eigenvector,
 * squared (science.md 2.16). Rows that are all equal have none. */
static void rank_in_sample(const struct dnc *dnc, const double *gram, double *score) {
  robust_distances(dnc->n, gram, dnc->distances);
  centred_gram(dnc->n, dnc->distances, dnc->even, dnc->scatter, dnc->spare);
  double top = eigen_top(dnc->n, dnc->scatter, dnc->vector, dnc->spare);
  for (size_t i = 0; i < dnc->n; i++) score[i] = top > 0.0 ? dnc->vector[i] * dnc->vector[i] : 0.0;
}

static size_t count_kept(const struct dnc *dnc) {
  size_t count = 0;
  for (size_t i = 0; i < dnc->n; i++) count += dnc->kept[i] > 0.0;
  return count;
}

static void weigh(const struct rule_input *input, struct rule_finding *finding) {
  size_t n = input->n, samples = draws(input->value, SIZE_MAX).draws;
  struct dnc dnc = lay_out(input);
  double margin = 1.0;
  for (size_t i = 0; i < n; i++) dnc.even[i] = 1.0 / (double)n;
  for (size_t i = 0; i < n; i++) dnc.kept[i] = 1.0;
  memset(dnc.share, 0, n * sizeof *dnc.share);
  for (size_t t = 0; t < samples; t++) {
    rank_in_sample(&dnc, input->sample_gram + t * n * n, finding->score);
    rule_select_lowest(n, n - (size_t)thrown_out(input->value), dnc.spare, finding);
    margin = fmin(margin, finding->margin);
    for (size_t i = 0; i < n; i++) {
      dnc.share[i] = fmax(dnc.share[i], finding->score[i]);
      if (!(finding->weight[i] > 0.0)) dnc.kept[i] = 0.0;
    }
  }
  size_t kept = count_kept(&dnc);
  finding->is_capped = kept == 0; /* then the last sample's weights stand */
  for (size_t i = 0; i < n && kept > 0; i++) finding->weight[i] = dnc.kept[i] / (double)kept;
  memcpy(finding->score, dnc.share, n * sizeof *finding->score);
  finding->margin = margin;
  finding->iterations = samples;
}

extern const struct rule rule_dnc;
const struct rule rule_dnc = {.name = "dnc",
                              .kind = RULE_BY_WEIGHTS,
                              .reads = RULE_READS_SAMPLES,
                              .parameter = {{.name = "f", .is_required = true},
                                            {.name = "c", .kind = PARAMETER_NUMBER},
                                            {.name = "iterations"},
                                            {.name = "size"},
                                            {.name = "seed"}},
                              .unmet = unmet,
                              .work_doubles = work_doubles,
                              .draws = draws,
                              .weigh = weigh};
