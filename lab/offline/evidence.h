/* What a judge can see of each update from inner products alone, for choosing its thresholds. */
#ifndef TAMIS_LAB_OFFLINE_EVIDENCE_H
#define TAMIS_LAB_OFFLINE_EVIDENCE_H

#include <stddef.h>

struct evidence {
  double norm;
  double norm_ratio;      /* to the cohort's median norm */
  double distance;        /* to the geometric median */
  double distance_ratio;  /* to the cohort's median of that distance */
  double cosine_centre;   /* with the geometric median */
  double cosine_previous; /* with the client's own update of the round before; NaN in its first */
  double cosine_nearest;  /* with the most similar other client */
};

/* gram[n * n] = X X^T, of n finite rows; own_previous[i] is the inner product with the row's
 * predecessor and previous_norm[i] the predecessor's norm, 0 when there is none. */
void evidence_measure(const double *gram, size_t n, const double *own_previous,
                      const double *previous_norm, struct evidence *out);

#endif
