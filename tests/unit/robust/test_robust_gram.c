/* Claims about the exact Gram matrix: right to the last bit of the quantised rows, alike
 * everywhere, whatever the floats. */
#include "fixture.h"

/* What gram.h promises, computed the slow way: integers of 22 bits, 64-bit sums, the tree over
 * tiles by recursion. */
static double tile_product(const float *x, const float *y, size_t count) {
  double largest_x = 0.0, largest_y = 0.0;
  int ex = 0, ey = 0;
  for (size_t k = 0; k < count; k++) {
    largest_x = fmax(largest_x, fabs((double)x[k]));
    largest_y = fmax(largest_y, fabs((double)y[k]));
  }
  if (largest_x > 0.0) frexp(largest_x, &ex);
  if (largest_y > 0.0) frexp(largest_y, &ey);
  int64_t sum = 0;
  for (size_t k = 0; k < count; k++)
    sum +=
        (int64_t)rint(ldexp((double)x[k], 22 - ex)) * (int64_t)rint(ldexp((double)y[k], 22 - ey));
  assert_true(sum <= INT64_C(1) << 53 && sum >= -(INT64_C(1) << 53));
  return ldexp(ldexp((double)sum, ex - 22), ey - 22);
}

static double tree(const float *x, const float *y, size_t d, size_t first, size_t tiles) {
  if (tiles == 1) {
    size_t count = d - first * 512 < 512 ? d - first * 512 : 512;
    return tile_product(x + first * 512, y + first * 512, count);
  }
  size_t half = 1;
  while (half * 2 < tiles) half *= 2;
  return tree(x, y, d, first, half) + tree(x, y, d, first + half, tiles - half);
}

static void check_against_definition(const struct robust_rows *rows) {
  size_t n = rows->n;
  double *gram = calloc(n * n, sizeof *gram);
  assert_non_null(gram);
  for (enum robust_isa isa = ROBUST_ISA_BEST; isa <= ROBUST_ISA_AMX; isa++) {
    for (size_t k = 0; k < n * n; k++) gram[k] = NAN;
    test_gram(rows, 2, isa, gram);
    for (size_t i = 0; i < n; i++)
      for (size_t j = 0; j < n; j++) {
        size_t low = i > j ? i : j, high = i > j ? j : i;
        double expected = tree(rows->row[low], rows->row[high], rows->d, 0, (rows->d + 511) / 512);
        if (gram[i * n + j] < expected || gram[i * n + j] > expected || isnan(gram[i * n + j]))
          fail_msg("n %zu d %zu entry %zu,%zu: %a, not %a", n, rows->d, i, j, gram[i * n + j],
                   expected);
      }
  }
  free(gram);
}

static void entries_are_the_definition_around_every_tile_edge(void **state) {
  (void)state;
  static const size_t sizes[] = {1,    2,    3,    7,    8,    15,   16,   17,
                                 511,  512,  513,  527,  1023, 1024, 1025, 1535,
                                 1537, 2047, 2048, 2049, 3600, 4097, 5000};
  for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
    struct test_rows t;
    test_rows_new(&t, 1 + s % 8, sizes[s], s);
    check_against_definition(&t.rows);
    test_rows_free(&t);
  }
}

static void entries_are_the_definition_for_every_small_n(void **state) {
  (void)state;
  for (size_t n = 1; n <= 18; n++) {
    struct test_rows t;
    test_rows_new(&t, n, 600, n);
    check_against_definition(&t.rows);
    test_rows_free(&t);
  }
}

static void many_tiles_climb_the_tree_alike(void **state) {
  (void)state;
  struct test_rows t;
  test_rows_new(&t, 2, 512 * 201 + 5, 4); /* more than three batches of 64 tiles */
  check_against_definition(&t.rows);
  test_rows_free(&t);
}

static void scales_from_denormal_to_giant_are_exact(void **state) {
  (void)state;
  enum { N = 7, D = 1300 };
  static const float scale[N] = {1.0F, 1e18F, 1e-40F, 0.0F, 3e38F, 1e-20F, -1.0F};
  struct test_rows t;
  test_rows_new(&t, N, D, 6);
  for (size_t i = 0; i < N; i++)
    for (size_t k = 0; k < D; k++) t.values[i * D + k] *= scale[i];
  for (size_t k = 512; k < 1024; k++) t.values[k] = -0.0F; /* a tile of zeros in a row of ones */
  check_against_definition(&t.rows);
  test_rows_free(&t);
}

/* Integers of 22 bits with the top one always set: the largest sums there can be. */
static void the_largest_sums_still_fit(void **state) {
  (void)state;
  struct test_rows t;
  test_rows_new(&t, 3, 1024, 1);
  for (size_t k = 0; k < 3 * 1024; k++) t.values[k] = k < 2048 ? 0x1.fffffep0F : -0x1.fffffep0F;
  check_against_definition(&t.rows);
  test_rows_free(&t);
}

static void small_whole_numbers_have_whole_products(void **state) {
  (void)state;
  const void *row[] = {(float[]){1, 2, 3}, (float[]){-4, 5, 6}};
  struct robust_rows rows = {.n = 2, .d = 3, .row = row};
  double gram[4];
  test_gram(&rows, 1, ROBUST_ISA_BEST, gram);
  assert_true(gram[0] == 14.0 && gram[1] == 24.0 && gram[2] == 24.0 && gram[3] == 77.0);
}

