/* The generator is the published one, and what is built on it has the moments it claims. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include "lab/random.h"

enum { DRAWS = 200000 };

/* Published test vector of xoshiro256** (state 1, 2, 3, 4). */
static void xoshiro_gives_the_published_sequence(void **state) {
  (void)state;
  struct random random = {{1, 2, 3, 4}};
  assert_int_equal(random_bits(&random), 11520);
  assert_int_equal(random_bits(&random), 0);
  assert_int_equal(random_bits(&random), 1509978240);
  assert_int_equal(random_bits(&random), 1215971899390074240);
}

/* Published test vector of splitmix64 (seed 1234567). */
static void seeding_fills_the_state_from_splitmix64(void **state) {
  (void)state;
  struct random random;
  random_seed(&random, 1234567);
  assert_true(random.state[0] == 6457827717110365317u);
  assert_true(random.state[1] == 3203168211198807973u);
  assert_true(random.state[2] == 9817491932198370423u);
}

static void below_stays_below_and_reaches_every_value(void **state) {
  (void)state;
  struct random random;
  random_seed(&random, 7);
  int seen[5] = {0};
  for (int i = 0; i < 5000; i++) seen[random_below(&random, 5)]++;
  for (int i = 0; i < 5; i++) assert_in_range(seen[i], 850, 1150);
}

static void normal_has_mean_0_and_variance_1(void **state) {
  (void)state;
  struct random random;
  random_seed(&random, 8);
  double sum = 0, square = 0, fourth = 0;
  for (int i = 0; i < DRAWS; i++) {
    double x = random_normal(&random);
    sum += x;
    square += x * x;
    fourth += x * x * x * x;
  }
  assert_true(fabs(sum / DRAWS) < 0.01);
  assert_true(fabs(square / DRAWS - 1) < 0.015);
  assert_true(fabs(fourth / DRAWS - 3) < 0.12);
}

static void gamma_has_its_shape_as_mean_and_variance(void **state) {
  (void)state;
  static const double shapes[] = {0.1, 0.5, 1, 4.5};
  struct random random;
  random_seed(&random, 9);
  for (size_t k = 0; k < 4; k++) {
    double shape = shapes[k], sum = 0, square = 0;
    for (int i = 0; i < DRAWS; i++) {
      double x = random_gamma(&random, shape);
      sum += x;
      square += x * x;
    }
    double mean = sum / DRAWS, variance = square / DRAWS - mean * mean;
    assert_true(fabs(mean - shape) < 0.02 * shape + 0.005);
    assert_true(fabs(variance - shape) < 0.06 * shape + 0.01);
  }
}

static void dirichlet_shares_sum_to_1_even_when_nearly_all_underflow(void **state) {
  (void)state;
  static const double alphas[] = {1e-5, 0.1, 100};
  struct random random;
  random_seed(&random, 10);
  for (size_t k = 0; k < 3; k++) {
    double shares[20], sum = 0;
    random_dirichlet(&random, alphas[k], shares, 20);
    for (int i = 0; i < 20; i++) {
      assert_true(shares[i] >= 0);
      sum += shares[i];
    }
    assert_true(fabs(sum - 1) < 1e-12);
  }
}

static void mixed_seeds_differ_in_either_argument(void **state) {
  (void)state;
  assert_true(random_mix(1, 2) != random_mix(2, 1));
  assert_true(random_mix(0, 0) != random_mix(0, 1));
  assert_true(random_mix(0, 0) != random_mix(1, 0));
}

/* These bits came from this code on one machine; another compiler or libm must give the same. */
static void draws_are_the_same_bits_everywhere(void **state) {
  (void)state;
  struct random random;
  random_seed(&random, 2026);
  double sum = 0;
  for (int i = 0; i < 1000; i++) {
    sum += random_normal(&random);
    sum += random_gamma(&random, 0.3);
    sum += random_gamma(&random, 3);
  }
  assert_true(sum == 0x1.992343ccf763bp+11);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(xoshiro_gives_the_published_sequence),
      cmocka_unit_test(seeding_fills_the_state_from_splitmix64),
      cmocka_unit_test(below_stays_below_and_reaches_every_value),
      cmocka_unit_test(normal_has_mean_0_and_variance_1),
      cmocka_unit_test(gamma_has_its_shape_as_mean_and_variance),
      cmocka_unit_test(dirichlet_shares_sum_to_1_even_when_nearly_all_underflow),
      cmocka_unit_test(mixed_seeds_differ_in_either_argument),
      cmocka_unit_test(draws_are_the_same_bits_everywhere),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
