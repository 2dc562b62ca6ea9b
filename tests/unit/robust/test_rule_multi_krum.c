/* Claims about multi_krum's parameters; what it promises at large is in test_robust_rules.c. */
#include "mixing.h"

static enum robust_status run_with_counts(const char *text, const struct robust_rows *rows,
                                          const double *counts, double *out,
                                          struct test_result *result) {
  struct robust_pipeline *pipeline = test_parse(text);
  struct robust_input input = {.rows = *rows, .counts = counts};
  struct robust_scratch scratch = test_scratch(robust_scratch_bytes(pipeline, &input, 1), 1);
  result->evidence = (struct robust_evidence){.weights = result->weights, .scores = result->scores};
  enum robust_status status =
      robust_aggregate_f64(pipeline, &input, &scratch, out, &result->evidence, &result->error);
  free(scratch.memory);
  robust_pipeline_free(pipeline);
  return status;
}

static const void *const row[] = {(float[]){0}, (float[]){1}, (float[]){2}, (float[]){4},
                                  (float[]){90}};
static const struct robust_rows rows = {.n = 5, .d = 1, .row = row};

static void counts_weigh_those_taken_only_when_asked(void **state) {
  (void)state;
  const double counts[] = {1, 3, 4, 0, 1e6};
  struct test_result result;
  double out[1];
  assert_int_equal(run_with_counts("multi_krum(f=1, weighted=yes)", &rows, counts, out, &result),
                   ROBUST_OK);
  assert_true(out[0] == 11.0 / 8.0 && result.weights[4] == 0.0 && result.weights[2] == 0.5);
  assert_int_equal(run_with_counts("multi_krum(f=1)", &rows, counts, out, &result), ROBUST_OK);
  assert_true(out[0] == 7.0 / 4.0);
  assert_int_equal(run_with_counts("multi_krum(f=1, weighted=yes)", &rows, NULL, out, &result),
                   ROBUST_OK);
  assert_true(out[0] == 7.0 / 4.0);
}

static void examples_of_nobody_give_no_update(void **state) {
  (void)state;
  const double counts[] = {0, 0, 0, 0, 7};
  struct test_result result;
  double out[1] = {5};
  assert_int_equal(run_with_counts("multi_krum(f=1, weighted=yes)", &rows, counts, out, &result),
                   ROBUST_OK);
  assert_true(out[0] == 0.0 && result.evidence.selected == 0);
}

/* Nine rows on a line, f = 2: three are taken, with 4, 3 and 2 neighbours. */
static void iterated_scores_anew_after_each_choice(void **state) {
  (void)state;
  const void *line[] = {(float[]){0},  (float[]){10}, (float[]){11}, (float[]){13}, (float[]){16},
                        (float[]){20}, (float[]){21}, (float[]){70}, (float[]){-90}};
  struct robust_rows nine = {.n = 9, .d = 1, .row = line};
  struct test_result result;
  float out[1];
  test_aggregate("multi_krum(f=2, selection=iterated)", &nine, out, &result);
  /* First 13: 9 + 4 + 9 + 49 = 71, against 75 for 16. Then 11: 1 + 25 + 81 = 107 against 16's 25 +
   * 16 + 25 = 66, so 16. Then 10: 1 + 100, 11: 1 + 81, 20: 1 + 81, 21: 1 + 100: 11 comes first. */
  assert_true(result.weights[3] == 1.0 / 3.0 && result.weights[4] == 1.0 / 3.0 &&
              result.weights[2] == 1.0 / 3.0);
  assert_true(result.scores[3] == 71.0 && result.evidence.margin == 0.0);
  assert_int_equal(result.evidence.selected, 3);
  test_aggregate("multi_krum(f=2, m=1, neighbours=4, selection=iterated)", &nine, out, &result);
  assert_true(out[0] == 13.0F && result.evidence.margin == (75.0 - 71.0) / 75.0);
}

static void what_n_does_not_allow_is_refused(void **state) {
  (void)state;
  test_refusal("multi_krum(f=2, m=6)", 5, "multi_krum(f=2, m=6) needs m <= n; n is 5");
  test_refusal("multi_krum(f=2, selection=iterated)", 6,
               "multi_krum(f=2, selection=iterated) needs n >= 2f + 3; n is 6");
  test_refusal("multi_krum(f=0, selection=iterated)", 2,
               "multi_krum(f=0, selection=iterated) needs n >= 2f + 3; n is 2");
  test_refusal("multi_krum(f=2, m=4, selection=iterated)", 9,
               "multi_krum(f=2, m=4, selection=iterated) needs m <= n - 2f - 2; n is 9");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(counts_weigh_those_taken_only_when_asked),
      cmocka_unit_test(examples_of_nobody_give_no_update),
      cmocka_unit_test(iterated_scores_anew_after_each_choice),
      cmocka_unit_test(what_n_does_not_allow_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
