/* Many weighted sums of the same rows, a register block of them at a time: the loop in which a
 * pipeline with mixers spends most of its time. */
#include "robust/lanes.h"

#include <math.h>
#include <string.h>

/* A panel is a block of the matrix's rows and up to MIX_PANEL of its columns, packed so that the
 * inner loop reads weights one after the other. Columns in which the whole block is zero are left
 * out: clipping is a diagonal, bucketing nearly as sparse. */
enum { MIX_PANEL = 128, MIX_SPAN = 256 };

struct mix_panel {
  size_t used;
  size_t row[MIX_PANEL];
  double weight[MIX_PANEL][MIX_ROWS];
};

/* Exactly one of narrow, wide and flat is set; the flat rows are `flat_stride` apart. */
struct mix_source {
  size_t n;
  const float *const *narrow;
  const double *const *wide;
  const double *flat;
  size_t flat_stride;
};

VEC_INLINE wide mix_load(const struct mix_source *x, size_t j, size_t k) {
  if (x->narrow != NULL) return wide_load(x->narrow[j] + k);
  return wide_load_double((x->wide != NULL ? x->wide[j] : x->flat + j * x->flat_stride) + k);
}

VEC_INLINE double mix_load_one(const struct mix_source *x, size_t j, size_t k) {
  if (x->narrow != NULL) return (double)x->narrow[j][k];
  return x->wide != NULL ? x->wide[j][k] : x->flat[j * x->flat_stride + k];
}

/* Packs columns from *j on until the panel is full, and moves *j behind them. Rows that a block of
 * `block` lacks weigh zero; their sums are not written. */
static void mix_pack(struct mix_panel *panel, const double *matrix, size_t rows, size_t block,
                     size_t n, size_t *j) {
  panel->used = 0;
  for (; *j < n && panel->used < MIX_PANEL; ++*j) {
    size_t r = 0;
    while (r < rows && matrix[r * n + *j] == 0.0) r++;
    if (r == rows) continue;
    double *weight = panel->weight[panel->used];
    for (r = 0; r < block; r++) weight[r] = r < rows ? matrix[r * n + *j] : 0.0;
    panel->row[panel->used++] = *j;
  }
}

/* sum[r * MIX_SPAN ..] += weight r times the rows, `vectors` registers from coordinate k on. */
VEC_INLINE void mix_block(const struct mix_source *x, const struct mix_panel *panel, size_t block,
                          size_t vectors, size_t k, double *sum) {
  wide s[MIX_ROWS][MIX_VECTORS];
  for (size_t r = 0; r < block; r++)
    for (size_t v = 0; v < vectors; v++)
      s[r][v] = wide_load_double(sum + r * MIX_SPAN + v * HALF_WIDTH);
  for (size_t u = 0; u < panel->used; u++) {
    wide value[MIX_VECTORS];
    for (size_t v = 0; v < vectors; v++) value[v] = mix_load(x, panel->row[u], k + v * HALF_WIDTH);
    for (size_t r = 0; r < block; r++) {
      wide weight = wide_fill(panel->weight[u][r]);
      for (size_t v = 0; v < vectors; v++) s[r][v] = wide_multiply_add(weight, value[v], s[r][v]);
    }
  }
  for (size_t r = 0; r < block; r++)
    for (size_t v = 0; v < vectors; v++) wide_store(sum + r * MIX_SPAN + v * HALF_WIDTH, s[r][v]);
}

VEC_INLINE void mix_one(const struct mix_source *x, const struct mix_panel *panel, size_t block,
                        size_t k, double *sum) {
  double s[MIX_ROWS];
  for (size_t r = 0; r < block; r++) s[r] = sum[r * MIX_SPAN];
  for (size_t u = 0; u < panel->used; u++) {
    double value = mix_load_one(x, panel->row[u], k);
    for (size_t r = 0; r < block; r++) s[r] = fma(panel->weight[u][r], value, s[r]);
  }
  for (size_t r = 0; r < block; r++) sum[r * MIX_SPAN] = s[r];
}

VEC_INLINE void mix_span(const struct mix_source *x, const struct mix_panel *panel, size_t block,
                         size_t from, size_t to, double *sum) {
  size_t k = from;
  for (; to - k >= MIX_VECTORS * HALF_WIDTH; k += MIX_VECTORS * HALF_WIDTH)
    mix_block(x, panel, block, MIX_VECTORS, k, sum + (k - from));
  for (; to - k >= HALF_WIDTH; k += HALF_WIDTH) mix_block(x, panel, block, 1, k, sum + (k - from));
  for (; k < to; k++) mix_one(x, panel, block, k, sum + (k - from));
}

/* One of `narrow` and `wide` is NULL. Adding zero turns a sum of -0, which products too small for a
 * double leave behind, into +0: so leaving out weights of zero cannot show. */
static void mix_write(const double *sum, size_t rows, size_t count, float *narrow, double *wide_out,
                      size_t stride) {
  for (size_t r = 0; r < rows; r++, sum += MIX_SPAN)
    for (size_t k = 0; k < count; k++) {
      if (narrow != NULL)
        narrow[r * stride + k] = (float)(sum[k] + 0.0);
      else
        wide_out[r * stride + k] = sum[k] + 0.0;
    }
}

/* `rows` of the results, at most `block`, of the coordinates [from, to), at most MIX_SPAN. */
VEC_INLINE void mix_rows(const struct mix_source *x, const double *matrix, size_t rows,
                         size_t block, size_t from, size_t to, double *sum) {
  struct mix_panel panel;
  memset(sum, 0, block * MIX_SPAN * sizeof *sum);
  for (size_t j = 0; j < x->n;) {
    mix_pack(&panel, matrix, rows, block, x->n, &j);
    mix_span(x, &panel, block, from, to, sum);
  }
}

VEC_INLINE void mix_all(const struct mix_source *x, size_t m, const double *matrix, size_t count,
                        float *narrow, double *wide_out, size_t stride) {
  double sum[MIX_ROWS * MIX_SPAN];
  for (size_t from = 0; from < count; from += MIX_SPAN) {
    size_t to = count - from < MIX_SPAN ? count : from + MIX_SPAN;
    for (size_t b = 0; b < m;) {
      size_t block = m - b >= MIX_ROWS ? MIX_ROWS : MIX_FEW;
      size_t rows = m - b < block ? m - b : block;
      if (block == MIX_ROWS)
        mix_rows(x, matrix + b * x->n, rows, MIX_ROWS, from, to, sum);
      else
        mix_rows(x, matrix + b * x->n, rows, MIX_FEW, from, to, sum);
      mix_write(sum, rows, to - from, narrow != NULL ? narrow + b * stride + from : NULL,
                wide_out != NULL ? wide_out + b * stride + from : NULL, stride);
      b += rows;
    }
  }
}

static void mix(size_t m, size_t n, const double *matrix, const float *const *x, size_t count,
                float *out, size_t stride) {
  struct mix_source source = {.n = n, .narrow = x};
  mix_all(&source, m, matrix, count, out, NULL, stride);
}

static void mix_double(size_t m, size_t n, const double *matrix, const double *const *x,
                       size_t count, double *out, size_t stride) {
  struct mix_source source = {.n = n, .wide = x};
  mix_all(&source, m, matrix, count, NULL, out, stride);
}

static void mix_flat(size_t m, size_t n, const double *matrix, const double *x, size_t x_stride,
                     size_t count, double *out, size_t stride) {
  struct mix_source source = {.n = n, .flat = x, .flat_stride = x_stride};
  mix_all(&source, m, matrix, count, NULL, out, stride);
}
