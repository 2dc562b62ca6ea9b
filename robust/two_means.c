/* k-means without a random start: with two clusters the farthest pair is in different ones or there
 * is nothing to tell apart. */
#include "robust/two_means.h"

#include <assert.h>
#include <string.h>

double two_means_distance(size_t dimensions, const double *a, const double *b) {
  double sum = 0.0;
  for (size_t k = 0; k < dimensions; k++) sum += (a[k] - b[k]) * (a[k] - b[k]);
  return sum;
}

static void start_from_farthest_pair(size_t n, size_t dimensions, const double *points,
                                     struct two_means *means) {
  size_t first = 0, second = 0;
  double farthest = 0.0;
  for (size_t i = 0; i < n; i++)
    for (size_t j = i + 1; j < n; j++) {
      double distance =
          two_means_distance(dimensions, points + i * dimensions, points + j * dimensions);
      if (!(distance > farthest)) continue;
      farthest = distance;
      first = i;
      second = j;
    }
  memcpy(means->centre[0], points + first * dimensions, dimensions * sizeof(double));
  memcpy(means->centre[1], points + second * dimensions, dimensions * sizeof(double));
}

/* Whether anybody changed sides. */
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

void two_means(size_t n, size_t dimensions, const double *points, bool *side,
               struct two_means *means) {
  assert(n > 0 && dimensions <= TWO_MEANS_DIMENSIONS_MAX);
  *means = (struct two_means){.is_settled = false};
  memset(side, 0, n * sizeof *side);
  start_from_farthest_pair(n, dimensions, points, means);
  means->is_settled = !assign(n, dimensions, points, side, means); /* all equal: side 0 */
  while (!means->is_settled && means->rounds < TWO_MEANS_ROUNDS_MAX) {
    move_centres(n, dimensions, points, side, means);
    means->is_settled = !assign(n, dimensions, points, side, means);
    means->rounds++;
  }
  name_first_side(n, side, means);
}
