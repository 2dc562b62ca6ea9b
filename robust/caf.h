/* The covariance-bound agnostic filter, apart from where its directions come from. Internal. */
#ifndef ROBUST_CAF_H
#define ROBUST_CAF_H

#include <stdbool.h>
#include <stddef.h>

#include "robust/rule.h"

struct caf {
  size_t n;
  size_t f;
  bool is_active; /* votes are measured against the rows that still have one, not against all */
  /* For replaying ByzFL, which takes for the top eigenvector one multiplication of a random start
   * with the covariance: row t of starts[start_count x n] is <x_i, s_t> for the start s_t, of
   * length 1, of step t. NULL, and after the last: the eigenvector itself. */
  const double *starts;
  size_t start_count;
};

size_t caf_work_doubles(size_t n);

/* Fills the finding from the rows' squared distances (n x n). `work` holds caf_work_doubles(n). */
void caf_filter(const struct caf *caf, const double *distances, double *work,
                struct rule_finding *finding);

#endif
