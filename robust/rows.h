/* The updates of one round as the mathematics sees them: n rows of d numbers that belong to
 * somebody else. */
#ifndef ROBUST_ROWS_H
#define ROBUST_ROWS_H

#include <stddef.h>

/* How a row spells its numbers. Whatever it is, the mathematics sees floats: each value is
 * converted exactly when its tile is read. Only ROBUST_F64 is computed in double throughout. */
enum robust_dtype {
  ROBUST_F32,
  ROBUST_F64,
  ROBUST_F16,  /* IEEE 754 binary16 */
  ROBUST_BF16, /* the upper half of a float */
  ROBUST_I8,   /* value = scale[i] x the signed byte, rounded once to float */
};

/* Rows stay the caller's: usually pointers into mapped files, best aligned to 64 bytes (the
 * alignment of one value is enough). All rows of a call have one dtype. Every value must be finite
 * (robust_inspect says so at admission) and should be at most 1e18 in size.
 *
 * `release`, when not NULL, is called from the calling thread only, with [from, to) rising and
 * without gaps, once those coordinates of all rows will not be read again in this pass. The caller
 * may then drop the pages behind them: resident memory stays at about ROBUST_BLOCK_BYTES however
 * large d is. A call that makes two passes (Gram, then sum) releases everything twice. How the
 * blocks fall never changes a result. */
struct robust_rows {
  size_t n;
  size_t d;
  const void *const *row;
  enum robust_dtype dtype; /* zero: float32 */
  const float *scale;      /* n, finite; ROBUST_I8 alone reads it */
  void (*release)(void *context, size_t from, size_t to);
  void *context;
};

/* Bytes of input between two calls of `release`. */
enum { ROBUST_BLOCK_BYTES = 8 << 20 };

/* How many coordinates one block of a pass holds: a multiple of `step`, everything when nobody
 * wants it released. */
size_t robust_rows_block(const struct robust_rows *rows, size_t step);

/* Bytes of one value. */
size_t robust_dtype_size(enum robust_dtype dtype);

#endif
