/* Panels of doubles, multiplied in register blocks of PRODUCT_ROWS x PRODUCT_ROWS: of whole numbers
 * (where the order of additions cannot show) and of any numbers (where it is fixed). */
#include "robust/lanes_sums.h"
#include "robust/panel.h"
#include "robust/panel_shared.h"

/* A stride of 4096 bytes would put the same coordinate of all rows into the same cache set. */
enum { PANEL_STRIDE = PANEL_TILE + 8 };

struct panel {
  double unit[PANEL_ROWS_MAX]; /* what 1 is worth in each row */
  double value[PRODUCT_ROWS][PANEL_STRIDE];
};

_Static_assert(sizeof(struct panel) % 64 == 0, "panels follow one another on 64 bytes");

static size_t padded(size_t count) {
  return (count + SUM_LANES - 1) / SUM_LANES * SUM_LANES;
}

/* Adding 1.5 * 2^52 leaves no bits below the unit: the sum is rounded to an integer, ties to even,
 * in any mode of vectorisation. -ffast-math would break it; cmake/flags.cmake forbids that. */
static void quantise(const float *restrict x, size_t count, double scale, double *restrict out) {
  const double shift = 0x1.8p52;
  for (size_t k = 0; k < count; k++) out[k] = ((double)x[k] * scale + shift) - shift;
}

/* Powers of two only, so that scaling there and back loses nothing, for denormals as for 1e38. */
static void pack_integers(const void *const *x, size_t rows, size_t count, void *to) {
  struct panel *panel = to;
  for (size_t r = 0; r < PRODUCT_ROWS; r++) {
    size_t used = r < rows ? count : 0;
    if (r < rows) {
      int exponent = panel_exponent(panel_largest(x[r], count));
      panel->unit[r] = panel_power(exponent - PANEL_BITS);
      quantise(x[r], count, panel_power(PANEL_BITS - exponent), panel->value[r]);
    }
    memset(panel->value[r] + used, 0, (padded(count) - used) * sizeof(double));
  }
}

static void pack_doubles(const void *const *x, size_t rows, size_t count, void *to) {
  struct panel *panel = to;
  for (size_t r = 0; r < PRODUCT_ROWS; r++) {
    size_t used = r < rows ? count : 0;
    if (r < rows) memcpy(panel->value[r], x[r], count * sizeof(double));
    memset(panel->value[r] + used, 0, (padded(count) - used) * sizeof(double));
  }
}

/* Adds registers `first`, `first + step`, ... of every pair of rows. */
VEC_INLINE void add_products(const struct panel *left, const struct panel *right, size_t count,
                             size_t first, size_t step, bool is_whole,
                             wide sum[PRODUCT_ROWS][PRODUCT_ROWS]) {
  for (size_t r = 0; r < PRODUCT_ROWS; r++)
    for (size_t s = 0; s < PRODUCT_ROWS; s++) sum[r][s] = wide_fill(0.0);
  for (size_t k = first; k < padded(count); k += step) {
    wide b[PRODUCT_ROWS];
    for (size_t s = 0; s < PRODUCT_ROWS; s++) b[s] = wide_load_double(right->value[s] + k);
    for (size_t r = 0; r < PRODUCT_ROWS; r++) {
      wide a = wide_load_double(left->value[r] + k);
      for (size_t s = 0; s < PRODUCT_ROWS; s++)
        sum[r][s] = is_whole ? wide_add_whole_product(a, b[s], sum[r][s])
                             : wide_multiply_add(a, b[s], sum[r][s]);
    }
  }
}

static void multiply_integers(const struct panel *a, const struct panel *b, size_t count,
                              double *product) {
  wide sum[PRODUCT_ROWS][PRODUCT_ROWS];
  add_products(a, b, count, 0, HALF_WIDTH, true, sum);
  for (size_t r = 0; r < PRODUCT_ROWS; r++)
    for (size_t s = 0; s < PRODUCT_ROWS; s++)
      product[r * PRODUCT_ROWS + s] = wide_total(sum[r][s]) * (a->unit[r] * b->unit[s]);
}

/* Sixteen lanes for every pair do not fit the registers: a few lanes of all pairs at a time. */
static void multiply_doubles(const struct panel *left, const struct panel *right, size_t count,
                             double *product) {
  double lane[PRODUCT_ROWS * PRODUCT_ROWS][SUM_LANES];
  for (size_t first = 0; first < SUM_LANES; first += HALF_WIDTH) {
    wide sum[PRODUCT_ROWS][PRODUCT_ROWS];
    add_products(left, right, count, first, SUM_LANES, false, sum);
    for (size_t r = 0; r < PRODUCT_ROWS; r++)
      for (size_t s = 0; s < PRODUCT_ROWS; s++)
        wide_store(lane[r * PRODUCT_ROWS + s] + first, sum[r][s]);
  }
  for (size_t p = 0; p < PRODUCT_ROWS * PRODUCT_ROWS; p++) product[p] = lanes_total(lane[p]);
}

static void multiply_all_integers(const void *left, const void *right, size_t panels, size_t count,
                                  const struct panel_ahead *ahead, double *product) {
  size_t lines = panel_lines(ahead, panels);
  for (size_t p = 0; p < panels; p++) {
    panel_fetch(ahead, p * lines, lines);
    multiply_integers(left, (const struct panel *)right + p, count,
                      product + p * PRODUCT_ROWS * PRODUCT_ROWS);
  }
}

static void multiply_all_doubles(const void *left, const void *right, size_t panels, size_t count,
                                 const struct panel_ahead *ahead, double *product) {
  size_t lines = panel_lines(ahead, panels);
  for (size_t p = 0; p < panels; p++) {
    panel_fetch(ahead, p * lines, lines);
    multiply_doubles(left, (const struct panel *)right + p, count,
                     product + p * PRODUCT_ROWS * PRODUCT_ROWS);
  }
}

static const struct panel_kernel panel_integers = {.rows = PRODUCT_ROWS,
                                                   .bytes = sizeof(struct panel),
                                                   .pack = pack_integers,
                                                   .multiply = multiply_all_integers,
                                                   .climb = panel_climb};

static const struct panel_kernel panel_doubles = {.rows = PRODUCT_ROWS,
                                                  .bytes = sizeof(struct panel),
                                                  .pack = pack_doubles,
                                                  .multiply = multiply_all_doubles,
                                                  .climb = panel_climb};
