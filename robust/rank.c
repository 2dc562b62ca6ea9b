/* Sorts strips of columns: up to 128 rows by a network in registers, more by merging runs of 128 in
 * cache. */
#include "robust/rank.h"
#include "robust/scratch.h"

#include <stdint.h>
#include <string.h>

/* Coordinates fetched at a stretch from each row: 1 KiB. A network looks at one line of each of n
 * rows and then at the next; with n pages open at once, that is slower than memory can be. So the
 * piece after this one is fetched row by row while this one is sorted (n = 100, 4 KiB pages, one
 * thread: 1.7 times the time of reading; along the strips 3 to 5). */
enum { RANK_PIECE = 256 };

/* What lies in tile->work: one strip of columns, as wide as the widest register. */
struct rank_work {
  float *sorted;          /* n x LANES_WIDTH_MAX */
  float *edge;            /* the same: a strip that reaches past the last coordinate */
  const float **edge_row; /* n: its rows */
  const void **ahead;     /* n */
};

static void lay_out(struct rank_work *work, struct scratch_cursor *cursor, size_t n) {
  work->sorted = scratch_take(cursor, n, LANES_WIDTH_MAX * sizeof *work->sorted);
  work->edge = scratch_take(cursor, n, LANES_WIDTH_MAX * sizeof *work->edge);
  work->edge_row = scratch_take(cursor, n, sizeof *work->edge_row);
  work->ahead = scratch_take(cursor, n, sizeof *work->ahead);
}

size_t rank_work_bytes(size_t n, bool is_wide) {
  (void)is_wide;
  struct rank_work work;
  struct scratch_cursor cursor = scratch_open(NULL);
  lay_out(&work, &cursor, n);
  return cursor.used;
}

static struct rank_work open_work(const struct rank_tile *tile) {
  struct rank_work work;
  struct scratch_cursor cursor = {.memory = tile->work, .bytes = SIZE_MAX};
  lay_out(&work, &cursor, tile->n);
  return work;
}

/* Where fetching has come to: lines of `width` floats, row after row of the coming piece. */
struct fetch {
  size_t from; /* first coordinate of the coming piece */
  size_t row;
  size_t line;
};

/* Fills work->ahead with the next n lines. The last piece's neighbours may lie past the rows: only
 * their addresses are taken, as integers. */
static void fetch_next(const struct rank_tile *tile, const struct rank_work *work,
                       struct fetch *fetch) {
  size_t line_bytes = tile->lanes->width * sizeof(float);
  size_t lines = RANK_PIECE / tile->lanes->width;
  for (size_t i = 0; i < tile->n;) {
    size_t row = fetch->row < tile->n ? fetch->row : tile->n - 1;
    uintptr_t address = (uintptr_t)tile->narrow[row] + fetch->from * sizeof(float);
    size_t left = lines - fetch->line < tile->n - i ? lines - fetch->line : tile->n - i;
    for (size_t k = 0; k < left; k++)
      work->ahead[i + k] = (const void *)(address + (fetch->line + k) * line_bytes);
    i += left;
    fetch->line += left;
    if (fetch->line == lines) {
      fetch->line = 0;
      fetch->row++;
    }
  }
}

/* Nothing is worth fetching: every address is one that has just been read. */
static void fetch_nothing(const struct rank_tile *tile, const struct rank_work *work,
                          const float *const *row, size_t at) {
  for (size_t i = 0; i < tile->n; i++) work->ahead[i] = row[i] + at;
}

static void sort_strip(const struct rank_tile *tile, const struct rank_work *work,
                       const float *const *row, size_t at) {
  const struct lanes *lanes = tile->lanes;
  for (size_t first = 0; first < tile->n; first += LANES_RUN_MAX) {
    size_t left = tile->n - first;
    size_t run = left < LANES_RUN_MAX ? left : LANES_RUN_MAX;
    lanes->sort(row + first, run, at, work->ahead + first, work->sorted + first * lanes->width);
  }
  if (tile->n > LANES_RUN_MAX) lanes->merge(work->sorted, tile->n, LANES_RUN_MAX);
}

/* The last strip of the rows is rarely full; reading past their end would be reading somebody
 * else's memory. */
static void last_window_means(const struct rank_tile *tile, const struct rank_work *work, size_t at,
                              size_t count, size_t from, size_t to, double *out) {
  size_t width = tile->lanes->width;
  double means[LANES_WIDTH_MAX];
  memset(work->edge, 0, tile->n * width * sizeof *work->edge);
  for (size_t i = 0; i < tile->n; i++) {
    memcpy(work->edge + i * width, tile->narrow[i] + at, count * sizeof(float));
    work->edge_row[i] = work->edge + i * width;
  }
  fetch_nothing(tile, work, work->edge_row, 0);
  sort_strip(tile, work, work->edge_row, 0);
  tile->lanes->window_mean(work->sorted, from, to, means);
  memcpy(out, means, count * sizeof *out);
}

void rank_window_means(const struct rank_tile *tile, size_t from, size_t to, double *out) {
  size_t width = tile->lanes->width;
  struct rank_work work = open_work(tile);
  struct fetch fetch = {0, 0, 0};
  size_t k = 0;
  for (; k + width <= tile->count; k += width) {
    if (k % RANK_PIECE == 0) fetch = (struct fetch){k + RANK_PIECE, 0, 0};
    if (tile->is_followed || fetch.from < tile->count)
      fetch_next(tile, &work, &fetch);
    else
      fetch_nothing(tile, &work, tile->narrow, k);
    sort_strip(tile, &work, tile->narrow, k);
    tile->lanes->window_mean(work.sorted, from, to, out + k);
  }
  if (k < tile->count) last_window_means(tile, &work, k, tile->count - k, from, to, out + k);
}
