/* Why the top of a spectrum is easy: below an upper bound a tridiagonal matrix has no bad pivots.
 *
 * Householder reflections make the matrix tridiagonal, T. A number s lies above every eigenvalue
 * exactly when all pivots of s I - T are positive, so bisection needs no count of signs. With the
 * signs of its off-diagonal taken away T has the same eigenvalues, and a top eigenvector without
 * negative components (Perron); s I - T then has no positive off-diagonal entry, and solving with
 * it adds only what is positive. So inverse iteration at the upper end of the last interval needs
 * no pivoting, cancels nothing, and a start of ones cannot be orthogonal to the answer. (Golub and
 * Van Loan, Matrix Computations, 8.3 and 8.4.) */
#include "robust/eigen.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

/* Entries are scaled to at most 1. A column whose squares add up to less is zero beside them; its
 * square would be denormal, and a reflection made from it not orthogonal. */
static const double column_min = 0x1p-900;
static const double pivot_min = 0x1p-120;
/* Larger solutions come from no matrix, only from a coincidence of roundings. */
static const double solution_max = 0x1p500;
/* Each step leaves 2^-50 / gap of the one before, the gap as a share of the largest entry. */
enum { INVERSE_ITERATIONS = 4 };

struct tridiagonal {
  size_t n;
  double *diagonal;
  double *off;   /* off[k] couples k and k + 1 */
  double *beta;  /* reflection k is I - beta u u', u in row k of the matrix right of the diagonal */
  double *pivot; /* of s I - T, from the last s above the spectrum */
  double *spare;
};

size_t eigen_work_doubles(size_t n) {
  return 5 * n;
}

static double size_of_largest(size_t count, const double *values) {
  double largest = 0.0;
  for (size_t k = 0; k < count; k++)
    if (fabs(values[k]) > largest) largest = fabs(values[k]);
  return largest;
}

/* Turns x into u of the reflection that takes x to (off, 0, ..., 0), and returns its beta; 0 when x
 * has that form already. */
static double make_reflection(size_t m, double *x, double *off) {
  double tail = 0.0;
  for (size_t j = 1; j < m; j++) tail += x[j] * x[j];
  *off = x[0];
  if (tail < column_min) return 0.0;
  double length = sqrt(x[0] * x[0] + tail);
  *off = x[0] > 0.0 ? -length : length;
  x[0] -= *off;
  return 1.0 / (length * fabs(x[0]));
}

/* block = H block H for H = I - beta u u'. The two products of the update are added in the same
 * order for (i, j) and (j, i), up to commutation: what was symmetric stays so to the bit. */
static void reflect_both_sides(size_t n, size_t m, double *restrict block, const double *restrict u,
                               double beta, double *restrict q) {
  double along = 0.0;
  memset(q, 0, m * sizeof *q);
  for (size_t i = 0; i < m; i++)
    for (size_t j = 0; j < m; j++) q[j] += u[i] * block[i * n + j];
  for (size_t j = 0; j < m; j++) q[j] *= beta; /* before anything squares it: u may be tiny */
  for (size_t j = 0; j < m; j++) along += u[j] * q[j];
  double correction = 0.5 * beta * along;
  for (size_t j = 0; j < m; j++) q[j] -= correction * u[j];
  for (size_t i = 0; i < m; i++)
    for (size_t j = 0; j < m; j++) block[i * n + j] -= u[i] * q[j] + q[i] * u[j];
}

static void reduce(struct tridiagonal *t, double *matrix) {
  size_t n = t->n;
  for (size_t k = 0; k + 1 < n; k++) {
    double *u = matrix + k * n + k + 1;
    size_t m = n - k - 1;
    t->diagonal[k] = matrix[k * n + k];
    t->beta[k] = make_reflection(m, u, &t->off[k]);
    if (t->beta[k] > 0.0) reflect_both_sides(n, m, u + n, u, t->beta[k], t->spare);
  }
  t->diagonal[n - 1] = matrix[n * n - 1];
}

