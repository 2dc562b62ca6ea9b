/* Claims about the evidence of a round: the robust centre, cosines, neighbours, and z-scores that
 * survive clones. */
#include "fixture.h"

#include "robust/score.h"

static const struct robust_score_options usual = {3, 0.1, 32};

static void score(const struct robust_rows *rows, const size_t *order, struct robust_score *out,
                  double *centre) {
  size_t n = rows->n;
  double *gram = calloc(n * n, sizeof *gram);
  struct robust_scratch scratch = test_scratch(robust_score_scratch_bytes(n), 1);
  assert_non_null(gram);
  test_gram(rows, 2, ROBUST_ISA_BEST, gram);
  assert_int_equal(robust_score(n, gram, order, &usual, &scratch, out, centre, NULL), ROBUST_OK);
  free(scratch.memory);
  free(gram);
}

static bool near(double a, double b, double tolerance) {
  return fabs(a - b) <= tolerance;
}

static void scores_by_hand(void **state) {
  (void)state;
  const void *row[] = {(float[]){3, 4}, (float[]){6, 8}, (float[]){-4, 3}, (float[]){0, 0}};
  struct robust_rows rows = {.n = 4, .d = 2, .row = row};
  struct robust_score s[4];
  score(&rows, NULL, s, NULL);
  assert_true(s[0].norm == 5.0 && s[1].norm == 10.0 && s[3].norm == 0.0);
  assert_true(s[0].nearest == 1 && near(s[0].nearest_cosine, 1.0, 1e-15));
  assert_true(s[2].nearest == 0 && s[2].nearest_cosine == 0.0);
  assert_true(s[3].cosine == 0.0 && s[3].cosine_others == 0.0 && s[3].nearest_cosine == 0.0);
  assert_true(s[0].krum == 25.0 + 50.0 + 25.0);
}

/* The centre's distances and cosines, found in the Gram domain, are those of the vector that its
 * weights make. */
static void gram_domain_scores_match_the_centre_itself(void **state) {
  (void)state;
  enum { N = 14, D = 900 };
  struct test_rows t;
  struct robust_score s[N];
  double weights[N], total = 0.0;
  static float centre[D], others[D];
  test_rows_new(&t, N, D, 21);
  for (size_t k = 0; k < N * D; k++) t.values[k] = 0.3F * t.values[k] + (k % D < 100 ? 1.0F : 0.0F);
  for (size_t k = 0; k < 2 * D; k++) t.values[k] *= -5.0F;
  score(&t.rows, NULL, s, weights);
  for (size_t i = 0; i < N; i++) total += weights[i];
  assert_true(near(total, 1.0, 1e-14));
  struct robust_scratch scratch = test_scratch(robust_weighted_sum_scratch_bytes(N, 1), 1);
  assert_int_equal(robust_weighted_sum(&t.rows, weights, NULL, &scratch, centre, NULL), ROBUST_OK);
  double centre_squared = robust_dot(centre, centre, D);
  for (size_t i = 0; i < N; i++) {
    double squared = 0.0, kept = weights[i];
    for (size_t k = 0; k < D; k++)
      squared += ((double)test_at(&t.rows, i, k) - (double)centre[k]) *
                 ((double)test_at(&t.rows, i, k) - (double)centre[k]);
    double own = robust_dot(t.row[i], t.row[i], D);
    assert_true(near(s[i].distance, sqrt(squared), 1e-5 * sqrt(squared)));
    assert_true(near(s[i].cosine,
                     robust_cosine(robust_dot(t.row[i], centre, D), own, centre_squared), 1e-5));
    weights[i] = 0.0;
    assert_int_equal(robust_weighted_sum(&t.rows, weights, NULL, &scratch, others, NULL),
                     ROBUST_OK);
    weights[i] = kept;
    assert_true(near(
        s[i].cosine_others,
        robust_cosine(robust_dot(t.row[i], others, D), own, robust_dot(others, others, D)), 1e-5));
  }
  assert_true(s[0].cosine < -0.5 && s[2].cosine > 0.5);
  free(scratch.memory);
  test_rows_free(&t);
}

/* Just under half the rows collude at 1e18: the honest distances stay what they are without them.
 */
static void far_colluders_do_not_move_the_centre(void **state) {
  (void)state;
  enum { N = 11, LIARS = 5, D = 300 };
  struct test_rows t;
  struct robust_score all[N], honest[N];
  test_rows_new(&t, N, D, 5);
  for (size_t k = 0; k < LIARS * D; k++) t.values[k] = 1e18F * (1.0F + 0.01F * t.values[k]);
  struct robust_rows rows = {.n = N - LIARS, .d = D, .row = t.row + LIARS};
  score(&t.rows, NULL, all, NULL);
  score(&rows, NULL, honest, NULL);
  for (size_t i = 0; i < N - LIARS; i++) {
    assert_true(isfinite(all[LIARS + i].distance));
    assert_true(all[LIARS + i].distance < 2.0 * honest[i].distance);
  }
  for (size_t i = 0; i < LIARS; i++) assert_true(all[i].distance > 1e17);
  test_rows_free(&t);
}

static void a_majority_of_clones_is_the_centre(void **state) {
  (void)state;
  const void *row[] = {(float[]){1, 2}, (float[]){1, 2}, (float[]){1, 2}, (float[]){9, 9}};
  struct robust_rows rows = {.n = 4, .d = 2, .row = row};
  struct robust_score s[4];
  double weights[4];
  score(&rows, NULL, s, weights);
  assert_true(s[0].distance == 0.0 && weights[3] == 0.0 && near(weights[0], 1.0 / 3.0, 1e-15));
  assert_true(near(s[3].distance, sqrt(113.0), 1e-12));
}

