/* Claims about the geometric median: Weiszfeld's steps by hand, the median where it is known, and
 * how little liars move it. */
#include "weighing.h"

static void one_step_from_zero_by_hand(void **state) {
  (void)state;
  struct weighing w = {.n = 2, .d = 1, .x = {{3.0}, {-1.0}}};
  struct weighed r;
  /* 1/3 and 1 over 4/3. */
  weighing_run("geometric_median(nu=0.1, iterations=1)", &w, &r);
  weighing_near(r.weights, (const double[]){0.25, 0.75}, 2, 1e-16);
  weighing_near(r.scores, (const double[]){3.0, 1.0}, 2, 1e-15);
  assert_int_equal(r.evidence.iterations, 1);
  /* From there both are at least 1 away: again 1/3 and 1. */
  weighing_run("geometric_median(0.1, iterations=2)", &w, &r);
  weighing_near(r.out, (const double[]){0.0}, 1, 1e-15);
}

static void defaults_are_three_steps_from_zero_with_nu_a_tenth(void **state) {
  (void)state;
  struct weighing w = weighing_random(7, 4, 2);
  struct weighed r, s;
  weighing_run("geometric_median", &w, &r);
  weighing_run("geometric_median(nu=0.1, iterations=3, init=zero, weighted=no)", &w, &s);
  assert_memory_equal(r.weights, s.weights, sizeof r.weights);
  assert_int_equal(r.evidence.iterations, 3);
}

static void no_step_is_where_it_starts(void **state) {
  (void)state;
  struct weighing w = {.n = 3, .d = 2, .x = {{1, 2}, {4, 0}, {-2, 7}}};
  struct weighed r;
  weighing_run("geometric_median(iterations=0)", &w, &r);
  weighing_near(r.out, (const double[]){0, 0}, 2, 0.0);
  weighing_run("geometric_median(iterations=0, init=mean)", &w, &r);
  weighing_near(r.out, (const double[]){1, 3}, 2, 1e-15);
}

static void one_row_is_its_own_median(void **state) {
  (void)state;
  struct weighing w = {.n = 1, .d = 2, .x = {{5, -3}}};
  struct weighed r;
  weighing_run("geometric_median", &w, &r);
  weighing_near(r.weights, (const double[]){1.0}, 1, 0.0);
  weighing_near(r.scores, (const double[]){0.0}, 1, 0.0);
}

/* The sum of distances to four corners is least where the diagonals cross. */
static void it_finds_the_crossing_of_the_diagonals(void **state) {
  (void)state;
  struct weighing w = {.n = 4, .d = 2, .x = {{-1, 0}, {3, 0}, {0, -2}, {0, 5}}};
  struct weighed r;
  weighing_run("geometric_median(nu=1e-9, iterations=10000, init=mean, tolerance=1e-16)", &w, &r);
  weighing_near(r.out, (const double[]){0, 0}, 2, 1e-6);
  assert_false(r.evidence.is_capped);
  assert_true(r.evidence.iterations < 10000);
  weighing_run("geometric_median(nu=1e-9, iterations=2, init=mean, tolerance=1e-16)", &w, &r);
  assert_true(r.evidence.is_capped);
}

static void most_rows_in_one_place_are_the_median(void **state) {
  (void)state;
  struct weighing w = weighing_random(5, 3, 4);
  struct weighed r;
  memcpy(w.x[3], w.x[1], sizeof w.x[1]);
  memcpy(w.x[4], w.x[1], sizeof w.x[1]);
  weighing_run("geometric_median(nu=1e-9, iterations=100)", &w, &r);
  weighing_near(r.out, w.x[1], 3, 1e-8);
}

static void steps_never_raise_the_summed_distance(void **state) {
  (void)state;
  struct weighing w = weighing_random(9, 5, 8);
  double before = INFINITY;
  for (size_t steps = 0; steps < 40; steps++) {
    char text[80];
    struct weighed r;
    snprintf(text, sizeof text, "geometric_median(nu=1e-6, iterations=%zu)", steps);
    weighing_run(text, &w, &r);
    double sum = 0.0;
    for (size_t i = 0; i < 9; i++) sum += r.scores[i];
    assert_true(sum <= before * (1.0 + 1e-14));
    before = sum;
  }
}

/* 5 honest rows within 1 of a centre, 4 liars in one place at any distance: the median stays within
 * 2 (n - f) / (n - 2f) = 10 of the centre. */
static void far_liars_move_it_no_further_than_the_bound(void **state) {
  (void)state;
  for (int far = 0; far <= 60; far += 2) {
    for (uint64_t seed = 1; seed < 6; seed++) {
      struct weighing w = weighing_random(9, 4, seed);
      struct weighed r;
      for (size_t i = 0; i < 9; i++)
        for (size_t k = 0; k < 4; k++)
          w.x[i][k] = i < 5 ? 0.5 * w.x[i][k] : ldexp(w.x[8][k] + 2.0, far);
      weighing_run("geometric_median(nu=0.1, iterations=200)", &w, &r);
      if (!(sqrt(weighing_dot(4, r.out, r.out)) <= 10.0))
        fail_msg("liars at 2^%d moved it by %g", far, sqrt(weighing_dot(4, r.out, r.out)));
    }
  }
}

