/* Two answers, release and reject, are all there are. */
#include "aggregator/agreement.h"

#include <math.h>

double agreement_kappa(size_t seen[2][2]) {
  double all = (double)(seen[0][0] + seen[0][1] + seen[1][0] + seen[1][1]);
  if (all == 0) return NAN;
  double same = (double)(seen[0][0] + seen[1][1]) / all;
  double first = (double)(seen[0][0] + seen[0][1]) / all;
  double second = (double)(seen[0][0] + seen[1][0]) / all;
  double chance = first * second + (1 - first) * (1 - second);
  return chance < 1 ? (same - chance) / (1 - chance) : NAN;
}
