/* The largest eigenvalue of a symmetric matrix, with its vector: found directly, never by iterating
 * on a guess. Internal. */
#ifndef ROBUST_EIGEN_H
#define ROBUST_EIGEN_H

#include <stddef.h>

size_t eigen_work_doubles(size_t n);

/* Returns the largest eigenvalue (not the one largest in size) of the symmetric n x n `matrix`,
 * which is destroyed, and writes to vector[n] an eigenvector of it of length 1: its component of
 * largest size, the first of several, is positive. Of an eigenvalue that occurs more than once it
 * is some vector of that space, always the same one; of zeros, the first axis. n is at least 1,
 * every entry is finite, `work` holds eigen_work_doubles(n).
 *
 * Error: a few n 2^-53 of the largest entry in the value, and in matrix * vector - value * vector.
 * Cost: 2 n^3 operations, 4 us at n = 10, 0.3 ms at n = 100, half a second at n = 1000. */
double eigen_top(size_t n, double *matrix, double *vector, double *work);

#endif
