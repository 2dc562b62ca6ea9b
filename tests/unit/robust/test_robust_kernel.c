/* Claims about the passes over single rows and about the self-test that binds every machine to the
 * same bits. */
#include "fixture.h"

#include "robust/convert.h"
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

static void sum_rows(const struct robust_rows *rows, const double *weights, enum robust_isa isa,
                     double *out) {
  struct robust_scratch scratch = test_scratch(robust_weighted_sum_scratch_bytes(rows->n, 2), 2);
  scratch.isa = isa;
  assert_int_equal(robust_weighted_sum_f64(rows, weights, NULL, &scratch, out, NULL), ROBUST_OK);
  free(scratch.memory);
}

static void short_rows_add_up_as_the_floats_they_stand_for(void **state) {
  (void)state;
  enum { N = 6, D = 2500 };
  static const enum robust_dtype dtypes[] = {ROBUST_F16, ROBUST_BF16, ROBUST_I8};
  static uint16_t raw[N * D];
  static double expected[D], got[D];
  const double weights[N] = {0.1, 0.0, 0.3, -0.2, 0.7, 1.1};
  const void *row[N];
  float scale[N];
  struct test_rows t;
  uint64_t seed = 9;
  test_rows_new(&t, N, D, 3);
  for (size_t k = 0; k < N * D; k++) raw[k] = (uint16_t)(test_next(&seed) & 0xbbffU);
  for (size_t s = 0; s < sizeof dtypes / sizeof dtypes[0]; s++) {
    struct robust_rows rows = {.n = N, .d = D, .row = row, .dtype = dtypes[s], .scale = scale};
    for (size_t i = 0; i < N; i++) {
      scale[i] = test_unit(&seed);
      row[i] = (unsigned char *)raw + i * D * robust_dtype_size(dtypes[s]);
      rows_floats(lanes_choose(ROBUST_ISA_PLAIN), &rows, i, 0, D, t.values + i * D);
    }
    sum_rows(&t.rows, weights, ROBUST_ISA_PLAIN, expected);
    for (enum robust_isa isa = ROBUST_ISA_BEST; isa <= ROBUST_ISA_AMX; isa++) {
      sum_rows(&rows, weights, isa, got);
      assert_memory_equal(expected, got, sizeof got);
    }
  }
  test_rows_free(&t);
}

static void doubles_add_up_in_double(void **state) {
  (void)state;
  enum { N = 7, D = 1500 };
  static double values[N][D], got[D];
  const double weights[N] = {0.1, 1.0 / 3.0, 0.0, -0.2, 0.7, 1.1, 1e-9};
  const void *row[N];
  uint64_t seed = 9;
  for (size_t i = 0; i < N; i++) {
    row[i] = i == 2 ? NULL : values[i];
    for (size_t k = 0; k < D; k++) values[i][k] = (double)test_unit(&seed) / 3.0;
  }
  struct robust_rows rows = {.n = N, .d = D, .row = row, .dtype = ROBUST_F64};
  for (enum robust_isa isa = ROBUST_ISA_BEST; isa <= ROBUST_ISA_AMX; isa++) {
    sum_rows(&rows, weights, isa, got);
    for (size_t k = 0; k < D; k++) {
      volatile double sum = 0.0;
      for (size_t i = 0; i < N; i++) {
        if (i == 2) continue;
        volatile double product = weights[i] * values[i][k];
        sum = sum + product;
      }
      assert_true(got[k] == sum);
    }
  }
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

static void dot_of_doubles_is_right_and_the_same_everywhere(void **state) {
  (void)state;
  enum { D = 3001 };
  static double x[D], y[D];
  uint64_t seed = 2;
  for (size_t k = 0; k < D; k++) {
    x[k] = (double)test_unit(&seed) / 3.0;
    y[k] = 1.0 / (double)(k + 1);
  }
  for (size_t d = 0; d <= D; d = d < 40 ? d + 1 : d + 987) {
    long double exact = 0.0L;
    for (size_t k = 0; k < d; k++) exact += (long double)x[k] * (long double)y[k];
    double best = robust_dot_f64(x, y, d);
    assert_true(fabsl((long double)best - exact) <= 1e-14L);
    for (enum robust_isa isa = ROBUST_ISA_BEST; isa <= ROBUST_ISA_AMX; isa++) {
      double same = lanes_choose(isa)->dot_double(x, y, d);
      assert_memory_equal(&best, &same, sizeof best);
    }
  }
}

static void inspect_tells_overflow_of_the_length_from_bad_values(void **state) {
  (void)state;
  double values[] = {1e200, -3.0, 0.0};
  bool is_finite;
  double norm_squared;
  robust_inspect_f64(values, 3, &is_finite, &norm_squared);
  assert_true(is_finite && isinf(norm_squared));
  values[0] = 4.0;
  robust_inspect_f64(values, 3, &is_finite, &norm_squared);
  assert_true(is_finite && norm_squared == 25.0);
  const double bad[] = {NAN, -NAN, INFINITY, -INFINITY};
  for (size_t b = 0; b < 4; b++) {
    values[1] = bad[b];
    robust_inspect_f64(values, 3, &is_finite, &norm_squared);
    assert_false(is_finite);
  }
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
      cmocka_unit_test(short_rows_add_up_as_the_floats_they_stand_for),
      cmocka_unit_test(doubles_add_up_in_double),
      cmocka_unit_test(dot_is_right_for_every_length),
      cmocka_unit_test(dot_has_the_same_bits_on_every_instruction_set),
      cmocka_unit_test(inspect_finds_one_bad_value_anywhere),
      cmocka_unit_test(inspect_accepts_the_largest_floats),
      cmocka_unit_test(dot_of_doubles_is_right_and_the_same_everywhere),
      cmocka_unit_test(inspect_tells_overflow_of_the_length_from_bad_values),
      cmocka_unit_test(this_machine_computes_what_all_machines_compute),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
