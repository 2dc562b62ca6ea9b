/* Claims about what an update must be: found out while its bytes pass, however they were cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "aggregator/rpc/content.h"

enum { HEADER = 64, VALUES = 5000, SIZE = HEADER + 4 * VALUES };

/* A file as far as this check looks at it: its header's length, some header, floats. */
static void fill(uint8_t *file) {
  uint64_t rest = HEADER - 8;
  memset(file, ' ', HEADER);
  memcpy(file, &rest, sizeof rest);
  file[8] = '{';
  for (size_t i = 0; i < VALUES; i++) {
    float value = (float)(i % 7) * 0.25f;
    memcpy(file + HEADER + 4 * i, &value, sizeof value);
  }
}

static void set(uint8_t *file, size_t i, float value) {
  memcpy(file + HEADER + 4 * i, &value, sizeof value);
}

static double norm_of(const uint8_t *file) {
  double sum = 0;
  for (size_t i = 0; i < VALUES; i++) {
    float value;
    memcpy(&value, file + HEADER + 4 * i, sizeof value);
    sum += (double)value * (double)value;
  }
  return sqrt(sum);
}

static enum tamis_status judge(const uint8_t *update, size_t length, size_t piece, double norm_max,
                               struct fault *fault) {
  static uint8_t base[SIZE];
  struct content *content;
  fill(base);
  assert_int_equal(content_open(base, SIZE, norm_max, &content, NULL), TAMIS_OK);
  for (size_t at = 0; at < length; at += piece)
    content_add(content, update + at, length - at < piece ? length - at : piece);
  enum tamis_status status = content_verdict(content, fault);
  content_close(content);
  return status;
}

static const size_t pieces[] = {1, 3, 63, 64, 65, 4095, 4096, 4097, SIZE};
enum { PIECES = sizeof pieces / sizeof *pieces };

static void a_good_update_passes_however_it_is_cut(void **state) {
  uint8_t update[SIZE];
  (void)state;
  fill(update);
  double norm = norm_of(update); /* exact: small multiples of a quarter */
  for (size_t i = 0; i < PIECES; i++) {
    assert_int_equal(judge(update, SIZE, pieces[i], norm, NULL), TAMIS_OK);
    assert_int_equal(judge(update, SIZE, pieces[i], nextafter(norm, 0), NULL),
                     TAMIS_NORM_TOO_LARGE);
  }
}

static void the_norm_is_the_same_number_however_it_is_cut(void **state) {
  uint8_t update[SIZE];
  struct fault first, other;
  (void)state;
  fill(update);
  for (size_t i = 0; i < VALUES; i++) set(update, i, (float)sin((double)i) * 1e10f);
  assert_int_equal(judge(update, SIZE, SIZE, 1, &first), TAMIS_NORM_TOO_LARGE);
  for (size_t i = 0; i < PIECES; i++) {
    assert_int_equal(judge(update, SIZE, pieces[i], 1, &other), TAMIS_NORM_TOO_LARGE);
    assert_string_equal(other.text, first.text);
  }
}

static void one_value_that_is_no_number_is_found_wherever_it_stands(void **state) {
  static const size_t place[] = {0, 1, 1023, 1024, 2048, VALUES - 1};
  uint8_t update[SIZE];
  struct fault fault;
  char range[64];
  (void)state;
  for (size_t i = 0; i < sizeof place / sizeof *place; i++)
    for (size_t k = 0; k < PIECES; k++) {
      fill(update);
      set(update, place[i], k % 2 ? NAN : -INFINITY);
      assert_int_equal(judge(update, SIZE, pieces[k], INFINITY, &fault), TAMIS_NOT_FINITE);
      size_t block = place[i] / 1024 * 1024;
      size_t last = block + 1023 < VALUES ? block + 1023 : VALUES - 1;
      snprintf(range, sizeof range, "parameters %zu to %zu;", block, last);
      assert_non_null(strstr(fault.text, range));
    }
}

static void any_changed_byte_of_the_header_is_another_layout(void **state) {
  uint8_t update[SIZE];
  (void)state;
  for (size_t byte = 0; byte < HEADER; byte++) {
    fill(update);
    update[byte] ^= 1;
    assert_int_equal(judge(update, SIZE, 13, INFINITY, NULL), TAMIS_WRONG_LAYOUT);
    assert_int_equal(judge(update, SIZE, SIZE, INFINITY, NULL), TAMIS_WRONG_LAYOUT);
  }
}

static void another_length_is_another_layout(void **state) {
  uint8_t update[SIZE + 4] = {0};
  (void)state;
  fill(update);
  assert_int_equal(judge(update, 0, 1, INFINITY, NULL), TAMIS_WRONG_LAYOUT);
  assert_int_equal(judge(update, 7, 1, INFINITY, NULL), TAMIS_WRONG_LAYOUT);
  assert_int_equal(judge(update, SIZE - 1, 100, INFINITY, NULL), TAMIS_WRONG_LAYOUT);
  assert_int_equal(judge(update, SIZE + 4, 100, INFINITY, NULL), TAMIS_WRONG_LAYOUT);
}

static void a_base_without_a_header_is_corrupt(void **state) {
  uint8_t base[SIZE];
  struct content *content;
  (void)state;
  fill(base);
  assert_int_equal(content_open(base, 7, 1, &content, NULL), TAMIS_CORRUPT);
  assert_int_equal(content_open(base, HEADER - 1, 1, &content, NULL), TAMIS_CORRUPT);
  memset(base, 0xff, 8);
  assert_int_equal(content_open(base, SIZE, 1, &content, NULL), TAMIS_CORRUPT);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_good_update_passes_however_it_is_cut),
      cmocka_unit_test(the_norm_is_the_same_number_however_it_is_cut),
      cmocka_unit_test(one_value_that_is_no_number_is_found_wherever_it_stands),
      cmocka_unit_test(any_changed_byte_of_the_header_is_another_layout),
      cmocka_unit_test(another_length_is_another_layout),
      cmocka_unit_test(a_base_without_a_header_is_corrupt),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
