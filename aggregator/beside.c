/* Four sums and two quotients, always in one order. */
#include "aggregator/beside.h"

#include <math.h>

struct beside beside_of_rows(const float *shadow, const float *plan, size_t d) {
  enum { BLOCK = 8192 };
  struct beside sum = {0, 0, 0, 0};
  for (size_t from = 0; from < d; from += BLOCK) {
    struct beside part = {0, 0, 0, 0};
    size_t to = d - from < BLOCK ? d : from + BLOCK;
    for (size_t i = from; i < to; i++) {
      double s = (double)shadow[i], p = (double)plan[i];
      part.shadow += s * s;
      part.plan += p * p;
      part.both += s * p;
      part.difference += (s - p) * (s - p);
    }
    sum.shadow += part.shadow;
    sum.plan += part.plan;
    sum.both += part.both;
    sum.difference += part.difference;
  }
  return sum;
}

struct beside beside_of_weights(const double *shadow, const double *plan, const double *gram,
                                size_t n) {
  struct beside sum = {0, 0, 0, 0};
  for (size_t i = 0; i < n; i++) {
    struct beside part = {0, 0, 0, 0};
    for (size_t j = 0; j < n; j++) {
      double product = gram[i * n + j];
      part.shadow += product * shadow[j];
      part.plan += product * plan[j];
      part.difference += product * (shadow[j] - plan[j]);
    }
    sum.shadow += shadow[i] * part.shadow;
    sum.plan += plan[i] * part.plan;
    sum.both += shadow[i] * part.plan;
    sum.difference += (shadow[i] - plan[i]) * part.difference;
  }
  return sum;
}

/* A sum that is a square may come out a little below zero. */
static double length_of(double square) {
  return square > 0 ? sqrt(square) : 0;
}

double beside_distance(const struct beside *beside) {
  double plan = length_of(beside->plan);
  if (plan > 0) return length_of(beside->difference) / plan;
  return length_of(beside->shadow) > 0 ? 1 : 0;
}

double beside_cosine(const struct beside *beside) {
  double lengths = length_of(beside->shadow) * length_of(beside->plan);
  return lengths > 0 ? beside->both / lengths : 0;
}
