/* Sorts strips of columns: up to 128 rows by a network in registers, more by merging runs of 128 in
 * cache. */
#include "robust/rank.h"

#include <stdint.h>
#include <string.h>

/* Coordinates fetched at a stretch from each row: 1 KiB. A network looks at one line of each of n
 * rows and then at the next; with n pages open at once, that is slower than memory can be. So the
 * piece after this one is fetched row by row while this one is sorted (n = 100, 4 KiB pages, one
 * thread: 1.7 times the time of reading; along the strips 3 to 5). */
enum { RANK_PIECE = 256 };

/* Where fetching has come to: lines of `width` floats, row after row of the coming piece. */
struct fetch {
  size_t from; /* first coordinate of the coming piece */
  size_t row;
  size_t line;
};

/* Fills tile->ahead with the next n lines. The last piece's neighbours may lie past the rows: only
 * their addresses are taken, as integers. */
static void fetch_next(const struct rank_tile *tile, struct fetch *fetch) {
  size_t line_bytes = tile->lanes->width * sizeof(float);
  size_t lines = RANK_PIECE / tile->lanes->width;
  for (size_t i = 0; i < tile->n;) {
    size_t row = fetch->row < tile->n ? fetch->row : tile->n - 1;
    uintptr_t address = (uintptr_t)tile->row[row] + fetch->from * sizeof(float);
    size_t left = lines - fetch->line < tile->n - i ? lines - fetch->line : tile->n - i;
    for (size_t k = 0; k < left; k++)
      tile->ahead[i + k] = (const void *)(address + (fetch->line + k) * line_bytes);
    i += left;
    fetch->line += left;
    if (fetch->line == lines) {
      fetch->line = 0;
      fetch->row++;
    }
  }
}

static void sort_strip(const struct rank_tile *tile, const float *const *row, size_t at) {
  const struct lanes *lanes = tile->lanes;
  for (size_t first = 0; first < tile->n; first += LANES_RUN_MAX) {
    size_t left = tile->n - first;
    size_t run = left < LANES_RUN_MAX ? left : LANES_RUN_MAX;
    lanes->sort(row + first, run, at, tile->ahead + first, tile->sorted + first * lanes->width);
  }
  if (tile->n > LANES_RUN_MAX) lanes->merge(tile->sorted, tile->n, LANES_RUN_MAX);
}

/* The last strip of the rows is rarely full; reading past their end would be reading somebody
 * else's memory. */
static void last_window_means(const struct rank_tile *tile, size_t at, size_t count, size_t from,
                              size_t to, double *out) {
  size_t width = tile->lanes->width;
  double means[LANES_WIDTH_MAX];
  memset(tile->edge, 0, tile->n * width * sizeof *tile->edge);
  for (size_t i = 0; i < tile->n; i++) {
    memcpy(tile->edge + i * width, tile->row[i] + at, count * sizeof(float));
    tile->edge_row[i] = tile->edge + i * width;
    tile->ahead[i] = tile->edge_row[i];
  }
  sort_strip(tile, tile->edge_row, 0);
  tile->lanes->window_mean(tile->sorted, from, to, means);
  memcpy(out, means, count * sizeof *out);
}

void rank_window_means(const struct rank_tile *tile, size_t from, size_t to, double *out) {
  size_t width = tile->lanes->width;
  struct fetch fetch = {0, 0, 0};
  size_t k = 0;
  for (; k + width <= tile->count; k += width) {
    if (k % RANK_PIECE == 0) fetch = (struct fetch){tile->at + k + RANK_PIECE, 0, 0};
    fetch_next(tile, &fetch);
    sort_strip(tile, tile->row, tile->at + k);
    tile->lanes->window_mean(tile->sorted, from, to, out + k);
  }
  if (k < tile->count) last_window_means(tile, tile->at + k, tile->count - k, from, to, out + k);
}
