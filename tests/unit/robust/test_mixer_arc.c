/* Claims about adaptive robust clipping. */
#include "mixing.h"

static void the_longest_are_cut_to_the_next(void **state) {
  (void)state;
  const void *row[] = {(float[]){3, 4}, (float[]){6, 8}, (float[]){0, 1}, (float[]){-2, 0}};
  struct robust_rows rows = {.n = 4, .d = 2, .row = row};
  double matrix[16];
  test_mixing("arc(f=1) | mean", &rows, NULL, matrix); /* k = floor(2 * 1 * 3 / 4) = 1 */
  const double one[16] = {[0] = 1.0, [5] = 0.5, [10] = 1.0, [15] = 1.0};
  assert_memory_equal(matrix, one, sizeof matrix);
  test_mixing("arc(f=2) | mean", &rows, NULL, matrix); /* k = 2 */
  const double two[16] = {[0] = 0.4, [5] = 0.2, [10] = 1.0, [15] = 1.0};
  assert_memory_equal(matrix, two, sizeof matrix);
}

static size_t count_cut(size_t n, size_t f) {
  static double matrix[MIXING_ROWS_MAX * MIXING_ROWS_MAX];
  struct test_rows t;
  char text[40];
  size_t cut = 0;
  test_rows_new(&t, n, 1, 1);
  for (size_t i = 0; i < n; i++) t.values[i] = (float)((7 * i) % 251 + 1);
  snprintf(text, sizeof text, "arc(f=%zu) | mean", f);
  test_mixing(text, &t.rows, NULL, matrix);
  for (size_t i = 0; i < n; i++) cut += matrix[i * n + i] < 1.0;
  test_rows_free(&t);
  return cut;
}

/* 2 * 33 * 209 / 242 is 57; in floating point it may come out just below. */
static void the_number_cut_is_counted_in_whole_numbers(void **state) {
  (void)state;
  assert_int_equal(count_cut(242, 33), 57);
  assert_int_equal(count_cut(10, 3), 4);
  assert_int_equal(count_cut(10, 0), 0);
  assert_int_equal(count_cut(10, 10), 0);
  assert_int_equal(count_cut(1, 0), 0);
  assert_int_equal(count_cut(2, 1), 1);
}

static void equal_lengths_are_left_alone(void **state) {
  (void)state;
  const void *row[] = {(float[]){1, 2}, (float[]){2, 1}, (float[]){-1, 2}, (float[]){0, 1},
                       (float[]){1, 0}};
  struct robust_rows rows = {.n = 5, .d = 2, .row = row};
  double matrix[25];
  test_mixing("arc(f=1) | mean", &rows, NULL, matrix);
  for (size_t i = 0; i < 5; i++) assert_true(matrix[6 * i] == 1.0);
}

static void most_rows_zero_makes_all_zero(void **state) {
  (void)state;
  const void *row[] = {(float[]){0}, (float[]){9}, (float[]){0}, (float[]){0}};
  struct robust_rows rows = {.n = 4, .d = 1, .row = row};
  double matrix[16];
  test_mixing("arc(f=1) | mean", &rows, NULL, matrix);
  assert_true(matrix[0] == 1.0 && matrix[5] == 0.0);
}

/* Whatever f liars send, nothing longer than the longest honest row comes out. */
static void liars_are_no_longer_than_the_longest_honest_row(void **state) {
  (void)state;
  enum { N = 13, D = 40 };
  static double matrix[N * N], gram[N * N];
  for (size_t liars = 0; liars <= 6; liars++) {
    struct test_rows t;
    char text[40];
    double longest = 0.0;
    test_rows_new(&t, N, D, 30 + liars);
    for (size_t k = 0; k < liars * D; k++) t.values[k] *= 1e17F;
    test_gram(&t.rows, 1, ROBUST_ISA_BEST, gram);
    for (size_t i = liars; i < N; i++) longest = fmax(longest, gram[i * N + i]);
    snprintf(text, sizeof text, "arc(f=%zu) | mean", liars);
    test_mixing(text, &t.rows, NULL, matrix);
    for (size_t i = 0; i < N; i++)
      assert_true(matrix[i * N + i] * sqrt(gram[i * N + i]) <= sqrt(longest) * (1 + 1e-15));
    test_rows_free(&t);
  }
}

static void more_liars_than_rows_are_refused(void **state) {
  (void)state;
  test_refusal("arc(f=5) | mean", 4, "arc(f=5) needs f <= n; n is 4");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_longest_are_cut_to_the_next),
      cmocka_unit_test(the_number_cut_is_counted_in_whole_numbers),
      cmocka_unit_test(equal_lengths_are_left_alone),
      cmocka_unit_test(most_rows_zero_makes_all_zero),
      cmocka_unit_test(liars_are_no_longer_than_the_longest_honest_row),
      cmocka_unit_test(more_liars_than_rows_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
