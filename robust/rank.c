/* Sorts strips of columns: up to 128 rows by a network in registers, more by merging runs of 128 in
 * cache. */
#include "robust/rank.h"

#include <string.h>

static void sort_strip(const struct rank_tile *tile, const float *const *row, size_t at) {
  const struct lanes *lanes = tile->lanes;
  for (size_t first = 0; first < tile->n; first += LANES_RUN_MAX) {
    size_t left = tile->n - first;
    size_t run = left < LANES_RUN_MAX ? left : LANES_RUN_MAX;
    lanes->sort(row + first, run, at, tile->sorted + first * lanes->width);
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
  }
  sort_strip(tile, tile->edge_row, 0);
  tile->lanes->window_mean(tile->sorted, from, to, means);
  memcpy(out, means, count * sizeof *out);
}

void rank_window_means(const struct rank_tile *tile, size_t from, size_t to, double *out) {
  size_t width = tile->lanes->width;
  size_t k = 0;
  for (; k + width <= tile->count; k += width) {
    sort_strip(tile, tile->row, tile->at + k);
    tile->lanes->window_mean(tile->sorted, from, to, out + k);
  }
  if (k < tile->count) last_window_means(tile, tile->at + k, tile->count - k, from, to, out + k);
}
