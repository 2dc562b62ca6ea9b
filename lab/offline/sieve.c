/* Naive on purpose; see sieve.h. */
#include "lab/offline/sieve.h"

#include <assert.h>
#include <stdlib.h>

enum { ROWS_MAX = 1024 };

static int ascending(const void *left, const void *right) {
  double a = *(const double *)left, b = *(const double *)right;
  return (a > b) - (a < b);
}

static void mean_of_kept(const float *const *rows, size_t n, size_t d, const bool *kept,
                         float *out) {
  for (size_t j = 0; j < d; j++) {
    double sum = 0;
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
      if (kept[i]) {
        sum += rows[i][j];
        count++;
      }
    out[j] = (float)(sum / (double)count);
  }
}

static double krum_score(const double *gram, size_t n, size_t f, size_t i) {
  double distances[ROWS_MAX];
  size_t count = 0;
  for (size_t j = 0; j < n; j++)
    if (j != i) distances[count++] = gram[i * n + i] + gram[j * n + j] - 2 * gram[i * n + j];
  qsort(distances, count, sizeof *distances, ascending);
  double score = 0;
  for (size_t k = 0; k < n - f - 1; k++) score += distances[k];
  return score;
}

static void keep_lowest_scores(const double *gram, size_t n, size_t f, bool *kept) {
  double scores[ROWS_MAX];
  for (size_t i = 0; i < n; i++) scores[i] = krum_score(gram, n, f, i);
  for (size_t i = 0; i < n; i++) {
    size_t better = 0;
    for (size_t j = 0; j < n; j++)
      better += scores[j] < scores[i] || (scores[j] == scores[i] && j < i);
    kept[i] = better < n - f;
  }
}

static void trimmed_mean(const float *const *rows, size_t n, size_t d, size_t f, float *out) {
  double column[ROWS_MAX];
  for (size_t j = 0; j < d; j++) {
    for (size_t i = 0; i < n; i++) column[i] = rows[i][j];
    qsort(column, n, sizeof *column, ascending);
    double sum = 0;
    for (size_t i = f; i < n - f; i++) sum += column[i];
    out[j] = (float)(sum / (double)(n - 2 * f));
  }
}

void sieve_aggregate(enum sieve_rule rule, const float *const *rows, size_t n, size_t d, size_t f,
                     const double *gram, float *out, bool *kept) {
  assert(n > 0 && n <= ROWS_MAX && (rule == SIEVE_MEAN || 2 * f < n));
  for (size_t i = 0; i < n; i++) kept[i] = true;
  if (rule == SIEVE_TRIMMED_MEAN) {
    trimmed_mean(rows, n, d, f, out);
    return;
  }
  if (rule == SIEVE_MULTI_KRUM) keep_lowest_scores(gram, n, f, kept);
  mean_of_kept(rows, n, d, kept, out);
}
