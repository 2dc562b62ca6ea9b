/* Claims about MoNNA. */
#include "mixing.h"

static const void *const row[] = {(float[]){0, 0}, (float[]){5, 0}, (float[]){0, 2},
                                  (float[]){9, 9}, (float[]){4, 0}};
static const struct robust_rows rows = {.n = 5, .d = 2, .row = row};

static void the_nearest_to_the_pivot_are_averaged(void **state) {
  (void)state;
  struct test_result result;
  float out[2];
  test_aggregate("monna(f=2)", &rows, out,
                 &result); /* squared distances from row 0: 0, 25, 4, 162, 16 */
  assert_true(result.weights[0] == 1.0 / 3.0 && result.weights[2] == 1.0 / 3.0 &&
              result.weights[4] == 1.0 / 3.0);
  assert_true(result.scores[1] == 25.0 && result.evidence.margin == 9.0 / 25.0);
  test_aggregate("monna(f=2, pivot=3)", &rows, out, &result);
  assert_true(result.weights[0] == 0.0 && result.weights[2] == 0.0 && out[0] == 6.0F &&
              out[1] == 3.0F);
}

static void the_pivot_is_the_callers_row_in_any_order(void **state) {
  (void)state;
  const size_t order[] = {3, 1, 4, 0, 2};
  struct test_result result;
  float out[2], again[2];
  test_aggregate("monna(f=1, pivot=4)", &rows, out, &result);
  assert_int_equal(
      test_run("monna(f=1, pivot=4)", &rows, order, 2, ROBUST_ISA_BEST, again, &result), ROBUST_OK);
  assert_memory_equal(out, again, sizeof out);
  assert_true(result.scores[4] == 0.0);
  test_aggregate("nnm(f=0) | monna(f=1, pivot=4)", &rows, out, &result);
  assert_true(result.scores[0] == 0.0);
}

static void ties_go_to_the_row_first_in_the_order(void **state) {
  (void)state;
  const void *line[] = {(float[]){1}, (float[]){0}, (float[]){-1}};
  const size_t backwards[] = {2, 1, 0};
  struct robust_rows three = {.n = 3, .d = 1, .row = line};
  struct test_result result;
  float out[1];
  test_aggregate("monna(f=1, pivot=1)", &three, out, &result);
  assert_true(out[0] == 0.5F);
  assert_int_equal(
      test_run("monna(f=1, pivot=1)", &three, backwards, 1, ROBUST_ISA_BEST, out, &result),
      ROBUST_OK);
  assert_true(out[0] == -0.5F && result.evidence.margin == 0.0);
}

static void without_liars_it_is_the_mean_and_one_row_itself(void **state) {
  (void)state;
  struct test_result result;
  float out[2], mean[2];
  test_aggregate("monna(f=0)", &rows, out, &result);
  test_aggregate("mean", &rows, mean, &result);
  assert_memory_equal(out, mean, sizeof out);
  struct robust_rows one = {.n = 1, .d = 2, .row = row + 1};
  test_aggregate("monna(f=0)", &one, out, &result);
  assert_true(out[0] == 5.0F && out[1] == 0.0F);
}

static void what_n_does_not_allow_is_refused(void **state) {
  (void)state;
  test_refusal("monna(f=2)", 4, "monna(f=2) needs 2f < n; n is 4");
  test_refusal("monna(f=1, pivot=4)", 4, "monna(f=1, pivot=4) needs pivot < n; n is 4");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_nearest_to_the_pivot_are_averaged),
      cmocka_unit_test(the_pivot_is_the_callers_row_in_any_order),
      cmocka_unit_test(ties_go_to_the_row_first_in_the_order),
      cmocka_unit_test(without_liars_it_is_the_mean_and_one_row_itself),
      cmocka_unit_test(what_n_does_not_allow_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
