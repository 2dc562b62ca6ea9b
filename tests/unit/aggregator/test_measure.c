/* Numbers that need the updates, against sums written down as their definitions are; the same bits
 * however many threads there are and however the blocks fall. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "aggregator/measure.h"

enum { N = 7, FEATURES = 700, CLASSES = 5, HIDDEN = 33000 };
enum { D = HIDDEN + FEATURES * CLASSES + CLASSES };

struct cohort {
  struct layout layout;
  float *values; /* (2 n + 2) x d: rows, those before, base, base before */
  const void *row[N];
  const float *before[N];
  double gram[N * N], centre[N];
  bool votes[N];
  struct evidence evidence[N];
};

static float unit(uint64_t *state) {
  *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return (float)(int32_t)(*state >> 32) * 0x1p-31F;
}

static void cohort_new(struct cohort *cohort, bool by_rows, uint64_t seed) {
  const struct tensor tensors[] = {
      {.name = "hidden", .rank = 1, .shape = {HIDDEN}},
      {.name = "out.weight",
       .rank = 2,
       .shape = {by_rows ? CLASSES : FEATURES, by_rows ? FEATURES : CLASSES}},
      {.name = "out.bias", .rank = 1, .shape = {CLASSES}}};
  memset(cohort, 0, sizeof *cohort);
  assert_int_equal(layout_make(tensors, 3, &cohort->layout, NULL), TAMIS_OK);
  assert_int_equal(cohort->layout.parameters, D);
  cohort->values = malloc((2 * N + 2) * D * sizeof *cohort->values);
  assert_non_null(cohort->values);
  for (size_t k = 0; k < (2 * N + 2) * D; k++) cohort->values[k] = unit(&seed);
  for (size_t i = 0; i < N; i++) {
    cohort->row[i] = cohort->values + i * D;
    cohort->before[i] = i == 2 ? NULL : cohort->values + (N + i) * D;
    cohort->votes[i] = i != 5;
    cohort->centre[i] = i == 5 ? 0 : 1.0 / (N - 1);
  }
}

static void cohort_free(struct cohort *cohort) {
  layout_close(&cohort->layout);
  free(cohort->values);
}

static const float *row_of(const struct cohort *cohort, size_t i) {
  return cohort->values + i * D;
}

static double dot(const float *x, const float *y, size_t from, size_t to) {
  double sum = 0;
  for (size_t k = from; k < to; k++) sum += (double)x[k] * (double)y[k];
  return sum;
}

static double cosine(double inner, double x, double y) {
  return inner / sqrt(x * y);
}

/* In blocks of `step` coordinates. */
static void measure(struct cohort *cohort, int threads, size_t step, bool has_past) {
  struct measure_input input = {.n = N,
                                .layout = &cohort->layout,
                                .row = cohort->row,
                                .before = cohort->before,
                                .base = row_of(cohort, 2 * N),
                                .base_before = has_past ? row_of(cohort, 2 * N + 1) : NULL,
                                .threads = threads};
  struct measure *pass = measure_new(&input);
  assert_non_null(pass);
  for (size_t i = 0; i < N; i++)
    for (size_t j = 0; j < N; j++)
      cohort->gram[i * N + j] = dot(row_of(cohort, i), row_of(cohort, j), 0, D);
  memset(cohort->evidence, 0, sizeof cohort->evidence);
  size_t done = 0;
  for (size_t to = step; done < D; to += step) {
    size_t reached = measure_upto(pass, to < D ? to : D);
    assert_true(reached >= done && reached <= to && reached + 1024 > (to < D ? to : D));
    done = reached;
  }
  assert_true(measure_evidence(pass, cohort->gram, cohort->votes, cohort->evidence));
  assert_true(measure_output(pass, cohort->centre, cohort->evidence));
  measure_free(pass);
}

static bool is_near(double a, double b) {
  return fabs(a - b) <= 1e-6;
}

static int by_size(const void *x, const void *y) {
  double a = *(const double *)x, b = *(const double *)y;
  return (a > b) - (a < b);
}

static void the_past_is_compared_with(void **unused) {
  static struct cohort cohort;
  static float moved[D];
  (void)unused;
  cohort_new(&cohort, true, 1);
  for (size_t k = 0; k < D; k++)
    moved[k] = row_of(&cohort, 2 * N)[k] - row_of(&cohort, 2 * N + 1)[k];
  for (size_t k = 0; k < D; k++) cohort.values[3 * D + k] = 2 * moved[k];
  measure(&cohort, 2, 5000, true);
  for (size_t i = 0; i < N; i++) {
    const float *x = row_of(&cohort, i), *before = cohort.before[i];
    double square = dot(x, x, 0, D);
    double own = before ? cosine(dot(x, before, 0, D), square, dot(before, before, 0, D)) : 0;
    assert_true(is_near(cohort.evidence[i].own_cosine, own));
    assert_true(is_near(cohort.evidence[i].aggregate_cosine,
                        cosine(dot(x, moved, 0, D), square, dot(moved, moved, 0, D))));
  }
  assert_true(cohort.evidence[3].aggregate_cosine > 0.999999);
  measure(&cohort, 2, D, false);
  for (size_t i = 0; i < N; i++) assert_true(cohort.evidence[i].aggregate_cosine == 0);
  cohort_free(&cohort);
}

