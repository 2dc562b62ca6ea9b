/* Evidence about rows, in the Gram domain: a centre is a set of weights, distances to it need no
 * coordinate. */
#include "robust/score.h"

#include "robust/gram.h"
#include "robust/krum.h"
#include "robust/lowest.h"
#include "robust/sort.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <string.h>

/* Rows this many median distances away carry no weight: 1/distance would give them next to none,
 * and their squared distance would drown the others' in the subtraction below. */
static const double far_away = 0x1p20;

struct score_work {
  size_t *order;
  double *distances; /* n x n, squared */
  double *weights;
  double *pull; /* a matrix times the weights */
  double *radius;
  double *spare;
};

static void lay_out(struct score_work *work, struct scratch_cursor *cursor, size_t n) {
  work->order = scratch_take(cursor, n, sizeof *work->order);
  work->distances = scratch_take(cursor, n * n, sizeof(double));
  work->weights = scratch_take(cursor, n, sizeof(double));
  work->pull = scratch_take(cursor, n, sizeof(double));
  work->radius = scratch_take(cursor, n, sizeof(double));
  work->spare = scratch_take(cursor, n, sizeof(double));
}

size_t robust_score_scratch_bytes(size_t n) {
  struct score_work work;
  struct scratch_cursor cursor = scratch_open(NULL);
  lay_out(&work, &cursor, n);
  return cursor.used;
}

/* pull = matrix times weights; returns weights' pull. Sums run in the order, so numbering rows anew
 * changes no bit. */
static double apply(size_t n, const double *matrix, const struct score_work *work) {
  double total = 0.0;
  for (size_t p = 0; p < n; p++) {
    size_t i = work->order[p];
    double sum = 0.0;
    for (size_t q = 0; q < n; q++)
      sum += matrix[i * n + work->order[q]] * work->weights[work->order[q]];
    work->pull[i] = sum;
    total += work->weights[i] * sum;
  }
  return total;
}

/* The row whose median distance to all rows is least: among honest rows, or nearer to most than any
 * of them. */
static size_t medoid(size_t n, const struct score_work *work) {
  size_t best = work->order[0];
  double least = INFINITY;
  for (size_t p = 0; p < n; p++) {
    size_t i = work->order[p];
    double median = robust_median(n, work->distances + i * n, work->spare);
    if (median < least) {
      least = median;
      best = i;
    }
  }
  return best;
}

/* |x_i - z|^2 = (D a)_i - a'Da / 2 when the weights a of z add up to 1: no cancellation beyond that
 * of D (science.md 3). */
static void measure_radii(size_t n, const struct score_work *work) {
  double half = 0.5 * apply(n, work->distances, work);
  for (size_t i = 0; i < n; i++) {
    double squared = work->pull[i] - half;
    work->radius[i] = squared > 0.0 ? sqrt(squared) : 0.0;
  }
}

static double inverse_radius(double radius, double median, double nu_rel) {
  if (!(median > 0.0))
    return radius > 0.0 ? 0.0 : 1.0; /* more than half the rows are one point: that is the centre */
  if (radius > far_away * median) return 0.0;
  return 1.0 / (radius > nu_rel * median ? radius : nu_rel * median);
}

static void find_centre(size_t n, const struct robust_score_options *options,
                        const struct score_work *work) {
  memset(work->weights, 0, n * sizeof *work->weights);
  work->weights[medoid(n, work)] = 1.0;
  measure_radii(n, work);
  for (size_t iteration = 0; iteration < options->iterations; iteration++) {
    double median = robust_median(n, work->radius, work->spare);
    double total = 0.0;
    for (size_t p = 0; p < n; p++) {
      size_t i = work->order[p];
      work->weights[i] = inverse_radius(work->radius[i], median, options->nu_rel);
      total += work->weights[i];
    }
    for (size_t i = 0; i < n; i++) work->weights[i] /= total;
    measure_radii(n, work);
  }
}

double robust_cosine(double inner, double norm_squared_x, double norm_squared_y) {
  double lengths = sqrt(norm_squared_x) * sqrt(norm_squared_y);
  if (!(lengths > 0.0)) return 0.0;
  double cosine = inner / lengths;
  return cosine > 1.0 ? 1.0 : cosine < -1.0 ? -1.0 : cosine;
}

/* The centre without row i's share is (z - a_i x_i) / (1 - a_i); cosines do not see the divisor. */
static double cosine_without(size_t n, const double *gram, const struct score_work *work,
                             double centre_squared, size_t i) {
  double own = work->weights[i];
  double inner = work->pull[i] - own * gram[i * n + i];
  double squared = centre_squared - 2.0 * own * work->pull[i] + own * own * gram[i * n + i];
  if (!(squared > 16.0 * DBL_EPSILON * centre_squared)) return 0.0;
  return robust_cosine(inner, gram[i * n + i], squared);
}

static void find_nearest(size_t n, const double *gram, const size_t *order, size_t i,
                         struct robust_score *score) {
  score->nearest = i;
  score->nearest_cosine = 0.0;
  for (size_t p = 0; p < n; p++) {
    size_t j = order[p];
    if (j == i) continue;
    double cosine = robust_cosine(gram[i * n + j], gram[i * n + i], gram[j * n + j]);
    if (score->nearest != i && !(cosine > score->nearest_cosine)) continue;
    score->nearest = j;
    score->nearest_cosine = cosine;
  }
}

