/* Attacks as vectors: closed forms where there are any, a line search against the rule where not.
 */
#include "lab/collude.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void collude_measure(struct collude_honest *honest) {
  size_t k = honest->k;
  for (size_t c = 0; c < honest->d; c++) {
    double sum = 0.0, squares = 0.0;
    for (size_t i = 0; i < k; i++) sum += honest->row[i * honest->d + c];
    honest->mean[c] = sum / (double)k;
    for (size_t i = 0; i < k; i++) {
      double offset = honest->row[i * honest->d + c] - honest->mean[c];
      squares += offset * offset;
    }
    honest->deviation[c] = k > 1 ? sqrt(squares / (double)(k - 1)) : 0.0;
  }
}

static double square_between(const double *x, const double *y, size_t d) {
  double square = 0.0;
  for (size_t c = 0; c < d; c++) square += (x[c] - y[c]) * (x[c] - y[c]);
  return square;
}

static double norm(const double *x, size_t d) {
  double square = 0.0;
  for (size_t c = 0; c < d; c++) square += x[c] * x[c];
  return sqrt(square);
}

static void set_direction(const struct collude_honest *honest, enum collude_direction direction,
                          double *p) {
  double length = norm(honest->mean, honest->d);
  for (size_t c = 0; c < honest->d; c++) {
    double mean = honest->mean[c];
    switch (direction) {
    case COLLUDE_ALONG_MEAN: p[c] = length > 0.0 ? mean / length : 0.0; break;
    case COLLUDE_ALONG_SIGN: p[c] = (mean > 0.0) - (mean < 0.0); break;
    case COLLUDE_ALONG_DEVIATION: p[c] = honest->deviation[c]; break;
    }
  }
}

static const double *row_of(const struct collude_honest *honest, size_t i) {
  return honest->row + i * honest->d;
}

/* The largest squared distance between honest rows, and the least sum of them from one row. */
static void measure_pairs(const struct collude_honest *honest, double *largest, double *least_sum) {
  *largest = 0.0;
  *least_sum = INFINITY;
  for (size_t i = 0; i < honest->k; i++) {
    double sum = 0.0;
    for (size_t j = 0; j < honest->k; j++) {
      double square = square_between(row_of(honest, i), row_of(honest, j), honest->d);
      *largest = fmax(*largest, square);
      sum += square;
    }
    *least_sum = fmin(*least_sum, sum);
  }
}

/* |mean - gamma p - h_i|^2 = a_i + 2 gamma b_i + gamma^2 |p|^2, solved for the bound. */
static double gamma_min_max(const struct collude_honest *honest, const double *p, double p_square,
                            double largest) {
  double gamma = INFINITY;
  for (size_t i = 0; i < honest->k; i++) {
    double a = square_between(row_of(honest, i), honest->mean, honest->d);
    double b = 0.0;
    for (size_t c = 0; c < honest->d; c++) b += (row_of(honest, i)[c] - honest->mean[c]) * p[c];
    gamma = fmin(gamma, (sqrt(b * b - p_square * (a - largest)) - b) / p_square);
  }
  return gamma;
}

/* Summed over i the b_i cancel. */
static double gamma_min_sum(const struct collude_honest *honest, double p_square,
                            double least_sum) {
  double sum = 0.0;
  for (size_t i = 0; i < honest->k; i++)
    sum += square_between(row_of(honest, i), honest->mean, honest->d);
  return sqrt(fmax(0.0, least_sum - sum) / ((double)honest->k * p_square));
}

/* `out` holds the direction until the end. */
static double move_away(const struct collude_honest *honest, enum collude_attack attack,
                        enum collude_direction direction, double *out) {
  double largest, least_sum, gamma = 0.0;
  measure_pairs(honest, &largest, &least_sum);
  set_direction(honest, direction, out);
  double p_square = norm(out, honest->d) * norm(out, honest->d);
  if (p_square > 0.0)
    gamma = attack == COLLUDE_MIN_MAX ? gamma_min_max(honest, out, p_square, largest)
                                      : gamma_min_sum(honest, p_square, least_sum);
  for (size_t c = 0; c < honest->d; c++) out[c] = honest->mean[c] - gamma * out[c];
  return gamma;
}

