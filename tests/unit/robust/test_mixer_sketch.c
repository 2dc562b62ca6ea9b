/* Claims about the sketch: of all coordinates it is the matrix itself, of some it comes near, it is
 * labelled, and it must come first. */
#include "fixture.h"

enum { N = 12, D = 20000 };

static void of_all_coordinates_nothing_changes_but_the_label(void **state) {
  (void)state;
  struct test_rows t;
  struct test_result plain, sketched;
  static float a[D], b[D];
  test_rows_new(&t, N, D, 5);
  test_aggregate("multi_krum(f=3)", &t.rows, a, &plain);
  test_aggregate("sketch(size=20000) | multi_krum(f=3)", &t.rows, b, &sketched);
  assert_memory_equal(a, b, sizeof a);
  assert_memory_equal(plain.weights, sketched.weights, sizeof plain.weights);
  assert_false(plain.evidence.is_approximate);
  assert_true(sketched.evidence.is_approximate);
  test_rows_free(&t);
}

/* Four rows a long way off are left out by a sample of 500 of 20000 coordinates too, and the answer
 * is made of whole rows. */
static void a_sample_finds_who_stands_apart(void **state) {
  (void)state;
  struct test_rows t;
  struct test_result result;
  static float out[D];
  test_rows_new(&t, N, D, 6);
  for (size_t k = 0; k < 4 * (size_t)D; k++) t.values[k] += 3.0F;
  test_aggregate("sketch(size=500, seed=8) | multi_krum(f=4)", &t.rows, out, &result);
  for (size_t i = 0; i < N; i++) assert_true((result.weights[i] > 0.0) == (i >= 4));
  test_rows_free(&t);
}

/* Squared distances of 1000 of 20000 alike coordinates are off by a few hundredths. */
static void scores_come_near_those_of_all_coordinates(void **state) {
  (void)state;
  struct test_rows t;
  struct test_result all, some;
  static float out[D];
  test_rows_new(&t, N, D, 7);
  test_aggregate("krum(f=3)", &t.rows, out, &all);
  test_aggregate("sketch(size=1000, seed=2) | krum(f=3)", &t.rows, out, &some);
  for (size_t i = 0; i < N; i++)
    assert_true(fabs(some.scores[i] - all.scores[i]) < 0.15 * all.scores[i]);
  test_rows_free(&t);
}

static void it_comes_first_and_takes_a_size(void **state) {
  (void)state;
  struct robust_error error;
  struct robust_pipeline *pipeline = test_parse("clip | sketch(size=5) | median");
  assert_int_equal(robust_pipeline_check(pipeline, 4, &error), ROBUST_NOT_FEASIBLE);
  assert_string_equal(error.text, "sketch(size=5) needs to come first; n is 4");
  robust_pipeline_free(pipeline);
  pipeline = test_parse("sketch(size=0) | median");
  assert_int_equal(robust_pipeline_check(pipeline, 4, &error), ROBUST_NOT_FEASIBLE);
  robust_pipeline_free(pipeline);
  pipeline = test_parse("sketch | krum(f=1)");
  assert_false(robust_pipeline_is_gram_only(
      pipeline)); /* the sample is of rows: no auditor has it from numbers */
  robust_pipeline_free(pipeline);
}

/* What reads the diagonal only must find there what the matrix has, whatever comes before it. */
static void lengths_are_those_of_the_matrix(void **state) {
  (void)state;
  struct test_rows t;
  struct test_result result;
  static float out[D];
  double gram[N * N];
  test_rows_new(&t, N, D, 9);
  test_gram(&t.rows, 2, ROBUST_ISA_BEST, gram);
  test_aggregate("cge(f=2)", &t.rows, out, &result);
  for (size_t i = 0; i < N; i++)
    assert_true(result.scores[i] <= sqrt(gram[i * N + i]) &&
                result.scores[i] >= sqrt(gram[i * N + i]));
  test_aggregate("clip(c=2.0) | cge(f=2)", &t.rows, out, &result);
  for (size_t i = 0; i < N; i++) assert_true(fabs(result.scores[i] - 2.0) < 1e-12);
  test_rows_free(&t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(of_all_coordinates_nothing_changes_but_the_label),
      cmocka_unit_test(a_sample_finds_who_stands_apart),
      cmocka_unit_test(scores_come_near_those_of_all_coordinates),
      cmocka_unit_test(it_comes_first_and_takes_a_size),
      cmocka_unit_test(lengths_are_those_of_the_matrix),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
