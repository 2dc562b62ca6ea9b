/* Panels of signed bytes for processors with AMX: a whole number of 22 bits is three of them, and
 * nine products of bytes, added up in 32 bits and joined in double, are the same number that every
 * other kernel gets, for a seventh of the instructions. */
#include "robust/lanes_tables.h"
#include "robust/panel_shared.h"

#include <immintrin.h>

enum { ROWS = 16, STEP = 64, STEPS = PANEL_TILE / STEP, SLICES = 3, SUMS = 5 };

/* v = byte 0 + 2^8 byte 1 + 2^16 byte 2, each in -128..127; |v| <= 2^22, so byte 2 is in -64..64.
 * The order of a row's values inside a step is whatever packing found cheapest, the same in every
 * row. `right` holds the same bytes as the processor wants them of a right factor: four values of
 * all rows, then the next four. */
struct panel {
  double unit[PANEL_ROWS_MAX]; /* what 1 is worth in each row */
  int8_t left[STEPS][SLICES][ROWS][STEP];
  int8_t right[STEPS][SLICES][STEP / 4][ROWS * 4];
};

_Static_assert((int)ROWS <= (int)PANEL_ROWS_MAX, "a panel has as many rows as a tile register");

/* The layout that LDTILECFG reads: all eight registers are 16 rows of 64 bytes. */
struct tile_configuration {
  uint8_t palette;
  uint8_t start_row;
  uint8_t reserved[14];
  uint16_t row_bytes[16];
  uint8_t rows[16];
};

static const struct tile_configuration configuration = {
    .palette = 1,
    .row_bytes = {STEP, STEP, STEP, STEP, STEP, STEP, STEP, STEP},
    .rows = {ROWS, ROWS, ROWS, ROWS, ROWS, ROWS, ROWS, ROWS},
};

/* ---- packing ---- */

/* Sixteen values as dwords of their three bytes, those of four values gathered: in each 128 bits,
 * four of byte 0, four of byte 1, four of byte 2. Adding 128 to a byte carries exactly when it is
 * to be read as negative; flipping its top bit takes the 128 away again. */
