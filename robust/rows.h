/* The updates of one round as the mathematics sees them: n rows of d floats that belong to somebody
 * else. */
#ifndef ROBUST_ROWS_H
#define ROBUST_ROWS_H

#include <stddef.h>

/* Rows stay the caller's: usually pointers into mapped files, best aligned to 64 bytes (any float
 * alignment works). Every value must be finite (robust_inspect says so at admission) and should be
 * at most 1e18 in size.
 *
 * `release`, when not NULL, is called from the calling thread only, with [from, to) rising and
 * without gaps, once those coordinates of all rows will not be read again in this pass. The caller
 * may then drop the pages behind them: resident memory stays at about ROBUST_BLOCK_BYTES however
 * large d is. A call that makes two passes (Gram, then sum) releases everything twice. How the
 * blocks fall never changes a result. */
struct robust_rows {
  size_t n;
  size_t d;
  const float *const *row;
  void (*release)(void *context, size_t from, size_t to);
  void *context;
};

/* Bytes of input between two calls of `release`. */
enum { ROBUST_BLOCK_BYTES = 8 << 20 };

/* How many coordinates one block of a pass holds: a multiple of `step`, everything when nobody
 * wants it released. */
size_t robust_rows_block(const struct robust_rows *rows, size_t step);

#endif
