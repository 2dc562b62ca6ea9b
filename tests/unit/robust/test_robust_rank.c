/* Claims about order statistics: every number of rows, every place of a tile's edge, values that
 * tie, against a sort that a reader can check, on every instruction set. */
#include "fixture.h"

#include "robust/rank.h"

/* Values that are hard to rank, one kind per column in turn. */
enum kind { SPREAD, FEW_VALUES, TWO_SIDED, ALL_EQUAL, ZEROS, DENORMAL, HUGE, FAR_APART, KINDS };

enum { ROWS_MAX = 1000 };

static double make_value(enum kind kind, uint64_t *seed) {
  double unit = (double)test_unit(seed);
  switch (kind) {
  case SPREAD: return unit;
  case FEW_VALUES: return floor(3 * unit);
  case TWO_SIDED: return unit > 0.8 ? 0.25 : unit > 0 ? 1.25 : -0.75;
  case ALL_EQUAL: return 0.1F;
  case ZEROS: return unit > 0.5 ? 0.0 : unit > 0 ? -0.0 : unit < -0.9 ? -1.0 : 0.0;
  case DENORMAL: return (double)(float)(unit * 1e-43);
  case HUGE: return (double)(float)(unit * 3e38);
  case FAR_APART: /* distances to the median that round to the same double */
  default: return unit > 0 ? (double)(float)(unit * 1e30) : (double)(float)(unit * 1e-6);
  }
}

/* n rows of `count` values in blocks of their own, so that ASan sees a read past any of them. */
struct tile_rows {
  size_t n, count;
  double *wide[ROWS_MAX];
  float *narrow[ROWS_MAX];
};

static void tile_rows_new(struct tile_rows *t, size_t n, size_t count, uint64_t seed) {
  t->n = n;
  t->count = count;
  for (size_t i = 0; i < n; i++) {
    t->wide[i] = malloc(count * sizeof(double));
    t->narrow[i] = malloc(count * sizeof(float));
    assert_non_null(t->wide[i]);
    assert_non_null(t->narrow[i]);
    for (size_t k = 0; k < count; k++) {
      t->wide[i][k] = make_value((enum kind)((k + seed) % KINDS), &seed);
      t->narrow[i][k] = (float)t->wide[i][k];
    }
  }
}

static void tile_rows_free(struct tile_rows *t) {
  for (size_t i = 0; i < t->n; i++) {
    free(t->wide[i]);
    free(t->narrow[i]);
  }
}

static struct rank_tile open_tile(const struct tile_rows *t, bool is_wide, enum robust_isa isa,
                                  struct robust_scratch *scratch) {
  *scratch = test_scratch(rank_work_bytes(t->n, is_wide), 1);
  struct rank_tile tile = {.lanes = lanes_choose(isa), .n = t->n, .count = t->count};
  if (is_wide)
    tile.wide = (const double *const *)t->wide;
  else
    tile.narrow = (const float *const *)t->narrow;
  tile.work = scratch->memory;
  return tile;
}

static void window_means(const struct tile_rows *t, bool is_wide, enum robust_isa isa, size_t from,
                         size_t to, double *out) {
  struct robust_scratch scratch;
  struct rank_tile tile = open_tile(t, is_wide, isa, &scratch);
  rank_window_means(&tile, from, to, out);
  free(scratch.memory);
}

static void nearest_means(const struct tile_rows *t, bool is_wide, enum robust_isa isa, size_t keep,
                          double *out) {
  struct robust_scratch scratch;
  struct rank_tile tile = open_tile(t, is_wide, isa, &scratch);
  rank_nearest_means(&tile, keep, out);
  free(scratch.memory);
}

struct entry {
  double key, value;
  size_t row;
};

static int by_key_then_row(const void *left, const void *right) {
  const struct entry *a = left;
  const struct entry *b = right;
  if (a->key != b->key) return a->key < b->key ? -1 : 1;
  return a->row < b->row ? -1 : a->row > b->row;
}

