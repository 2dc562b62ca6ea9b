/* Krum's score (Blanchard et al., NeurIPS 2017) in the readings that are in use (science.md 10). */
#include "robust/krum.h"
#include "robust/gram.h"
#include "robust/lowest.h"
#include "robust/sort.h"

#include <assert.h>
#include <math.h>
#include <string.h>

static double distance_between(size_t n, const double *gram, unsigned power, size_t i, size_t j) {
  double squared = robust_distance(n, gram, i, j);
  switch (power) {
  case 1: return sqrt(squared);
  case 2: return squared;
  default: return squared * squared;
  }
}

static void gather_others(size_t n, const double *gram, unsigned power, size_t i,
                          double *distance) {
  size_t others = 0;
  for (size_t j = 0; j < n; j++)
    if (j != i) distance[others++] = distance_between(n, gram, power, i, j);
}

static double sum_of(const double *values, size_t count) {
  double sum = 0.0;
  for (size_t k = 0; k < count; k++) sum += values[k];
  return sum;
}

void krum_scores(size_t n, const double *gram, const struct krum_kind *kind, double *score,
                 double *work) {
  assert(kind->neighbours < n);
  for (size_t i = 0; i < n; i++) {
    gather_others(n, gram, kind->power, i, work);
    sort_ranks(work, n - 1, 0, kind->neighbours);
    score[i] = sum_of(work, kind->neighbours);
  }
}

size_t krum_race_work(size_t n) {
  return n * n + n;
}

void krum_race_start(struct krum_race *race, size_t n, const double *gram,
                     const struct krum_kind *kind, double *work) {
  *race = (struct krum_race){n, n, gram, *kind, work, (bool *)(void *)(work + n * n), 1.0};
  for (size_t i = 0; i < n; i++) {
    gather_others(n, gram, kind->power, i, race->near + i * n);
    sort_doubles(race->near + i * n, n - 1);
    race->is_left[i] = true;
  }
}

/* Equal distances are equal bits, so which of them goes does not matter. */
static void forget(double *near, size_t count, double distance) {
  size_t low = 0;
  for (size_t high = count - 1; low < high;) {
    size_t middle = low + (high - low) / 2;
    if (near[middle] < distance)
      low = middle + 1;
    else
      high = middle;
  }
  memmove(near + low, near + low + 1, (count - low - 1) * sizeof *near);
}

size_t krum_race_take(struct krum_race *race) {
  assert(race->left > 0);
  size_t others = race->left - 1;
  size_t neighbours = race->kind.neighbours < others ? race->kind.neighbours : others;
  size_t best = race->n;
  double least = INFINITY, next = INFINITY;
  for (size_t i = 0; i < race->n; i++) {
    if (!race->is_left[i]) continue;
    double score = sum_of(race->near + i * race->n, neighbours);
    if (best == race->n || score < least) {
      next = least;
      least = score;
      best = i;
    } else if (score < next) {
      next = score;
    }
  }
  race->is_left[best] = false;
  race->left = others;
  if (others > 0) race->margin = fmin(race->margin, lowest_margin(least, next));
  for (size_t i = 0; i < race->n && others > 0; i++)
    if (race->is_left[i])
      forget(race->near + i * race->n, others,
             distance_between(race->n, race->gram, race->kind.power, i, best));
  if (race->kind.neighbours > 1) race->kind.neighbours--;
  return best;
}
