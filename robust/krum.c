/* Krum's score (Blanchard et al., NeurIPS 2017): how tightly a row sits among its nearest
 * neighbours. */
#include "robust/krum.h"
#include "robust/sort.h"

void krum_scores(size_t n, const double *distances, size_t neighbours, double *score,
                 double *work) {
  for (size_t i = 0; i < n; i++) {
    size_t others = 0;
    for (size_t j = 0; j < n; j++)
      if (j != i) work[others++] = distances[i * n + j];
    sort_doubles(work, others);
    score[i] = 0.0;
    for (size_t k = 0; k < neighbours; k++) score[i] += work[k];
  }
}
