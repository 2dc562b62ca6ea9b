/* Claims about SignGuard: the two tests, the clipping, and its variants. */
#include "fixture.h"

enum { D = 10 };

/* A row of `positive` values of that size, the rest negative. */
static const float *signed_row(float *row, size_t positive, float size) {
  for (size_t k = 0; k < D; k++) row[k] = k < positive ? size : -size;
  return row;
}

struct crowd {
  float values[8][D];
  const void *row[8];
  struct robust_rows rows;
};

static void crowd_new(struct crowd *c, size_t n, const size_t *positive, const float *size) {
  for (size_t i = 0; i < n; i++) c->row[i] = signed_row(c->values[i], positive[i], size[i]);
  c->rows = (struct robust_rows){.n = n, .d = D, .row = c->row};
}

static void assert_scores(const struct test_result *result, const char *failed) {
  for (size_t i = 0; failed[i] != '\0'; i++)
    if (!(fabs(result->scores[i] - (failed[i] - '0')) < 1e-15))
      fail_msg("row %zu failed %g tests", i, result->scores[i]);
}

/* Lengths are size sqrt(10), their median 1 of those. Row 4 is too short, row 5 too long, row 6 has
 * the others' signs turned round; row 7 has both faults. */
static void both_tests_by_hand(void **state) {
  (void)state;
  struct crowd c;
  struct test_result result;
  float out[D];
  crowd_new(&c, 8, (const size_t[]){7, 6, 7, 6, 7, 7, 3, 3},
            (const float[]){1, 1, 1, 2, 0.0625F, 4, 1, 8});
  test_aggregate("signguard", &c.rows, out, &result);
  assert_scores(&result, "00001112");
  const double weight[] = {.25, .25, .25, .125, 0, 0, 0, 0}; /* row 3 is clipped from 2 to 1 */
  for (size_t i = 0; i < 8; i++) assert_true(fabs(result.weights[i] - weight[i]) < 1e-15);
  for (size_t k = 0; k < D; k++) assert_true(out[k] == (k < 6 ? 1.0F : k == 6 ? 0.0F : -1.0F));
  assert_int_equal(result.evidence.selected, 4);
  test_aggregate("signguard(upper=5, lower=0.05)", &c.rows, out, &result);
  assert_scores(&result, "00000012");
  test_aggregate("signguard(epsilon=1)", &c.rows, out, &result);
  double length = sqrt(10.0);
  assert_true(fabs(result.weights[3] - length / (2.0 * length + 1.0) / 4.0) < 1e-15);
  assert_true(fabs(result.weights[0] - .25) < 1e-15);
}

/* Two against two: the camp of the row that is first in the order, whichever that is. */
static void camps_of_one_size_are_settled_by_the_order(void **state) {
  (void)state;
  struct crowd c;
  struct test_result result;
  float out[D];
  crowd_new(&c, 4, (const size_t[]){2, 8, 2, 8}, (const float[]){1, 1, 1, 1});
  test_aggregate("signguard", &c.rows, out, &result);
  assert_scores(&result, "0101");
  assert_int_equal(test_run("signguard", &c.rows, (const size_t[]){3, 2, 1, 0}, 2, ROBUST_ISA_BEST,
                            out, &result),
                   ROBUST_OK);
  assert_scores(&result, "1010");
}

static void equal_rows_all_pass(void **state) {
  (void)state;
  struct crowd c;
  struct test_result result;
  float out[D];
  crowd_new(&c, 5, (const size_t[]){4, 4, 4, 4, 4}, (const float[]){1, 1, 1, 1, 1});
  test_aggregate("signguard", &c.rows, out, &result);
  assert_scores(&result, "00000");
  assert_true(out[0] == 1.0F && out[9] == -1.0F);
}