static void copies_find_each_other(void **state) {
  (void)state;
  enum { N = 9, D = 2000 };
  struct test_rows t;
  struct robust_score s[N];
  test_rows_new(&t, N, D, 31);
  for (size_t k = 0; k < D; k++) t.values[7 * D + k] = 0.01F * t.values[2 * D + k];
  score(&t.rows, NULL, s, NULL);
  assert_true(s[2].nearest == 7 && s[7].nearest == 2);
  assert_true(s[2].nearest_cosine > 0.999999 && s[2].nearest_cosine <= 1.0);
  assert_true(s[0].nearest_cosine < 0.2);
  test_rows_free(&t);
}

static void scores_follow_their_rows_when_permuted(void **state) {
  (void)state;
  enum { N = 13, D = 500 };
  struct test_rows t;
  struct robust_score before[N], after[N];
  const void *moved[N];
  size_t order[N];
  test_rows_new(&t, N, D, 15);
  for (size_t i = 0; i < N; i++) {
    order[i] = (5 * i + 2) % N;
    moved[order[i]] = t.row[i];
  }
  struct robust_rows rows = {.n = N, .d = D, .row = moved};
  score(&t.rows, NULL, before, NULL);
  score(&rows, order, after, NULL);
  for (size_t i = 0; i < N; i++) {
    before[i].nearest = order[before[i].nearest];
    assert_memory_equal(&before[i], &after[order[i]], sizeof before[i]);
  }
  test_rows_free(&t);
}

static void one_row_and_all_zeros_have_scores(void **state) {
  (void)state;
  const void *row[] = {(float[]){0, 0}, (float[]){0, 0}, (float[]){0, 0}};
  for (size_t n = 1; n <= 3; n++) {
    struct robust_rows rows = {.n = n, .d = 2, .row = row};
    struct robust_score s[3];
    score(&rows, NULL, s, NULL);
    for (size_t i = 0; i < n; i++)
      assert_true(s[i].norm == 0.0 && s[i].distance == 0.0 && s[i].krum == 0.0 &&
                  s[i].cosine == 0.0 && s[i].nearest_cosine == 0.0);
    assert_true(s[0].nearest == (n == 1 ? 0 : 1));
    assert_true(s[0].norm_ratio == 1.0 && s[0].degree == n);
  }
}

/* On a line at 1, 2, 4, 8, 90 with two neighbours: 1 and 2 and 4 choose each other, 8 chooses 4 and
 * 2, 90 chooses 8 and 4. */
static void degrees_count_who_chooses_whom(void **state) {
  (void)state;
  const void *row[] = {(float[]){1}, (float[]){2}, (float[]){4}, (float[]){8}, (float[]){90}};
  struct robust_rows rows = {.n = 5, .d = 1, .row = row};
  struct robust_score s[5];
  double gram[25];
  struct robust_scratch scratch = test_scratch(robust_score_scratch_bytes(5), 1);
  const struct robust_score_options options = {2, 0.1, 8};
  test_gram(&rows, 1, ROBUST_ISA_BEST, gram);
  assert_int_equal(robust_score(5, gram, NULL, &options, &scratch, s, NULL, NULL), ROBUST_OK);
  static const size_t expected[] = {3, 4, 5, 2, 1};
  for (size_t i = 0; i < 5; i++) assert_int_equal(s[i].degree, expected[i]);
  assert_true(s[0].norm_ratio == 0.25 && s[4].norm_ratio == 22.5);
  free(scratch.memory);
}

static void medians_of_doubles(void **state) {
  (void)state;
  double work[5];
  assert_true(robust_median(5, (double[]){5, 1, 4, 2, 3}, work) == 3.0);
  assert_true(robust_median(4, (double[]){5, 1, 4, 2}, work) == 3.0);
  assert_true(robust_median(1, (double[]){-7}, work) == -7.0);
  assert_true(robust_median(2, (double[]){1.5e308, 1.7e308}, work) == 1.6e308);
}

static void z_scores_by_hand(void **state) {
  (void)state;
  const double values[] = {1, 2, 3, 4, 100};
  double z[5], work[5];
  robust_z_scores(5, values, 0.0, z, work);
  assert_true(z[2] == 0.0 && near(z[4], 97.0 / 1.4826, 1e-12) && near(z[0], -2.0 / 1.4826, 1e-12));
  robust_z_scores(5, values, 97.0, z, work);
  assert_true(z[4] == 1.0);
}

static void a_cohort_of_clones_caps_the_odd_one(void **state) {
  (void)state;
  const double values[] = {5, 5, 5, 5, 5.001, 4};
  double z[6], work[6];
  robust_z_scores(6, values, 0.0, z, work);
  assert_true(z[0] == 0.0 && z[4] == ROBUST_Z_CAP && z[5] == -ROBUST_Z_CAP);
  robust_z_scores(6, values, 0.5, z, work);
  assert_true(z[0] == 0.0 && z[4] > 0.0 && z[4] < 0.01 && z[5] == -2.0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(scores_by_hand),
      cmocka_unit_test(gram_domain_scores_match_the_centre_itself),
      cmocka_unit_test(far_colluders_do_not_move_the_centre),
      cmocka_unit_test(a_majority_of_clones_is_the_centre),
      cmocka_unit_test(copies_find_each_other),
      cmocka_unit_test(scores_follow_their_rows_when_permuted),
      cmocka_unit_test(one_row_and_all_zeros_have_scores),
      cmocka_unit_test(degrees_count_who_chooses_whom),
      cmocka_unit_test(medians_of_doubles),
      cmocka_unit_test(z_scores_by_hand),
      cmocka_unit_test(a_cohort_of_clones_caps_the_odd_one),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
