/* Ties are settled by position here and nowhere else, so that no liar gains by sending what another
 * sent. */
#include "robust/lowest.h"
#include "robust/sort.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

void lowest_share(size_t n, size_t m, const double *key, double *work, double *share) {
  memcpy(work, key, n * sizeof *work);
  sort_ranks(work, n, m - 1, m);
  double last = work[m - 1];
  size_t below = 0;
  for (size_t i = 0; i < n; i++) below += key[i] < last;
  size_t ties_left = m - below;
  for (size_t i = 0; i < n; i++) {
    bool is_tie = !(key[i] < last) && !(key[i] > last);
    bool is_taken = key[i] < last || (is_tie && ties_left > 0);
    if (is_tie && is_taken) ties_left--;
    share[i] = is_taken ? 1.0 / (double)m : 0.0;
  }
}

double lowest_margin(double taken, double left) {
  if (!(left > taken)) return 0.0;
  return isinf(left) ? 1.0 : (left - taken) / left;
}
