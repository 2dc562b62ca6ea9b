/* Claims about mixing: the sums of mix.h to the last bit, for sizes around every block, on every
 * instruction set. */
#include "fixture.h"

#include "robust/lanes.h"
#include "robust/mix.h"

static const enum robust_isa ISAS[] = {ROBUST_ISA_PLAIN, ROBUST_ISA_AVX2, ROBUST_ISA_AVX512};
enum { ISA_COUNT = sizeof ISAS / sizeof *ISAS };

/* Eight kinds of entries: zeros of both signs among numbers of every size. */
static double entry(uint64_t *seed) {
  switch (test_next(seed) % 8) {
  case 0:
  case 1: return 0.0;
  case 2: return -0.0;
  case 3: return 0x1p-1000 * (double)test_unit(seed);
  default: return (double)test_unit(seed);
  }
}

static double *new_doubles(size_t count, uint64_t seed) {
  double *values = malloc((count > 0 ? count : 1) * sizeof *values);
  assert_non_null(values);
  for (size_t k = 0; k < count; k++) values[k] = entry(&seed);
  return values;
}

/* What mix.h promises, spelled as it says. */
static double oracle(size_t n, const double *weight, const double *x, size_t step) {
  double sum = 0.0;
  for (size_t j = 0; j < n; j++) sum = fma(weight[j], x[j * step], sum);
  return sum + 0.0;
}

static void assert_same_bits(double got, double want) {
  assert_memory_equal(&got, &want, sizeof got);
}

struct sizes {
  size_t m;
  size_t n;
  size_t count;
};

/* Around the blocks of 12, 6 and 4 rows, panels of 128, spans of 256 and registers of 8, 4 and 2.
 */
static const struct sizes SIZES[] = {{1, 1, 1},     {1, 0, 5},     {0, 3, 4},     {3, 2, 0},
                                     {4, 3, 15},    {5, 128, 16},  {11, 129, 17}, {12, 127, 33},
                                     {13, 7, 31},   {25, 300, 47}, {17, 5, 257},  {100, 100, 259},
                                     {6, 257, 512}, {2, 40, 1000}};
enum { SIZES_COUNT = sizeof SIZES / sizeof *SIZES };

static void mix_tile_is_its_definition(void **state) {
  (void)state;
  for (size_t s = 0; s < SIZES_COUNT; s++) {
    struct sizes z = SIZES[s];
    size_t stride = z.count + 3;
    double *matrix = new_doubles(z.m * z.n, s);
    double *x = new_doubles(z.n * z.count, s + 100);
    struct test_rows floats;
    test_rows_new(&floats, z.n, z.count, s + 200);
    const double *wide[TEST_ROWS_MAX];
    const float *narrow[TEST_ROWS_MAX];
    for (size_t j = 0; j < z.n; j++) {
      wide[j] = x + j * z.count;
      narrow[j] = floats.row[j];
      for (size_t k = 0; k < z.count; k++) floats.values[j * z.count + k] = (float)wide[j][k];
    }
    double *exact = malloc((z.n * z.count + 1) * sizeof *exact); /* the floats, as doubles */
    assert_non_null(exact);
    for (size_t k = 0; k < z.n * z.count; k++) exact[k] = (double)floats.values[k];
    for (size_t i = 0; i < ISA_COUNT; i++) {
      const struct lanes *lanes = lanes_choose(ISAS[i]);
      double *out = new_doubles(z.m * stride, 1);
      float *out_narrow = malloc((z.m * stride + 1) * sizeof *out_narrow);
      assert_non_null(out_narrow);
      memset(out_narrow, 0x5a, (z.m * stride + 1) * sizeof *out_narrow);
      double *before = new_doubles(z.m * stride, 1);
      mix_tile(lanes, z.m, z.n, matrix, narrow, z.count, out_narrow, stride);
      mix_tile_f64(lanes, z.m, z.n, matrix, wide, z.count, out, stride);
      for (size_t b = 0; b < z.m; b++) {
        for (size_t k = 0; k < z.count; k++) {
          assert_same_bits(out[b * stride + k], oracle(z.n, matrix + b * z.n, x + k, z.count));
          float want = (float)oracle(z.n, matrix + b * z.n, exact + k, z.count);
          assert_memory_equal(out_narrow + b * stride + k, &want, sizeof want);
        }
        assert_memory_equal(out + b * stride + z.count, before + b * stride + z.count,
                            3 * sizeof *out); /* what lies between the rows is not ours */
      }
      free(before);
      free(out_narrow);
      free(out);
    }
    free(exact);
    test_rows_free(&floats);
    free(x);
    free(matrix);
  }
}

