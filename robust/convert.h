/* Rows of any spelling as the floats or doubles that the mathematics works on, a stretch at a time.
 * Internal. */
#ifndef ROBUST_CONVERT_H
#define ROBUST_CONVERT_H

#include <stddef.h>

#include "robust/lanes.h"
#include "robust/rows.h"

/* Coordinates [from, from + count) of row i as floats: where they lie when the rows are
 * ROBUST_F32, otherwise in `buffer`, which holds `count`. ROBUST_F64 has no exact floats and is a
 * mistake of the caller. */
const float *rows_floats(const struct lanes *lanes, const struct robust_rows *rows, size_t i,
                         size_t from, size_t count, float *buffer);

/* The same as doubles: where they lie when the rows are ROBUST_F64. Any spelling will do. */
const double *rows_doubles(const struct lanes *lanes, const struct robust_rows *rows, size_t i,
                           size_t from, size_t count, double *buffer);

#endif
