/* A number is odd when its exponent is all ones, or large: one comparison of integers for each. */
#include "cli/finite.h"

#include <stdint.h>

#include "cli/mapped_file.h"

static bool has_odd_16(const uint16_t *value, size_t count, uint16_t exponent) {
  unsigned odd = 0;
  for (size_t k = 0; k < count; k++) odd |= (value[k] & exponent) == exponent;
  return odd != 0;
}

static bool has_odd_32(const uint32_t *value, size_t count) {
  const uint32_t exponent = UINT32_C(0x7f800000);
  unsigned odd = 0;
  for (size_t k = 0; k < count; k++) odd |= (value[k] & exponent) == exponent;
  return odd != 0;
}

#define SIGN_64 (UINT64_C(1) << 63)
#define LARGE_64 (UINT64_C(1503) << 52)
#define INFINITE_64 (UINT64_C(2047) << 52)

static bool has_odd_64(const uint64_t *value, size_t count) {
  unsigned odd = 0;
  for (size_t k = 0; k < count; k++) odd |= (value[k] & ~SIGN_64) >= LARGE_64;
  return odd != 0;
}

static bool has_odd(enum robust_dtype dtype, const void *value, size_t count) {
  switch (dtype) {
  case ROBUST_F16: return has_odd_16(value, count, 0x7c00);
  case ROBUST_BF16: return has_odd_16(value, count, 0x7f80);
  case ROBUST_F32: return has_odd_32(value, count);
  case ROBUST_F64: return has_odd_64(value, count);
  case ROBUST_I8: break;
  }
  return false;
}

/* Row i's first odd place, or d. In stretches, so that what is good is read at full speed. */
static size_t find_in_row(const struct robust_rows *rows, size_t i, bool drop) {
  enum { STRETCH = 1 << 18 };
  size_t size = robust_dtype_size(rows->dtype);
  const uint8_t *row = rows->row[i];
  for (size_t at = 0, count; at < rows->d; at += count) {
    count = rows->d - at < STRETCH ? rows->d - at : STRETCH;
    if (has_odd(rows->dtype, row + at * size, count)) {
      while (!has_odd(rows->dtype, row + at * size, 1)) at++;
      return at;
    }
    if (drop) mapped_file_drop(row + at * size, row + (at + count) * size);
  }
  return rows->d;
}

bool finite_find_odd(const struct robust_rows *rows, int threads, bool drop, size_t *row,
                     size_t *coordinate) {
  size_t first = rows->n, where = 0;
#pragma omp parallel for schedule(dynamic) num_threads(threads)
  for (size_t i = 0; i < rows->n; i++) {
    size_t found = find_in_row(rows, i, drop);
#pragma omp critical
    if (found < rows->d && i < first) {
      first = i;
      where = found;
    }
  }
  *row = first;
  *coordinate = where;
  return first < rows->n;
}

const char *finite_words(const struct robust_rows *rows, size_t row, size_t coordinate) {
  const uint64_t *value = rows->row[row];
  bool is_large = rows->dtype == ROBUST_F64 && (value[coordinate] & ~SIGN_64) < INFINITE_64;
  return is_large ? "too large to be squared" : "NaN or infinite";
}
