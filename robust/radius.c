/* |x_i - z|^2 without the two cancellations that the textbook formulas invite.
 *
 * G_ii - 2 (G a)_i + a'Ga loses everything when all rows share a large offset, and the form in
 * distances, (D a)_i - a'Da / 2, loses it to one liar at distance R: both of its terms then hold
 * a_liar R^2. Seen from a row c near z,
 *   |x_i - z|^2 = |x_i - x_c|^2 - 2 <x_i - x_c, z - x_c> + |z - x_c|^2,
 * the liar's own square appears in his radius only. A row at R enters the others' with an error of
 * a_liar R |x_i - x_c| 2^-53. */
#include "robust/radius.h"

#include "robust/gram.h"

#include <math.h>

/* The sum over j of weight_j <x_i - x_c, x_j>. */
static double pull_of(size_t n, const double *gram, const double *weight, size_t i, size_t c) {
  const double *row = gram + i * n;
  const double *centre = gram + c * n;
  double sum = 0.0;
  for (size_t j = 0; j < n; j++) sum += weight[j] * (row[j] - centre[j]);
  return sum;
}

void radius_measure(size_t n, const double *gram, const double *weight, size_t anchor, double *pull,
                    double *radius) {
  double square = 0.0; /* |z - x_c|^2 */
  for (size_t i = 0; i < n; i++) {
    /* minus <x_i - x_c, x_c>, since the weights add up to 1 */
    double own = gram[i * n + anchor] - gram[anchor * n + anchor];
    pull[i] = pull_of(n, gram, weight, i, anchor) - own;
    square += weight[i] * pull[i];
  }
  for (size_t i = 0; i < n; i++) {
    double squared = robust_distance(n, gram, i, anchor) - 2.0 * pull[i] + square;
    radius[i] = squared > 0.0 ? sqrt(squared) : 0.0;
  }
}

size_t radius_nearest(size_t n, const double *radius) {
  size_t nearest = 0;
  for (size_t i = 1; i < n; i++)
    if (radius[i] < radius[nearest]) nearest = i;
  return nearest;
}

double radius_shrink(double length, double bound) {
  return length > bound ? bound / length : 1.0;
}
