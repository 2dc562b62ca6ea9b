/* Claims about spellings of numbers: every binary16, every bfloat16 and every byte there is. */
#include "fixture.h"

#include "robust/convert.h"

enum { EVERY = 1 << 16, EVERY_BYTE = 256 };

static const enum robust_isa isas[] = {ROBUST_ISA_PLAIN, ROBUST_ISA_AVX2, ROBUST_ISA_AVX512};

/* IEEE 754, 3.4, in words: sign, exponent of bias 15, ten bits. */
static double half_value(unsigned bits) {
  int exponent = (int)(bits >> 10 & 31);
  double fraction = bits & 1023;
  double magnitude = exponent == 0 ? ldexp(fraction, -24) : ldexp(fraction + 1024, exponent - 25);
  if (exponent == 31) magnitude = fraction > 0.0 ? NAN : INFINITY;
  return bits >> 15 ? -magnitude : magnitude;
}

static double brain_value(unsigned bits) {
  int exponent = (int)(bits >> 7 & 255);
  double fraction = bits & 127;
  double magnitude = exponent == 0 ? ldexp(fraction, -133) : ldexp(fraction + 128, exponent - 134);
  if (exponent == 255) magnitude = fraction > 0.0 ? NAN : INFINITY;
  return bits >> 15 ? -magnitude : magnitude;
}

static void assert_same(double got, double expected) {
  if (isnan(expected)) {
    assert_true(isnan(got));
    return;
  }
  assert_memory_equal(&got, &expected, sizeof got);
}

static void check_every_pattern(enum robust_dtype dtype, double (*value)(unsigned bits)) {
  uint16_t *bits = malloc(EVERY * sizeof *bits);
  float *narrow = malloc(EVERY * sizeof *narrow);
  double *wide = malloc(EVERY * sizeof *wide);
  assert_true(bits != NULL && narrow != NULL && wide != NULL);
  const void *row[] = {bits};
  struct robust_rows rows = {.n = 1, .d = EVERY, .row = row, .dtype = dtype};
  for (size_t k = 0; k < EVERY; k++) bits[k] = (uint16_t)k;
  for (size_t s = 0; s < sizeof isas / sizeof isas[0]; s++) {
    const struct lanes *lanes = lanes_choose(isas[s]);
    assert_ptr_equal(rows_floats(lanes, &rows, 0, 0, EVERY, narrow), narrow);
    assert_ptr_equal(rows_doubles(lanes, &rows, 0, 0, EVERY, wide), wide);
    for (unsigned k = 0; k < EVERY; k++) {
      assert_same((double)narrow[k], value(k));
      assert_same(wide[k], value(k));
    }
  }
  free(wide);
  free(narrow);
  free(bits);
}

static void every_half_is_what_the_standard_says(void **state) {
  (void)state;
  check_every_pattern(ROBUST_F16, half_value);
}

static void every_bfloat_is_the_upper_half_of_a_float(void **state) {
  (void)state;
  check_every_pattern(ROBUST_BF16, brain_value);
}

static void every_byte_is_rounded_once_after_scaling(void **state) {
  (void)state;
  static const float scales[] = {1.0F, -0.1F, 0x1.fffffep-120F, 3e36F, 0.0F, 0x1p-149F};
  int8_t bytes[EVERY_BYTE];
  float narrow[EVERY_BYTE];
  for (int k = 0; k < EVERY_BYTE; k++) bytes[k] = (int8_t)(k - 128);
  for (size_t s = 0; s < sizeof scales / sizeof scales[0]; s++) {
    const void *row[] = {NULL, bytes};
    const float scale[] = {NAN, scales[s]};
    struct robust_rows rows = {
        .n = 2, .d = EVERY_BYTE, .row = row, .dtype = ROBUST_I8, .scale = scale};
    for (size_t i = 0; i < sizeof isas / sizeof isas[0]; i++) {
      rows_floats(lanes_choose(isas[i]), &rows, 1, 0, EVERY_BYTE, narrow);
      for (int k = 0; k < EVERY_BYTE; k++)
        assert_same((double)narrow[k], (double)(float)((double)scales[s] * (k - 128)));
    }
  }
}

static void any_stretch_of_a_row_can_be_had(void **state) {
  (void)state;
  enum { D = 200 };
  uint16_t bits[D];
  float narrow[D];
  const void *row[] = {bits};
  struct robust_rows rows = {.n = 1, .d = D, .row = row, .dtype = ROBUST_F16};
  for (size_t k = 0; k < D; k++) bits[k] = (uint16_t)(k * 157);
  for (size_t from = 0; from < 20; from++)
    for (size_t count = 0; count <= D - from; count++) {
      narrow[count < D ? count : 0] = 7.0F;
      rows_floats(lanes_choose(ROBUST_ISA_BEST), &rows, 0, from, count, narrow);
      for (size_t k = 0; k < count; k++) assert_same((double)narrow[k], half_value(bits[from + k]));
      if (count < D) assert_true(narrow[count] == 7.0F);
    }
}

static void rows_that_lie_there_as_wanted_are_not_copied(void **state) {
  (void)state;
  const float narrow[] = {1, 2, 3};
  const double wide[] = {4, 5, 6};
  const void *row[] = {narrow}, *wide_row[] = {wide};
  double out[3];
  struct robust_rows rows = {.n = 1, .d = 3, .row = row};
  struct robust_rows wide_rows = {.n = 1, .d = 3, .row = wide_row, .dtype = ROBUST_F64};
  const struct lanes *lanes = lanes_choose(ROBUST_ISA_BEST);
  assert_ptr_equal(rows_floats(lanes, &rows, 0, 1, 2, NULL), narrow + 1);
  assert_ptr_equal(rows_doubles(lanes, &wide_rows, 0, 2, 1, NULL), wide + 2);
  assert_ptr_equal(rows_doubles(lanes, &rows, 0, 1, 2, out), out);
  assert_true(out[0] == 2.0 && out[1] == 3.0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_half_is_what_the_standard_says),
      cmocka_unit_test(every_bfloat_is_the_upper_half_of_a_float),
      cmocka_unit_test(every_byte_is_rounded_once_after_scaling),
      cmocka_unit_test(any_stretch_of_a_row_can_be_had),
      cmocka_unit_test(rows_that_lie_there_as_wanted_are_not_copied),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
