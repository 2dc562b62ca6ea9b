/* Products of rows of small integers held in doubles, in register blocks, for instruction sets that
 * multiply and add at once. Every partial sum is a whole number below 2^53 (gram.h), so the order
 * of additions, and a fused rounding that has nothing to round, cannot show: dsyrk gives the same
 * bits; the whole Gram matrix takes 1.8 times as long with it at n = 100 (one thread, AVX-512). */
#include "robust/lanes.h"

/* A block of PRODUCT_ROWS x PRODUCT_ROWS products, one register each. Past the last row the last
 * one is taken again. */
static void block_products(const double *integer, size_t n, size_t stride, size_t count, size_t i,
                           size_t j, double *product) {
  const double *a[PRODUCT_ROWS];
  const double *b[PRODUCT_ROWS];
  wide sum[PRODUCT_ROWS][PRODUCT_ROWS];
  for (size_t r = 0; r < PRODUCT_ROWS; r++) {
    a[r] = integer + (i + r < n ? i + r : n - 1) * stride;
    b[r] = integer + (j + r < n ? j + r : n - 1) * stride;
    for (size_t s = 0; s < PRODUCT_ROWS; s++) sum[r][s] = wide_fill(0.0);
  }
  for (size_t k = 0; k < count; k += HALF_WIDTH) {
    wide right[PRODUCT_ROWS];
    for (size_t s = 0; s < PRODUCT_ROWS; s++) right[s] = wide_load_double(b[s] + k);
    for (size_t r = 0; r < PRODUCT_ROWS; r++) {
      wide left = wide_load_double(a[r] + k);
      for (size_t s = 0; s < PRODUCT_ROWS; s++)
        sum[r][s] = wide_multiply_add(left, right[s], sum[r][s]);
    }
  }
  for (size_t r = 0; r < PRODUCT_ROWS && i + r < n; r++)
    for (size_t s = 0; s < PRODUCT_ROWS && j + s < n; s++)
      product[(i + r) * n + j + s] = wide_total(sum[r][s]);
}

static void products(const double *integer, size_t n, size_t stride, size_t count,
                     double *product) {
  for (size_t i = 0; i < n; i += PRODUCT_ROWS)
    for (size_t j = 0; j <= i; j += PRODUCT_ROWS)
      block_products(integer, n, stride, count, i, j, product);
}
