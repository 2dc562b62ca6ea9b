/* The rows a coordinate-wise rule sees, tile by tile: chosen, converted and mixed on the way, never
 * all at once. Internal. */
#ifndef ROBUST_PASS_H
#define ROBUST_PASS_H

#include "robust/decide.h"
#include "robust/rank.h"
#include "robust/rows.h"

/* p rows: those of `matrix` (p x n, over the rows), or the rows `taken` names when nothing is
 * mixed.
 */
struct pass {
  const struct lanes *lanes;
  const struct robust_rows *rows;
  const double *matrix;
  const size_t *taken;
  size_t p;
  size_t m;    /* room for that many */
  size_t tile; /* coordinates at a time */
  bool is_wide;
  bool has_source; /* rows are converted before they are mixed */
  bool has_mixed;  /* the tile is ours, not a window on the caller's rows */
  /* One of each for every thread. */
  void *source;                          /* n x tile values */
  void *mixed;                           /* m x tile values */
  const float **narrow_source, **narrow; /* n and m: where the tile's values lie, */
  const double **wide_source, **wide;    /* or these for rows of doubles */
  unsigned char *rank;
  double *out; /* tile */
  size_t rank_bytes;
};

/* For up to m rows seen out of input->rows. */
void pass_lay_out(struct pass *pass, struct scratch_cursor *cursor, const struct robust_rows *rows,
                  size_t m, bool is_mixed, int threads);

/* Called for every tile, from several threads, in any order; `out` is the thread's own, room for
 * tile->count values. */
typedef void pass_visit(void *context, size_t at, const struct rank_tile *tile, double *out);

/* Visits all coordinates in [from, to), releasing rows behind it. */
void pass_run(const struct pass *pass, size_t from, size_t to, int threads, pass_visit *visit,
              void *context);

#endif