/* Mostly zeros: the median length is 0 and no length is between 0 and 0. */
static void when_nobody_passes_nothing_moves(void **state) {
  (void)state;
  struct crowd c;
  struct test_result result;
  float out[D];
  crowd_new(&c, 3, (const size_t[]){5, 5, 5}, (const float[]){0, 0, 3});
  test_aggregate("signguard", &c.rows, out, &result);
  for (size_t k = 0; k < D; k++) assert_true(out[k] == 0.0F);
  assert_int_equal(result.evidence.selected, 0);
}

static void flipped_rows_go_and_windows_see_it_too(void **state) {
  (void)state;
  enum { N = 15, FLIPPED = 6, LENGTH = 4000 };
  static const char *const texts[] = {
      "signguard", "signguard(window=0.1)", "signguard(window=0.1, seed=7, features=scaled)",
      "signguard(similarity=reference)", "signguard(window=0.1, similarity=reference, seed=99)"};
  static float out[LENGTH];
  struct test_rows t;
  struct test_result result;
  test_rows_new(&t, N, LENGTH, 23);
  for (size_t k = 0; k < N * LENGTH; k++)
    t.values[k] = (k < FLIPPED * LENGTH ? -1.0F : 1.0F) * (t.values[k] + 0.5F);
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    test_aggregate(texts[i], &t.rows, out, &result);
    assert_scores(&result, "111111000000000");
  }
  test_rows_free(&t);
}

/* All have as many values above zero as below, so signs tell nothing; those who turn away from the
 * last aggregate are seen by their cosine. */
static void similarity_sees_who_turns_away(void **state) {
  (void)state;
  struct crowd c;
  struct test_result result;
  float out[D], reference[D];
  crowd_new(&c, 5, (const size_t[]){5, 5, 5, 5, 5}, (const float[]){1, 1, 1, -1, -1});
  signed_row(reference, 5, 0.5F);
  test_aggregate("signguard", &c.rows, out, &result);
  assert_scores(&result, "00000");
  struct robust_pipeline *pipeline = test_parse("signguard(similarity=reference)");
  struct robust_input input = {.rows = c.rows, .reference = reference};
  struct robust_scratch scratch = test_scratch(robust_scratch_bytes(pipeline, &input, 1), 1);
  assert_int_equal(
      robust_aggregate(pipeline, &input, &scratch, out, &result.evidence, &result.error),
      ROBUST_OK);
  assert_scores(&result, "00011");
  free(scratch.memory);
  robust_pipeline_free(pipeline);
}

static void what_cannot_be_is_refused(void **state) {
  (void)state;
  static const char *const cases[][2] = {{"signguard(lower=-1)", "lower >= 0"},
                                         {"signguard(lower=3)", "lower < upper"},
                                         {"signguard(window=0)", "0 < window <= 1"},
                                         {"signguard(window=1.5)", "0 < window <= 1"},
                                         {"signguard(epsilon=-1)", "epsilon >= 0"}};
  struct robust_error error;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct robust_pipeline *pipeline = test_parse(cases[i][0]);
    assert_int_equal(robust_pipeline_check(pipeline, 4, &error), ROBUST_NOT_FEASIBLE);
    assert_non_null(strstr(error.text, cases[i][1]));
    robust_pipeline_free(pipeline);
  }
  struct robust_pipeline *pipeline = test_parse("signguard");
  assert_int_equal(robust_pipeline_check(pipeline, 2, &error), ROBUST_NOT_FEASIBLE);
  assert_non_null(strstr(error.text, "n >= 3"));
  robust_pipeline_free(pipeline);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(both_tests_by_hand),
      cmocka_unit_test(camps_of_one_size_are_settled_by_the_order),
      cmocka_unit_test(equal_rows_all_pass),
      cmocka_unit_test(when_nobody_passes_nothing_moves),
      cmocka_unit_test(flipped_rows_go_and_windows_see_it_too),
      cmocka_unit_test(similarity_sees_who_turns_away),
      cmocka_unit_test(what_cannot_be_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
