/* Claims about the logarithm: near libm's everywhere, exact where it can be, the same bits on every
 * machine. */
#include "fixture.h"

#include "robust/logarithm.h"

/* Units in the last place of the true value, which the 64 bits of logl hold well enough. */
static double error_of(double x) {
  long double truth = logl((long double)x);
  int exponent;
  frexp((double)truth, &exponent);
  return (double)(fabsl((long double)logarithm(x) - truth) / ldexpl(1.0L, exponent - 53));
}

static void logarithm_is_within_a_unit_in_the_last_place(void **state) {
  (void)state;
  uint64_t seed = 5;
  for (size_t round = 0; round < 300000; round++) {
    uint64_t bits = test_next(&seed) >> 1;
    double any;
    memcpy(&any, &bits, sizeof any);
    double below_one = (double)(test_next(&seed) >> 12 << 1 | 1) * 0x1p-53;
    double near_one = 1.0 + 0x1p-3 * (double)test_unit(&seed);
    const double tried[] = {any, below_one, near_one};
    for (size_t i = 0; i < 3; i++)
      if (tried[i] > 0.0 && isfinite(tried[i]) && !(error_of(tried[i]) < 0.9) &&
          (tried[i] > 1.0 || tried[i] < 1.0))
        fail_msg("ln %a is off by %g ulp", tried[i], error_of(tried[i]));
  }
}

static void logarithm_knows_the_edges(void **state) {
  (void)state;
  double zero = logarithm(1.0);
  assert_true(zero <= 0.0 && zero >= 0.0 && !signbit(zero));
  assert_true(isinf(logarithm(0.0)) && logarithm(0.0) < 0.0);
  assert_true(error_of(0x1p-1074) < 0.9);
  assert_true(error_of(0x1.fffffffffffffp1023) < 0.9);
  assert_true(error_of(0x1.fffffffffffffp-1) < 0.9);
  assert_true(error_of(0x1.0000000000001p0) < 0.9);
}

/* FNV-1a over the results. A change here changes the weights of published rounds. */
static void logarithm_has_the_same_bits_everywhere(void **state) {
  (void)state;
  uint64_t seed = 11, hash = UINT64_C(0xcbf29ce484222325);
  for (size_t round = 0; round < 100000; round++) {
    double value = logarithm(ldexp((double)(test_next(&seed) >> 11 | 1), (int)(round % 200) - 150));
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    hash = (hash ^ bits) * UINT64_C(0x100000001b3);
  }
  assert_int_equal(hash, UINT64_C(0xb9d8afbd337eced7));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(logarithm_is_within_a_unit_in_the_last_place),
      cmocka_unit_test(logarithm_knows_the_edges),
      cmocka_unit_test(logarithm_has_the_same_bits_everywhere),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
