/* Claims about centred clipping: steps by hand, the same walk done coordinate by coordinate, and
 * that a liar is a bounded nuisance. */
#include "weighing.h"

static void one_step_by_hand(void **state) {
  (void)state;
  struct weighing w = {.n = 2, .d = 1, .x = {{4.0}, {1.0}}};
  struct weighed r;
  weighing_run("centered_clipping(tau=2)", &w, &r); /* (4 min(1, 2/4) + 1) / 2 */
  weighing_near(r.weights, (const double[]){0.25, 0.5}, 2, 1e-16);
  weighing_near(r.out, (const double[]){1.5}, 1, 1e-15);
  weighing_near(r.scores, (const double[]){2.5, 0.5}, 2, 1e-15);
  assert_true(fabs(r.evidence.reference_weight - 0.25) < 1e-16);
  assert_int_equal(r.evidence.iterations, 1);
}

static void it_starts_from_the_reference(void **state) {
  (void)state;
  struct weighing w = {
      .n = 2, .d = 1, .x = {{4.0}, {1.0}}, .reference = {2.0}, .has_reference = true};
  struct weighed r;
  weighing_run("centered_clipping(tau=1)", &w, &r); /* 2 + (1 - 1) / 2 */
  weighing_near(r.out, (const double[]){2.0}, 1, 1e-15);
  weighing_run("centered_clipping(tau=2)", &w, &r); /* 2 + (2 - 1) / 2 */
  weighing_near(r.out, (const double[]){2.5}, 1, 1e-15);
}

/* When nothing is clipped no trace of the reference is left. */
static void a_wide_bound_is_the_mean(void **state) {
  (void)state;
  struct weighing w = weighing_random(7, 3, 3);
  struct weighed r;
  w.has_reference = true;
  w.reference[1] = 5.0;
  weighing_run("centered_clipping", &w, &r);
  for (size_t i = 0; i < 7; i++) assert_true(fabs(r.weights[i] - 1.0 / 7.0) < 1e-16);
  assert_true(r.evidence.reference_weight <= 0.0 && r.evidence.reference_weight >= 0.0);
}

static void a_bound_of_zero_and_no_step_stand_still(void **state) {
  (void)state;
  static const char *const texts[] = {"centered_clipping(tau=0, iterations=3)",
                                      "centered_clipping(iterations=0)",
                                      "centered_clipping(tau_rel=0)"};
  struct weighing w = weighing_random(5, 3, 3);
  struct weighed r;
  w.has_reference = true;
  w.reference[1] = 5.0;
  for (size_t i = 0; i < 3; i++) {
    weighing_run(texts[i], &w, &r);
    weighing_near(r.out, w.reference, 3, 0.0);
    assert_int_equal(r.evidence.selected, 0);
  }
}

static double bound_at(const double *distance, size_t n, double tau, double tau_rel) {
  double sorted[WEIGHING_ROWS_MAX];
  if (!(tau_rel > 0.0)) return tau;
  memcpy(sorted, distance, n * sizeof *sorted);
  for (size_t i = 1; i < n; i++)
    for (size_t j = i; j > 0 && sorted[j - 1] > sorted[j]; j--) {
      double larger = sorted[j - 1];
      sorted[j - 1] = sorted[j];
      sorted[j] = larger;
    }
  return tau_rel * 0.5 * (sorted[(n - 1) / 2] + sorted[n / 2]);
}

/* The paper's formula, on the coordinates. */
static void walk(const struct weighing *w, double tau, double tau_rel, size_t steps, double *v) {
  memcpy(v, w->reference, w->d * sizeof *v);
  for (size_t step = 0; step < steps; step++) {
    double distance[WEIGHING_ROWS_MAX], next[WEIGHING_VALUES_MAX];
    for (size_t i = 0; i < w->n; i++) {
      double square = 0.0;
      for (size_t k = 0; k < w->d; k++) square += (w->x[i][k] - v[k]) * (w->x[i][k] - v[k]);
      distance[i] = sqrt(square);
    }
    double bound = bound_at(distance, w->n, tau, tau_rel);
    memcpy(next, v, w->d * sizeof *v);
    for (size_t i = 0; i < w->n; i++)
      for (size_t k = 0; k < w->d; k++)
        next[k] += (w->x[i][k] - v[k]) * fmin(1.0, bound / distance[i]) / (double)w->n;
    memcpy(v, next, w->d * sizeof *v);
  }
}

static void it_walks_as_the_coordinates_do(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed < 40; seed++) {
    struct weighing w = weighing_random(3 + seed % 7, 6, seed);
    struct weighed r;
    double v[WEIGHING_VALUES_MAX];
    w.has_reference = seed % 2 == 0;
    for (size_t k = 0; k < 6 && w.has_reference; k++) w.reference[k] = 0.3 * (double)k - 1.0;
    for (size_t k = 0; k < 6; k++) w.x[1][k] *= 1e6;
    weighing_run("centered_clipping(tau=0.5, iterations=6)", &w, &r);
    walk(&w, 0.5, 0.0, 6, v);
    weighing_near(r.out, v, 6, 1e-9);
    weighing_run("centered_clipping(tau_rel=0.7, iterations=6)", &w, &r);
    walk(&w, 0.0, 0.7, 6, v);
    weighing_near(r.out, v, 6, 1e-9);
  }
}