static int by_value(const void *left, const void *right) {
  const struct entry *a = left;
  const struct entry *b = right;
  return a->value < b->value ? -1 : a->value > b->value;
}

/* The column of coordinate k, sorted. */
static void sorted_column(const struct tile_rows *t, bool is_wide, size_t k, struct entry *column) {
  for (size_t i = 0; i < t->n; i++)
    column[i] = (struct entry){0, is_wide ? t->wide[i][k] : (double)t->narrow[i][k], i};
  qsort(column, t->n, sizeof *column, by_value);
}

static double mean_of(const struct entry *column, size_t from, size_t to) {
  double sum = 0.0;
  for (size_t i = from; i < to; i++) sum += column[i].value;
  return sum / (double)(to - from);
}

/* As rank.h says for many rows of floats: what is between in order of the rows, then the ends. */
static double mean_by_row(const struct tile_rows *t, size_t k, const struct entry *column,
                          size_t from, size_t to) {
  double low = column[from].value;
  double high = column[to - 1].value;
  double sum = 0.0;
  size_t lowest = 0;
  size_t highest = 0;
  if (low == high) return 0.0 + low;
  for (size_t i = 0; i < t->n; i++) {
    double x = (double)t->narrow[i][k];
    if (low < x && x < high) sum += x;
  }
  for (size_t i = from; i < to; i++) {
    lowest += column[i].value == low;
    highest += column[i].value == high;
  }
  sum += (double)lowest * low;
  sum += (double)highest * high;
  return sum / (double)(to - from);
}

static double expected_window(const struct tile_rows *t, bool is_wide, size_t k, size_t from,
                              size_t to) {
  struct entry column[ROWS_MAX];
  sorted_column(t, is_wide, k, column);
  if (!is_wide && t->n > LANES_RUN_MAX) return mean_by_row(t, k, column, from, to);
  return mean_of(column, from, to);
}

static double expected_nearest(const struct tile_rows *t, bool is_wide, size_t k, size_t keep) {
  struct entry column[ROWS_MAX];
  sorted_column(t, is_wide, k, column);
  double median = mean_of(column, (t->n - 1) / 2, t->n / 2 + 1);
  for (size_t i = 0; i < t->n; i++) column[i].key = fabs(column[i].value - median);
  qsort(column, t->n, sizeof *column, by_key_then_row);
  qsort(column, keep, sizeof *column, by_value);
  return mean_of(column, 0, keep);
}

/* Also tells -0 from +0. */
static void assert_same_bits(double got, double expected, size_t n, size_t k, const char *what) {
  if (memcmp(&got, &expected, sizeof got) != 0)
    fail_msg("%s: n = %zu, coordinate %zu: %.17g, expected %.17g", what, n, k, got, expected);
}

static void check_window(const struct tile_rows *t, bool is_wide, size_t from, size_t to) {
  static double out[RANK_TILE], again[RANK_TILE];
  window_means(t, is_wide, ROBUST_ISA_BEST, from, to, out);
  for (size_t k = 0; k < t->count; k++)
    assert_same_bits(out[k], expected_window(t, is_wide, k, from, to), t->n, k, "window");
  for (enum robust_isa isa = ROBUST_ISA_PLAIN; isa <= ROBUST_ISA_AVX512; isa++) {
    window_means(t, is_wide, isa, from, to, again);
    assert_memory_equal(out, again, t->count * sizeof *out);
  }
}

static void check_nearest(const struct tile_rows *t, bool is_wide, size_t keep) {
  static double out[RANK_TILE], again[RANK_TILE];
  nearest_means(t, is_wide, ROBUST_ISA_BEST, keep, out);
  for (size_t k = 0; k < t->count; k++)
    assert_same_bits(out[k], expected_nearest(t, is_wide, k, keep), t->n, k, "nearest");
  for (enum robust_isa isa = ROBUST_ISA_PLAIN; isa <= ROBUST_ISA_AVX512; isa++) {
    nearest_means(t, is_wide, isa, keep, again);
    assert_memory_equal(out, again, t->count * sizeof *out);
  }
}

