/* For tests of rules that give weights: cases written in doubles, their numbers computed plainly,
 * and the rule asked through robust_weigh, away from tiles and roundings. */
#ifndef TESTS_ROBUST_WEIGHING_H
#define TESTS_ROBUST_WEIGHING_H

#include "fixture.h"

enum { WEIGHING_ROWS_MAX = 40, WEIGHING_VALUES_MAX = 16 };

struct weighing {
  size_t n, d;
  double x[WEIGHING_ROWS_MAX][WEIGHING_VALUES_MAX];
  double history[WEIGHING_ROWS_MAX][WEIGHING_VALUES_MAX];
  double reference[WEIGHING_VALUES_MAX];
  double counts[WEIGHING_ROWS_MAX];
  size_t order[WEIGHING_ROWS_MAX];
  bool has_reference, has_counts, has_order;
};

struct weighed {
  double weights[WEIGHING_ROWS_MAX];
  double scores[WEIGHING_ROWS_MAX];
  double out[WEIGHING_VALUES_MAX];
  struct robust_evidence evidence;
  struct robust_error error;
};

static inline double weighing_dot(size_t d, const double *a, const double *b) {
  double sum = 0.0;
  for (size_t k = 0; k < d; k++) sum += a[k] * b[k];
  return sum;
}

/* Seeded rows in [-1, 1), the same as histories. */
static inline struct weighing weighing_random(size_t n, size_t d, uint64_t seed) {
  struct weighing w = {.n = n, .d = d};
  for (size_t i = 0; i < n; i++)
    for (size_t k = 0; k < d; k++) w.x[i][k] = (double)test_unit(&seed);
  memcpy(w.history, w.x, sizeof w.x);
  return w;
}

static inline enum robust_status weighing_try(const char *text, const struct weighing *w,
                                              struct weighed *r) {
  static double gram[WEIGHING_ROWS_MAX * WEIGHING_ROWS_MAX];
  static double history[WEIGHING_ROWS_MAX * WEIGHING_ROWS_MAX];
  double products[WEIGHING_ROWS_MAX + 1];
  size_t n = w->n, d = w->d;
  for (size_t i = 0; i < n; i++) {
    products[i] = weighing_dot(d, w->x[i], w->reference);
    for (size_t j = 0; j < n; j++) {
      gram[i * n + j] = weighing_dot(d, w->x[i], w->x[j]);
      history[i * n + j] = weighing_dot(d, w->history[i], w->history[j]);
    }
  }
  products[n] = weighing_dot(d, w->reference, w->reference);
  memset(r, 0, sizeof *r);
  r->evidence.weights = r->weights;
  r->evidence.scores = r->scores;
  struct robust_pipeline *pipeline = test_parse(text);
  struct robust_input input = {.rows = {.n = n, .d = d},
                               .gram = gram,
                               .order = w->has_order ? w->order : NULL,
                               .counts = w->has_counts ? w->counts : NULL,
                               .reference_products = w->has_reference ? products : NULL,
                               .history_gram = history};
  struct robust_scratch scratch = test_scratch(robust_weigh_scratch_bytes(pipeline, &input, 1), 1);
  enum robust_status status = robust_weigh(pipeline, &input, &scratch, &r->evidence, &r->error);
  for (size_t k = 0; k < d; k++) r->out[k] = r->evidence.reference_weight * w->reference[k];
  for (size_t i = 0; i < n; i++)
    for (size_t k = 0; k < d; k++) r->out[k] += r->weights[i] * w->x[i][k];
  free(scratch.memory);
  robust_pipeline_free(pipeline);
  return status;
}

static inline void weighing_run(const char *text, const struct weighing *w, struct weighed *r) {
  enum robust_status status = weighing_try(text, w, r);
  if (status != ROBUST_OK) fail_msg("%s: %s", text, r->error.text);
}

/* The rule refuses, and says so in these words. */
static inline void weighing_refuses(const char *text, size_t n, const char *words) {
  struct weighing w = weighing_random(n, 2, 1);
  struct weighed r;
  enum robust_status status = weighing_try(text, &w, &r);
  if (status != ROBUST_NOT_FEASIBLE || strstr(r.error.text, words) == NULL)
    fail_msg("%s: %s, '%s'", text, robust_status_name(status), r.error.text);
}

static inline void weighing_near(const double *values, const double *expected, size_t count,
                                 double tolerance) {
  for (size_t i = 0; i < count; i++)
    if (!(fabs(values[i] - expected[i]) <= tolerance))
      fail_msg("number %zu is %.17g, not %.17g", i, values[i], expected[i]);
}

/* Reversing the rows, and the order with them, changes no bit. */
static inline void weighing_ignores_arrival(const char *text, const struct weighing *w) {
  struct weighing reversed = *w;
  struct weighed r, s;
  for (size_t i = 0; i < w->n; i++) {
    size_t from = w->n - 1 - i;
    memcpy(reversed.x[i], w->x[from], sizeof w->x[i]);
    memcpy(reversed.history[i], w->history[from], sizeof w->history[i]);
    reversed.counts[i] = w->counts[from];
    reversed.order[i] = from;
  }
  reversed.has_order = true;
  weighing_run(text, w, &r);
  weighing_run(text, &reversed, &s);
  for (size_t i = 0; i < w->n; i++) {
    size_t from = w->n - 1 - i;
    assert_memory_equal(&s.weights[i], &r.weights[from], sizeof(double));
    assert_memory_equal(&s.scores[i], &r.scores[from], sizeof(double));
  }
  assert_true(s.evidence.margin <= r.evidence.margin && s.evidence.margin >= r.evidence.margin);
}

#endif
