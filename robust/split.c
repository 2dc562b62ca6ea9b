/* (least score left out - greatest score kept) / least score left out (science.md 9.2). */
#include "robust/split.h"

#include <math.h>

void split_margin(size_t n, struct rule_finding *finding) {
  double kept = -INFINITY;
  double left_out = INFINITY;
  for (size_t i = 0; i < n; i++) {
    double score = finding->score[i];
    if (finding->weight[i] > 0.0)
      kept = score > kept ? score : kept;
    else
      left_out = score < left_out ? score : left_out;
  }
  if (isinf(left_out)) return;
  finding->margin = left_out > kept && !isinf(kept) ? (left_out - kept) / left_out : 0.0;
}
