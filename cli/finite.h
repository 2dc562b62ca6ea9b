/* The search for numbers that no rule may ever see: NaN, infinity, and doubles of 2^480 (3e144) or
 * more, whose squares would not add up. */
#ifndef TAMIS_CLI_FINITE_H
#define TAMIS_CLI_FINITE_H

#include <stdbool.h>
#include <stddef.h>
#include "robust/rows.h"

/* The first row that holds such a number, and its first place; false when there is none.
 * Reads everything once, row by row, as a disk likes it; drops the pages behind it when `drop`. */
bool finite_find_odd(const struct robust_rows *rows, int threads, bool drop, size_t *row,
                     size_t *coordinate);
/* What it is there, to follow "coordinate 7 is": "NaN or infinite", "too large to be squared". */
const char *finite_words(const struct robust_rows *rows, size_t row, size_t coordinate);

#endif
