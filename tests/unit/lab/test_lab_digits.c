/* The drawn digits are the same bytes everywhere, of every class, and neither trivial nor hopeless
 * to learn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "lab/digits.h"
#include "lab/mlp.h"

/* FNV-1a, 64 bits. */
static uint64_t fingerprint(const uint8_t *bytes, size_t size) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (size_t i = 0; i < size; i++) hash = (hash ^ bytes[i]) * 0x100000001b3u;
  return hash;
}

/* Made by this code on one machine; any compiler, optimisation and libm must draw the same. */
static void a_seed_draws_the_same_bytes_everywhere(void **state) {
  (void)state;
  struct dataset set;
  assert_true(digits_draw(&set, 1000, 1));
  assert_true(fingerprint(set.pixels, set.count * dataset_image_size(&set)) == 0x5729bee77a41a264u);
  dataset_free(&set);
}

static void an_image_does_not_depend_on_how_many_are_drawn(void **state) {
  (void)state;
  struct dataset few, many;
  assert_true(digits_draw(&few, 10, 4));
  assert_true(digits_draw(&many, 100, 4));
  assert_memory_equal(few.pixels, many.pixels, 10 * dataset_image_size(&few));
  assert_memory_equal(few.labels, many.labels, 10);
  dataset_free(&few);
  dataset_free(&many);
}

static void seeds_draw_different_images(void **state) {
  (void)state;
  struct dataset a, b;
  assert_true(digits_draw(&a, 10, 1));
  assert_true(digits_draw(&b, 10, 2));
  assert_memory_not_equal(a.pixels, b.pixels, 10 * dataset_image_size(&a));
  dataset_free(&a);
  dataset_free(&b);
}

static void every_digit_is_drawn_about_equally_often(void **state) {
  (void)state;
  struct dataset set;
  size_t counts[DATASET_CLASSES] = {0};
  assert_true(digits_draw(&set, 5000, 3));
  for (size_t i = 0; i < set.count; i++) counts[set.labels[i]]++;
  for (size_t c = 0; c < DATASET_CLASSES; c++) assert_in_range(counts[c], 400, 600);
  dataset_free(&set);
}

static void ink_is_present_and_stays_inside_the_page(void **state) {
  (void)state;
  struct dataset set;
  assert_true(digits_draw(&set, 500, 6));
  size_t cut_off = 0;
  for (size_t i = 0; i < set.count; i++) {
    const uint8_t *image = dataset_image(&set, i);
    size_t dark = 0, edge = 0;
    for (size_t k = 0; k < DIGITS_SIDE * DIGITS_SIDE; k++) dark += image[k] > 128;
    for (size_t k = 0; k < DIGITS_SIDE; k++)
      edge += image[k] > 128 || image[(DIGITS_SIDE - 1) * DIGITS_SIDE + k] > 128;
    assert_in_range(dark, 8, 300);
    cut_off += edge > 0;
  }
  assert_true(cut_off < set.count / 20);
  dataset_free(&set);
}

static void a_small_network_learns_them_well_but_not_perfectly(void **state) {
  (void)state;
  struct dataset train, test;
  assert_true(digits_draw(&train, 10000, 1));
  assert_true(digits_draw(&test, 2000, 2));
  struct mlp_shape shape = {DIGITS_SIDE * DIGITS_SIDE, 64, DATASET_CLASSES};
  struct mlp *mlp = mlp_new(shape, 32);
  float *parameters = malloc(mlp_parameter_count(shape) * sizeof *parameters);
  uint32_t *members = malloc(train.count * sizeof *members);
  for (size_t i = 0; i < train.count; i++) members[i] = (uint32_t)i;
  struct random random;
  random_seed(&random, 3);
  mlp_init(shape, 3, parameters);
  struct mlp_training training = {.learning_rate = 0.1, .momentum = 0.5, .batch = 32};
  for (int epoch = 0; epoch < 5; epoch++)
    assert_true(mlp_train_epoch(mlp, parameters, &train, members, train.labels, train.count,
                                training, &random));
  double accuracy = mlp_evaluate(mlp, parameters, &test).accuracy;
  print_message("accuracy after 5 epochs: %.4f\n", accuracy);
  assert_true(accuracy > 0.93 && accuracy < 0.998);
  free(members);
  free(parameters);
  mlp_free(mlp);
  dataset_free(&test);
  dataset_free(&train);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_seed_draws_the_same_bytes_everywhere),
      cmocka_unit_test(an_image_does_not_depend_on_how_many_are_drawn),
      cmocka_unit_test(seeds_draw_different_images),
      cmocka_unit_test(every_digit_is_drawn_about_equally_often),
      cmocka_unit_test(ink_is_present_and_stays_inside_the_page),
      cmocka_unit_test(a_small_network_learns_them_well_but_not_perfectly),
  };
  mlp_use_one_thread();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
