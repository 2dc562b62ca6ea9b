/* The search for NaN and infinity, which no rule may ever see. */
#ifndef TAMIS_CLI_FINITE_H
#define TAMIS_CLI_FINITE_H

#include <stdbool.h>
#include <stddef.h>
#include "robust/rows.h"

/* The first row that holds NaN or infinity, and its first such place; false when all is finite.
 * Reads everything once, row by row, as a disk likes it; drops the pages behind it when `drop`. */
bool finite_find_odd(const struct robust_rows *rows, int threads, bool drop, size_t *row,
                     size_t *coordinate);

#endif
