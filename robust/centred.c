/* Centring by distances: the Gram matrix itself would cancel when the rows' common part is long. */
#include "robust/centred.h"

void centred_gram(size_t n, const double *distances, const double *p, double *gram, double *work) {
  double *radius = work;
  double mean = 0.0;
  for (size_t i = 0; i < n; i++) {
    radius[i] = 0.0;
    for (size_t j = 0; j < n; j++) radius[i] += distances[i * n + j] * p[j];
    mean += p[i] * radius[i];
  }
  for (size_t i = 0; i < n; i++) radius[i] -= 0.5 * mean;
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++)
      gram[i * n + j] = 0.5 * (radius[i] + radius[j] - distances[i * n + j]);
}
