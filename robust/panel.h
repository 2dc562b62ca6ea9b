/* Some rows of one tile, laid out so that two such panels can be multiplied fast: what the Gram
 * matrix is made of, once per instruction set. Internal to robust/, open to its tests. */
#ifndef ROBUST_PANEL_H
#define ROBUST_PANEL_H

#include <stddef.h>

enum {
  PANEL_TILE = 512,
  PANEL_BITS = 22,
  PANEL_ROWS_MAX = 16,
  PANEL_GROUP = 4,
  PANEL_AHEAD_MAX = 64
};

/* Memory that will be read soon. Multiplying leaves the path to it idle: kernels fetch it into the
 * core's cache on the way, if at all. It may lie anywhere. */
struct panel_ahead {
  size_t rows;  /* at most PANEL_AHEAD_MAX */
  size_t bytes; /* of each */
  const unsigned char *start[PANEL_AHEAD_MAX];
};

/* A kernel for floats rounds each row's piece to whole numbers of PANEL_BITS bits times a power of
 * two. A product of two has 44 bits and 512 of them add up to at most 53: every partial sum is
 * whole in a double, so whatever exact way a kernel adds them up, the bits are the same. */
_Static_assert(PANEL_TILE <= 1 << (53 - 2 * PANEL_BITS), "partial sums must be whole in a double");

/* A kernel for doubles rounds nothing beforehand. It adds with fused multiply-adds, coordinate k in
 * lane k mod 16, then the lanes as a balanced tree: one order, so again one answer. */
struct panel_kernel {
  size_t rows;  /* in a panel, at most PANEL_ROWS_MAX */
  size_t bytes; /* of a panel, a multiple of 64 */
  /* Lays out 1 <= rows <= kernel->rows pieces of 1 <= count <= PANEL_TILE values (floats or
   * doubles, whichever the kernel is for) in a panel on 64 bytes. Rows that are missing are zero.
   */
  void (*pack)(const void *const *x, size_t rows, size_t count, void *panel);
  /* product[(p * rows + r) * rows + s] = <row r of left, row s of panel p of right>, for `panels`
   * of them one after the other, at most PANEL_GROUP. */
  void (*multiply)(const void *left, const void *right, size_t panels, size_t count,
                   const struct panel_ahead *ahead, double *product);
  /* Adds `sum`, the leaf of that number, to a binary counter whose levels are `stride` apart: after
   * t leaves level k holds the sum of a full subtree of 2^k leaves exactly when bit k of t is set.
   * Destroys `sum`. */
  void (*climb)(double *sum, double *level, size_t stride, size_t number, size_t count);
};

#endif
