/* Numbers, times and outside text as a person at an 80-column terminal reads and writes them. */
#ifndef TAMIS_CLI_HUMAN_H
#define TAMIS_CLI_HUMAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HUMAN_TEXT_SIZE = 32 };

/* "42s", "7m", "3h", "12d"; "0s" for what lies ahead. */
void human_age(int64_t milliseconds, char out[HUMAN_TEXT_SIZE]);
/* "812B", "4.0MiB". */
void human_bytes(uint64_t bytes, char out[HUMAN_TEXT_SIZE]);

/* A whole number and one of ms, s, m, h, d: "500ms", "60s", "24h". False for anything else, for
 * zero, and for more than ten years. */
bool human_duration_read(const char *text, uint64_t *milliseconds);
/* Decimal digits only, at most 2^53 - 1. */
bool human_count_read(const char *text, uint64_t *count);
/* A finite number, nothing after it. */
bool human_real_read(const char *text, double *real);

/* Copies what a terminal may be shown: everything but printable ASCII becomes '?', so that nothing
 * a server says can move the cursor. Terminates; cuts at `size`. */
void human_printable(const char *text, size_t length, char *out, size_t size);
/* Cuts `text` in place to `width` columns and marks the cut: with an ellipsis when `utf8` (3 bytes:
 * needs `size` > width + 2), else with "..". */
void human_cut(char *text, size_t size, size_t width, bool utf8);

/* One block character (3 bytes of UTF-8) for each value between 0 and 1; a space for NaN. `out`
 * holds 3 * count + 1. */
void human_sparkline(const double *values, size_t count, char *out);

/* The candidate that `word` is most likely a slip for (one edit in three letters), or NULL. */
const char *human_closest(const char *word, const char *const *candidates, size_t count);

#endif