static void no_coordinates_give_zeros(void **state) {
  (void)state;
  const void *row[] = {NULL, NULL};
  struct robust_rows rows = {.n = 2, .d = 0, .row = row};
  double gram[4] = {1, 1, 1, 1};
  test_gram(&rows, 2, ROBUST_ISA_BEST, gram);
  for (size_t k = 0; k < 4; k++) assert_true(gram[k] == 0.0);
}

/* Excluding a client and computing again is deleting its row and column. */
static void the_matrix_of_some_rows_is_part_of_the_matrix_of_all(void **state) {
  (void)state;
  enum { N = 23, D = 3000 };
  struct test_rows t;
  double all[N * N], some[11 * 11];
  const void *row[11];
  test_rows_new(&t, N, D, 2);
  for (size_t i = 0; i < 11; i++) row[i] = t.row[2 * i + 1];
  struct robust_rows rows = {.n = 11, .d = D, .row = row};
  test_gram(&t.rows, 2, ROBUST_ISA_BEST, all);
  test_gram(&rows, 1, ROBUST_ISA_PLAIN, some);
  for (size_t i = 0; i < 11; i++)
    for (size_t j = 0; j < 11; j++)
      assert_true(some[i * 11 + j] == all[(2 * i + 1) * N + 2 * j + 1]);
  test_rows_free(&t);
}

static void rows_need_no_alignment(void **state) {
  (void)state;
  enum { N = 6, D = 1030 };
  struct test_rows t, shifted;
  double gram[N * N], again[N * N];
  test_rows_new(&t, N, D, 2);
  test_rows_new(&shifted, N, D + 3, 2);
  for (size_t i = 0; i < N; i++) {
    float *to = shifted.values + i * (D + 3) + 1 + i % 3;
    memcpy(to, t.row[i], D * sizeof(float));
    shifted.row[i] = to;
  }
  shifted.rows.d = D;
  test_gram(&t.rows, 2, ROBUST_ISA_BEST, gram);
  test_gram(&shifted.rows, 2, ROBUST_ISA_BEST, again);
  assert_memory_equal(gram, again, sizeof gram);
  test_rows_free(&shifted);
  test_rows_free(&t);
}

static void equal_rows_are_at_distance_zero(void **state) {
  (void)state;
  enum { N = 4, D = 5000 };
  struct test_rows t;
  double gram[N * N], d2[N * N];
  test_rows_new(&t, N, D, 3);
  for (size_t k = 0; k < N * D; k++) t.values[k] += 1000.0F;
  memcpy(t.values + 3 * D, t.values + D, D * sizeof(float));
  test_gram(&t.rows, 2, ROBUST_ISA_BEST, gram);
  robust_distances(N, gram, d2);
  for (size_t i = 0; i < N; i++) assert_true(d2[i * N + i] == 0.0);
  assert_true(d2[1 * N + 3] == 0.0 && d2[3 * N + 1] == 0.0);
  assert_true(d2[0 * N + 1] > 0.0 && d2[0 * N + 1] == d2[1 * N + 0]);
  test_rows_free(&t);
}

/* science.md 9.1: a common mean 1000 times the spread ruins a float32 Gram matrix (error 0.77). */
static void distances_survive_a_large_common_mean(void **state) {
  (void)state;
  enum { N = 5, D = 20000 };
  struct test_rows t;
  double gram[N * N], d2[N * N];
  test_rows_new(&t, N, D, 3);
  for (size_t k = 0; k < N * D; k++) t.values[k] += 1000.0F;
  test_gram(&t.rows, 2, ROBUST_ISA_BEST, gram);
  robust_distances(N, gram, d2);
  for (size_t i = 0; i < N; i++)
    for (size_t j = 0; j < i; j++) {
      double exact = 0.0;
      for (size_t k = 0; k < D; k++) {
        double difference = (double)test_at(&t.rows, i, k) - (double)test_at(&t.rows, j, k);
        exact += difference * difference;
      }
      assert_true(fabs(d2[i * N + j] - exact) < 1e-5 * exact);
    }
  test_rows_free(&t);
}

static void scratch_that_is_small_or_crooked_is_refused(void **state) {
  (void)state;
  struct test_rows t;
  double gram[9];
  struct robust_error error;
  test_rows_new(&t, 3, 10, 3);
  struct robust_scratch scratch = test_scratch(robust_gram_scratch_bytes(3, 10, 1), 1);
  struct robust_scratch small = scratch, crooked = scratch;
  small.bytes -= 1;
  crooked.memory = (char *)crooked.memory + 8;
  assert_int_equal(robust_gram(&t.rows, &small, gram, &error), ROBUST_BAD_SCRATCH);
  assert_int_equal(robust_gram(&t.rows, &crooked, gram, &error), ROBUST_BAD_SCRATCH);
  assert_int_equal(robust_gram(&t.rows, &scratch, gram, &error), ROBUST_OK);
  free(scratch.memory);
  test_rows_free(&t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(entries_are_the_definition_around_every_tile_edge),
      cmocka_unit_test(entries_are_the_definition_for_every_small_n),
      cmocka_unit_test(many_tiles_climb_the_tree_alike),
      cmocka_unit_test(scales_from_denormal_to_giant_are_exact),
      cmocka_unit_test(the_largest_sums_still_fit),
      cmocka_unit_test(small_whole_numbers_have_whole_products),
      cmocka_unit_test(no_coordinates_give_zeros),
      cmocka_unit_test(the_matrix_of_some_rows_is_part_of_the_matrix_of_all),
      cmocka_unit_test(rows_need_no_alignment),
      cmocka_unit_test(equal_rows_are_at_distance_zero),
      cmocka_unit_test(distances_survive_a_large_common_mean),
      cmocka_unit_test(scratch_that_is_small_or_crooked_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
