/* Each row has a vote c_i; rows that stand far out in the direction of largest variance lose theirs
 * in proportion, until too few votes are left. All of it in the Gram domain (science.md 3): the
 * direction is a combination of centred rows, so only n numbers describe it. */
#include "robust/caf.h"

#include "robust/centred.h"
#include "robust/eigen.h"
#include "robust/lowest.h"

#include <float.h>
#include <math.h>
#include <string.h>

struct filter {
  const struct caf *caf;
  const double *distances;
  double *vote;      /* c: 1 at first, 0 once a row is out */
  double *p;         /* votes adding up to 1: the mean's weights */
  double *gram;      /* n x n, centred on that mean */
  double *scaled;    /* n x n, for the eigenvector */
  double *direction; /* as a combination of centred rows */
  double *along;     /* centred rows times that direction */
  double *spare;
  double least, next; /* of the top eigenvalues so far */
};

size_t caf_work_doubles(size_t n) {
  return 2 * n * n + 4 * n + eigen_work_doubles(n);
}

static struct filter lay_out(const struct caf *caf, const double *distances, double *work) {
  size_t n = caf->n;
  struct filter filter = {.caf = caf, .distances = distances, .least = INFINITY, .next = INFINITY};
  filter.gram = work;
  filter.scaled = filter.gram + n * n;
  filter.vote = filter.scaled + n * n;
  filter.p = filter.vote + n;
  filter.direction = filter.p + n;
  filter.along = filter.direction + n;
  filter.spare = filter.along + n;
  return filter;
}

static double add_up(size_t n, const double *values) {
  double sum = 0.0;
  for (size_t i = 0; i < n; i++) sum += values[i];
  return sum;
}

/* Writes filter->along, and returns the direction's product with it. */
static double project(struct filter *filter) {
  size_t n = filter->caf->n;
  double square = 0.0;
  for (size_t i = 0; i < n; i++) {
    filter->along[i] = 0.0;
    for (size_t j = 0; j < n; j++)
      filter->along[i] += filter->gram[i * n + j] * filter->direction[j];
    square += filter->direction[i] * filter->along[i];
  }
  return square;
}

/* The covariance has the eigenvalues of the rows' Gram matrix, each row times the root of its
 * share. */
static double find_top(struct filter *filter) {
  size_t n = filter->caf->n;
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++)
      filter->scaled[i * n + j] =
          filter->gram[i * n + j] * (sqrt(filter->p[i]) * sqrt(filter->p[j]));
  double top = eigen_top(n, filter->scaled, filter->direction, filter->spare);
  for (size_t i = 0; i < n; i++) filter->direction[i] *= sqrt(filter->p[i]);
  project(filter);
  return top;
}

/* The covariance times the start, and its length for the eigenvalue. */
static double multiply_start(struct filter *filter, const double *start) {
  size_t n = filter->caf->n;
  double mean = 0.0;
  for (size_t i = 0; i < n; i++) mean += filter->p[i] * start[i];
  for (size_t i = 0; i < n; i++) filter->direction[i] = filter->p[i] * (start[i] - mean);
  return sqrt(fmax(project(filter), 0.0));
}

static double trace_of(const struct filter *filter) {
  double trace = 0.0;
  for (size_t i = 0; i < filter->caf->n; i++)
    trace += filter->p[i] * filter->gram[i * filter->caf->n + i];
  return trace;
}

/* The mean of least variance so far is the answer so far. */
static void remember(struct filter *filter, double top, double *weight) {
  if (top < filter->least) {
    filter->next = filter->least;
    filter->least = top;
    memcpy(weight, filter->p, filter->caf->n * sizeof *weight);
  } else if (top < filter->next) {
    filter->next = top;
  }
}

/* c_i becomes c_i (1 - t_i / t_max), t the squared projection; the division comes first, so that no
 * square overflows. The row that stands out most has 1 - 1: exactly no vote. */
static void take_votes(struct filter *filter, bool is_active) {
  size_t n = filter->caf->n;
  double largest = 0.0;
  for (size_t i = 0; i < n; i++)
    if (!is_active || filter->vote[i] > 0.0) largest = fmax(largest, fabs(filter->along[i]));
  for (size_t i = 0; i < n; i++) {
    if (!(filter->vote[i] > 0.0)) continue;
    double share = filter->along[i] / largest;
    filter->vote[i] *= 1.0 - share * share;
  }
}

/* Looks at the current votes; false when no variance is left to filter. */
static bool step(struct filter *filter, double total, bool is_active,
                 struct rule_finding *finding) {
  size_t n = filter->caf->n, t = finding->iterations;
  for (size_t i = 0; i < n; i++) filter->p[i] = filter->vote[i] / total;
  centred_gram(n, filter->distances, filter->p, filter->gram, filter->spare);
  double top = t < filter->caf->start_count ? multiply_start(filter, filter->caf->starts + t * n)
                                            : find_top(filter);
  remember(filter, top, finding->weight);
  if (!(top > DBL_EPSILON * trace_of(filter))) return false;
  take_votes(filter, is_active);
  finding->iterations++;
  return true;
}

void caf_filter(const struct caf *caf, const double *distances, double *work,
                struct rule_finding *finding) {
  size_t n = caf->n;
  size_t steps_max = 8 * n > 64 ? 8 * n : 64;
  struct filter filter = lay_out(caf, distances, work);
  double total = (double)n, enough = (double)n - 2.0 * (double)caf->f;
  for (size_t i = 0; i < n; i++) filter.vote[i] = 1.0;
  for (size_t i = 0; i < n; i++) finding->weight[i] = 1.0 / (double)n;
  while (total > enough) {
    finding->is_capped = !caf->is_active && finding->iterations >= steps_max;
    if (!step(&filter, total, caf->is_active || finding->is_capped, finding)) break;
    total = add_up(n, filter.vote);
  }
  for (size_t i = 0; i < n; i++) finding->score[i] = 1.0 - filter.vote[i];
  if (!isinf(filter.least)) finding->margin = lowest_margin(filter.least, filter.next);
}
