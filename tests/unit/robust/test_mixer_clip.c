/* Claims about static clipping. */
#include "mixing.h"

static const void *const row[] = {(float[]){3, 4}, (float[]){0.6F, 0.8F}, (float[]){0, 0},
                                  (float[]){0, -2}};
static const struct robust_rows rows = {.n = 4, .d = 2, .row = row};

static void long_rows_are_shortened_to_c(void **state) {
  (void)state;
  double matrix[16];
  assert_int_equal(test_mixing("clip(2.0) | mean", &rows, NULL, matrix), 4);
  const double expected[16] = {
      [0] = 2.0 / 5.0, [5] = 1.0, [10] = 1.0, [15] = 1.0}; /* length 2 is not above 2 */
  assert_memory_equal(matrix, expected, sizeof matrix);
}

static void c_is_two_unless_said(void **state) {
  (void)state;
  double matrix[16], usual[16];
  test_mixing("clip(c=2) | mean", &rows, NULL, matrix);
  test_mixing("clip | mean", &rows, NULL, usual);
  assert_memory_equal(matrix, usual, sizeof matrix);
}

static void nothing_is_left_of_rows_clipped_to_zero(void **state) {
  (void)state;
  struct test_result result;
  float out[2] = {7, 7};
  test_aggregate("clip(0) | mean", &rows, out, &result);
  assert_true(out[0] == 0.0F && out[1] == 0.0F);
  assert_true(result.weights[0] == 0.0 && result.weights[1] == 0.0);
}

static void one_liar_moves_a_clipped_mean_by_c_over_n(void **state) {
  (void)state;
  enum { N = 10, D = 50 };
  struct test_rows t;
  struct test_result result;
  float out[D];
  test_rows_new(&t, N, D, 4);
  memset(t.values, 0, N * D * sizeof *t.values);
  t.values[3] = 1e18F;
  test_aggregate("clip(c=0.5) | mean", &t.rows, out, &result);
  assert_true(fabs((double)out[3] - 0.05) < 1e-7);
  assert_true(result.evidence.weights_are_exact && result.weights[1] == 0.1);
  test_rows_free(&t);
}

static void a_negative_c_is_refused(void **state) {
  (void)state;
  test_refusal("clip(-1) | mean", 4, "clip(c=-1) needs c >= 0; n is 4");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(long_rows_are_shortened_to_c),
      cmocka_unit_test(c_is_two_unless_said),
      cmocka_unit_test(nothing_is_left_of_rows_clipped_to_zero),
      cmocka_unit_test(one_liar_moves_a_clipped_mean_by_c_over_n),
      cmocka_unit_test(a_negative_c_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