static void layers_are_compared_with_the_median_of_the_voters(void **unused) {
  static struct cohort cohort;
  const size_t end[3] = {HIDDEN, D - CLASSES, D};
  double share[N][3], expected[N] = {0};
  (void)unused;
  cohort_new(&cohort, true, 2);
  for (size_t k = HIDDEN; k < D; k++) cohort.values[4 * D + k] *= 9;
  memset(cohort.values + 6 * D, 0, D * sizeof *cohort.values);
  measure(&cohort, 1, 1000, true);
  for (size_t i = 0; i < N; i++)
    for (size_t layer = 0, from = 0; layer < 3; from = end[layer++]) {
      const float *x = row_of(&cohort, i);
      double all = dot(x, x, 0, D);
      share[i][layer] = all > 0 ? dot(x, x, from, end[layer]) / all : 0;
    }
  for (size_t layer = 0; layer < 3; layer++) {
    double values[N];
    size_t count = 0;
    for (size_t i = 0; i < N; i++)
      if (cohort.votes[i]) values[count++] = share[i][layer];
    qsort(values, count, sizeof *values, by_size);
    for (size_t i = 0; i < N; i++)
      expected[i] += 0.5 * fabs(share[i][layer] - (values[count / 2] + values[count / 2 - 1]) / 2);
  }
  for (size_t i = 0; i < N; i++) assert_true(is_near(cohort.evidence[i].layer_share, expected[i]));
  assert_true(cohort.evidence[4].layer_share > 0.5);
  cohort_free(&cohort);
}

static size_t place(bool by_rows, size_t class, size_t feature) {
  return HIDDEN + (by_rows ? class * FEATURES + feature : feature * CLASSES + class);
}

/* cos of one class, its bias included, and its squared length. */
static double class_cosine(const float *x, const float *z, bool by_rows, size_t class,
                           double *square) {
  size_t bias = D - CLASSES + class;
  double inner = (double)x[bias] * (double)z[bias], length = (double)z[bias] * (double)z[bias];
  *square = (double)x[bias] * (double)x[bias];
  for (size_t f = 0; f < FEATURES; f++) {
    double a = (double)x[place(by_rows, class, f)], b = (double)z[place(by_rows, class, f)];
    inner += a * b;
    *square += a * a;
    length += b * b;
  }
  return cosine(inner, *square, length);
}

static void classes_are_rows_or_columns_with_their_bias(void **unused) {
  static struct cohort cohort;
  static float z[D];
  (void)unused;
  for (int by_rows = 0; by_rows < 2; by_rows++) {
    cohort_new(&cohort, by_rows, 3);
    for (size_t f = 0; f < FEATURES; f++) /* client 1 takes class 3 for its opposite */
      for (size_t i = 0; i < N; i++)
        cohort.values[i * D + place(by_rows, 3, f)] += i == 1 ? -5.0F : 5.0F;
    for (size_t k = 0; k < D; k++) {
      double sum = 0;
      for (size_t i = 0; i < N; i++) sum += cohort.centre[i] * (double)row_of(&cohort, i)[k];
      z[k] = (float)sum;
    }
    measure(&cohort, 2, 7000, true);
    for (size_t i = 0; i < N; i++) {
      const float *x = row_of(&cohort, i);
      double opposed = 0, all = dot(x, x, HIDDEN, D);
      for (size_t class = 0; class < CLASSES; class ++) {
        double square, with = class_cosine(x, z, by_rows, class, &square);
        opposed += square * fmax(0, -with) / all;
      }
      assert_true(is_near(cohort.evidence[i].output_opposed, opposed));
      assert_true(is_near(cohort.evidence[i].output_cosine,
                          cosine(dot(x, z, HIDDEN, D), all, dot(z, z, HIDDEN, D))));
    }
    assert_true(cohort.evidence[1].output_opposed > 0.5);
    assert_true(cohort.evidence[0].output_opposed < 0.01);
    cohort_free(&cohort);
  }
}

static void neither_threads_nor_blocks_change_a_bit(void **unused) {
  static struct cohort cohort;
  static struct evidence first[N];
  (void)unused;
  cohort_new(&cohort, false, 4);
  measure(&cohort, 1, D, true);
  memcpy(first, cohort.evidence, sizeof first);
  for (int threads = 1; threads <= 3; threads++)
    for (size_t step = 512; step < D; step = 3 * step + 512) {
      measure(&cohort, threads, step, true);
      assert_memory_equal(first, cohort.evidence, sizeof first);
    }
  cohort_free(&cohort);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_past_is_compared_with),
      cmocka_unit_test(layers_are_compared_with_the_median_of_the_voters),
      cmocka_unit_test(classes_are_rows_or_columns_with_their_bias),
      cmocka_unit_test(neither_threads_nor_blocks_change_a_bit),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
