/* Everything the forecast needs of d coordinates is inner products of the window's 2 N + 1 vectors;
 * the rest is a system of 2 N equations. */
#include "robust/fldetector.h"
#include "robust/cluster1d.h"
#include "robust/convert.h"
#include "robust/kernel.h"
#include "robust/sort.h"

#include <assert.h>
#include <math.h>
#include <string.h>

enum { SYSTEM_MAX = 2 * FLDETECTOR_PAIRS_MAX, STRETCH = 512 };

void fldetector_measure(const struct fldetector_window *window,
                        struct fldetector_products *products) {
  assert(window->pairs <= FLDETECTOR_PAIRS_MAX);
  size_t d = window->d;
  *products = (struct fldetector_products){0};
  for (size_t k = 0; k < window->pairs; k++) {
    for (size_t l = 0; l < window->pairs; l++) {
      products->step_step[k][l] = robust_dot(window->step[k], window->step[l], d);
      products->step_change[k][l] = robust_dot(window->step[k], window->change[l], d);
    }
    products->change_square[k] = robust_dot(window->change[k], window->change[k], d);
    products->step_move[k] = robust_dot(window->step[k], window->move, d);
    products->change_move[k] = robust_dot(window->change[k], window->move, d);
  }
}

/* ---- the compact BFGS matrix (Byrd, Nocedal, Schnabel 1994) ---- */

/* The pairs that are used, and what each is scaled by so that <step, change> is 1. A pair times any
 * number is the same condition on the curvature, but rounds whose steps differ a million times in
 * length would make the system look singular. */
struct kept_pairs {
  size_t count;
  size_t pair[FLDETECTOR_PAIRS_MAX];
  double scale[FLDETECTOR_PAIRS_MAX];
};

static void keep_pairs(size_t pairs, const struct fldetector_products *products,
                       struct kept_pairs *kept) {
  kept->count = 0;
  for (size_t k = 0; k < pairs; k++) {
    double inner = products->step_change[k][k];
    if (!(inner > 1e-10 * sqrt(products->step_step[k][k]) * sqrt(products->change_square[k])))
      continue;
    kept->pair[kept->count] = k;
    kept->scale[kept->count++] = 1.0 / sqrt(inner);
  }
}

/* Rows of m unknowns and the right side: [sigma S'S, L; L', -D] q = [sigma S'v; Y'v], L the part of
 * S'Y strictly below its diagonal D. */
static void fill_system(const struct fldetector_products *products, const struct kept_pairs *kept,
                        double sigma, double system[SYSTEM_MAX][SYSTEM_MAX + 1]) {
  size_t m = kept->count;
  for (size_t i = 0; i < m; i++) {
    size_t k = kept->pair[i];
    for (size_t j = 0; j < m; j++) {
      size_t l = kept->pair[j];
      double scale = kept->scale[i] * kept->scale[j];
      double below = i > j ? scale * products->step_change[k][l] : 0.0;
      system[i][j] = sigma * scale * products->step_step[k][l];
      system[i][m + j] = system[m + j][i] = below;
      system[m + i][m + j] = i == j ? -1.0 : 0.0;
    }
    system[i][2 * m] = sigma * kept->scale[i] * products->step_move[k];
    system[m + i][2 * m] = kept->scale[i] * products->change_move[k];
  }
}

static void swap_rows(double *a, double *b, size_t count) {
  for (size_t j = 0; j < count; j++) {
    double moved = a[j];
    a[j] = b[j];
    b[j] = moved;
  }
}

/* Gauss with the largest pivot of each column; the matrix is indefinite. The solution ends up in
 * the last column. False when a pivot is nothing beside the largest entry. */
static bool eliminate(size_t size, double system[SYSTEM_MAX][SYSTEM_MAX + 1]) {
  double largest = 0.0;
  for (size_t i = 0; i < size; i++)
    for (size_t j = 0; j < size; j++) largest = fmax(largest, fabs(system[i][j]));
  for (size_t column = 0; column < size; column++) {
    size_t pivot = column;
    for (size_t i = column + 1; i < size; i++)
      if (fabs(system[i][column]) > fabs(system[pivot][column])) pivot = i;
    if (!(fabs(system[pivot][column]) > 1e-13 * largest)) return false;
    swap_rows(system[column], system[pivot], size + 1);
    for (size_t i = column + 1; i < size; i++) {
      double factor = system[i][column] / system[column][column];
      for (size_t j = column; j <= size; j++) system[i][j] -= factor * system[column][j];
    }
  }
  for (size_t i = size; i-- > 0;) {
    for (size_t j = i + 1; j < size; j++) system[i][size] -= system[i][j] * system[j][size];
    system[i][size] /= system[i][i];
  }
  return true;
}