static __m512i cut(const float *x, __mmask16 valid, __m512 exponent) {
  const __m512i half = _mm512_set1_epi32(0x8080);
  const __m512i order =
      _mm512_broadcast_i32x4(_mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
  __m512 scaled = _mm512_scalef_ps(_mm512_maskz_loadu_ps(valid, x), exponent);
  __m512i whole = _mm512_cvt_roundps_epi32(scaled, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  whole = _mm512_xor_si512(_mm512_add_epi32(whole, half), half);
  return _mm512_shuffle_epi8(whole, order);
}

static __mmask16 valid_from(size_t count, size_t k) {
  if (k >= count) return 0;
  return (__mmask16)(count - k >= 16 ? 0xffffU : (1U << (count - k)) - 1U);
}

static void pack_row(const float *x, size_t count, size_t r, struct panel *panel) {
  int exponent = panel_exponent(panel_largest(x, count));
  __m512 shift = _mm512_set1_ps((float)(PANEL_BITS - exponent));
  panel->unit[r] = panel_power(exponent - PANEL_BITS);
  for (size_t k = 0; k < count; k += STEP) {
    __m512i v[4];
    for (size_t q = 0; q < 4; q++) v[q] = cut(x + k + 16 * q, valid_from(count, k + 16 * q), shift);
    __m512i low01 = _mm512_unpacklo_epi32(v[0], v[1]);
    __m512i low23 = _mm512_unpacklo_epi32(v[2], v[3]);
    __m512i high01 = _mm512_unpackhi_epi32(v[0], v[1]);
    __m512i high23 = _mm512_unpackhi_epi32(v[2], v[3]);
    _mm512_store_si512(panel->left[k / STEP][0][r], _mm512_unpacklo_epi64(low01, low23));
    _mm512_store_si512(panel->left[k / STEP][1][r], _mm512_unpackhi_epi64(low01, low23));
    _mm512_store_si512(panel->left[k / STEP][2][r], _mm512_unpacklo_epi64(high01, high23));
  }
}

/* A 16 x 16 matrix of dwords, transposed by halves: pairs of rows, then of pairs, then of 128 bits.
 */
static void transpose(int8_t (*from)[STEP], int8_t (*to)[ROWS * 4]) {
  __m512i a[16], b[16];
  for (size_t i = 0; i < 16; i++) a[i] = _mm512_load_si512(from[i]);
  for (size_t i = 0; i < 16; i += 2) {
    b[i] = _mm512_unpacklo_epi32(a[i], a[i + 1]);
    b[i + 1] = _mm512_unpackhi_epi32(a[i], a[i + 1]);
  }
  for (size_t i = 0; i < 16; i += 4) {
    a[i] = _mm512_unpacklo_epi64(b[i], b[i + 2]);
    a[i + 1] = _mm512_unpackhi_epi64(b[i], b[i + 2]);
    a[i + 2] = _mm512_unpacklo_epi64(b[i + 1], b[i + 3]);
    a[i + 3] = _mm512_unpackhi_epi64(b[i + 1], b[i + 3]);
  }
  for (size_t i = 0; i < 4; i++) {
    b[i] = _mm512_shuffle_i32x4(a[i], a[i + 4], 0x88);
    b[i + 4] = _mm512_shuffle_i32x4(a[i], a[i + 4], 0xdd);
    b[i + 8] = _mm512_shuffle_i32x4(a[i + 8], a[i + 12], 0x88);
    b[i + 12] = _mm512_shuffle_i32x4(a[i + 8], a[i + 12], 0xdd);
  }
  for (size_t i = 0; i < 8; i++) {
    _mm512_store_si512(to[i], _mm512_shuffle_i32x4(b[i], b[i + 8], 0x88));
    _mm512_store_si512(to[i + 8], _mm512_shuffle_i32x4(b[i], b[i + 8], 0xdd));
  }
}

static void pack(const void *const *x, size_t rows, size_t count, void *to) {
  struct panel *panel = to;
  size_t steps = (count + STEP - 1) / STEP;
  for (size_t r = 0; r < rows; r++) pack_row(x[r], count, r, panel);
  for (size_t r = rows; r < ROWS; r++) {
    panel->unit[r] = 0.0;
    for (size_t step = 0; step < steps; step++)
      for (size_t slice = 0; slice < SLICES; slice++) memset(panel->left[step][slice][r], 0, STEP);
  }
  for (size_t step = 0; step < steps; step++)
    for (size_t slice = 0; slice < SLICES; slice++)
      transpose(panel->left[step][slice], panel->right[step][slice]);
}

/* ---- multiplying ---- */

/* Registers 0..4 collect the products worth 2^0, 2^8, 2^16, 2^24, 2^32; 5..7 hold factors, taken in
 * an order in which each product needs at most one new one. A sum of 512 such products stays below
 * 2^26. */
static void add_step(const struct panel *left, const struct panel *right, size_t step) {
  const int8_t(*a)[ROWS][STEP] = left->left[step];
  const int8_t(*b)[STEP / 4][ROWS * 4] = right->right[step];
  _tile_loadd(5, a[0], STEP);
  _tile_loadd(6, b[0], STEP);
  _tile_dpbssd(0, 5, 6);
  _tile_loadd(7, b[1], STEP);
  _tile_dpbssd(1, 5, 7);
  _tile_loadd(6, b[2], STEP);
  _tile_dpbssd(2, 5, 6);
  _tile_loadd(5, a[1], STEP);
  _tile_dpbssd(3, 5, 6);
  _tile_dpbssd(2, 5, 7);
  _tile_loadd(6, b[0], STEP);
  _tile_dpbssd(1, 5, 6);
  _tile_loadd(5, a[2], STEP);
  _tile_dpbssd(2, 5, 6);
  _tile_dpbssd(3, 5, 7);
  _tile_loadd(6, b[2], STEP);
  _tile_dpbssd(4, 5, 6);
}

/* What the registers held after one pair of panels. */
struct sums {
  _Alignas(64) int32_t of[SUMS][ROWS][ROWS];
};

static void take_sums(struct sums *sums) {
  _tile_stored(0, sums->of[0], STEP);
  _tile_stored(1, sums->of[1], STEP);
  _tile_stored(2, sums->of[2], STEP);
  _tile_stored(3, sums->of[3], STEP);
  _tile_stored(4, sums->of[4], STEP);
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  _tile_zero(4);
}

static __m512d doubles(__m512i sums, int upper) {
  return _mm512_cvtepi32_pd(upper ? _mm512_extracti64x4_epi64(sums, 1)
                                  : _mm512_castsi512_si256(sums));
}

/* Joins the five sums of row r. The two highest still fit 32 bits together: 2^8 2^21 + 2^23. */
static void join_row(const struct sums *sums, size_t r, double left_unit, const double *right_unit,
                     double *product) {
  const __m512d byte = _mm512_set1_pd(0x1p8);
  __m512i s[SUMS];
  for (size_t k = 0; k < SUMS; k++) s[k] = _mm512_load_si512(sums->of[k][r]);
  __m512i high = _mm512_add_epi32(s[3], _mm512_slli_epi32(s[4], 8));
  for (int upper = 0; upper < 2; upper++) {
    __m512d unit = _mm512_set1_pd(left_unit) * _mm512_loadu_pd(right_unit + 8 * upper);
    __m512d low = _mm512_fmadd_pd(byte, doubles(s[1], upper), doubles(s[0], upper));
    __m512d top = _mm512_fmadd_pd(byte, doubles(high, upper), doubles(s[2], upper));
    _mm512_storeu_pd(product + 8 * upper, _mm512_fmadd_pd(byte * byte, top, low) * unit);
  }
}

/* The tile unit is slow to answer and works on its own: meanwhile the last panel's sums are joined,
 * some rows a step. */
static void multiply(const void *left, const void *right, size_t panels, size_t count,
                     const struct panel_ahead *ahead, double *product) {
  const struct panel *a = left;
  const struct panel *b = right;
  struct sums sums[2];
  size_t steps = (count + STEP - 1) / STEP;
  size_t lines = panel_lines(ahead, panels * STEPS);
  _tile_loadconfig(&configuration); /* all registers are zero from here */
  for (size_t p = 0; p <= panels; p++) {
    size_t r = 0;
    for (size_t step = 0; step < STEPS; step++) {
      if (p < panels) panel_fetch(ahead, (p * STEPS + step) * lines, lines);
      if (p < panels && step < steps) add_step(a, b + p, step);
      for (; p > 0 && r < (step + 1) * (ROWS / STEPS); r++)
        join_row(&sums[(p - 1) % 2], r, a->unit[r], b[p - 1].unit,
                 product + ((p - 1) * ROWS + r) * ROWS);
    }
    if (p < panels) take_sums(&sums[p % 2]);
  }
  _tile_release();
}

const struct panel_kernel lanes_amx_integers = {.rows = ROWS,
                                                .bytes = sizeof(struct panel),
                                                .pack = pack,
                                                .multiply = multiply,
                                                .climb = panel_climb};
