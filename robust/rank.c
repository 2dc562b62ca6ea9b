/* Sorts strips of columns and asks the sorted strips what is wanted of them: floats up to 128 rows
 * by a network in registers, more by merging runs of 128 in cache, doubles in cache. A window of
 * ranks of more than 128 floats is found without sorting. */
#include "robust/rank.h"
#include "robust/scratch.h"
#include "robust/sort.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

enum { RANK_STRIP_BYTES = LANES_WIDTH_MAX * sizeof(float) };

/* What lies in tile->work. */
struct rank_work {
  float *sorted;            /* strips of n ranks */
  void *planes;             /* of more than LANES_RUN_MAX rows: lanes_select_bytes(n) */
  double *widened[2];       /* n ranks each: a strip of doubles, or the halves of one of floats */
  double *tied;             /* n */
  const void **ahead;       /* n: pieces to fetch while sorting */
  unsigned char *edge;      /* n strips: one that reaches past the last coordinate is copied here */
  const float **narrow_row; /* n: the rows of `edge` */
  const double **wide_row;  /* the same */
};

static void lay_out(struct rank_work *work, struct scratch_cursor *cursor, size_t n, bool is_wide) {
  work->sorted = scratch_take(cursor, is_wide ? 0 : n, LANES_STRIPS_MAX * RANK_STRIP_BYTES);
  work->planes = scratch_take(cursor, is_wide || n <= LANES_RUN_MAX ? 0 : lanes_select_bytes(n), 1);
  work->widened[0] = scratch_take(cursor, n, RANK_STRIP_BYTES);
  work->widened[1] = scratch_take(cursor, is_wide ? 0 : n, RANK_STRIP_BYTES);
  work->tied = scratch_take(cursor, n, sizeof *work->tied);
  work->ahead = scratch_take(cursor, is_wide ? 0 : n, sizeof *work->ahead);
  work->edge = scratch_take(cursor, n, RANK_STRIP_BYTES);
  work->narrow_row = scratch_take(cursor, is_wide ? 0 : n, sizeof *work->narrow_row);
  work->wide_row = scratch_take(cursor, is_wide ? n : 0, sizeof *work->wide_row);
}

size_t rank_work_bytes(size_t n, bool is_wide) {
  struct rank_work work;
  struct scratch_cursor cursor = scratch_open(NULL);
  lay_out(&work, &cursor, n, is_wide);
  return cursor.used;
}

static struct rank_work open_work(const struct rank_tile *tile) {
  struct rank_work work;
  struct scratch_cursor cursor = {.memory = tile->work, .bytes = SIZE_MAX};
  lay_out(&work, &cursor, tile->n, tile->wide != NULL);
  return work;
}

/* What is asked of each column: a window of ranks, or the `keep` values nearest to the median when
 * keep is not 0. */
struct question {
  size_t from, to;
  size_t keep;
};

/* Fills work->ahead for rows [first, first + run) while the strip at coordinate k is sorted, with
 * pieces of `piece` coordinates; returns how many.
 *
 * A network looks at one line of each of n rows and then at the next; with n pages open at once,
 * that is slower than memory can be. So while the strips of one piece are sorted, the next piece is
 * fetched row by row, a few rows with each strip. What lies behind the last piece may not be ours:
 * only its address is taken, as an integer. Where there is nothing to fetch, what is asked for is
 * in the cache already. */
static size_t fetch_next(const struct rank_tile *tile, const struct rank_work *work, size_t first,
                         size_t run, size_t k, size_t piece) {
  size_t strips = piece / tile->lanes->width;
  size_t next = (k / piece + 1) * piece;
  size_t each = (run + strips - 1) / strips;
  size_t row = k % piece / tile->lanes->width * each;
  bool is_on = tile->is_followed || next < tile->count;
  for (size_t i = 0; i < each; i++, row++) {
    uintptr_t start = is_on && row < run ? (uintptr_t)tile->narrow[first + row] : 0;
    work->ahead[i] = start != 0 ? (const void *)(start + next * sizeof(float)) : work->sorted;
  }
  return each;
}