void fldetector_solve(size_t pairs, const struct fldetector_products *products,
                      struct fldetector_forecast *forecast) {
  struct kept_pairs kept;
  double system[SYSTEM_MAX][SYSTEM_MAX + 1];
  *forecast = (struct fldetector_forecast){0};
  keep_pairs(pairs, products, &kept);
  if (kept.count == 0) return;
  size_t m = kept.count;
  size_t latest = kept.pair[m - 1];
  double sigma = products->step_change[latest][latest] / products->step_step[latest][latest];
  forecast->move = sigma;
  fill_system(products, &kept, sigma, system);
  if (!eliminate(2 * m, system)) return;
  for (size_t i = 0; i < m; i++) {
    forecast->step[kept.pair[i]] = -sigma * kept.scale[i] * system[i][2 * m];
    forecast->change[kept.pair[i]] = -kept.scale[i] * system[m + i][2 * m];
  }
}

/* ---- the pass over the updates ---- */

static void add_vector(double weight, const float *x, size_t count, double *out) {
  for (size_t k = 0; k < count; k++) out[k] += weight * (double)x[k];
}

void fldetector_foretell(const struct fldetector_window *window,
                         const struct fldetector_forecast *forecast, size_t from, size_t count,
                         double *out) {
  memset(out, 0, count * sizeof *out);
  add_vector(forecast->move, window->move + from, count, out);
  for (size_t k = 0; k < window->pairs; k++)
    add_vector(forecast->step[k], window->step[k] + from, count, out);
  for (size_t k = 0; k < window->pairs; k++)
    add_vector(forecast->change[k], window->change[k] + from, count, out);
}

/* Eight sums side by side, so that registers of any width keep the order. */
static double squared_error(const double *now, const double *last, const double *change,
                            size_t count) {
  double lane[8] = {0.0};
  for (size_t k = 0; k < count; k++) {
    double error = now[k] - last[k] - change[k];
    lane[k % 8] += error * error;
  }
  return ((lane[0] + lane[4]) + (lane[1] + lane[5])) + ((lane[2] + lane[6]) + (lane[3] + lane[7]));
}

static void add_stretch(const struct fldetector_window *window,
                        const struct fldetector_forecast *forecast, const struct robust_rows *now,
                        const struct robust_rows *last, size_t from, size_t count, double *square) {
  const struct lanes *lanes = lanes_choose(ROBUST_ISA_BEST);
  double change[STRETCH], now_buffer[STRETCH], last_buffer[STRETCH];
  fldetector_foretell(window, forecast, from, count, change);
  for (size_t i = 0; i < now->n; i++)
    square[i] +=
        squared_error(rows_doubles(lanes, now, i, from, count, now_buffer),
                      rows_doubles(lanes, last, i, from, count, last_buffer), change, count);
}

static void release(const struct robust_rows *rows, size_t from, size_t to) {
  if (rows->release != NULL) rows->release(rows->context, from, to);
}

void fldetector_add_errors(const struct fldetector_window *window,
                           const struct fldetector_forecast *forecast,
                           const struct robust_rows *now, const struct robust_rows *last,
                           double *square) {
  size_t d = window->d;
  assert(now->n == last->n && now->d == d && last->d == d);
  size_t block = robust_rows_block(now->release != NULL ? now : last, STRETCH);
  for (size_t start = 0; start < d; start += block) {
    size_t end = d - start < block ? d : start + block;
    for (size_t from = start; from < end; from += STRETCH)
      add_stretch(window, forecast, now, last, from, end - from < STRETCH ? end - from : STRETCH,
                  square);
    release(now, start, end);
    release(last, start, end);
  }
}

/* ---- from errors to a verdict ---- */

void fldetector_distances(size_t n, const double *square, double *distance) {
  double total = 0.0;
  for (size_t i = 0; i < n; i++) {
    distance[i] = sqrt(square[i]);
    total += distance[i];
  }
  for (size_t i = 0; i < n && total > 0.0; i++) distance[i] /= total;
}

void fldetector_suspicion(size_t n, size_t rounds, const double *const *distance,
                          double *suspicion) {
  for (size_t i = 0; i < n; i++) {
    suspicion[i] = 0.0;
    for (size_t round = 0; round < rounds; round++) suspicion[i] += distance[round][i];
    suspicion[i] /= (double)rounds;
  }
}

size_t fldetector_work_doubles(size_t n) {
  return n + cluster1d_gap_work(n, CLUSTER1D_MAX);
}

/* The gap statistic compares with uniform values of the same range, so scores need no scaling
 * first. */
bool fldetector_flag(size_t n, const double *suspicion, const struct fldetector_options *options,
                     double *work, bool *is_flagged) {
  double *sorted = work;
  memcpy(sorted, suspicion, n * sizeof *sorted);
  sort_doubles(sorted, n);
  bool is_split = cluster1d_gap(n, sorted, options->clusters_max, options->references,
                                options->seed, work + n) > 1;
  double least = is_split ? sorted[cluster1d_halves(n, sorted, work + n)] : INFINITY;
  for (size_t i = 0; i < n; i++) is_flagged[i] = suspicion[i] >= least;
  return is_split;
}
