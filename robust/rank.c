/* Sorts strips of columns: floats up to 128 rows by a network in registers, more by merging runs of
 * 128 in cache, doubles in cache; then asks the sorted strip what is wanted of it. */
#include "robust/rank.h"
#include "robust/scratch.h"
#include "robust/sort.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

/* Bytes fetched at a stretch from each row. A network looks at one line of each of n rows and then
 * at the next; with n pages open at once, that is slower than memory can be. So the piece after
 * this one is fetched row by row while this one is sorted (n = 100, 4 KiB pages, one thread: 1.7
 * times the time of reading; along the strips 3 to 5). */
enum { RANK_PIECE = 1024 };

enum { RANK_STRIP_BYTES = LANES_WIDTH_MAX * sizeof(float) };

/* What lies in tile->work, for one strip of columns as wide as the widest register. */
struct rank_work {
  void *sorted;             /* n strips, of floats or doubles */
  unsigned char *edge;      /* n strips: one that reaches past the last coordinate is copied here */
  const float **narrow_row; /* n: the rows of `edge` */
  const double **wide_row;  /* the same */
  const void **ahead;       /* n: what to fetch while sorting */
  double *widened[2];       /* n strips each: the halves of `sorted` in double */
  double *tied;             /* n */
};

static void lay_out(struct rank_work *work, struct scratch_cursor *cursor, size_t n, bool is_wide) {
  work->sorted = scratch_take(cursor, n, RANK_STRIP_BYTES);
  work->edge = scratch_take(cursor, n, RANK_STRIP_BYTES);
  work->narrow_row = scratch_take(cursor, is_wide ? 0 : n, sizeof *work->narrow_row);
  work->wide_row = scratch_take(cursor, is_wide ? n : 0, sizeof *work->wide_row);
  work->ahead = scratch_take(cursor, n, sizeof *work->ahead);
  for (size_t half = 0; half < 2; half++)
    work->widened[half] = scratch_take(cursor, is_wide ? 0 : n, RANK_STRIP_BYTES);
  work->tied = scratch_take(cursor, n, sizeof *work->tied);
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

/* What is asked of each sorted column: a window of ranks, or the `keep` values nearest to the
 * median when keep is not 0. */
struct question {
  size_t from, to;
  size_t keep;
};

static size_t value_bytes(const struct rank_tile *tile) {
  return tile->wide != NULL ? sizeof(double) : sizeof(float);
}

static size_t strip_width(const struct rank_tile *tile) {
  return tile->wide != NULL ? tile->lanes->width / 2 : tile->lanes->width;
}

static const void *row_start(const struct rank_tile *tile, size_t i) {
  return tile->wide != NULL ? (const void *)tile->wide[i] : (const void *)tile->narrow[i];
}

static double value_at(const struct rank_tile *tile, size_t i, size_t k) {
  return tile->wide != NULL ? tile->wide[i][k] : (double)tile->narrow[i][k];
}

/* Where fetching has come to: strips, row after row of the coming piece. */
struct fetch {
  size_t from; /* where the coming piece starts in each row, in bytes */
  size_t row;
  size_t strip;
};

/* Fills work->ahead with the next n strips. The last piece's neighbours may lie past the rows: only
 * their addresses are taken, as integers. */
static void fetch_next(const struct rank_tile *tile, const struct rank_work *work,
                       struct fetch *fetch) {
  size_t strip_bytes = tile->lanes->width * sizeof(float);
  size_t strips = RANK_PIECE / strip_bytes;
  for (size_t i = 0; i < tile->n;) {
    size_t row = fetch->row < tile->n ? fetch->row : tile->n - 1;
    uintptr_t address = (uintptr_t)row_start(tile, row) + fetch->from;
    size_t left = strips - fetch->strip < tile->n - i ? strips - fetch->strip : tile->n - i;
    for (size_t k = 0; k < left; k++)
      work->ahead[i + k] = (const void *)(address + (fetch->strip + k) * strip_bytes);
    i += left;
    fetch->strip += left;
    if (fetch->strip == strips) {
      fetch->strip = 0;
      fetch->row++;
    }
  }
}

/* Nothing is worth fetching: addresses that are there already. */
static void fetch_nothing(const struct rank_tile *tile, const struct rank_work *work) {
  for (size_t i = 0; i < tile->n; i++) work->ahead[i] = work->edge;
}

static void sort_narrow(const struct rank_tile *tile, const struct rank_work *work,
                        const float *const *row, size_t at) {
  const struct lanes *lanes = tile->lanes;
  float *sorted = work->sorted;
  for (size_t first = 0; first < tile->n; first += LANES_RUN_MAX) {
    size_t left = tile->n - first;
    size_t run = left < LANES_RUN_MAX ? left : LANES_RUN_MAX;
    lanes->sort(row + first, run, at, work->ahead + first, sorted + first * lanes->width);
  }
  if (tile->n > LANES_RUN_MAX) lanes->merge(sorted, tile->n, LANES_RUN_MAX);
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
    double x = value_at(tile, i, k);
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

/* Half a register of sorted columns, of which the tile has `count` from coordinate k on. */
static void nearest_means(const struct rank_tile *tile, const struct rank_work *work, size_t k,
                          size_t count, const double *sorted, size_t keep, double *means) {
  double tied[LANES_WIDTH_MAX / 2];
  size_t stride = tile->lanes->width / 2;
  tile->lanes->nearest_mean(sorted, tile->n, keep, means, tied);
  for (size_t lane = 0; lane < count && lane < stride; lane++)
    if (tied[lane] >= 0.0)
      means[lane] = mean_by_rows(tile, work, k + lane, sorted + lane, stride, keep, tied[lane]);
}

/* Answers for the strip in work->sorted, which stands for `count` coordinates from k on. */
static void answer(const struct rank_tile *tile, const struct rank_work *work,
                   const struct question *asked, size_t k, size_t count, double *means) {
  const struct lanes *lanes = tile->lanes;
  if (asked->keep == 0) {
    if (tile->wide != NULL)
      lanes->window_mean_wide(work->sorted, asked->from, asked->to, means);
    else
      lanes->window_mean(work->sorted, asked->from, asked->to, means);
    return;
  }
  if (tile->wide != NULL) {
    nearest_means(tile, work, k, count, work->sorted, asked->keep, means);
    return;
  }
  size_t half = lanes->width / 2;
  lanes->widen(work->sorted, tile->n, work->widened[0], work->widened[1]);
  nearest_means(tile, work, k, count, work->widened[0], asked->keep, means);
  if (count > half)
    nearest_means(tile, work, k + half, count - half, work->widened[1], asked->keep, means + half);
}

/* The last strip of the rows is rarely full; reading past their end would be reading somebody
 * else's memory. */
static void sort_edge(const struct rank_tile *tile, const struct rank_work *work, size_t k,
                      size_t count) {
  size_t bytes = value_bytes(tile);
  memset(work->edge, 0, tile->n * RANK_STRIP_BYTES);
  for (size_t i = 0; i < tile->n; i++) {
    unsigned char *strip = work->edge + i * RANK_STRIP_BYTES;
    memcpy(strip, (const unsigned char *)row_start(tile, i) + k * bytes, count * bytes);
    if (tile->wide != NULL)
      work->wide_row[i] = (const double *)(void *)strip;
    else
      work->narrow_row[i] = (const float *)(void *)strip;
  }
  fetch_nothing(tile, work);
  if (tile->wide != NULL)
    tile->lanes->sort_wide(work->wide_row, tile->n, 0, work->ahead, work->sorted);
  else
    sort_narrow(tile, work, work->narrow_row, 0);
}

static void rank_means(const struct rank_tile *tile, const struct question *asked, double *out) {
  struct rank_work work = open_work(tile);
  size_t width = strip_width(tile);
  size_t piece = RANK_PIECE / value_bytes(tile);
  struct fetch fetch = {0, 0, 0};
  bool is_fetching = false;
  size_t k = 0;
  for (; k + width <= tile->count; k += width) {
    if (k % piece == 0) {
      fetch = (struct fetch){(k + piece) * value_bytes(tile), 0, 0};
      is_fetching = tile->is_followed || k + piece < tile->count;
      if (!is_fetching) fetch_nothing(tile, &work);
    }
    if (is_fetching) fetch_next(tile, &work, &fetch);
    if (tile->wide != NULL)
      tile->lanes->sort_wide(tile->wide, tile->n, k, work.ahead, work.sorted);
    else
      sort_narrow(tile, &work, tile->narrow, k);
    answer(tile, &work, asked, k, width, out + k);
  }
  if (k == tile->count) return;
  double means[LANES_WIDTH_MAX];
  sort_edge(tile, &work, k, tile->count - k);
  answer(tile, &work, asked, k, tile->count - k, means);
  memcpy(out + k, means, (tile->count - k) * sizeof *out);
}

void rank_window_means(const struct rank_tile *tile, size_t from, size_t to, double *out) {
  struct question asked = {.from = from, .to = to};
  rank_means(tile, &asked, out);
}

void rank_nearest_means(const struct rank_tile *tile, size_t keep, double *out) {
  struct question asked = {.keep = keep};
  rank_means(tile, &asked, out);
}
