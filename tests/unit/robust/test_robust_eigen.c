/* Claims about the top eigenpair: it is one, it is the top, and nothing about the matrix's shape or
 * scale confuses it. */
#include "fixture.h"

#include "robust/eigen.h"

enum { N_MAX = 70 };

struct pair {
  double value;
  double vector[N_MAX];
};

static struct pair top_of(size_t n, const double *matrix) {
  static double copy[N_MAX * N_MAX], work[5 * N_MAX];
  struct pair pair;
  assert_true(n <= N_MAX && eigen_work_doubles(n) <= 5 * N_MAX);
  memcpy(copy, matrix, n * n * sizeof *copy);
  memset(work, 0xa5, sizeof work);
  pair.value = eigen_top(n, copy, pair.vector, work);
  return pair;
}

static double size_of(size_t count, const double *values) {
  double largest = 0.0;
  for (size_t k = 0; k < count; k++) largest = fmax(largest, fabs(values[k]));
  return largest;
}

static bool is_positive_definite(size_t n, double *a) {
  for (size_t k = 0; k < n; k++) {
    if (!(a[k * n + k] > 0.0)) return false;
    for (size_t i = k + 1; i < n; i++)
      for (size_t j = k + 1; j < n; j++) a[i * n + j] -= a[i * n + k] / a[k * n + k] * a[k * n + j];
  }
  return true;
}

/* It is an eigenpair, and a little above it no eigenvalue is left. */
static void assert_is_top(size_t n, const double *matrix) {
  static double above[N_MAX * N_MAX];
  struct pair pair = top_of(n, matrix);
  double size = size_of(n * n, matrix), length = 0.0, largest = 0.0;
  double tolerance = 16.0 * (double)n * 0x1p-53 * size;
  for (size_t i = 0; i < n; i++) {
    double residual = -pair.value * pair.vector[i];
    for (size_t j = 0; j < n; j++) {
      residual += matrix[i * n + j] * pair.vector[j];
      above[i * n + j] = (i == j ? pair.value + 4.0 * tolerance : 0.0) - matrix[i * n + j];
    }
    if (!(fabs(residual) <= tolerance))
      fail_msg("n is %zu: residual %g of %g", n, residual, tolerance);
    length += pair.vector[i] * pair.vector[i];
    if (fabs(pair.vector[i]) > fabs(largest)) largest = pair.vector[i];
  }
  assert_true(fabs(length - 1.0) < 1e-14 && largest > 0.0);
  assert_true(size <= 0.0 || is_positive_definite(n, above));
}

static void two_by_two_by_hand(void **state) {
  (void)state;
  struct pair pair = top_of(2, (const double[]){2, 1, 1, 2});
  assert_true(fabs(pair.value - 3.0) < 1e-15);
  assert_true(fabs(pair.vector[0] - sqrt(0.5)) < 1e-15 && pair.vector[1] > 0.7);
  pair = top_of(2, (const double[]){1, -1, -1, 1}); /* a start of ones would be orthogonal */
  assert_true(fabs(pair.value - 2.0) < 1e-15);
  assert_true(fabs(pair.vector[0] - sqrt(0.5)) < 1e-15 && pair.vector[1] < -0.7);
}

static void the_largest_is_not_the_largest_in_size(void **state) {
  (void)state;
  struct pair pair = top_of(3, (const double[]){-9, 0, 0, 0, -2, 0, 0, 0, -5});
  assert_true(pair.value == -2.0 && pair.vector[1] == 1.0);
  assert_true(pair.vector[0] == 0.0 || fabs(pair.vector[0]) < 1e-30);
  pair = top_of(1, (const double[]){-7});
  assert_true(pair.value == -7.0 && pair.vector[0] == 1.0);
}

static void zeros_have_the_first_axis(void **state) {
  (void)state;
  const double zeros[9] = {0};
  struct pair pair = top_of(3, zeros);
  assert_true(pair.value == 0.0 && pair.vector[0] == 1.0 && pair.vector[1] == 0.0);
}

/* Every kind of matrix that rows can make, and some that they cannot. */
static void fill(size_t n, int kind, uint64_t seed, double *a) {
  double row[N_MAX];
  for (size_t i = 0; i < n; i++) row[i] = (double)test_unit(&seed);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j <= i; j++) {
      double random = (double)test_unit(&seed), same = i == j ? 1.0 : 0.0, value = random;
      if (kind == 1) value = row[i] * row[j];                  /* rank one */
      if (kind == 2) value = 3.0 * same;                       /* all alike */
      if (kind == 3) value = ldexp(random, -8 * (int)(i + j)); /* graded */
      if (kind == 4) value = same + ldexp(random, -50);        /* a tight cluster */
      if (kind == 5) value = i / 3 == j / 3 ? (double)(i % 3 == j % 3) + 1 : 0; /* equal blocks */
      if (kind == 6) value = (i == j + 1 ? -1.0 : 2.0 * same);                  /* a chain */
      if (kind == 7) value = -(double)(i < j ? i + 1 : j + 1);                  /* none positive */
      if (kind == 8) value = i == 0 && j == 0 ? 1e18 : random;                  /* one giant */
      a[i * n + j] = a[j * n + i] = value;
    }
}

static void every_kind_of_matrix_has_its_top(void **state) {
  (void)state;
  static double a[N_MAX * N_MAX];
  for (int kind = 0; kind <= 8; kind++)
    for (size_t n = 1; n <= N_MAX; n += 1 + n / 8) {
      fill(n, kind, n + 100, a);
      assert_is_top(n, a);
    }
}

static void a_chain_has_the_value_of_the_book(void **state) {
  (void)state;
  static double a[50 * 50];
  fill(50, 6, 1, a);
  assert_true(fabs(top_of(50, a).value - (2.0 + 2.0 * cos(acos(-1.0) / 51.0))) < 1e-14);
}

/* Powers of two change no bit of the vector and scale the value exactly, at the ends of the range
 * too. */
static void scale_is_of_no_account(void **state) {
  (void)state;
  enum { N = 12 };
  double a[N * N], scaled[N * N];
  fill(N, 0, 3, a);
  struct pair pair = top_of(N, a);
  for (int exponent = -900; exponent <= 1000; exponent += 190) {
    for (size_t k = 0; k < N * N; k++) scaled[k] = ldexp(a[k], exponent);
    struct pair other = top_of(N, scaled);
    assert_true(other.value == ldexp(pair.value, exponent));
    assert_memory_equal(other.vector, pair.vector, N * sizeof(double));
  }
  for (size_t k = 0; k < N * N; k++) scaled[k] = k % (N + 1) == 0 ? 0x1p-1074 : 0.0;
  assert_true(top_of(N, scaled).value == 0x1p-1074);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(two_by_two_by_hand),
      cmocka_unit_test(the_largest_is_not_the_largest_in_size),
      cmocka_unit_test(zeros_have_the_first_axis),
      cmocka_unit_test(every_kind_of_matrix_has_its_top),
      cmocka_unit_test(a_chain_has_the_value_of_the_book),
      cmocka_unit_test(scale_is_of_no_account),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