/* Median, trims from none to all but the middle, a lopsided window; the nearest few, most and all.
 */
static void check_shape(size_t n, size_t count, uint64_t seed) {
  struct tile_rows t;
  tile_rows_new(&t, n, count, seed);
  size_t some = seed % n;
  for (int is_wide = 0; is_wide < 2; is_wide++) {
    check_window(&t, is_wide, (n - 1) / 2, n / 2 + 1);
    check_window(&t, is_wide, n / 5, n - n / 5);
    check_window(&t, is_wide, 0, n);
    check_window(&t, is_wide, some, some + 1 + seed / 7 % (n - some));
    check_nearest(&t, is_wide, 1);
    check_nearest(&t, is_wide, n - n / 5);
    check_nearest(&t, is_wide, n);
    check_nearest(&t, is_wide, some + 1);
  }
  tile_rows_free(&t);
}

static void every_number_of_rows_up_to_140_is_ranked(void **state) {
  (void)state;
  for (size_t n = 1; n <= 140; n++) check_shape(n, 1 + n * 7 % 45, 1000 + n);
}

static void hundreds_of_rows_are_ranked(void **state) {
  (void)state;
  check_shape(255, 21, 1);
  check_shape(256, 16, 2);
  check_shape(257, 40, 3);
  check_shape(511, 33, 4);
  check_shape(1000, 35, 5);
}

static void a_tile_may_end_anywhere(void **state) {
  (void)state;
  static const size_t counts[] = {1,  2,  3,  4,   5,   7,   8,   9,   15,  16,   17,
                                  31, 32, 33, 127, 128, 129, 255, 256, 257, 1023, 1024};
  for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
    check_shape(3, counts[c], 50 + c);
    check_shape(20, counts[c], 80 + c);
    if (counts[c] <= 129) check_shape(133, counts[c], 90 + c);
  }
}

/* 1, 2, 4, 6, 9: distances to 4 are 3, 2, 0, 2, 5. */
static void equally_near_values_are_kept_by_row(void **state) {
  (void)state;
  static const double column[] = {6, 9, 4, 2, 1};
  struct tile_rows t;
  double out[1];
  tile_rows_new(&t, 5, 1, 1);
  for (size_t i = 0; i < 5; i++) t.wide[i][0] = column[i];
  nearest_means(&t, true, ROBUST_ISA_BEST, 2, out);
  assert_true(out[0] == 5.0); /* 4 and 6, which stands before 2 */
  t.wide[0][0] = 2;
  t.wide[3][0] = 6;
  nearest_means(&t, true, ROBUST_ISA_BEST, 2, out);
  assert_true(out[0] == 3.0);
  nearest_means(&t, true, ROBUST_ISA_BEST, 3, out);
  assert_true(out[0] == 4.0);
  tile_rows_free(&t);
}

/* A tile that goes on past its end is fetched ahead, and nothing of that shows. */
static void what_follows_a_tile_changes_nothing(void **state) {
  (void)state;
  static double alone[RANK_TILE], followed[RANK_TILE];
  struct tile_rows t;
  tile_rows_new(&t, 37, RANK_TILE, 4);
  window_means(&t, false, ROBUST_ISA_BEST, 10, 30, alone);
  struct robust_scratch scratch;
  struct rank_tile tile = open_tile(&t, false, ROBUST_ISA_BEST, &scratch);
  tile.count = RANK_TILE / 2;
  tile.is_followed = true;
  rank_window_means(&tile, 10, 30, followed);
  assert_memory_equal(alone, followed, RANK_TILE / 2 * sizeof *alone);
  free(scratch.memory);
  tile_rows_free(&t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_number_of_rows_up_to_140_is_ranked),
      cmocka_unit_test(hundreds_of_rows_are_ranked),
      cmocka_unit_test(a_tile_may_end_anywhere),
      cmocka_unit_test(equally_near_values_are_kept_by_row),
      cmocka_unit_test(what_follows_a_tile_changes_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
