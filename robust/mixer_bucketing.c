/* Bucketing (Karimireddy, He, Jaggi, ICLR 2022): rows are dealt into buckets of s, and each bucket
 * is averaged.
 *
 * Makes honest rows alike by a factor s in variance and shrinks n to ceil(n / s), for a rule that
 * keeps its f: f liars spoil at most f buckets, so s f must stay below n / 2. Cost: none beyond the
 * sums. Poor when f is near n / (2s), and always when liars choose the buckets: the deal is
 * therefore the order of the call, which is the plan's public permutation, or one drawn from
 * `seed`. The last bucket may be smaller; it weighs as much as the others. With s > 1 the evidence
 * calls the answer approximate: rows of one bucket are judged together. */
#include "robust/rule.h"
#include "robust/splitmix.h"

#include <string.h>

enum { S, SEED };

static const char *unmet(const struct rule_value *value, size_t n) {
  (void)n;
  return rule_count_or(&value[S], 1) > 0 ? NULL : "s >= 1";
}

static size_t bucket_size(const struct rule_value *value, size_t n) {
  size_t s = rule_count_or(&value[S], 1);
  return s < n ? s : n;
}

static size_t rows_after(const struct rule_value *value, size_t n) {
  size_t s = bucket_size(value, n);
  return n / s + (n % s != 0);
}

static size_t work_doubles(const struct rule_value *value, size_t n) {
  return value[SEED].is_given ? n : 0;
}

/* place[j]: where row j stands in the deal. Fisher and Yates; row numbers are whole in a double. */
static void shuffle(size_t n, uint64_t seed, double *place) {
  for (size_t j = 0; j < n; j++) place[j] = (double)j;
  for (size_t left = n; left > 1; left--) {
    size_t other = (size_t)splitmix_below(&seed, left);
    double moved = place[left - 1];
    place[left - 1] = place[other];
    place[other] = moved;
  }
}

static void mix(const struct rule_input *input, double *matrix, struct rule_finding *finding) {
  size_t n = input->n;
  size_t s = bucket_size(input->value, n);
  const struct rule_value *seed = &input->value[SEED];
  finding->is_approximate = finding->is_approximate || s > 1;
  if (seed->is_given) shuffle(n, seed->count, input->work);
  memset(matrix, 0, rows_after(input->value, n) * n * sizeof *matrix);
  for (size_t j = 0; j < n; j++) {
    size_t bucket = (seed->is_given ? (size_t)input->work[j] : j) / s;
    size_t members = n - bucket * s < s ? n - bucket * s : s;
    matrix[bucket * n + j] = 1.0 / (double)members;
  }
}

extern const struct rule mixer_bucketing;
const struct rule mixer_bucketing = {.name = "bucketing",
                                     .kind = RULE_MIXER,
                                     .parameter = {{.name = "s"}, {.name = "seed"}},
                                     .unmet = unmet,
                                     .work_doubles = work_doubles,
                                     .rows_after = rows_after,
                                     .mix = mix};
