/* Claims about the mean around the median. */
#include "mixing.h"

static void the_values_nearest_to_the_median_are_averaged(void **state) {
  (void)state;
  const void *row[] = {(float[]){1, 0}, (float[]){2, 0}, (float[]){4, 8}, (float[]){100, 2},
                       (float[]){5, -90}};
  struct robust_rows rows = {.n = 5, .d = 2, .row = row};
  struct test_result result;
  float out[2];
  test_aggregate("meamed(f=1)", &rows, out,
                 &result); /* median 4: without 100; median 0: without -90 */
  assert_true(out[0] == 3.0F && out[1] == 2.5F);
  test_aggregate("meamed(f=2)", &rows, out, &result); /* 4, 5, 2; 0, 0, 2 */
  assert_true(out[0] == (float)(11.0 / 3.0) && out[1] == (float)(2.0 / 3.0));
  assert_false(result.evidence.weights_are_exact);
  assert_true(result.weights[3] == 0.2);
}

/* 0 and 4 are equally far from the median 2. */
static void of_values_equally_far_the_first_row_counts(void **state) {
  (void)state;
  const void *row[] = {(float[]){4}, (float[]){2}, (float[]){0}};
  const size_t backwards[] = {2, 1, 0};
  struct robust_rows rows = {.n = 3, .d = 1, .row = row};
  struct test_result result;
  float out[1];
  test_aggregate("meamed(f=1)", &rows, out, &result);
  assert_true(out[0] == 3.0F);
  assert_int_equal(test_run("meamed(f=1)", &rows, backwards, 1, ROBUST_ISA_BEST, out, &result),
                   ROBUST_OK);
  assert_true(out[0] == 1.0F);
}

static void without_liars_it_is_the_mean(void **state) {
  (void)state;
  for (size_t n = 1; n <= 9; n++) {
    struct test_rows t;
    struct test_result result;
    float out[37], mean[37];
    test_rows_new(&t, n, 37, n);
    test_aggregate("meamed(f=0)", &t.rows, out, &result);
    test_aggregate("mean", &t.rows, mean, &result);
    for (size_t k = 0; k < 37; k++) assert_true(fabs((double)(out[k] - mean[k])) <= 1e-7);
    test_rows_free(&t);
  }
}

static void liars_cannot_leave_the_honest_range_by_more_than_its_width(void **state) {
  (void)state;
  enum { N = 9, LIARS = 4, D = 130 };
  struct test_rows t;
  struct test_result result;
  float out[D];
  test_rows_new(&t, N, D, 12);
  for (size_t k = 0; k < LIARS * D; k++) t.values[k] = k % 2 == 0 ? 1e30F : 1.5F;
  test_aggregate("meamed(f=4)", &t.rows, out, &result);
  for (size_t k = 0; k < D; k++) assert_true(fabs((double)out[k]) <= 3.0);
  test_rows_free(&t);
}

static void what_n_does_not_allow_is_refused(void **state) {
  (void)state;
  test_refusal("meamed(f=2)", 4, "meamed(f=2) needs 2f < n; n is 4");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_values_nearest_to_the_median_are_averaged),
      cmocka_unit_test(of_values_equally_far_the_first_row_counts),
      cmocka_unit_test(without_liars_it_is_the_mean),
      cmocka_unit_test(liars_cannot_leave_the_honest_range_by_more_than_its_width),
      cmocka_unit_test(what_n_does_not_allow_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