double collude_vector(const struct collude_honest *honest, enum collude_attack attack,
                      double strength, enum collude_direction direction, double *out) {
  if (attack == COLLUDE_MIN_MAX || attack == COLLUDE_MIN_SUM)
    return move_away(honest, attack, direction, out);
  for (size_t c = 0; c < honest->d; c++) {
    switch (attack) {
    case COLLUDE_SIGN_FLIP: out[c] = -honest->mean[c]; break;
    case COLLUDE_MEAN: out[c] = honest->mean[c]; break;
    case COLLUDE_IPM: out[c] = -strength * honest->mean[c]; break;
    case COLLUDE_ALIE: out[c] = honest->mean[c] + strength * honest->deviation[c]; break;
    case COLLUDE_MIMIC: out[c] = row_of(honest, (size_t)strength)[c]; break;
    case COLLUDE_INFINITY: out[c] = INFINITY; break;
    case COLLUDE_MIN_MAX:
    case COLLUDE_MIN_SUM: break;
    }
  }
  return strength;
}

/* One call of the rule over the honest rows and the copies, memory of its own. */
static enum robust_status aggregate(const struct collude_honest *honest,
                                    const struct robust_pipeline *pipeline, size_t liars,
                                    const double *vector, double *out, struct robust_error *error) {
  size_t n = honest->k + liars;
  const void **row = calloc(n, sizeof *row);
  double *weights = calloc(n, sizeof *weights);
  struct robust_input input = {.rows = {.n = n, .d = honest->d, .row = row, .dtype = ROBUST_F64}};
  struct robust_evidence evidence = {.weights = weights};
  struct robust_scratch scratch = {.threads = 1};
  scratch.bytes = (robust_scratch_bytes(pipeline, &input, 1) + 63) / 64 * 64;
  scratch.memory = aligned_alloc(64, scratch.bytes);
  enum robust_status status = ROBUST_NO_MEMORY;
  if (row != NULL && weights != NULL && scratch.memory != NULL) {
    for (size_t i = 0; i < n; i++) row[i] = i < honest->k ? row_of(honest, i) : vector;
    status = robust_aggregate_f64(pipeline, &input, &scratch, out, &evidence, error);
  } else {
    robust_error_set(error, "no memory for %zu rows", n);
  }
  free(scratch.memory);
  free(weights);
  free(row);
  return status;
}

double collude_damage(const struct collude_honest *honest, const struct robust_pipeline *pipeline,
                      size_t liars, const double *vector, struct robust_error *error) {
  double *out = calloc(honest->d, sizeof *out);
  double damage = NAN;
  if (out == NULL)
    robust_error_set(error, "no memory for %zu coordinates", honest->d);
  else if (aggregate(honest, pipeline, liars, vector, out, error) == ROBUST_OK)
    damage = sqrt(square_between(out, honest->mean, honest->d));
  free(out);
  return damage;
}

double collude_optimal(const struct collude_honest *honest, enum collude_attack attack,
                       const struct robust_pipeline *pipeline, size_t liars, double *out,
                       double *damage, struct robust_error *error) {
  enum { EVALUATIONS = 20 };
  double best = 0.0, step = 10.0;
  bool grows = true;
  collude_vector(honest, attack, best, COLLUDE_ALONG_MEAN, out);
  *damage = collude_damage(honest, pipeline, liars, out, error);
  for (int left = EVALUATIONS - 1; left > 0 && !isnan(*damage); left--) {
    collude_vector(honest, attack, best + step, COLLUDE_ALONG_MEAN, out);
    double now = collude_damage(honest, pipeline, liars, out, error);
    bool is_better = now > *damage;
    if (is_better) {
      best += step;
      *damage = now;
    }
    if (!is_better) grows = false;
    step *= grows ? 2.0 : 0.8;
  }
  collude_vector(honest, attack, best, COLLUDE_ALONG_MEAN, out);
  return best;
}
