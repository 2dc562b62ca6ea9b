/* Where the Gram matrix reads its rows: all coordinates or some of them, perhaps with one row more.
 * Internal. */
#ifndef ROBUST_GRAM_SOURCE_H
#define ROBUST_GRAM_SOURCE_H

#include <stddef.h>

#include "robust/lanes.h"
#include "robust/rows.h"

struct gram_source {
  const struct lanes *lanes;
  const struct robust_rows *rows;
  size_t n;                  /* rows->n, or one more with `last` */
  size_t d;                  /* rows->d, or as many as there are `coordinates` */
  const void *last;          /* row n - 1: floats, beside ROBUST_F64 doubles; NULL: none */
  const size_t *coordinates; /* which ones, in this order; NULL: all as they lie */
};

/* Values [from, from + count) of row i, as floats or, of ROBUST_F64 rows, as doubles: where they
 * lie if they lie there so, otherwise in `buffer`. count is at most PANEL_TILE. */
const void *gram_source_piece(const struct gram_source *source, size_t i, size_t from, size_t count,
                              void *buffer);

/* Where that piece lies before any conversion, and how many bytes of it: none when it has to be
 * gathered. */
const unsigned char *gram_source_raw(const struct gram_source *source, size_t i, size_t from,
                                     size_t count, size_t *bytes);

#endif
