/* Claims about bucketing. */
#include "mixing.h"

static const void *const row[] = {(float[]){1}, (float[]){2}, (float[]){4}, (float[]){8},
                                  (float[]){16}};
static const struct robust_rows rows = {.n = 5, .d = 1, .row = row};

static void rows_are_dealt_in_the_order_of_the_call(void **state) {
  (void)state;
  const size_t order[] = {4, 2, 0, 1, 3};
  double matrix[15];
  assert_int_equal(test_mixing("bucketing(s=2) | mean", &rows, NULL, matrix), 3);
  const double plain[15] = {0.5, 0.5, 0, 0, 0, 0, 0, 0.5, 0.5, 0, 0, 0, 0, 0, 1};
  assert_memory_equal(matrix, plain, sizeof matrix);
  test_mixing("bucketing(s=2) | mean", &rows, order, matrix);
  const double dealt[15] = {0, 0, 0.5, 0, 0.5, 0.5, 0.5, 0, 0, 0, 0, 0, 0, 1, 0};
  assert_memory_equal(matrix, dealt, sizeof matrix);
}

static void a_small_last_bucket_weighs_as_much(void **state) {
  (void)state;
  struct test_result result;
  float out[1];
  test_aggregate("bucketing(s=2) | mean", &rows, out, &result);
  assert_true(fabs((double)out[0] - (1.5 + 6.0 + 16.0) / 3.0) < 1e-6);
  assert_true(fabs(result.weights[4] - 1.0 / 3.0) < 1e-15 &&
              fabs(result.weights[0] - 1.0 / 6.0) < 1e-15);
}

static void one_bucket_holds_all_when_s_is_large(void **state) {
  (void)state;
  double matrix[25];
  assert_int_equal(test_mixing("bucketing(s=18446744073709551615) | mean", &rows, NULL, matrix), 1);
  for (size_t j = 0; j < 5; j++) assert_true(matrix[j] == 0.2);
  assert_int_equal(test_mixing("bucketing | mean", &rows, NULL, matrix), 5);
  for (size_t k = 0; k < 25; k++) assert_true(matrix[k] == (k % 6 == 0 ? 1.0 : 0.0));
}

static void a_seed_deals_every_row_once_and_again_alike(void **state) {
  (void)state;
  enum { N = 41 };
  static double matrix[N * N], again[N * N], other[N * N];
  struct test_rows t;
  test_rows_new(&t, N, 3, 2);
  assert_int_equal(test_mixing("bucketing(s=4, seed=7) | mean", &t.rows, NULL, matrix), 11);
  for (size_t j = 0; j < N; j++) {
    size_t buckets = 0;
    for (size_t b = 0; b < 11; b++) {
      buckets += matrix[b * N + j] > 0.0;
      assert_true(matrix[b * N + j] == 0.0 || matrix[b * N + j] == (b < 10 ? 0.25 : 1.0));
    }
    assert_int_equal(buckets, 1);
  }
  test_mixing("bucketing(s=4, seed=7) | mean", &t.rows, NULL, again);
  test_mixing("bucketing(s=4, seed=8) | mean", &t.rows, NULL, other);
  assert_memory_equal(matrix, again, 11 * N * sizeof *matrix);
  assert_memory_not_equal(matrix, other, 11 * N * sizeof *matrix);
  test_rows_free(&t);
}

/* 2,000 seeds deal five rows: each row is first about 400 times; 18 is one standard deviation. */
static void no_place_is_favoured(void **state) {
  (void)state;
  size_t first[5] = {0};
  for (size_t seed = 0; seed < 2000; seed++) {
    char text[64];
    double matrix[25];
    snprintf(text, sizeof text, "bucketing(s=1, seed=%zu) | mean", seed);
    test_mixing(text, &rows, NULL, matrix);
    for (size_t j = 0; j < 5; j++) first[j] += matrix[j] > 0.0;
  }
  for (size_t j = 0; j < 5; j++) assert_true(first[j] > 310 && first[j] < 490);
}

static void rows_judged_together_are_called_approximate(void **state) {
  (void)state;
  struct test_result result;
  float out[1];
  test_aggregate("bucketing(s=2) | median", &rows, out, &result);
  assert_true(result.evidence.is_approximate);
  test_aggregate("bucketing(s=1) | median", &rows, out, &result);
  assert_false(result.evidence.is_approximate);
}

static void the_rule_behind_counts_buckets(void **state) {
  (void)state;
  test_refusal("bucketing(s=3) | trimmed_mean(f=2)", 10,
               "trimmed_mean(f=2) needs 2f < n; n is 4 after mixing 10 rows");
  test_refusal("bucketing(s=0) | mean", 10, "bucketing(s=0) needs s >= 1; n is 10");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rows_are_dealt_in_the_order_of_the_call),
      cmocka_unit_test(a_small_last_bucket_weighs_as_much),
      cmocka_unit_test(one_bucket_holds_all_when_s_is_large),
      cmocka_unit_test(a_seed_deals_every_row_once_and_again_alike),
      cmocka_unit_test(no_place_is_favoured),
      cmocka_unit_test(rows_judged_together_are_called_approximate),
      cmocka_unit_test(the_rule_behind_counts_buckets),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
