/* Claims about nearest-neighbour mixing. */
#include "mixing.h"

static void every_row_is_averaged_with_its_nearest(void **state) {
  (void)state;
  const void *row[] = {(float[]){0}, (float[]){1}, (float[]){3}, (float[]){7}};
  struct robust_rows rows = {.n = 4, .d = 1, .row = row};
  double matrix[16];
  assert_int_equal(test_mixing("nnm(f=2) | mean", &rows, NULL, matrix), 4);
  const double expected[16] = {0.5, 0.5, 0, 0, 0.5, 0.5, 0, 0, 0, 0.5, 0.5, 0, 0, 0, 0.5, 0.5};
  assert_memory_equal(matrix, expected, sizeof matrix);
}

static void equally_near_rows_count_in_the_order(void **state) {
  (void)state;
  const void *row[] = {(float[]){-1}, (float[]){0}, (float[]){1}};
  const size_t backwards[] = {2, 1, 0};
  struct robust_rows rows = {.n = 3, .d = 1, .row = row};
  double matrix[9];
  test_mixing("nnm(f=1) | mean", &rows, NULL, matrix);
  assert_true(matrix[3] == 0.5 && matrix[4] == 0.5 && matrix[5] == 0.0);
  test_mixing("nnm(f=1) | mean", &rows, backwards, matrix);
  assert_true(matrix[3] == 0.0 && matrix[4] == 0.5 && matrix[5] == 0.5);
}

/* Five copies and two neighbours: each has itself and the first of the others. */
static void a_row_is_its_own_nearest_among_copies(void **state) {
  (void)state;
  const float x[] = {4, -1};
  const void *row[] = {x, x, x, x, x};
  struct robust_rows rows = {.n = 5, .d = 2, .row = row};
  double matrix[25];
  test_mixing("nnm(f=3) | mean", &rows, NULL, matrix);
  for (size_t i = 0; i < 5; i++) {
    assert_true(matrix[5 * i + i] == 0.5);
    assert_true(matrix[5 * i + (i == 0 ? 1 : 0)] == 0.5);
  }
}

static void without_liars_every_row_is_the_mean(void **state) {
  (void)state;
  struct test_rows t;
  double matrix[49];
  test_rows_new(&t, 7, 30, 2);
  test_mixing("nnm(f=0) | mean", &t.rows, NULL, matrix);
  for (size_t k = 0; k < 49; k++) assert_true(matrix[k] == 1.0 / 7.0);
  test_mixing("nnm(f=6) | mean", &t.rows, NULL, matrix);
  for (size_t k = 0; k < 49; k++) assert_true(matrix[k] == (k % 8 == 0 ? 1.0 : 0.0));
  test_rows_free(&t);
}

static void moving_all_rows_moves_the_result_alike(void **state) {
  (void)state;
  enum { N = 15, D = 70 };
  struct test_rows t;
  struct test_result result;
  float out[D], moved[D];
  test_rows_new(&t, N, D, 6);
  test_aggregate("nnm(f=4) | trimmed_mean(f=4)", &t.rows, out, &result);
  for (size_t k = 0; k < N * D; k++) t.values[k] += 2.0F;
  test_aggregate("nnm(f=4) | trimmed_mean(f=4)", &t.rows, moved, &result);
  for (size_t k = 0; k < D; k++) assert_true(fabs((double)(moved[k] - out[k]) - 2.0) < 1e-6);
  test_rows_free(&t);
}

/* Far rows are nobody's neighbours, so the rule behind sees their weight only in their own rows,
 * which it trims. */
static void liars_far_away_leave_no_trace_behind_a_rule(void **state) {
  (void)state;
  enum { N = 11, LIARS = 3, D = 60 };
  struct test_rows t;
  struct test_result result;
  float out[D];
  test_rows_new(&t, N, D, 9);
  for (size_t k = 0; k < LIARS * D; k++) t.values[k] = 1e18F;
  test_aggregate("nnm(f=3) | median", &t.rows, out, &result);
  for (size_t k = 0; k < D; k++) assert_true(fabs((double)out[k]) < 1.0);
  test_aggregate("nnm(f=3) | krum(f=3)", &t.rows, out, &result);
  for (size_t i = 0; i < N; i++) assert_true(result.weights[i] == (i < LIARS ? 0.0 : 0.125));
  test_rows_free(&t);
}

static void someone_must_be_left_to_mix(void **state) {
  (void)state;
  test_refusal("nnm(f=4) | mean", 4, "nnm(f=4) needs f < n; n is 4");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_row_is_averaged_with_its_nearest),
      cmocka_unit_test(equally_near_rows_count_in_the_order),
      cmocka_unit_test(a_row_is_its_own_nearest_among_copies),
      cmocka_unit_test(without_liars_every_row_is_the_mean),
      cmocka_unit_test(moving_all_rows_moves_the_result_alike),
      cmocka_unit_test(liars_far_away_leave_no_trace_behind_a_rule),
      cmocka_unit_test(someone_must_be_left_to_mix),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
