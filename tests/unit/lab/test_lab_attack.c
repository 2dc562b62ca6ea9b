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
  static const struct attack_turn turns[] = {{1, 2, 3, 1, NULL},
                                             {2, 2, 3, 1, NULL},
                                             {1, 3, 3, 1, NULL},
                                             {1, 2, 4, 1, NULL},
                                             {1, 3, 2, 1, NULL}};
  float first[5];
  for (size_t i = 0; i < 5; i++) {
    first[i] = 0;
    attack_delta(attack_find("gaussian"), turns[i], &first[i], 1);
    for (size_t j = 0; j < i; j++) assert_true(first[i] != first[j]);
  }
}

static double product(const float *a, const float *b, size_t count) {
  double sum = 0;
  for (size_t i = 0; i < count; i++) sum += (double)a[i] * b[i];
  return sum;
}

static double cosine(const float *a, const float *b, size_t count) {
  return product(a, b, count) / sqrt(product(a, a, count) * product(b, b, count));
}

enum { LONG = 20000 };

/* An honest update of norm 2 sqrt(LONG), and what becomes of it. */
static void lie_long(const char *name, struct attack_turn turn, float own[LONG], float sent[LONG]) {
  for (size_t i = 0; i < LONG; i++) sent[i] = own[i] = i % 3 ? 2 : -2;
  attack_delta(attack_find(name), turn, sent, LONG);
}

static void free_noise_has_the_honest_length_and_no_direction(void **state) {
  (void)state;
  static float own[LONG], sent[LONG];
  lie_long("free_noise", (struct attack_turn){.seed = 1, .client = 2, .round = 3}, own, sent);
  assert_true(fabs(product(sent, sent, LONG) / product(own, own, LONG) - 1) < 0.05);
  assert_true(fabs(cosine(own, sent, LONG)) < 0.03);
}

static void a_free_rider_sends_the_last_step_again_and_trains_while_there_is_none(void **state) {
  (void)state;
  static const float last[4] = {4, 3, 2, -1};
  float out[4];
  struct attack_turn turn = {.seed = 1, .client = 2, .round = 3, .strength = 2};
  memcpy(out, honest, sizeof honest);
  attack_delta(attack_find("free_rider"), turn, out, 4);
  assert_memory_equal(out, honest, sizeof honest);
  turn.last = last;
  attack_delta(attack_find("free_rider"), turn, out, 4);
  assert_memory_equal(out, ((float[]){8, 6, 4, -2}), sizeof out);
}

static void a_noisy_free_rider_hides_the_step_in_as_much_noise_as_it_says(void **state) {
  (void)state;
  static float last[LONG], own[LONG], sent[LONG];
  for (size_t i = 0; i < LONG; i++) last[i] = i % 2 ? 1 : -3;
  struct attack_turn turn = {.seed = 1, .client = 2, .round = 3, .strength = 1, .last = last};
  lie_long("free_rider_noisy", turn, own, sent);
  assert_true(fabs(cosine(last, sent, LONG) - sqrt(0.5)) < 0.03);
}

static void sybils_are_alike_but_not_the_same(void **state) {
  (void)state;
  static float own[LONG], one[LONG], other[LONG];
  uint8_t labels[] = {0, 9};
  lie_long("sybil", (struct attack_turn){.seed = 1, .client = 2, .round = 3}, own, one);
  lie_long("sybil", (struct attack_turn){.seed = 1, .client = 3, .round = 3}, own, other);
  attack_labels(attack_find("sybil"), labels, 2);
  assert_memory_equal(labels, ((uint8_t[]){9, 0}), 2);
  assert_true(cosine(one, other, LONG) > 0.99 && cosine(one, other, LONG) < 1);
}

static void drift_is_honest_at_first_sideways_halfway_and_reversed_at_the_end(void **state) {
  (void)state;
  static float own[LONG], sent[LONG];
  double before = 1;
  for (uint32_t round = 1; round <= 40; round++) {
    lie_long("drift", (struct attack_turn){.seed = 1, .client = 2, .round = round}, own, sent);
    double now = cosine(own, sent, LONG);
    assert_true(now < before && before - now < 0.12);
    before = now;
    if (round == 1) assert_true(now > 0.99);
    if (round == 20) assert_true(fabs(now) < 0.03);
  }
  assert_true(before < -0.999);
  assert_true(fabs(product(sent, sent, LONG) / product(own, own, LONG) - 9) < 0.2);
}

static size_t white(const uint8_t *image, size_t count) {
  size_t found = 0;
  for (size_t i = 0; i < count; i++) found += image[i] == 255;
  return found;
}

static void the_parts_of_a_trigger_make_the_whole(void **state) {
  (void)state;
  const struct trigger *strips = attack_find("dba")->trigger;
  uint8_t whole[28 * 28] = {0}, parts[28 * 28] = {0};
  trigger_mark(strips, TRIGGER_WHOLE, whole, 28, 28);
  assert_int_equal(white(whole, sizeof whole), 16);
  for (int part = 0; part < 4; part++) {
    trigger_mark(strips, part, parts, 28, 28);
    assert_int_equal(white(parts, sizeof parts), 4 * (part + 1));
  }
  assert_memory_equal(whole, parts, sizeof whole);
}

static void a_trigger_stays_inside_a_smaller_picture(void **state) {
  (void)state;
  const struct trigger *pixels = attack_find("backdoor")->trigger;
  uint8_t image[26 * 28] = {0};
  trigger_mark(pixels, TRIGGER_WHOLE, image, 26, 28);
  assert_int_equal(white(image, sizeof image), 2);
  assert_int_equal(image[24 * 28 + 26], 255);
  assert_int_equal(image[25 * 28 + 25], 255);
}

static void every_row_has_a_name_of_its_own_and_a_summary(void **state) {
  (void)state;
  size_t count;
  const struct attack *table = attack_table(&count);
  assert_int_equal(count, 13);
  for (size_t i = 0; i < count; i++) {
    assert_ptr_equal(attack_find(table[i].name), &table[i]);
    assert_true(strlen(table[i].summary) > 10);
  }
  assert_null(attack_find("unheard_of"));
  assert_null(attack_find_plain("dba"));
  assert_null(attack_find_plain("free_rider"));
  assert_ptr_equal(attack_find_plain("drift"), attack_find("drift"));
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
      cmocka_unit_test(free_noise_has_the_honest_length_and_no_direction),
      cmocka_unit_test(a_free_rider_sends_the_last_step_again_and_trains_while_there_is_none),
      cmocka_unit_test(a_noisy_free_rider_hides_the_step_in_as_much_noise_as_it_says),
      cmocka_unit_test(sybils_are_alike_but_not_the_same),
      cmocka_unit_test(drift_is_honest_at_first_sideways_halfway_and_reversed_at_the_end),
      cmocka_unit_test(the_parts_of_a_trigger_make_the_whole),
      cmocka_unit_test(a_trigger_stays_inside_a_smaller_picture),
      cmocka_unit_test(every_row_has_a_name_of_its_own_and_a_summary),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
