/* Claims about distances from a weighted mean of rows: right, and still right where the textbook
 * formulas have lost everything. */
#include "weighing.h"

#include "robust/radius.h"

/* |x_i - z| from the rows themselves, in long double. */
static double direct(const struct weighing *w, const double *weight, size_t i) {
  long double square = 0.0L;
  for (size_t k = 0; k < w->d; k++) {
    long double difference = (long double)w->x[i][k];
    for (size_t j = 0; j < w->n; j++)
      difference -= (long double)weight[j] * (long double)w->x[j][k];
    square += difference * difference;
  }
  return (double)sqrtl(square);
}

static void gram_of(const struct weighing *w, double *gram) {
  for (size_t i = 0; i < w->n; i++)
    for (size_t j = 0; j < w->n; j++) gram[i * w->n + j] = weighing_dot(w->d, w->x[i], w->x[j]);
}

/* Weights in sixteenths, so that they add up to 1 exactly. */
static void check(const struct weighing *w, const double *weight, size_t anchor, double tolerance) {
  double gram[WEIGHING_ROWS_MAX * WEIGHING_ROWS_MAX];
  double pull[WEIGHING_ROWS_MAX], radius[WEIGHING_ROWS_MAX];
  gram_of(w, gram);
  radius_measure(w->n, gram, weight, anchor, pull, radius);
  for (size_t i = 0; i < w->n; i++) {
    double truth = direct(w, weight, i);
    if (!(fabs(radius[i] - truth) <= tolerance * truth))
      fail_msg("row %zu seen from %zu: %.17g, not %.17g", i, anchor, radius[i], truth);
  }
}

static void radii_are_distances_whatever_the_anchor(void **state) {
  (void)state;
  const double weight[6] = {0.25, 0.125, -0.0625, 0.5, 0.1875, 0.0};
  for (uint64_t seed = 1; seed < 50; seed++) {
    struct weighing w = weighing_random(6, 5, seed);
    for (size_t anchor = 0; anchor < 6; anchor++) check(&w, weight, anchor, 1e-13);
  }
}

/* The liar is 2^40 away, with the weight that Weiszfeld's iteration would give him. In the
 * distances form the others' squares would be off by 2^-53 2^40 here; at 2^80 nothing would be
 * left of them. */
static void a_far_liar_does_not_drown_the_others(void **state) {
  (void)state;
  for (int far = 10; far <= 100; far += 10) {
    struct weighing w = weighing_random(6, 5, 7);
    for (size_t k = 0; k < 5; k++) w.x[5][k] = ldexp(w.x[5][k], far);
    double weight[6] = {0.25, 0.125, 0.25, 0.25, 0.125, ldexp(1.0, -far)};
    weight[4] -= weight[5];
    check(&w, weight, 0, 1e-13);
  }
}

/* Offset 2^10: squares carry 2^-53 2^20, and so must the radii, but no more. */
static void a_common_offset_costs_what_the_gram_matrix_lost(void **state) {
  (void)state;
  const double weight[6] = {0.25, 0.125, 0.0625, 0.375, 0.125, 0.0625};
  struct weighing w = weighing_random(6, 5, 9);
  for (size_t i = 0; i < 6; i++)
    for (size_t k = 0; k < 5; k++) w.x[i][k] += 0x1p10;
  check(&w, weight, 2, 1e-8);
}

/* Twins of the anchor are as far from z as it is, to the bit, and 0 when z is there. */
static void twins_have_equal_radii(void **state) {
  (void)state;
  double gram[36], pull[6], radius[6];
  struct weighing w = weighing_random(6, 5, 11);
  memcpy(w.x[4], w.x[1], sizeof w.x[1]);
  gram_of(&w, gram);
  radius_measure(6, gram, (const double[]){0.25, 0.125, 0.25, 0.25, 0.125, 0.0}, 1, pull, radius);
  assert_memory_equal(&radius[1], &radius[4], sizeof radius[1]);
  radius_measure(6, gram, (const double[]){0.0, 0.75, 0.0, 0.0, 0.25, 0.0}, 1, pull, radius);
  assert_true(radius[1] <= 0.0 && radius[4] <= 0.0);
}

static void the_nearest_is_the_first_of_equals(void **state) {
  (void)state;
  assert_int_equal(radius_nearest(4, (const double[]){2.0, 1.0, 1.0, 3.0}), 1);
  assert_int_equal(radius_nearest(1, (const double[]){2.0}), 0);
}

static void shrinking_leaves_short_vectors_alone(void **state) {
  (void)state;
  const double got[] = {radius_shrink(4.0, 1.0), radius_shrink(1.0, 1.0), radius_shrink(0.0, 0.0),
                        radius_shrink(3.0, 0.0)};
  weighing_near(got, (const double[]){0.25, 1.0, 1.0, 0.0}, 4, 0.0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(radii_are_distances_whatever_the_anchor),
      cmocka_unit_test(a_far_liar_does_not_drown_the_others),
      cmocka_unit_test(a_common_offset_costs_what_the_gram_matrix_lost),
      cmocka_unit_test(twins_have_equal_radii),
      cmocka_unit_test(the_nearest_is_the_first_of_equals),
      cmocka_unit_test(shrinking_leaves_short_vectors_alone),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