static bool is_above(struct tridiagonal *t, double s, double *pivot) {
  double last = s - t->diagonal[0];
  for (size_t k = 0; last > pivot_min; k++) {
    pivot[k] = last;
    if (k + 1 == t->n) return true;
    last = (s - t->diagonal[k + 1]) - t->off[k] * t->off[k] / last;
  }
  return false;
}

/* Leaves in t->pivot those of the smallest number found above the spectrum, and returns the largest
 * found that is not: neighbours, unless zero is near. */
static double bisect(struct tridiagonal *t) {
  double low = t->diagonal[0], high = t->diagonal[0];
  for (size_t k = 0; k < t->n; k++) {
    double before = k > 0 ? fabs(t->off[k - 1]) : 0.0;
    double after = k + 1 < t->n ? fabs(t->off[k]) : 0.0;
    low = fmax(low, t->diagonal[k]);
    high = fmax(high, t->diagonal[k] + before + after);
  }
  high += 0x1p-10; /* so that every pivot there is that large at least */
  is_above(t, high, t->pivot);
  for (;;) {
    double middle = low + 0.5 * (high - low);
    if (!(middle > low && middle < high)) return low;
    if (is_above(t, middle, t->spare)) {
      memcpy(t->pivot, t->spare, t->n * sizeof *t->pivot);
      high = middle;
    } else {
      low = middle;
    }
  }
}

/* y = (s I - |T|)^-1 y by the pivots, then scaled to a largest component of 1. */
static void solve(const struct tridiagonal *t, double *y) {
  size_t n = t->n;
  for (size_t k = 1; k < n; k++)
    y[k] = fmin(y[k] + fabs(t->off[k - 1]) / t->pivot[k - 1] * y[k - 1], solution_max);
  y[n - 1] /= t->pivot[n - 1];
  for (size_t k = n - 1; k-- > 0;)
    y[k] = fmin((y[k] + fabs(t->off[k]) * y[k + 1]) / t->pivot[k], solution_max);
  double largest = size_of_largest(n, y);
  for (size_t k = 0; k < n; k++) y[k] /= largest;
}

/* From |T| to T, whose signs run along its off-diagonal, and from T back to the matrix. */
static void transform_back(const struct tridiagonal *t, const double *matrix, double *y) {
  size_t n = t->n;
  double sign = 1.0;
  for (size_t k = 1; k < n; k++) {
    if (t->off[k - 1] < 0.0) sign = -sign;
    y[k] *= sign;
  }
  for (size_t k = n - 1; k-- > 0;) {
    const double *u = matrix + k * n + k + 1;
    double along = 0.0;
    for (size_t j = 0; j < n - k - 1; j++) along += u[j] * y[k + 1 + j];
    for (size_t j = 0; j < n - k - 1; j++) y[k + 1 + j] -= t->beta[k] * along * u[j];
  }
}

static void normalise(size_t n, double *y) {
  double squares = 0.0, largest = 0.0;
  for (size_t k = 0; k < n; k++) {
    squares += y[k] * y[k];
    if (fabs(y[k]) > fabs(largest)) largest = y[k];
  }
  double length = largest < 0.0 ? -sqrt(squares) : sqrt(squares);
  for (size_t k = 0; k < n; k++) y[k] /= length;
}

double eigen_top(size_t n, double *matrix, double *vector, double *work) {
  struct tridiagonal t = {n, work, work + n, work + 2 * n, work + 3 * n, work + 4 * n};
  double largest = size_of_largest(n * n, matrix);
  for (size_t k = 0; k < n; k++) vector[k] = largest > 0.0 || k == 0 ? 1.0 : 0.0;
  if (!(largest > 0.0)) return 0.0;
  int exponent;
  frexp(largest, &exponent);
  for (size_t k = 0; k < n * n; k++) matrix[k] = ldexp(matrix[k], -exponent);
  reduce(&t, matrix);
  double value = bisect(&t);
  for (int step = 0; step < INVERSE_ITERATIONS; step++) solve(&t, vector);
  transform_back(&t, matrix, vector);
  normalise(n, vector);
  return ldexp(value, exponent);
}
