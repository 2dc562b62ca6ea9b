/* The geometric median is a weighted sum of the rows, so distances and cosines to it come from the
 * Gram matrix. */
#include "lab/offline/evidence.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS_MAX = 1024, ITERATIONS = 100 };

static int ascending(const void *left, const void *right) {
  double a = *(const double *)left, b = *(const double *)right;
  return (a > b) - (a < b);
}

static double median(const double *values, size_t n) {
  double sorted[ROWS_MAX];
  memcpy(sorted, values, n * sizeof *values);
  qsort(sorted, n, sizeof *sorted, ascending);
  return n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

/* with_centre[i] = <x_i, z> and the return value |z|^2 for z = sum of weights[j] x_j. */
static double project(const double *gram, size_t n, const double *weights, double *with_centre) {
  double square = 0;
  for (size_t i = 0; i < n; i++) {
    with_centre[i] = 0;
    for (size_t j = 0; j < n; j++) with_centre[i] += weights[j] * gram[i * n + j];
    square += weights[i] * with_centre[i];
  }
  return square;
}

static void distances_to_centre(const double *gram, size_t n, const double *with_centre,
                                double square, double *distances) {
  for (size_t i = 0; i < n; i++)
    distances[i] = sqrt(fmax(0, gram[i * n + i] - 2 * with_centre[i] + square));
}

/* Weiszfeld's iteration from the mean, smoothed at a millionth of the median norm. */
static double geometric_median(const double *gram, size_t n, double smoothing, double *with_centre,
                               double *distances) {
  double weights[ROWS_MAX], square = 0;
  for (size_t i = 0; i < n; i++) weights[i] = 1.0 / (double)n;
  for (int round = 0;; round++) {
    square = project(gram, n, weights, with_centre);
    distances_to_centre(gram, n, with_centre, square, distances);
    if (round == ITERATIONS) return square;
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += weights[i] = 1 / fmax(distances[i], smoothing);
    for (size_t i = 0; i < n; i++) weights[i] /= sum;
  }
}

static double cosine(double product, double norm1, double norm2) {
  return norm1 > 0 && norm2 > 0 ? product / (norm1 * norm2) : NAN;
}

void evidence_measure(const double *gram, size_t n, const double *own_previous,
                      const double *previous_norm, struct evidence *out) {
  double norms[ROWS_MAX], with_centre[ROWS_MAX], distances[ROWS_MAX];
  assert(n > 0 && n <= ROWS_MAX);
  for (size_t i = 0; i < n; i++) norms[i] = sqrt(gram[i * n + i]);
  double norm_median = median(norms, n);
  double square = geometric_median(gram, n, norm_median * 1e-6, with_centre, distances);
  double distance_median = median(distances, n);
  for (size_t i = 0; i < n; i++) {
    double nearest = -1;
    for (size_t j = 0; j < n; j++)
      if (j != i) nearest = fmax(nearest, cosine(gram[i * n + j], norms[i], norms[j]));
    out[i] = (struct evidence){
        .norm = norms[i],
        .norm_ratio = norms[i] / norm_median,
        .distance = distances[i],
        .distance_ratio = distances[i] / distance_median,
        .cosine_centre = cosine(with_centre[i], norms[i], sqrt(square)),
        .cosine_previous = cosine(own_previous[i], norms[i], previous_norm[i]),
        .cosine_nearest = nearest,
    };
  }
}