/* Who is whose neighbour, as nnm sees it: self first, ties by the order. */
static void count_degrees(size_t n, size_t neighbours, const struct score_work *work,
                          struct robust_score *score) {
  double *key = work->pull;
  double *share = work->radius;
  for (size_t i = 0; i < n; i++) score[i].degree = 0;
  for (size_t p = 0; p < n; p++) {
    for (size_t q = 0; q < n; q++) key[q] = work->distances[work->order[p] * n + work->order[q]];
    key[p] = -1.0;
    lowest_share(n, neighbours + 1, key, work->spare, share);
    for (size_t q = 0; q < n; q++) score[work->order[q]].degree += share[q] > 0.0;
  }
}

static void measure_norms(size_t n, const double *gram, const struct score_work *work,
                          struct robust_score *score) {
  for (size_t i = 0; i < n; i++) work->pull[i] = score[i].norm = sqrt(gram[i * n + i]);
  double median = robust_median(n, work->pull, work->spare);
  for (size_t i = 0; i < n; i++) {
    double others = score[i].norm > 0.0 ? DBL_MAX : 1.0;
    score[i].norm_ratio = median > 0.0 ? fmin(score[i].norm / median, DBL_MAX) : others;
  }
}

static void fill_scores(size_t n, const double *gram, const struct score_work *work,
                        struct robust_score *score) {
  double centre_squared = apply(n, gram, work);
  for (size_t i = 0; i < n; i++) {
    score[i].distance = work->radius[i];
    score[i].cosine = robust_cosine(work->pull[i], gram[i * n + i], centre_squared);
    score[i].cosine_others = cosine_without(n, gram, work, centre_squared, i);
    find_nearest(n, gram, work->order, i, &score[i]);
  }
}

enum robust_status robust_score(size_t n, const double *gram, const size_t *order,
                                const struct robust_score_options *options,
                                const struct robust_scratch *scratch, struct robust_score *score,
                                double *centre, struct robust_error *error) {
  assert(n > 0 && options->nu_rel > 0.0);
  struct score_work work;
  struct scratch_cursor cursor = scratch_open(scratch);
  lay_out(&work, &cursor, n);
  if (!scratch_fits(&cursor)) {
    robust_error_set(error, "scores need %zu bytes of scratch aligned to 64", cursor.used);
    return ROBUST_BAD_SCRATCH;
  }
  for (size_t i = 0; i < n; i++) work.order[i] = order != NULL ? order[i] : i;
  robust_distances(n, gram, work.distances);
  struct krum_kind kind = {options->neighbours < n ? options->neighbours : n - 1, 2};
  krum_scores(n, gram, &kind, work.pull, work.spare);
  for (size_t i = 0; i < n; i++) score[i].krum = work.pull[i];
  count_degrees(n, kind.neighbours, &work, score);
  measure_norms(n, gram, &work, score);
  find_centre(n, options, &work);
  fill_scores(n, gram, &work, score);
  if (centre != NULL) memcpy(centre, work.weights, n * sizeof *centre);
  return ROBUST_OK;
}

/* The radius that holds a row's neighbours; nobody is within that of a row that has none. */
static double measure_neighbours(size_t n, const double *gram, const bool *chosen,
                                 size_t neighbours, size_t i, double *krum, double *near) {
  size_t others = 0;
  *krum = 0.0;
  for (size_t j = 0; j < n; j++)
    if (chosen[j] && j != i) near[others++] = robust_distance(n, gram, i, j);
  size_t count = neighbours < others ? neighbours : others;
  sort_ranks(near, others, 0, count);
  for (size_t k = 0; k < count; k++) *krum += near[k];
  return count > 0 ? near[count - 1] : -1.0;
}

void robust_neighbourhood(size_t n, const double *gram, const bool *chosen, size_t neighbours,
                          double *krum, size_t *degree, double *work) {
  double *radius = work + n;
  for (size_t i = 0; i < n; i++) {
    degree[i] = 0;
    radius[i] = measure_neighbours(n, gram, chosen, neighbours, i, &krum[i], work);
  }
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++)
      degree[i] += chosen[j] && j != i && robust_distance(n, gram, i, j) <= radius[j];
}

double robust_median(size_t n, const double *values, double *work) {
  memcpy(work, values, n * sizeof *work);
  return sort_median(work, n);
}

void robust_z_scores(size_t n, const double *values, double floor, double *z, double *work) {
  double median = robust_median(n, values, work);
  for (size_t i = 0; i < n; i++) work[i] = fabs(values[i] - median);
  double scale = 1.4826 * sort_median(work, n);
  if (scale < floor) scale = floor;
  for (size_t i = 0; i < n; i++) {
    double deviation = values[i] - median;
    if (scale > 0.0)
      z[i] = deviation / scale;
    else
      z[i] = deviation > 0.0 ? ROBUST_Z_CAP : deviation < 0.0 ? -ROBUST_Z_CAP : 0.0;
  }
}