static void it_moves_with_the_rows(void **state) {
  (void)state;
  struct weighing w = weighing_random(6, 3, 5), moved = w;
  struct weighed r, s;
  for (size_t i = 0; i < 6; i++)
    for (size_t k = 0; k < 3; k++) moved.x[i][k] += 16.0;
  weighing_run("geometric_median(nu=0.01, iterations=20, init=mean)", &w, &r);
  weighing_run("geometric_median(nu=0.01, iterations=20, init=mean)", &moved, &s);
  for (size_t k = 0; k < 3; k++) s.out[k] -= 16.0;
  weighing_near(s.out, r.out, 3, 1e-11);
}

/* With nu_rel nothing depends on the unit; with nu, rows far below it are only averaged. */
static void nu_rel_knows_no_unit(void **state) {
  (void)state;
  struct weighing w = weighing_random(6, 3, 5), small = w;
  struct weighed r, s;
  for (size_t i = 0; i < 6; i++)
    for (size_t k = 0; k < 3; k++) small.x[i][k] = ldexp(small.x[i][k], -40);
  weighing_run("geometric_median(nu_rel=0.1)", &w, &r);
  weighing_run("geometric_median(nu_rel=0.1)", &small, &s);
  assert_memory_equal(r.weights, s.weights, sizeof r.weights);
  weighing_run("geometric_median(nu=0.1)", &small, &s);
  for (size_t i = 0; i < 6; i++) assert_true(fabs(s.weights[i] - 1.0 / 6.0) < 1e-15);
}

static void mostly_zero_rows_leave_a_median_of_zero(void **state) {
  (void)state;
  struct weighing w = {.n = 5, .d = 2, .x = {{0}, {3, 4}, {0}, {0}, {-1, 1}}};
  struct weighed r;
  weighing_run("geometric_median(nu_rel=0.1)", &w, &r);
  weighing_near(r.out, (const double[]){0, 0}, 2, 1e-140);
  assert_true(isfinite(r.weights[1]) && r.weights[0] > 0.3);
}

static void a_count_of_three_is_a_row_three_times(void **state) {
  (void)state;
  struct weighing w = weighing_random(4, 3, 6), repeated = weighing_random(6, 3, 6);
  struct weighed r, s;
  memcpy(repeated.x[4], w.x[3], sizeof w.x[3]);
  memcpy(repeated.x[5], w.x[3], sizeof w.x[3]);
  memcpy(w.counts, (const double[]){7, 7, 7, 21}, 4 * sizeof(double));
  w.has_counts = true;
  weighing_run("geometric_median(nu=1e-3, iterations=5, weighted=yes, init=mean)", &w, &r);
  weighing_run("geometric_median(nu=1e-3, iterations=5, init=mean)", &repeated, &s);
  weighing_near(r.out, s.out, 3, 1e-14);
  weighing_run("geometric_median(nu=1e-3, iterations=5, init=mean)", &w, &s);
  assert_true(fabs(r.out[0] - s.out[0]) > 1e-3); /* counts are not looked at unless asked for */
}

static void nobody_claiming_an_example_moves_nothing(void **state) {
  (void)state;
  struct weighing w = weighing_random(4, 3, 6);
  struct weighed r;
  w.has_counts = true;
  weighing_run("geometric_median(weighted=yes)", &w, &r);
  weighing_near(r.weights, (const double[4]){0}, 4, 0.0);
  assert_int_equal(r.evidence.selected, 0);
}

static void arrival_changes_no_bit(void **state) {
  (void)state;
  struct weighing w = weighing_random(11, 6, 12);
  for (size_t i = 0; i < 11; i++) w.counts[i] = (double)(1 + i % 4);
  w.has_counts = true;
  memcpy(w.x[7], w.x[2], sizeof w.x[2]);
  weighing_ignores_arrival("geometric_median", &w);
  weighing_ignores_arrival("geometric_median(nu_rel=0.2, init=mean, weighted=yes)", &w);
  weighing_ignores_arrival("nnm(f=3) | geometric_median", &w);
}

static void refusals_name_the_reason(void **state) {
  (void)state;
  weighing_refuses("geometric_median(nu=0)", 5, "nu > 0");
  weighing_refuses("geometric_median(nu=-1)", 5, "nu > 0");
  weighing_refuses("geometric_median(nu_rel=0)", 5, "nu_rel > 0");
  weighing_refuses("geometric_median(nu=1, nu_rel=1)", 5, "not both");
  weighing_refuses("geometric_median(iterations=10001)", 5, "iterations <= 10000");
  weighing_refuses("geometric_median(tolerance=-1e-9)", 5, "tolerance >= 0");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(one_step_from_zero_by_hand),
      cmocka_unit_test(defaults_are_three_steps_from_zero_with_nu_a_tenth),
      cmocka_unit_test(no_step_is_where_it_starts),
      cmocka_unit_test(one_row_is_its_own_median),
      cmocka_unit_test(it_finds_the_crossing_of_the_diagonals),
      cmocka_unit_test(most_rows_in_one_place_are_the_median),
      cmocka_unit_test(steps_never_raise_the_summed_distance),
      cmocka_unit_test(far_liars_move_it_no_further_than_the_bound),
      cmocka_unit_test(it_moves_with_the_rows),
      cmocka_unit_test(nu_rel_knows_no_unit),
      cmocka_unit_test(mostly_zero_rows_leave_a_median_of_zero),
      cmocka_unit_test(a_count_of_three_is_a_row_three_times),
      cmocka_unit_test(nobody_claiming_an_example_moves_nothing),
      cmocka_unit_test(arrival_changes_no_bit),
      cmocka_unit_test(refusals_name_the_reason),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