/* Wherever the liar is, L steps move the answer by L tau / n at most from where it would be if he
 * stood at the reference. */
static void a_liar_moves_each_step_by_its_share_of_the_bound(void **state) {
  (void)state;
  for (int far = 0; far <= 60; far += 5) {
    struct weighing honest = weighing_random(6, 4, 9);
    memset(honest.x[5], 0, sizeof honest.x[5]);
    struct weighing attacked = honest;
    struct weighed r, s;
    for (size_t k = 0; k < 4; k++) attacked.x[5][k] = ldexp(1.0, far);
    weighing_run("centered_clipping(tau=3, iterations=1)", &honest, &r);
    weighing_run("centered_clipping(tau=3, iterations=1)", &attacked, &s);
    for (size_t k = 0; k < 4; k++) s.out[k] -= r.out[k];
    assert_true(sqrt(weighing_dot(4, s.out, s.out)) <= 3.0 / 6.0 * (1.0 + 1e-12));
  }
}

static void tau_rel_knows_no_unit(void **state) {
  (void)state;
  struct weighing w = weighing_random(6, 3, 5), large = w;
  struct weighed r, s;
  for (size_t i = 0; i < 6; i++)
    for (size_t k = 0; k < 3; k++) large.x[i][k] = ldexp(large.x[i][k], 30);
  weighing_run("centered_clipping(tau_rel=1, iterations=3)", &w, &r);
  weighing_run("centered_clipping(tau_rel=1, iterations=3)", &large, &s);
  assert_memory_equal(r.weights, s.weights, sizeof r.weights);
}

static void arrival_changes_no_bit(void **state) {
  (void)state;
  struct weighing w = weighing_random(11, 6, 12);
  memcpy(w.x[7], w.x[2], sizeof w.x[2]);
  weighing_ignores_arrival("centered_clipping(tau=0.7, iterations=4)", &w);
  w.has_reference = true;
  w.reference[2] = -0.4;
  weighing_ignores_arrival("centered_clipping(tau_rel=0.7, iterations=4)", &w);
}

/* Through the whole way: what the evidence says is what comes out. */
static void the_output_is_the_weighted_sum_and_the_reference(void **state) {
  (void)state;
  enum { D = 700 };
  struct test_rows t;
  float reference[D], out[D];
  struct test_result result = {0};
  test_rows_new(&t, 5, D, 3);
  for (size_t k = 0; k < D; k++) reference[k] = (float)k / D;
  struct robust_pipeline *pipeline = test_parse("centered_clipping(tau=2, iterations=2)");
  struct robust_input input = {.rows = t.rows, .reference = reference};
  struct robust_scratch scratch = test_scratch(robust_scratch_bytes(pipeline, &input, 2), 2);
  result.evidence.weights = result.weights;
  assert_int_equal(robust_aggregate(pipeline, &input, &scratch, out, &result.evidence, NULL),
                   ROBUST_OK);
  assert_true(result.evidence.reference_weight > 0.1);
  for (size_t k = 0; k < D; k++) {
    double sum = result.evidence.reference_weight * (double)reference[k];
    for (size_t i = 0; i < 5; i++) sum += result.weights[i] * (double)test_at(&t.rows, i, k);
    assert_true(fabs((double)out[k] - sum) <= 0x1p-24);
  }
  free(scratch.memory);
  robust_pipeline_free(pipeline);
  test_rows_free(&t);
}

static void refusals_name_the_reason(void **state) {
  (void)state;
  weighing_refuses("centered_clipping(tau=-1)", 5, "tau >= 0");
  weighing_refuses("centered_clipping(tau_rel=-1)", 5, "tau_rel >= 0");
  weighing_refuses("centered_clipping(tau=1, tau_rel=1)", 5, "not both");
  weighing_refuses("centered_clipping(iterations=10001)", 5, "iterations <= 10000");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(one_step_by_hand),
      cmocka_unit_test(it_starts_from_the_reference),
      cmocka_unit_test(a_wide_bound_is_the_mean),
      cmocka_unit_test(a_bound_of_zero_and_no_step_stand_still),
      cmocka_unit_test(it_walks_as_the_coordinates_do),
      cmocka_unit_test(a_liar_moves_each_step_by_its_share_of_the_bound),
      cmocka_unit_test(tau_rel_knows_no_unit),
      cmocka_unit_test(arrival_changes_no_bit),
      cmocka_unit_test(the_output_is_the_weighted_sum_and_the_reference),
      cmocka_unit_test(refusals_name_the_reason),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
