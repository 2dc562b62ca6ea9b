/* Ranking strips of HALF_WIDTH columns of doubles, and the values nearest to the median of each.
 * Included by lanes_body.h. */
#include "robust/lanes.h"

#include <math.h>

/* Batcher's odd-even merge sort in memory: see merge() of floats. */
static void sort_wide(const double *const *row, size_t n, size_t at, double *sorted) {
  for (size_t i = 0; i < n; i++) {
    wide_store(sorted + i * HALF_WIDTH, wide_load_double(row[i] + at));
  }
  for (size_t p = 1; p < n; p *= 2)
    for (size_t k = p; k >= 1; k /= 2)
      for (size_t j = k % p; j + k < n; j += 2 * k)
        for (size_t i = j; i < j + k && i + k < n; i++) {
          if ((i ^ (i + k)) >= 2 * p) continue; /* not of the same pair of runs */
          wide a = wide_load_double(sorted + i * HALF_WIDTH);
          wide b = wide_load_double(sorted + (i + k) * HALF_WIDTH);
          wide_store(sorted + i * HALF_WIDTH, wide_min(a, b));
          wide_store(sorted + (i + k) * HALF_WIDTH, wide_max(a, b));
        }
}

static void widen(const float *sorted, size_t n, double *low, double *high) {
  for (size_t i = 0; i < n; i++) {
    wide_store(low + i * HALF_WIDTH, wide_load(sorted + i * VEC_WIDTH));
    wide_store(high + i * HALF_WIDTH, wide_load(sorted + i * VEC_WIDTH + HALF_WIDTH));
  }
}

static void window_mean_wide(const double *sorted, size_t from, size_t to, double *mean) {
  wide sum = wide_fill(0.0);
  for (size_t rank = from; rank < to; rank++) sum += wide_load_double(sorted + rank * HALF_WIDTH);
  wide_store(mean, sum / wide_fill((double)(to - from)));
}

/* The `keep` values nearest to m are neighbours in a sorted column: first rank of the leftmost such
 * window. One step to the right is no worse as long as what is let go on the left lies further from
 * m than what comes in on the right, or what comes in is not past m; and once it is worse, it stays
 * so. */
VEC_INLINE wide nearest_start(const double *sorted, size_t n, size_t keep, wide m) {
  wide start = wide_fill(0.0);
  for (size_t i = 0; i + keep < n; i++) {
    wide let_go = wide_load_double(sorted + i * HALF_WIDTH);
    wide let_in = wide_load_double(sorted + (i + keep) * HALF_WIDTH);
    wide_mask is_no_worse = wide_less(let_in - m, m - let_go) | wide_not_less(m, let_in);
    start += wide_keep(is_no_worse, wide_fill(1.0));
  }
  return start;
}

/* Lanes in which different values at distance d from m stand to both sides of the cut. */
VEC_INLINE wide_mask nearest_differ(const double *sorted, size_t n, wide m, wide d) {
  wide least = wide_fill(INFINITY);
  wide most = wide_fill(-INFINITY);
  for (size_t i = 0; i < n; i++) {
    wide x = wide_load_double(sorted + i * HALF_WIDTH);
    wide away = wide_absolute(x - m);
    wide_mask is_elsewhere = wide_less(away, d) | wide_less(d, away);
    least = wide_min(least, wide_pick(is_elsewhere, wide_fill(INFINITY), x));
    most = wide_max(most, wide_pick(is_elsewhere, wide_fill(-INFINITY), x));
  }
  return wide_less(least, most);
}

static void nearest_mean(const double *sorted, size_t n, size_t keep, double *mean, double *tied) {
  wide m = wide_load_double(sorted + n / 2 * HALF_WIDTH);
  if (n % 2 == 0) m = (wide_load_double(sorted + (n / 2 - 1) * HALF_WIDTH) + m) / wide_fill(2.0);
  wide start = nearest_start(sorted, n, keep, m);
  wide last = start + wide_fill((double)(keep - 1));
  wide sum = wide_fill(0.0);
  wide inside = wide_fill(0.0); /* the largest distance in the window */
  wide outside = wide_fill(INFINITY);
  for (size_t i = 0; i < n; i++) {
    wide x = wide_load_double(sorted + i * HALF_WIDTH);
    wide rank = wide_fill((double)i);
    wide away = wide_absolute(x - m);
    wide_mask is_out = wide_less(rank, start) | wide_less(last, rank);
    sum += wide_pick(is_out, wide_fill(0.0), x);
    inside = wide_max(inside, wide_pick(is_out, wide_fill(0.0), away));
    outside = wide_min(outside, wide_pick(is_out, away, wide_fill(INFINITY)));
  }
  wide_store(mean, sum / wide_fill((double)keep));
  wide_mask is_tied = wide_not_less(inside, outside);
  if (wide_any(is_tied)) is_tied &= nearest_differ(sorted, n, m, inside);
  wide_store(tied, wide_pick(is_tied, inside, wide_fill(-1.0)));
}
