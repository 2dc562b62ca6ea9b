/* Claims about FoolsGold: twins lose their weight, loners keep theirs, and the numbers are those of
 * the authors' code. */
#include "weighing.h"

/* Two twins of different length, two loners. */
static struct weighing twins_and_loners(void) {
  struct weighing w = {.n = 4, .d = 3, .x = {{1, 0, 0}, {0, 1, 0}, {0, 2, 0}, {0, 0, 1}}};
  memcpy(w.history, w.x, sizeof w.x);
  return w;
}

static void twins_lose_and_loners_keep(void **state) {
  (void)state;
  struct weighing w = twins_and_loners();
  struct weighed r;
  weighing_run("foolsgold", &w, &r);
  weighing_near(r.weights, (const double[]){1, 0, 0, 1}, 4, 0.0);
  weighing_near(r.scores, (const double[]){0, 1, 1, 0}, 4, 1e-15);
  weighing_near(r.out, (const double[]){1, 0, 1}, 3, 0.0); /* added, not averaged */
  assert_true(r.evidence.margin >= 1.0);
}

static void what_to_divide_by_can_be_said(void **state) {
  (void)state;
  struct weighing w = twins_and_loners();
  struct weighed r;
  weighing_run("foolsgold(normalise=rows)", &w, &r);
  weighing_near(r.weights, (const double[]){0.25, 0, 0, 0.25}, 4, 0.0);
  weighing_run("foolsgold(normalise=weights)", &w, &r);
  weighing_near(r.weights, (const double[]){0.5, 0, 0, 0.5}, 4, 0.0);
}

/* This round's rows are what is added; likeness is of the histories alone. */
static void only_history_makes_twins(void **state) {
  (void)state;
  struct weighing w = twins_and_loners();
  struct weighed r;
  for (size_t i = 0; i < 4; i++) memcpy(w.x[i], (const double[3]){1, 1, 1}, 3 * sizeof(double));
  weighing_run("foolsgold", &w, &r);
  weighing_near(r.weights, (const double[]){1, 0, 0, 1}, 4, 0.0);
  weighing_near(r.out, (const double[]){2, 2, 2}, 3, 0.0);
}

/* Whatever rounding does to a cosine of 1, nobody is taken for the least of all twins. */
static void nothing_but_twins_is_no_update(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed < 200; seed++) {
    struct weighing w = weighing_random(6, 7, seed);
    struct weighed r;
    for (size_t i = 1; i < 6; i++)
      for (size_t k = 0; k < 7; k++) w.history[i][k] = w.history[0][k] * (1.0 + 0.37 * (double)i);
    weighing_run("foolsgold(normalise=weights)", &w, &r);
    weighing_near(r.weights, (const double[6]){0}, 6, 0.0);
    assert_int_equal(r.evidence.selected, 0);
  }
}

/* The authors' code, line by line, with libm's logarithm. */
static void as_published(const struct weighing *w, double epsilon, double kappa, double *weight) {
  size_t n = w->n;
  double cs[WEIGHING_ROWS_MAX][WEIGHING_ROWS_MAX], closest[WEIGHING_ROWS_MAX];
  for (size_t i = 0; i < n; i++) {
    closest[i] = 0.0;
    for (size_t j = 0; j < n; j++) {
      double lengths = sqrt(weighing_dot(w->d, w->history[i], w->history[i]) *
                            weighing_dot(w->d, w->history[j], w->history[j]));
      double inner = weighing_dot(w->d, w->history[i], w->history[j]);
      cs[i][j] = i == j || !(lengths > 0.0) ? 0.0 : inner / lengths;
      closest[i] = fmax(closest[i], cs[i][j]);
    }
    closest[i] += epsilon;
  }
  double greatest = 0.0;
  for (size_t i = 0; i < n; i++) {
    double most = 0.0;
    for (size_t j = 0; j < n; j++) {
      if (i != j && closest[i] < closest[j]) cs[i][j] *= closest[i] / closest[j];
      most = fmax(most, cs[i][j]);
    }
    weight[i] = fmin(fmax(1.0 - most, 0.0), 1.0);
    greatest = fmax(greatest, weight[i]);
  }
  for (size_t i = 0; i < n; i++) {
    double share = weight[i] < greatest ? weight[i] / greatest : 0.99;
    weight[i] = fmin(fmax(kappa * (log(share / (1.0 - share) + epsilon) + 0.5), 0.0), 1.0);
  }
}

static void weights_are_the_published_ones(void **state) {
  (void)state;
  size_t between = 0;
  for (uint64_t seed = 1; seed < 300; seed++) {
    struct weighing w = weighing_random(2 + seed % 12, 3 + seed % 5, seed);
    struct weighed r;
    double expected[WEIGHING_ROWS_MAX];
    if (seed % 7 == 0) memset(w.history[1], 0, sizeof w.history[1]);
    weighing_run("foolsgold", &w, &r);
    as_published(&w, 1e-5, 1.0, expected);
    weighing_near(r.weights, expected, w.n, 1e-12);
    weighing_run("foolsgold(epsilon=0, kappa=0.3)", &w, &r);
    as_published(&w, 0.0, 0.3, expected);
    weighing_near(r.weights, expected, w.n, 1e-12);
    for (size_t i = 0; i < w.n; i++) between += r.weights[i] > 0.0 && r.weights[i] < 1.0;
  }
  assert_true(between > 300); /* not only the two ends were compared */
}

/* A liar's twin resembles him more than any honest client does: that client is pardoned. */
static void resembling_a_sybil_is_pardoned(void **state) {
  (void)state;
  struct weighing w = {.n = 4, .d = 3, .x = {{0, 1, 0}, {0, 1, 0.001}, {0.9, 1, 0}, {0, 0, 1}}};
  struct weighed r;
  memcpy(w.history, w.x, sizeof w.x);
  weighing_run("foolsgold", &w, &r);
  assert_true(r.weights[0] <= 0.0 && r.weights[1] <= 0.0);
  assert_true(r.weights[2] > 0.2); /* unpardoned, its logit + 1/2 would be negative */
  assert_true(r.scores[2] < 0.56); /* cosine 0.743, squared */
}

static void arrival_changes_no_bit(void **state) {
  (void)state;
  struct weighing w = weighing_random(9, 6, 12);
  memcpy(w.history[4], w.history[1], sizeof w.history[1]);
  weighing_ignores_arrival("foolsgold", &w);
  weighing_ignores_arrival("foolsgold(normalise=weights)", &w);
}

static void refusals_name_the_reason(void **state) {
  (void)state;
  weighing_refuses("foolsgold", 1, "n >= 2");
  weighing_refuses("foolsgold(epsilon=-1)", 5, "epsilon >= 0");
  weighing_refuses("foolsgold(kappa=0)", 5, "kappa > 0");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(twins_lose_and_loners_keep),
      cmocka_unit_test(what_to_divide_by_can_be_said),
      cmocka_unit_test(only_history_makes_twins),
      cmocka_unit_test(nothing_but_twins_is_no_update),
      cmocka_unit_test(weights_are_the_published_ones),
      cmocka_unit_test(resembling_a_sybil_is_pardoned),
      cmocka_unit_test(arrival_changes_no_bit),
      cmocka_unit_test(refusals_name_the_reason),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
