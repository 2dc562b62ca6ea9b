/* Claims about divide and conquer: what each sample throws out, and what is left when all have. */
#include "fixture.h"

static void run(const char *text, const struct robust_rows *rows, const size_t *coordinates,
                const size_t *order, float *out, struct test_result *result) {
  struct robust_pipeline *pipeline = test_parse(text);
  struct robust_input input = {.rows = *rows, .coordinates = coordinates, .order = order};
  struct robust_scratch scratch = test_scratch(robust_scratch_bytes(pipeline, &input, 2), 2);
  memset(result, 0, sizeof *result);
  result->evidence.weights = result->weights;
  result->evidence.scores = result->scores;
  if (robust_aggregate(pipeline, &input, &scratch, out, &result->evidence, &result->error) !=
      ROBUST_OK)
    fail_msg("%s: %s", text, result->error.text);
  free(scratch.memory);
  robust_pipeline_free(pipeline);
}

static void assert_kept(const struct test_result *result, const char *kept) {
  for (size_t i = 0; kept[i] != '\0'; i++)
    if ((result->weights[i] > 0.0) != (kept[i] == '1'))
      fail_msg("row %zu weighs %g", i, result->weights[i]);
}

/* Mean 3, deviations -3, -2, -1, 6: shares of 50 are 9, 4, 1 and 36. */
static void one_sample_by_hand(void **state) {
  (void)state;
  const void *row[] = {(float[]){0}, (float[]){1}, (float[]){2}, (float[]){9}};
  struct robust_rows rows = {.n = 4, .d = 1, .row = row};
  struct test_result result;
  float out[1];
  run("dnc(f=1, iterations=1)", &rows, NULL, NULL, out, &result);
  assert_kept(&result, "1110");
  assert_true(out[0] == 1.0F && result.evidence.iterations == 1);
  const double share[] = {9. / 50, 4. / 50, 1. / 50, 36. / 50};
  for (size_t i = 0; i < 4; i++) assert_true(fabs(result.scores[i] - share[i]) < 1e-14);
  assert_true(fabs(result.evidence.margin - 27. / 36) < 1e-14);
  run("dnc(f=1, c=2, iterations=1)", &rows, NULL, NULL, out, &result);
  assert_kept(&result, "0110");
  run("dnc(f=1, c=0.9, iterations=1)", &rows, NULL, NULL, out, &result);
  assert_kept(&result, "1111");
}

static const void *const corners[] = {(float[]){9, 0, 1}, (float[]){0, 9, 2}, (float[]){1, 1, 9}};
static const struct robust_rows three = {.n = 3, .d = 3, .row = corners};

static void every_sample_has_a_veto(void **state) {
  (void)state;
  struct test_result result;
  float out[3];
  run("dnc(f=1, iterations=2, size=1)", &three, (const size_t[]){0, 1}, NULL, out, &result);
  assert_kept(&result, "001");
  assert_true(out[0] == 1.0F && out[2] == 9.0F && !result.evidence.is_capped);
}

static void when_nobody_is_left_the_last_sample_decides(void **state) {
  (void)state;
  struct test_result result;
  float out[3];
  run("dnc(f=1, iterations=3, size=1)", &three, (const size_t[]){0, 1, 2}, NULL, out, &result);
  assert_kept(&result, "110");
  assert_true(result.evidence.is_capped && out[0] == 4.5F);
}

static void equal_rows_lose_their_last(void **state) {
  (void)state;
  const void *row[] = {(float[]){2, 2}, (float[]){2, 2}, (float[]){2, 2}};
  struct robust_rows rows = {.n = 3, .d = 2, .row = row};
  struct test_result result;
  float out[2];
  run("dnc(f=1)", &rows, NULL, NULL, out, &result);
  assert_kept(&result, "110");
  assert_true(out[0] == 2.0F && result.evidence.margin <= 0.0 && result.evidence.iterations == 5);
  run("dnc(f=1)", &rows, NULL, (const size_t[]){2, 1, 0}, out, &result);
  assert_kept(&result, "011");
  rows.n = 1;
  run("dnc(f=0)", &rows, NULL, NULL, out, &result);
  assert_kept(&result, "1");
}

/* Liars who shift every coordinate by a little are seen together, where none is far out by itself.
 */
static void liars_who_pull_together_are_thrown_out(void **state) {
  (void)state;
  enum { N = 20, LIARS = 6, D = 3000 };
  static float out[D], again[D];
  struct test_rows t;
  struct test_result result;
  test_rows_new(&t, N, D, 17);
  for (size_t k = 0; k < LIARS * D; k++) t.values[k] += 0.5F;
  run("dnc(f=6, size=500, seed=3)", &t.rows, NULL, NULL, out, &result);
  assert_kept(&result, "00000011111111111111");
  assert_true(result.evidence.margin > 0.1);
  run("dnc(f=6, size=500, seed=3)", &t.rows, NULL, NULL, again, &result);
  assert_memory_equal(out, again, sizeof out);
  test_rows_free(&t);
}

static void the_seed_chooses_the_samples(void **state) {
  (void)state;
  enum { N = 9, D = 400 };
  static float out[D], other[D];
  struct test_rows t;
  struct test_result result;
  size_t differing = 0;
  test_rows_new(&t, N, D, 5);
  run("dnc(f=2, size=10, iterations=1)", &t.rows, NULL, NULL, out, &result);
  for (int seed = 1; seed <= 8; seed++) {
    char text[64];
    snprintf(text, sizeof text, "dnc(f=2, size=10, iterations=1, seed=%d)", seed);
    run(text, &t.rows, NULL, NULL, other, &result);
    differing += memcmp(out, other, sizeof out) != 0;
  }
  assert_true(differing >= 4);
  test_rows_free(&t);
}

static void what_cannot_be_is_refused(void **state) {
  (void)state;
  static const char *const cases[][2] = {{"dnc(f=2)", "2f < n"},
                                         {"dnc(f=1, c=4)", "floor(c f) < n"},
                                         {"dnc(f=1, c=1e300)", "floor(c f) < n"},
                                         {"dnc(f=1, iterations=0)", "iterations >= 1"},
                                         {"dnc(f=1, iterations=101)", "iterations <= 100"},
                                         {"dnc(f=1, size=0)", "size >= 1"}};
  struct test_rows t;
  struct test_result result;
  float out[2];
  test_rows_new(&t, 4, 2, 1);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct robust_pipeline *pipeline = test_parse(cases[i][0]);
    assert_int_equal(robust_pipeline_check(pipeline, 4, &result.error), ROBUST_NOT_FEASIBLE);
    assert_non_null(strstr(result.error.text, cases[i][1]));
    robust_pipeline_free(pipeline);
  }
  run("dnc(f=1)", &t.rows, NULL, NULL, out, &result);
  test_rows_free(&t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(one_sample_by_hand),
      cmocka_unit_test(every_sample_has_a_veto),
      cmocka_unit_test(when_nobody_is_left_the_last_sample_decides),
      cmocka_unit_test(equal_rows_lose_their_last),
      cmocka_unit_test(liars_who_pull_together_are_thrown_out),
      cmocka_unit_test(the_seed_chooses_the_samples),
      cmocka_unit_test(what_cannot_be_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
