/* Claims about the seeded stream of numbers. */
#include "fixture.h"

#include "robust/splitmix.h"

/* The published first values for this seed. */
static void the_stream_is_splitmix64(void **state) {
  (void)state;
  uint64_t seed = 1234567;
  static const uint64_t expected[] = {UINT64_C(6457827717110365317), UINT64_C(3203168211198807973),
                                      UINT64_C(9817491932198370423), UINT64_C(4593380528125082431),
                                      UINT64_C(16408922859458223821)};
  for (size_t i = 0; i < 5; i++) assert_true(splitmix_next(&seed) == expected[i]);
}

static void numbers_below_a_bound_are_even(void **state) {
  (void)state;
  uint64_t seed = 5;
  size_t count[3] = {0};
  for (size_t i = 0; i < 30000; i++) count[splitmix_below(&seed, 3)]++;
  for (size_t k = 0; k < 3; k++)
    assert_true(count[k] > 9600 && count[k] < 10400); /* five deviations of 82 */
  for (size_t i = 0; i < 100; i++) assert_true(splitmix_below(&seed, 1) == 0);
}

/* Of three times 2^62 values, a remainder would give the first third twice as often as the others.
 */
static void a_bound_near_the_whole_range_is_even_too(void **state) {
  (void)state;
  uint64_t seed = 6;
  uint64_t third = UINT64_C(1) << 62;
  size_t count[3] = {0};
  for (size_t i = 0; i < 30000; i++) count[splitmix_below(&seed, 3 * third) / third]++;
  for (size_t k = 0; k < 3; k++) assert_true(count[k] > 9600 && count[k] < 10400);
}

static void units_fill_the_unit_interval(void **state) {
  (void)state;
  uint64_t seed = 7;
  double sum = 0.0, least = 1.0, most = 0.0;
  for (size_t i = 0; i < 10000; i++) {
    double unit = splitmix_unit(&seed);
    sum += unit;
    least = fmin(least, unit);
    most = fmax(most, unit);
  }
  assert_true(least >= 0.0 && least < 0.001 && most < 1.0 && most > 0.999);
  assert_true(fabs(sum / 10000.0 - 0.5) < 0.015); /* five deviations of 0.0029 */
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_stream_is_splitmix64),
      cmocka_unit_test(numbers_below_a_bound_are_even),
      cmocka_unit_test(a_bound_near_the_whole_range_is_even_too),
      cmocka_unit_test(units_fill_the_unit_interval),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
