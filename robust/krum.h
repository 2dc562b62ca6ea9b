/* The Krum score, shared by krum, multi_krum and the evidence of a round. Internal. */
#ifndef ROBUST_KRUM_H
#define ROBUST_KRUM_H

#include <stddef.h>

/* score[i] = sum of the `neighbours` smallest squared distances from row i to other rows, added
 * upwards from the smallest, so that the numbering of rows cannot change a bit. `work` holds n
 * doubles. neighbours < n. */
void krum_scores(size_t n, const double *distances, size_t neighbours, double *score, double *work);

#endif
