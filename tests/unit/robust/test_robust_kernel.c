/* Claims about the passes over single rows and about the self-test that binds every machine to the
 * same bits. */
#include "fixture.h"

#include "robust/lanes.h"
#include "robust/selftest.h"

static void weighted_sum_by_hand(void **state) {
  (void)state;
  const void *row[] = {(float[]){1, 2}, (float[]){10, 20}, (float[]){-4, 8}};
  struct robust_rows rows = {.n = 3, .d = 2, .row = row};
  const double weights[] = {0.5, 0.25, -0.25};
  struct robust_scratch scratch = test_scratch(robust_weighted_sum_scratch_bytes(3, 1), 1);
  float out[2];
  assert_int_equal(robust_weighted_sum(&rows, weights, NULL, &scratch, out, NULL), ROBUST_OK);
  assert_true(out[0] == 4.0F && out[1] == 4.0F);
  free(scratch.memory);
}

/* A row of weight zero may point nowhere: its client may have been excluded and its blob deleted.
 */
static void rows_of_weight_zero_are_not_read(void **state) {
  (void)state;
  const void *row[] = {NULL, (float[]){3, 5}, NULL};
  struct robust_rows rows = {.n = 3, .d = 2, .row = row};
  const double weights[] = {0.0, 1.0, -0.0};
  struct robust_scratch scratch = test_scratch(robust_weighted_sum_scratch_bytes(3, 2), 2);
  float out[2];
  assert_int_equal(robust_weighted_sum(&rows, weights, NULL, &scratch, out, NULL), ROBUST_OK);
  assert_true(out[0] == 3.0F && out[1] == 5.0F);
  free(scratch.memory);
}

static void no_weight_at_all_gives_zeros(void **state) {
  (void)state;
  const void *row[] = {(float[]){3, 5}};
  struct robust_rows rows = {.n = 1, .d = 2, .row = row};
  const double weights[] = {0.0};
  struct robust_scratch scratch = test_scratch(robust_weighted_sum_scratch_bytes(1, 2), 2);
  float out[2] = {7, 7};
  assert_int_equal(robust_weighted_sum(&rows, weights, NULL, &scratch, out, NULL), ROBUST_OK);
  assert_true(out[0] == 0.0F && out[1] == 0.0F);
  free(scratch.memory);
}

/* Added in the order, one row after the other, each product and sum rounded to double: nothing
 * fused, nothing moved. */
static void weighted_sums_add_in_the_order_given(void **state) {
  (void)state;
  enum { N = 11, D = 2500 };
  struct test_rows t;
  double weights[N];
  size_t order[N];
  static float out[D];
  static double wide[D];
  uint64_t seed = 4;
  test_rows_new(&t, N, D, 3);
  for (size_t i = 0; i < N; i++) {
    weights[i] = (double)test_unit(&seed) / 3.0;
    order[i] = (i * 4 + 5) % N;
  }
  struct robust_scratch scratch = test_scratch(robust_weighted_sum_scratch_bytes(N, 2), 2);
  assert_int_equal(robust_weighted_sum(&t.rows, weights, order, &scratch, out, NULL), ROBUST_OK);
  assert_int_equal(robust_weighted_sum_f64(&t.rows, weights, order, &scratch, wide, NULL),
                   ROBUST_OK);
  for (size_t k = 0; k < D; k++) {
    volatile double sum = 0.0;
    for (size_t p = 0; p < N; p++) {
      volatile double product = weights[order[p]] * (double)test_at(&t.rows, order[p], k);
      sum = sum + product;
    }
    assert_true(wide[k] == sum && out[k] == (float)sum);
  }
  free(scratch.memory);
  test_rows_free(&t);
}

static void dot_is_right_for_every_length(void **state) {
  (void)state;
  enum { D = 20000 };
  struct test_rows t;
  test_rows_new(&t, 2, D, 8);
  for (size_t d = 0; d <= D; d = d < 70 ? d + 1 : d + 1709) {
    long double exact = 0.0L;
    for (size_t k = 0; k < d; k++)
      exact += (long double)test_at(&t.rows, 0, k) * (long double)test_at(&t.rows, 1, k);
    assert_true(fabsl((long double)robust_dot(t.row[0], t.row[1], d) - exact) <= 1e-11L);
  }
  test_rows_free(&t);
}

static void dot_has_the_same_bits_on_every_instruction_set(void **state) {
  (void)state;
  struct test_rows t;
  test_rows_new(&t, 2, 3001, 8);
  for (size_t d = 0; d <= 3001; d = d < 40 ? d + 1 : d + 987) {
    double plain = lanes_choose(ROBUST_ISA_PLAIN)->dot(t.row[0], t.row[1], d);
    double avx2 = lanes_choose(ROBUST_ISA_AVX2)->dot(t.row[0], t.row[1], d);
    double avx512 = lanes_choose(ROBUST_ISA_AVX512)->dot(t.row[0], t.row[1], d);
    assert_memory_equal(&plain, &avx2, sizeof plain);
    assert_memory_equal(&plain, &avx512, sizeof plain);
  }
  test_rows_free(&t);
}

static void inspect_finds_one_bad_value_anywhere(void **state) {
  (void)state;
  enum { D = 1000 };
  struct test_rows t;
  bool is_finite;
  double norm_squared;
  const float bad[] = {NAN, INFINITY, -INFINITY};
  test_rows_new(&t, 1, D, 8);
  robust_inspect(t.values, D, &is_finite, &norm_squared);
  assert_true(is_finite && norm_squared > 0.0);
  for (size_t k = 0; k < D; k++) {
    float kept = t.values[k];
    t.values[k] = bad[k % 3];
    robust_inspect(t.values, D, &is_finite, &norm_squared);
    assert_false(is_finite);
    t.values[k] = kept;
  }
  test_rows_free(&t);
}

static void inspect_accepts_the_largest_floats(void **state) {
  (void)state;
  float values[100];
  bool is_finite;
  double norm_squared;
  for (size_t k = 0; k < 100; k++) values[k] = k % 2 == 0 ? 3.4e38F : -3.4e38F;
  robust_inspect(values, 100, &is_finite, &norm_squared);
  assert_true(is_finite && norm_squared > 1e78 && norm_squared < 1.2e79);
  robust_inspect(values, 0, &is_finite, &norm_squared);
  assert_true(is_finite && norm_squared == 0.0);
}

static void this_machine_computes_what_all_machines_compute(void **state) {
  (void)state;
  for (int threads = 1; threads <= 2; threads++) {
    uint64_t hash = 0;
    struct robust_error error = {""};
    assert_int_equal(robust_selftest(threads, ROBUST_ISA_BEST, &hash, &error), ROBUST_OK);
    assert_true(hash == ROBUST_SELFTEST_HASH);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(weighted_sum_by_hand),
      cmocka_unit_test(rows_of_weight_zero_are_not_read),
      cmocka_unit_test(no_weight_at_all_gives_zeros),
      cmocka_unit_test(weighted_sums_add_in_the_order_given),
      cmocka_unit_test(dot_is_right_for_every_length),
      cmocka_unit_test(dot_has_the_same_bits_on_every_instruction_set),
      cmocka_unit_test(inspect_finds_one_bad_value_anywhere),
      cmocka_unit_test(inspect_accepts_the_largest_floats),
      cmocka_unit_test(this_machine_computes_what_all_machines_compute),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
