/* Claims about FLTrust: direction buys trust, length buys nothing, and without trust there is no
 * update. */
#include "weighing.h"

static struct weighing four_clients(void) {
  return (struct weighing){.n = 4,
                           .d = 2,
                           .x = {{1, 0}, {0, 5}, {-3, 0}, {3, 3}},
                           .reference = {2, 0},
                           .has_reference = true};
}

static void trust_by_hand(void **state) {
  (void)state;
  struct weighing w = four_clients();
  struct weighed r;
  double c = sqrt(0.5);
  weighing_run("fltrust", &w, &r);
  weighing_near(r.weights, (const double[]){2 / (1 + c), 0, 0, c * 2 / sqrt(18.0) / (1 + c)}, 4,
                1e-15);
  weighing_near(r.out, (const double[]){(2 + c * 2 * c) / (1 + c), c * 2 * c / (1 + c)}, 2, 1e-15);
  weighing_near(r.scores, (const double[]){0, 1, 2, 1 - c}, 4, 1e-15);
  assert_int_equal(r.evidence.selected, 2);
  assert_true(fabs(r.evidence.margin - c) < 1e-15); /* (1 - (1 - c)) / 1 */
}

/* However many shout, the result is no longer than the server's own update. */
static void nobody_is_heard_for_being_loud(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed < 50; seed++) {
    struct weighing w = weighing_random(8, 5, seed), loud;
    struct weighed r, s;
    w.has_reference = true;
    for (size_t k = 0; k < 5; k++) w.reference[k] = (double)test_unit(&seed);
    loud = w;
    for (size_t i = 0; i < 8; i++)
      for (size_t k = 0; k < 5; k++) loud.x[i][k] = ldexp(loud.x[i][k], (int)i * 10 - 20);
    weighing_run("fltrust", &w, &r);
    weighing_run("fltrust", &loud, &s);
    weighing_near(s.out, r.out, 5, 1e-14);
    assert_true(weighing_dot(5, r.out, r.out) <=
                weighing_dot(5, w.reference, w.reference) * (1.0 + 1e-12));
  }
}

static void without_trust_there_is_no_update(void **state) {
  (void)state;
  struct weighing w = {
      .n = 3, .d = 2, .x = {{-1, 0}, {-1, 7}, {0, 0}}, .reference = {1, 0}, .has_reference = true};
  struct weighed r;
  weighing_run("fltrust", &w, &r);
  weighing_near(r.weights, (const double[3]){0}, 3, 0.0);
  assert_int_equal(r.evidence.selected, 0);
  assert_true(r.evidence.margin <= 0.0);
  w = four_clients();
  memset(w.reference, 0, sizeof w.reference);
  weighing_run("fltrust", &w, &r);
  weighing_near(r.weights, (const double[4]){0}, 4, 0.0);
}

static void a_zero_row_has_no_direction(void **state) {
  (void)state;
  struct weighing w = {
      .n = 2, .d = 2, .x = {{0, 0}, {1, 0}}, .reference = {3, 0}, .has_reference = true};
  struct weighed r;
  weighing_run("fltrust", &w, &r);
  weighing_near(r.weights, (const double[]){0, 3}, 2, 1e-15);
}

static void one_row_is_enough(void **state) {
  (void)state;
  struct weighing w = {.n = 1, .d = 2, .x = {{2, 2}}, .reference = {0, 3}, .has_reference = true};
  struct weighed r;
  weighing_run("fltrust", &w, &r);
  weighing_near(r.out, (const double[]){3 * sqrt(0.5), 3 * sqrt(0.5)}, 2, 1e-15);
}

static void it_is_refused_without_a_reference(void **state) {
  (void)state;
  struct weighing w = weighing_random(4, 3, 1);
  struct weighed r;
  assert_int_equal(weighing_try("fltrust", &w, &r), ROBUST_NEEDS_REFERENCE);
  assert_non_null(strstr(r.error.text, "reference"));
}

static void arrival_changes_no_bit(void **state) {
  (void)state;
  struct weighing w = weighing_random(9, 6, 12);
  w.has_reference = true;
  w.reference[2] = -0.4;
  weighing_ignores_arrival("fltrust", &w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(trust_by_hand),
      cmocka_unit_test(nobody_is_heard_for_being_loud),
      cmocka_unit_test(without_trust_there_is_no_update),
      cmocka_unit_test(a_zero_row_has_no_direction),
      cmocka_unit_test(one_row_is_enough),
      cmocka_unit_test(it_is_refused_without_a_reference),
      cmocka_unit_test(arrival_changes_no_bit),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
