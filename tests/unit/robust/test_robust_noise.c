/* Claims about noise: normal, each coordinate alone, no two alike, the same bits on every machine.
 */
#include "fixture.h"

#include "robust/noise.h"

enum { DRAWN = 400000 };

/* Standard errors at 400,000 numbers are 0.0016, 0.0022, 0.0061 and 0.015; five of each. */
static void noise_has_the_moments_of_a_normal_distribution(void **state) {
  (void)state;
  for (uint64_t seed = 0; seed < 3; seed++) {
    double sum[5] = {0};
    for (uint64_t i = 0; i < DRAWN; i++) {
      double x = noise_normal(seed, i);
      double power = 1.0;
      for (size_t k = 1; k <= 4; k++) sum[k] += power *= x;
    }
    assert_true(fabs(sum[1] / DRAWN) < 0.008);
    assert_true(fabs(sum[2] / DRAWN - 1.0) < 0.011);
    assert_true(fabs(sum[3] / DRAWN) < 0.031);
    assert_true(fabs(sum[4] / DRAWN - 3.0) < 0.078);
  }
}

/* The largest gap to the normal distribution function (Kolmogorov's), at 1000 places; 1.95 /
 * sqrt(n) has probability 1e-3. */
static void noise_is_distributed_normally(void **state) {
  (void)state;
  enum { PLACES = 1000 };
  static size_t below[PLACES + 1];
  for (uint64_t i = 0; i < DRAWN; i++) {
    double x = noise_normal(77, UINT64_C(0xfffffff0) + i);
    double place = ceil((x + 5.0) * PLACES / 10.0);
    below[place < 0.0 ? 0 : place > PLACES ? PLACES : (size_t)place]++;
  }
  size_t count = 0;
  for (size_t place = 0; place < PLACES; place++) {
    count += below[place];
    double x = 10.0 * (double)place / PLACES - 5.0;
    double expected = 0.5 * erfc(-x / sqrt(2.0));
    assert_true(fabs((double)count / DRAWN - expected) < 1.95 / sqrt((double)DRAWN));
  }
}

/* Neighbours in index, and the same index under neighbouring seeds: correlations within five
 * standard errors. */
static void noise_of_neighbours_is_unrelated(void **state) {
  (void)state;
  double by_index = 0.0, by_seed = 0.0, by_both = 0.0;
  for (uint64_t i = 0; i < DRAWN; i++) {
    double x = noise_normal(1, i);
    by_index += x * noise_normal(1, i + 1);
    by_seed += x * noise_normal(2, i);
    by_both += x * noise_normal(i, 1);
  }
  assert_true(fabs(by_index / DRAWN) < 0.008);
  assert_true(fabs(by_seed / DRAWN) < 0.008);
  assert_true(fabs(by_both / DRAWN) < 0.008);
}

static void noise_of_a_coordinate_needs_no_other(void **state) {
  (void)state;
  static double whole[1000], pieces[1000];
  for (size_t k = 0; k < 1000; k++) whole[k] = pieces[k] = (double)k;
  noise_add(whole, 40, 1000, 0.25, 9);
  for (size_t from = 0; from < 1000; from += 125) noise_add(pieces + from, 40 + from, 125, 0.25, 9);
  assert_memory_equal(whole, pieces, sizeof whole);
  for (size_t k = 0; k < 1000; k++) {
    double expected = (double)k + 0.25 * noise_normal(9, 40 + k);
    assert_memory_equal(&whole[k], &expected, sizeof expected);
  }
}

static void noise_reaches_indexes_past_32_bits(void **state) {
  (void)state;
  double low = noise_normal(3, 5), high = noise_normal(3, (UINT64_C(1) << 40) + 5);
  assert_true(low < high || low > high);
  assert_true(isfinite(noise_normal(UINT64_MAX, UINT64_MAX)));
}

/* From Python's statistics.NormalDist().inv_cdf of the same uniforms, hashed there too; the long
 * indexes were found by running the hash backwards, for both ends and the joints of the quantile.
 */
static void noise_has_known_values(void **state) {
  (void)state;
  static const struct {
    uint64_t seed, index;
    double value;
  } known[] = {{UINT64_C(0x0), UINT64_C(0x0), -0.78159624774370307},
               {UINT64_C(0x0), UINT64_C(0x1), 0.52498788792977902},
               {UINT64_C(0x1), UINT64_C(0x0), 0.014414937055645798},
               {UINT64_C(0x2a), UINT64_C(0x8000000000), -0.55830644063418011},
               {UINT64_C(0x0), UINT64_C(0x96e5357bd0a1b76e), -8.2095361516013856},
               {UINT64_C(0x0), UINT64_C(0xa486248b517c23fc), 8.2095361516013856},
               {UINT64_C(0x0), UINT64_C(0xfadc76192dc827a8), -6.4439342372140453},
               {UINT64_C(0x0), UINT64_C(0x6f8d90107b132e2d), -4.763001034244331},
               {UINT64_C(0x0), UINT64_C(0x773ab0b3d5902460), -1.4395314709384552},
               {UINT64_C(0x0), UINT64_C(0xa7a7f1bb59d5b512), -1.4395314709384537},
               {UINT64_C(0x0), UINT64_C(0xa509b5c8f6c811e2), 5.294704084514203}};
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
    double value = noise_normal(known[i].seed, known[i].index);
    if (!(fabs(value - known[i].value) <= 4e-16 * fabs(known[i].value)))
      fail_msg("%zu: %.17g is not %.17g", i, value, known[i].value);
  }
}

/* FNV-1a over the results. A change here changes the models of published rounds. */
static void noise_has_the_same_bits_everywhere(void **state) {
  (void)state;
  uint64_t hash = UINT64_C(0xcbf29ce484222325);
  for (uint64_t i = 0; i < 100000; i++) {
    double value = noise_normal(i % 7, i);
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    hash = (hash ^ bits) * UINT64_C(0x100000001b3);
  }
  assert_int_equal(hash, UINT64_C(0xe96b01db788f24fc));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(noise_has_the_moments_of_a_normal_distribution),
      cmocka_unit_test(noise_is_distributed_normally),
      cmocka_unit_test(noise_of_neighbours_is_unrelated),
      cmocka_unit_test(noise_of_a_coordinate_needs_no_other),
      cmocka_unit_test(noise_reaches_indexes_past_32_bits),
      cmocka_unit_test(noise_has_known_values),
      cmocka_unit_test(noise_has_the_same_bits_everywhere),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
