/* Claims about centring by distances: it is what centring the rows gives, and far rows of no weight
 * are not felt. */
#include "weighing.h"

#include "robust/centred.h"

static void square_distances(const struct weighing *w, double *distances) {
  for (size_t i = 0; i < w->n; i++)
    for (size_t j = 0; j < w->n; j++) {
      distances[i * w->n + j] = 0.0;
      for (size_t k = 0; k < w->d; k++)
        distances[i * w->n + j] += (w->x[i][k] - w->x[j][k]) * (w->x[i][k] - w->x[j][k]);
    }
}

static void it_is_the_gram_matrix_of_centred_rows(void **state) {
  (void)state;
  enum { N = 9, D = 5 };
  struct weighing w = weighing_random(N, D, 2);
  double distances[N * N], gram[N * N], work[N], p[N], mean[D] = {0};
  for (size_t i = 0; i < N; i++) p[i] = (double)(i + 1) / (N * (N + 1) / 2.0);
  for (size_t i = 0; i < N; i++)
    for (size_t k = 0; k < D; k++) mean[k] += p[i] * w.x[i][k];
  square_distances(&w, distances);
  centred_gram(N, distances, p, gram, work);
  for (size_t i = 0; i < N; i++)
    for (size_t j = 0; j < N; j++) {
      double sum = 0.0;
      for (size_t k = 0; k < D; k++) sum += (w.x[i][k] - mean[k]) * (w.x[j][k] - mean[k]);
      assert_true(fabs(gram[i * N + j] - sum) < 1e-14);
    }
}

static void a_far_row_without_weight_is_not_felt(void **state) {
  (void)state;
  enum { N = 4 };
  struct weighing w = {.n = N, .d = 1, .x = {{1}, {3}, {1e150}, {5}}};
  double distances[N * N], gram[N * N], work[N];
  square_distances(&w, distances);
  centred_gram(N, distances, (const double[]){.25, .5, 0, .25}, gram, work);
  assert_true(gram[0] == 4.0 && gram[1] == 0.0 && gram[3] == -4.0 && gram[5] == 0.0);
}

static void equal_rows_have_exact_zeros(void **state) {
  (void)state;
  enum { N = 7 };
  const double distances[N * N] = {0};
  double gram[N * N], work[N], p[N];
  for (size_t i = 0; i < N; i++) p[i] = 1.0 / N;
  centred_gram(N, distances, p, gram, work);
  for (size_t k = 0; k < N * N; k++) assert_true(gram[k] == 0.0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(it_is_the_gram_matrix_of_centred_rows),
      cmocka_unit_test(a_far_row_without_weight_is_not_felt),
      cmocka_unit_test(equal_rows_have_exact_zeros),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