/* Ranks [from, to) of the strip at coordinate k; all of them if there is more than one run. */
static void sort_strip(const struct rank_tile *tile, const struct rank_work *work, size_t k,
                       size_t from, size_t to, float *sorted) {
  const struct lanes *lanes = tile->lanes;
  bool is_one_run = tile->n <= LANES_RUN_MAX;
  for (size_t first = 0; first < tile->n; first += LANES_RUN_MAX) {
    size_t left = tile->n - first;
    size_t run = left < LANES_RUN_MAX ? left : LANES_RUN_MAX;
    fetch_next(tile, work, first, run, k, LANES_PIECE_BYTES / sizeof(float));
    lanes->sort(tile->narrow + first, run, k, work->ahead, is_one_run ? from : 0,
                is_one_run ? to : run, sorted + first * lanes->width);
  }
  if (!is_one_run) lanes->merge(sorted, tile->n, LANES_RUN_MAX);
}

static void window_narrow(const struct rank_tile *tile, const struct rank_work *work,
                          const struct question *asked, double *out) {
  size_t width = tile->lanes->width;
  size_t strips = LANES_STRIPS_MAX;
  for (size_t k = 0; k < tile->count; k += strips * width) {
    if (k + strips * width > tile->count) strips = 1;
    for (size_t s = 0; s < strips; s++)
      sort_strip(tile, work, k + s * width, asked->from, asked->to,
                 work->sorted + s * tile->n * width);
    tile->lanes->window_means(work->sorted, tile->n, strips, asked->from, asked->to, out + k);
  }
}

/* Pieces are shorter the more rows there are: this one and the next have to stay in the cache. */
static void window_many(const struct rank_tile *tile, const struct rank_work *work,
                        const struct question *asked, double *out) {
  size_t shift = tile->n <= 512 ? 3 : 2;
  struct lanes_ahead ahead = {work->ahead, 0, shift};
  for (size_t k = 0; k < tile->count; k += tile->lanes->width) {
    size_t piece = (64 / sizeof(float)) << shift;
    ahead.lines = fetch_next(tile, work, 0, tile->n, k, piece) << shift;
    tile->lanes->select_means(tile->narrow, tile->n, k, &ahead, asked->from, asked->to,
                              work->planes, out + k);
  }
}

/* The mean of one column's nearest values where the cut falls among values at distance `reach`:
 * row by row, who comes first is kept. `sorted` is the column's lane among `stride`. */
static double mean_by_rows(const struct rank_tile *tile, const struct rank_work *work, size_t k,
                           const double *sorted, size_t stride, size_t keep, double reach) {
  size_t n = tile->n;
  double median = sorted[n / 2 * stride];
  if (n % 2 == 0) median = (sorted[(n / 2 - 1) * stride] + median) / 2.0;
  size_t left = keep;
  for (size_t i = 0; i < n; i++) left -= fabs(sorted[i * stride] - median) < reach;
  size_t count = 0;
  for (size_t i = 0; i < n && count < left; i++) {
    double x = tile->wide != NULL ? tile->wide[i][k] : (double)tile->narrow[i][k];
    if (fabs(x - median) == reach) work->tied[count++] = x;
  }
  sort_doubles(work->tied, count);
  double sum = 0.0;
  size_t j = 0;
  while (j < count && work->tied[j] < median) sum += work->tied[j++];
  for (size_t i = 0; i < n; i++)
    if (fabs(sorted[i * stride] - median) < reach) sum += sorted[i * stride];
  while (j < count) sum += work->tied[j++];
  return sum / (double)keep;
}

