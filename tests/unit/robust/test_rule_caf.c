/* Claims about the covariance filter: who loses how much of his vote, and that liars cannot keep it
 * busy. */
#include "weighing.h"

#include "robust/caf.h"

static bool same(double a, double b) {
  return a <= b && a >= b;
}

/* Mean 4, deviations -4, -2, 6: votes become 1 - 16/36, 1 - 4/36, 0. Then the mean is 16/13 and the
 * variance 160/169, the least; row 0 is the farthest of those left. */
static void two_steps_by_hand(void **state) {
  (void)state;
  struct weighing w = {.n = 3, .d = 1, .x = {{0}, {2}, {10}}};
  struct weighed r;
  weighing_run("caf(f=1, tau_max=active)", &w, &r);
  weighing_near(r.weights, (const double[]){5. / 13, 8. / 13, 0}, 3, 1e-15);
  weighing_near(r.scores, (const double[]){1, 1 - 8. / 9 * (1 - 100. / 256), 1}, 3, 1e-14);
  weighing_near(&r.evidence.margin, (const double[]){1 - 160. / 169 / (56. / 3)}, 1, 1e-14);
  assert_int_equal(r.evidence.iterations, 2);
  assert_int_equal(r.evidence.selected, 2);
}

/* Measured against the row that is out already, 1000 away, honest rows lose a millionth in each
 * step. */
static void a_liar_who_is_out_cannot_keep_it_busy(void **state) {
  (void)state;
  struct weighing w = {.n = 3, .d = 1, .x = {{0}, {1}, {1000}}};
  struct weighed r;
  weighing_run("caf(f=1)", &w, &r);
  assert_true(r.evidence.is_capped && r.evidence.iterations == 65);
  assert_true(same(r.weights[2], 0.0) && fabs(r.out[0] - 0.5) < 0.01);
  weighing_run("caf(f=1, tau_max=active)", &w, &r);
  assert_true(!r.evidence.is_capped && r.evidence.iterations == 2);
}

static void without_liars_it_is_the_mean(void **state) {
  (void)state;
  for (size_t n = 1; n <= 5; n++) {
    struct weighing w = weighing_random(n, 3, n);
    struct weighed r;
    weighing_run("caf(f=0)", &w, &r);
    for (size_t i = 0; i < n; i++) assert_true(same(r.weights[i], 1.0 / (double)n));
    assert_true(r.evidence.iterations == 0 && same(r.evidence.margin, 1.0));
  }
}

/* Where ByzFL has no answer: no variance, from the start or once the liar is out. */
static void equal_rows_end_the_filter(void **state) {
  (void)state;
  struct weighing w = {.n = 5, .d = 2, .x = {{7, 1}, {7, 1}, {7, 1}, {7, 1}, {7, 1}}};
  struct weighed r;
  weighing_run("caf(f=2)", &w, &r);
  weighing_near(r.weights, (const double[]){.2, .2, .2, .2, .2}, 5, 1e-15);
  assert_int_equal(r.evidence.iterations, 0);
  w.x[3][0] = -1e6;
  weighing_run("caf(f=2)", &w, &r);
  weighing_near(r.weights, (const double[]){.25, .25, .25, 0, .25}, 5, 1e-12);
  assert_int_equal(r.evidence.iterations, 1);
}

/* On a line the covariance times any start is its eigenvector: a replay finds what the filter finds
 * by itself. */
static void starts_replay_the_filter(void **state) {
  (void)state;
  enum { N = 7, STEPS = 2 };
  const double x[N] = {0.5, -1, 0.25, 8, 1.5, -0.75, 9};
  double distances[N * N], starts[STEPS * N], *work = malloc(caf_work_doubles(N) * sizeof *work);
  double weight[2][N], score[2][N];
  assert_non_null(work);
  for (size_t i = 0; i < N; i++) {
    for (size_t j = 0; j < N; j++) distances[i * N + j] = (x[i] - x[j]) * (x[i] - x[j]);
    for (size_t t = 0; t < STEPS; t++) starts[t * N + i] = t == 0 ? x[i] : -x[i];
  }
  struct caf caf = {.n = N, .f = 2, .is_active = true};
  for (size_t k = 0; k < 2; k++) {
    struct rule_finding finding = {.weight = weight[k], .score = score[k], .margin = 1.0};
    caf_filter(&caf, distances, work, &finding);
    assert_true(finding.iterations > STEPS);
    caf.starts = starts;
    caf.start_count = STEPS;
  }
  weighing_near(weight[1], weight[0], N, 1e-14);
  weighing_near(score[1], score[0], N, 1e-14);
  free(work);
}

/* Less than half the rows, anywhere: the answer stays within the honest spread. */
static void far_liars_do_not_move_it(void **state) {
  (void)state;
  for (int exponent = 3; exponent <= 60; exponent += 3) {
    struct weighing w = weighing_random(12, 6, 40);
    struct weighed r;
    for (size_t i = 0; i < 4; i++)
      for (size_t k = 0; k < 6; k++) w.x[3 * i][k] += ldexp(1.0, exponent) * (k == i ? 1 : .25);
    weighing_run("caf(f=4)", &w, &r);
    for (size_t k = 0; k < 6; k++) assert_true(fabs(r.out[k]) < 1.0);
    weighing_run("caf(f=4, tau_max=active)", &w, &r);
    for (size_t k = 0; k < 6; k++) assert_true(fabs(r.out[k]) < 1.0);
  }
}

static void where_the_rows_stand_is_of_no_account(void **state) {
  (void)state;
  struct weighing w = weighing_random(10, 5, 3), moved = w;
  struct weighed r, s;
  for (size_t i = 0; i < 10; i++)
    for (size_t k = 0; k < 5; k++) moved.x[i][k] += 8.0;
  weighing_run("caf(f=3)", &w, &r);
  weighing_run("caf(f=3)", &moved, &s);
  weighing_near(s.weights, r.weights, 10, 1e-12);
}

static void arrival_changes_no_bit(void **state) {
  (void)state;
  struct weighing w = weighing_random(13, 7, 5);
  weighing_ignores_arrival("caf(f=4)", &w);
  weighing_ignores_arrival("caf(f=4, tau_max=active)", &w);
}

static void a_minority_is_required(void **state) {
  (void)state;
  weighing_refuses("caf(f=3)", 6, "2f < n");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(two_steps_by_hand),
      cmocka_unit_test(a_liar_who_is_out_cannot_keep_it_busy),
      cmocka_unit_test(without_liars_it_is_the_mean),
      cmocka_unit_test(equal_rows_end_the_filter),
      cmocka_unit_test(starts_replay_the_filter),
      cmocka_unit_test(far_liars_do_not_move_it),
      cmocka_unit_test(where_the_rows_stand_is_of_no_account),
      cmocka_unit_test(arrival_changes_no_bit),
      cmocka_unit_test(a_minority_is_required),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
