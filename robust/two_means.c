/* k-means without a random start: the cut that is best along one axis is where Lloyd's rounds
 * begin. Taking the farthest pair instead misses the best split of honest rows' signs one time in
 * three. */
#include "robust/two_means.h"

#include "robust/eigen.h"
#include "robust/sort.h"

#include <assert.h>
#include <string.h>

double two_means_distance(size_t dimensions, const double *a, const double *b) {
  double sum = 0.0;
  for (size_t k = 0; k < dimensions; k++) sum += (a[k] - b[k]) * (a[k] - b[k]);
  return sum;
}

/* projection[i] = point i's place along the direction of largest variance, 0 at the mean. */
static void project(size_t n, size_t dimensions, const double *points, double *projection) {
  enum { D = TWO_MEANS_DIMENSIONS_MAX };
  double mean[D] = {0.0}, scatter[D * D] = {0.0}, axis[D], work[5 * D];
  for (size_t i = 0; i < n; i++)
    for (size_t k = 0; k < dimensions; k++) mean[k] += points[i * dimensions + k];
  for (size_t k = 0; k < dimensions; k++) mean[k] /= (double)n;
  for (size_t i = 0; i < n; i++) {
    const double *point = points + i * dimensions;
    for (size_t k = 0; k < dimensions; k++)
      for (size_t l = 0; l < dimensions; l++)
        scatter[k * dimensions + l] += (point[k] - mean[k]) * (point[l] - mean[l]);
  }
  assert(eigen_work_doubles(D) <= sizeof work / sizeof *work);
  eigen_top(dimensions, scatter, axis, work);
  for (size_t i = 0; i < n; i++) {
    projection[i] = 0.0;
    for (size_t k = 0; k < dimensions; k++)
      projection[i] += (points[i * dimensions + k] - mean[k]) * axis[k];
  }
}

/* The place after which to cut: of k below and n - k above, whose sums are s and -s, the squares
 * within both sides are least where s^2 (1/k + 1/(n - k)) is largest. The last place if all are
 * one. */
static double best_cut(size_t n, double *sorted) {
  double sum = 0.0, best = 0.0;
  sort_doubles(sorted, n);
  double cut = sorted[n - 1];
  for (size_t k = 1; k < n; k++) {
    sum += sorted[k - 1];
    double gain = sum * sum * (1.0 / (double)k + 1.0 / (double)(n - k));
    if (!(gain > best) || !(sorted[k] > sorted[k - 1])) continue;
    best = gain;
    cut = sorted[k - 1];
  }
  return cut;
}

static void cut_in_two(size_t n, size_t dimensions, const double *points, bool *side, double *work,
                       struct two_means *means) {
  double *projection = work, *sorted = work + n;
  project(n, dimensions, points, projection);
  memcpy(sorted, projection, n * sizeof *sorted);
  double cut = best_cut(n, sorted);
  means->count[0] = means->count[1] = 0;
  for (size_t i = 0; i < n; i++) {
    side[i] = projection[i] > cut;
    means->count[side[i]]++;
  }
}

/* Each point goes with the nearer centre, or with centre 0. Whether anybody changed sides. */
static bool assign(size_t n, size_t dimensions, const double *points, bool *side,
                   struct two_means *means) {
  bool is_changed = false;
  means->count[0] = means->count[1] = 0;
  for (size_t i = 0; i < n; i++) {
    const double *point = points + i * dimensions;
    bool is_second = two_means_distance(dimensions, point, means->centre[1]) <
                     two_means_distance(dimensions, point, means->centre[0]);
    is_changed = is_changed || is_second != side[i];
    side[i] = is_second;
    means->count[is_second]++;
  }
  return is_changed;
}

/* A side that lost everybody keeps its centre. */
static void move_centres(size_t n, size_t dimensions, const double *points, const bool *side,
                         struct two_means *means) {
  double sum[2][TWO_MEANS_DIMENSIONS_MAX] = {{0.0}, {0.0}};
  for (size_t i = 0; i < n; i++)
    for (size_t k = 0; k < dimensions; k++) sum[side[i]][k] += points[i * dimensions + k];
  for (size_t s = 0; s < 2; s++)
    for (size_t k = 0; k < dimensions && means->count[s] > 0; k++)
      means->centre[s][k] = sum[s][k] / (double)means->count[s];
}

static void name_first_side(size_t n, bool *side, struct two_means *means) {
  if (!side[0]) return;
  struct two_means other = *means;
  for (size_t i = 0; i < n; i++) side[i] = !side[i];
  memcpy(means->centre[0], other.centre[1], sizeof other.centre[1]);
  memcpy(means->centre[1], other.centre[0], sizeof other.centre[0]);
  means->count[0] = other.count[1];
  means->count[1] = other.count[0];
}

void two_means(size_t n, size_t dimensions, const double *points, bool *side, double *work,
               struct two_means *means) {
  assert(n > 0 && dimensions <= TWO_MEANS_DIMENSIONS_MAX);
  *means = (struct two_means){.is_settled = false};
  cut_in_two(n, dimensions, points, side, work, means);
  means->is_settled = means->count[1] == 0;
  while (!means->is_settled && means->rounds < TWO_MEANS_ROUNDS_MAX) {
    move_centres(n, dimensions, points, side, means);
    means->is_settled = !assign(n, dimensions, points, side, means);
    means->rounds++;
  }
  name_first_side(n, side, means);
}
