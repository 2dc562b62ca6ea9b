/* Sorting and medians of n doubles, n being the number of clients: no allocation, worst case n log
 * n. Internal. */
#ifndef ROBUST_SORT_H
#define ROBUST_SORT_H

#include <stddef.h>

/* Ascending. No NaN. (qsort may allocate, and its comparator costs more than the rest.) */
void sort_doubles(double *values, size_t n);

/* Puts the values of ranks [from, to) in their places, ascending; smaller ones end up before them
 * and larger ones after, in any order. 0 <= from <= to <= n; about n + (to - from) log n steps. No
 * NaN. */
void sort_ranks(double *values, size_t n, size_t from, size_t to);

/* The middle value, the mean of the two middle ones for even n. Reorders `values`. n is at least 1.
 */
double sort_median(double *values, size_t n);

#endif