/* For a strip of sorted columns of doubles, the one at coordinate k. */
static void nearest_means(const struct rank_tile *tile, const struct rank_work *work,
                          const double *sorted, size_t keep, size_t k, double *means) {
  double tied[LANES_WIDTH_MAX / 2];
  size_t width = tile->lanes->width / 2;
  tile->lanes->nearest_mean(sorted, tile->n, keep, means, tied);
  for (size_t lane = 0; lane < width; lane++)
    if (tied[lane] >= 0.0)
      means[lane] = mean_by_rows(tile, work, k + lane, sorted + lane, width, keep, tied[lane]);
}

static void nearest_narrow(const struct rank_tile *tile, const struct rank_work *work,
                           const struct question *asked, double *out) {
  size_t half = tile->lanes->width / 2;
  for (size_t k = 0; k < tile->count; k += 2 * half) {
    sort_strip(tile, work, k, 0, tile->n, work->sorted);
    tile->lanes->widen(work->sorted, tile->n, work->widened[0], work->widened[1]);
    nearest_means(tile, work, work->widened[0], asked->keep, k, out + k);
    nearest_means(tile, work, work->widened[1], asked->keep, k + half, out + k + half);
  }
}

static void answer_wide(const struct rank_tile *tile, const struct rank_work *work,
                        const struct question *asked, double *out) {
  double *sorted = work->widened[0];
  for (size_t k = 0; k < tile->count; k += tile->lanes->width / 2) {
    tile->lanes->sort_wide(tile->wide, tile->n, k, sorted);
    if (asked->keep > 0)
      nearest_means(tile, work, sorted, asked->keep, k, out + k);
    else
      tile->lanes->window_mean_wide(sorted, asked->from, asked->to, out + k);
  }
}

/* Of a tile that is a whole number of strips. */
static void answer(const struct rank_tile *tile, const struct rank_work *work,
                   const struct question *asked, double *out) {
  if (tile->count == 0) return;
  if (tile->wide != NULL)
    answer_wide(tile, work, asked, out);
  else if (asked->keep > 0)
    nearest_narrow(tile, work, asked, out);
  else if (tile->n > LANES_RUN_MAX)
    window_many(tile, work, asked, out);
  else
    window_narrow(tile, work, asked, out);
}

/* Coordinates from k on as a tile of one strip, filled up with zeros: reading past the end of rows
 * would be reading somebody else's memory. */
static struct rank_tile copy_edge(const struct rank_tile *tile, const struct rank_work *work,
                                  size_t k, size_t width) {
  struct rank_tile edge = *tile;
  edge.count = width;
  edge.is_followed = false;
  memset(work->edge, 0, tile->n * RANK_STRIP_BYTES);
  for (size_t i = 0; i < tile->n; i++) {
    void *strip = work->edge + i * RANK_STRIP_BYTES;
    if (tile->wide != NULL)
      work->wide_row[i] = memcpy(strip, tile->wide[i] + k, (tile->count - k) * sizeof(double));
    else
      work->narrow_row[i] = memcpy(strip, tile->narrow[i] + k, (tile->count - k) * sizeof(float));
  }
  if (tile->wide != NULL)
    edge.wide = work->wide_row;
  else
    edge.narrow = work->narrow_row;
  return edge;
}

static void rank_means(const struct rank_tile *tile, const struct question *asked, double *out) {
  struct rank_work work = open_work(tile);
  size_t width = tile->wide != NULL ? tile->lanes->width / 2 : tile->lanes->width;
  struct rank_tile whole = *tile;
  whole.count -= tile->count % width;
  answer(&whole, &work, asked, out);
  if (whole.count == tile->count) return;
  double means[LANES_WIDTH_MAX];
  struct rank_tile edge = copy_edge(tile, &work, whole.count, width);
  answer(&edge, &work, asked, means);
  memcpy(out + whole.count, means, (tile->count - whole.count) * sizeof *out);
}

void rank_window_means(const struct rank_tile *tile, size_t from, size_t to, double *out) {
  struct question asked = {.from = from, .to = to};
  rank_means(tile, &asked, out);
}

void rank_nearest_means(const struct rank_tile *tile, size_t keep, double *out) {
  struct question asked = {.keep = keep};
  rank_means(tile, &asked, out);
}