static void product_is_its_definition(void **state) {
  (void)state;
  static const size_t SIDES[][3] = {{1, 1, 1},    {3, 4, 5}, {24, 10, 128}, {25, 129, 129},
                                    {49, 3, 257}, {5, 0, 7}, {70, 70, 70}};
  for (size_t s = 0; s < sizeof SIDES / sizeof *SIDES; s++) {
    size_t m = SIDES[s][0], n = SIDES[s][1], p = SIDES[s][2];
    double *left = new_doubles(m * n, s);
    double *right = new_doubles(n * p, s + 50);
    double *out = new_doubles(m * p, 3);
    for (size_t i = 0; i < ISA_COUNT; i++)
      for (int threads = 1; threads <= 2; threads++) {
        matrix_product(lanes_choose(ISAS[i]), threads, m, n, p, left, right, out);
        for (size_t r = 0; r < m; r++)
          for (size_t c = 0; c < p; c++)
            assert_same_bits(out[r * p + c], oracle(n, left + r * n, right + c, p));
      }
    free(out);
    free(right);
    free(left);
  }
}

/* Against two loops that know nothing of blocks, and the symmetry against the whole. */
static void congruence_is_two_products(void **state) {
  (void)state;
  static const size_t SIDES[][2] = {{1, 1}, {2, 3}, {30, 25}, {25, 131}, {140, 140}};
  for (size_t s = 0; s < sizeof SIDES / sizeof *SIDES; s++) {
    size_t m = SIDES[s][0], n = SIDES[s][1];
    double *matrix = new_doubles(m * n, s);
    double *gram = new_doubles(n * n, s + 50);
    for (size_t i = 0; i < n; i++)
      for (size_t j = 0; j < i; j++) gram[j * n + i] = gram[i * n + j];
    double *half = new_doubles(m * n, 5);
    for (size_t b = 0; b < m; b++)
      for (size_t j = 0; j < n; j++) half[b * n + j] = oracle(n, matrix + b * n, gram + j, n);
    double *work = new_doubles(m * n, 6);
    double *out = new_doubles(m * m, 7);
    for (size_t i = 0; i < ISA_COUNT; i++) {
      matrix_congruence(lanes_choose(ISAS[i]), 1 + (int)i % 2, m, n, matrix, gram, work, out);
      for (size_t b = 0; b < m; b++)
        for (size_t c = 0; c <= b; c++) {
          double want = oracle(n, matrix + b * n, half + c * n, 1);
          assert_same_bits(out[b * m + c], want);
          assert_same_bits(out[c * m + b], want);
        }
    }
    free(out);
    free(work);
    free(half);
    free(gram);
    free(matrix);
  }
}

static void mixing_by_hand(void **state) {
  (void)state;
  const float *x[] = {(float[]){1, 2, 3}, (float[]){10, 20, 30}};
  const double matrix[] = {0.5, 0.25, 0, 1, -1, 0.5};
  float out[9];
  mix_tile(lanes_choose(ROBUST_ISA_BEST), 3, 2, matrix, x, 3, out, 3);
  const float want[] = {3, 6, 9, 10, 20, 30, 4, 8, 12};
  assert_memory_equal(out, want, sizeof want);
}

/* A product too small for a double leaves -0 behind, and what is added after it may be left out. */
static void a_sum_of_nothing_is_plus_zero(void **state) {
  (void)state;
  const double *x[] = {(double[]){-0x1p-700}, (double[]){1.0}};
  const double matrix[] = {0x1p-700, 0.0};
  double out = 1.0;
  for (size_t i = 0; i < ISA_COUNT; i++) {
    mix_tile_f64(lanes_choose(ISAS[i]), 1, 2, matrix, x, 1, &out, 1);
    assert_true(out == 0.0 && !signbit(out));
  }
}

/* What is multiplied is not rounded before it is added: 2^-53 of it would be gone. */
static void multiply_and_add_round_once(void **state) {
  (void)state;
  double a = 1.0 + 0x1p-30;
  const double *x[] = {(double[]){1.0}, (double[]){a}};
  const double matrix[] = {-1.0 - 0x1p-29, a};
  double out = 0.0;
  for (size_t i = 0; i < ISA_COUNT; i++) {
    mix_tile_f64(lanes_choose(ISAS[i]), 1, 2, matrix, x, 1, &out, 1);
    assert_true(out == 0x1p-60);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(mixing_by_hand),
      cmocka_unit_test(mix_tile_is_its_definition),
      cmocka_unit_test(product_is_its_definition),
      cmocka_unit_test(congruence_is_two_products),
      cmocka_unit_test(a_sum_of_nothing_is_plus_zero),
      cmocka_unit_test(multiply_and_add_round_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
