/* The gradient is the loss's own slope, and going down it learns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lab/mlp.h"

enum { SMALL = 12, HIDDEN = 5, COUNT = 7 };

static const struct mlp_shape shape = {SMALL, HIDDEN, DATASET_CLASSES};

static void fill(struct dataset *set, uint32_t *members) {
  struct random random;
  random_seed(&random, 11);
  assert_true(dataset_new(set, COUNT, 3, 4));
  for (size_t i = 0; i < COUNT * SMALL; i++) set->pixels[i] = (uint8_t)random_below(&random, 256);
  for (size_t i = 0; i < COUNT; i++) {
    set->labels[i] = (uint8_t)random_below(&random, 10);
    members[i] = (uint32_t)i;
  }
}

static void layout_covers_the_flat_vector_without_gaps(void **state) {
  (void)state;
  struct mlp_shape mnist = {784, 64, 10};
  struct mlp_tensor layout[MLP_TENSORS];
  mlp_layout(mnist, layout);
  assert_int_equal(mlp_parameter_count(mnist), 50890);
  assert_string_equal(layout[0].name, "dense1.weight");
  assert_int_equal(layout[0].rows * layout[0].columns, 64 * 784);
  size_t offset = 0;
  for (size_t i = 0; i < MLP_TENSORS; i++) {
    assert_int_equal(layout[i].offset, offset);
    offset += layout[i].rows * (layout[i].columns ? layout[i].columns : 1);
  }
  assert_int_equal(offset, 50890);
}

/* Central differences: error of order h^2 from the curve and 1e-7 / h from float32. */
static void gradient_equals_finite_differences(void **state) {
  (void)state;
  enum { PARAMETERS = HIDDEN * (SMALL + 1) + 10 * (HIDDEN + 1) };
  struct dataset set;
  uint32_t members[COUNT];
  float parameters[PARAMETERS], gradient[PARAMETERS], unused[PARAMETERS];
  fill(&set, members);
  struct mlp *mlp = mlp_new(shape, COUNT);
  mlp_init(shape, 3, parameters);
  /* Biases off zero, so that a mistake in them shows. */
  for (size_t i = 0; i < PARAMETERS; i++)
    if (parameters[i] == 0) parameters[i] = 0.05f * (float)(i % 5);
  mlp_gradient(mlp, parameters, &set, members, set.labels, COUNT, gradient);

  double largest = 0;
  for (size_t i = 0; i < PARAMETERS; i++) {
    const float h = 0x1p-8f;
    float kept = parameters[i];
    parameters[i] = kept + h;
    double above = mlp_gradient(mlp, parameters, &set, members, set.labels, COUNT, unused);
    parameters[i] = kept - h;
    double below = mlp_gradient(mlp, parameters, &set, members, set.labels, COUNT, unused);
    parameters[i] = kept;
    double slope = (above - below) / (2 * (double)h);
    largest = fmax(largest, fabs(slope));
    assert_true(fabs(slope - gradient[i]) < 2e-4);
  }
  assert_true(largest > 0.05);
  mlp_free(mlp);
  dataset_free(&set);
}

static void init_depends_on_the_seed_alone_and_has_he_variance(void **state) {
  (void)state;
  struct mlp_shape mnist = {784, 64, 10};
  size_t count = mlp_parameter_count(mnist);
  float *a = malloc(count * sizeof *a), *b = malloc(count * sizeof *b);
  mlp_init(mnist, 5, a);
  mlp_init(mnist, 5, b);
  assert_memory_equal(a, b, count * sizeof *a);
  double square = 0;
  for (size_t i = 0; i < 64 * 784; i++) square += (double)a[i] * a[i];
  assert_true(fabs(square / (64 * 784) * 784 / 2 - 1) < 0.03);
  mlp_init(mnist, 6, b);
  assert_memory_not_equal(a, b, count * sizeof *a);
  free(b);
  free(a);
}

static void training_memorises_a_handful_of_examples(void **state) {
  (void)state;
  struct dataset set;
  uint32_t members[COUNT];
  fill(&set, members);
  struct mlp_shape wide = {SMALL, 32, DATASET_CLASSES};
  float *parameters = malloc(mlp_parameter_count(wide) * sizeof *parameters);
  struct mlp *mlp = mlp_new(wide, 4);
  struct random random;
  random_seed(&random, 1);
  mlp_init(wide, 1, parameters);
  double before = mlp_evaluate(mlp, parameters, &set).loss;
  struct mlp_training training = {.learning_rate = 0.1, .momentum = 0.5, .batch = 4};
  for (int epoch = 0; epoch < 300; epoch++)
    assert_true(
        mlp_train_epoch(mlp, parameters, &set, members, set.labels, COUNT, training, &random));
  struct mlp_score after = mlp_evaluate(mlp, parameters, &set);
  assert_true(before > 1);
  assert_true(after.loss < 0.1);
  assert_true(after.accuracy == 1);
  size_t counted = 0;
  for (size_t c = 0; c < DATASET_CLASSES; c++) {
    counted += after.class_count[c];
    assert_true(after.class_accuracy[c] == (after.class_count[c] > 0 ? 1 : 0));
  }
  assert_int_equal(counted, COUNT);
  mlp_free(mlp);
  free(parameters);
  dataset_free(&set);
}

static void a_model_of_nan_gets_nothing_right(void **state) {
  (void)state;
  struct dataset set;
  uint32_t members[COUNT];
  fill(&set, members);
  memset(set.labels, 0, COUNT);
  size_t count = mlp_parameter_count(shape);
  float *parameters = malloc(count * sizeof *parameters);
  for (size_t i = 0; i < count; i++) parameters[i] = NAN;
  struct mlp *mlp = mlp_new(shape, 4);
  struct mlp_score score = mlp_evaluate(mlp, parameters, &set);
  assert_true(score.accuracy == 0);
  mlp_free(mlp);
  free(parameters);
  dataset_free(&set);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(layout_covers_the_flat_vector_without_gaps),
      cmocka_unit_test(gradient_equals_finite_differences),
      cmocka_unit_test(init_depends_on_the_seed_alone_and_has_he_variance),
      cmocka_unit_test(training_memorises_a_handful_of_examples),
      cmocka_unit_test(a_model_of_nan_gets_nothing_right),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
