/* Each lie is the vector its definition says, and the same turn tells the same lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lab/attack.h"

static const float honest[] = {1, -2, 0, 0.5f};

/* Applies an attack to a copy of `honest`. */
static void lie(const char *name, double strength, float out[4]) {
  struct attack_turn turn = {.seed = 1, .client = 2, .round = 3, .strength = strength};
  memcpy(out, honest, sizeof honest);
  attack_delta(attack_find(name), turn, out, 4);
}

static void none_changes_neither_labels_nor_update(void **state) {
  (void)state;
  float out[4];
  uint8_t labels[] = {0, 9, 4};
  lie("none", 0, out);
  attack_labels(attack_find("none"), labels, 3);
  assert_memory_equal(out, honest, sizeof honest);
  assert_memory_equal(labels, ((uint8_t[]){0, 9, 4}), 3);
}

static void sign_flip_is_the_negative_multiple(void **state) {
  (void)state;
  float out[4];
  lie("sign_flip", 4, out);
  assert_memory_equal(out, ((float[]){-4, 8, -0.0f, -2}), sizeof out);
}

static void scale_is_the_multiple(void **state) {
  (void)state;
  float out[4];
  lie("scale", 10, out);
  assert_memory_equal(out, ((float[]){10, -20, 0, 5}), sizeof out);
}

static void strength_0_means_the_default_of_the_table(void **state) {
  (void)state;
  float out[4], expected[4];
  lie("scale", 0, out);
  lie("scale", attack_find("scale")->strength, expected);
  assert_memory_equal(out, expected, sizeof out);
  assert_true(out[0] > 1);
}

static void nan_is_nan_everywhere(void **state) {
  (void)state;
  float out[4];
  lie("nan", 0, out);
  for (size_t i = 0; i < 4; i++) assert_true(isnan(out[i]));
}

static void label_flip_changes_labels_only(void **state) {
  (void)state;
  float out[4];
  uint8_t labels[] = {0, 1, 4, 5, 9};
  attack_labels(attack_find("label_flip"), labels, 5);
  assert_memory_equal(labels, ((uint8_t[]){9, 8, 5, 4, 0}), 5);
  lie("label_flip", 0, out);
  assert_memory_equal(out, honest, sizeof honest);
}

static void gaussian_has_its_deviation_and_forgets_the_honest_update(void **state) {
  (void)state;
  enum { COUNT = 100000 };
  float *a = calloc(COUNT, sizeof *a), *b = calloc(COUNT, sizeof *b);
  for (size_t i = 0; i < COUNT; i++) b[i] = 1000;
  struct attack_turn turn = {.seed = 1, .client = 2, .round = 3, .strength = 2};
  attack_delta(attack_find("gaussian"), turn, a, COUNT);
  attack_delta(attack_find("gaussian"), turn, b, COUNT);
  assert_memory_equal(a, b, COUNT * sizeof *a);
  double sum = 0, square = 0;
  for (size_t i = 0; i < COUNT; i++) {
    sum += a[i];
    square += (double)a[i] * a[i];
  }
  assert_true(fabs(sum / COUNT) < 0.03);
  assert_true(fabs(sqrt(square / COUNT) - 2) < 0.03);
  free(b);
  free(a);
}

static void gaussian_differs_by_seed_client_and_round(void **state) {
  (void)state;
  static const struct attack_turn turns[] = {
      {1, 2, 3, 1}, {2, 2, 3, 1}, {1, 3, 3, 1}, {1, 2, 4, 1}, {1, 3, 2, 1}};
  float first[5];
  for (size_t i = 0; i < 5; i++) {
    first[i] = 0;
    attack_delta(attack_find("gaussian"), turns[i], &first[i], 1);
    for (size_t j = 0; j < i; j++) assert_true(first[i] != first[j]);
  }
}

static void every_row_has_a_name_of_its_own_and_a_summary(void **state) {
  (void)state;
  size_t count;
  const struct attack *table = attack_table(&count);
  assert_int_equal(count, 6);
  for (size_t i = 0; i < count; i++) {
    assert_ptr_equal(attack_find(table[i].name), &table[i]);
    assert_true(strlen(table[i].summary) > 10);
  }
  assert_null(attack_find("unheard_of"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(none_changes_neither_labels_nor_update),
      cmocka_unit_test(sign_flip_is_the_negative_multiple),
      cmocka_unit_test(scale_is_the_multiple),
      cmocka_unit_test(strength_0_means_the_default_of_the_table),
      cmocka_unit_test(nan_is_nan_everywhere),
      cmocka_unit_test(label_flip_changes_labels_only),
      cmocka_unit_test(gaussian_has_its_deviation_and_forgets_the_honest_update),
      cmocka_unit_test(gaussian_differs_by_seed_client_and_round),
      cmocka_unit_test(every_row_has_a_name_of_its_own_and_a_summary),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
