/* Headers of safetensors files: ours, other people's, and hostile ones. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "proto/tensor.h"

/* A file's beginning from header JSON, padded to 64; gives its length back. */
static size_t header_of(const char *json, uint8_t out[4096]) {
  size_t length = strlen(json);
  memcpy(out + 8, json, length);
  for (length += 8; length % 64 != 0; length++) out[length] = ' ';
  for (int i = 0; i < 8; i++) out[i] = (uint8_t)((uint64_t)(length - 8) >> (8 * i));
  return length;
}

static enum tamis_status parse(const char *json, uint64_t floats, struct layout *layout) {
  uint8_t bytes[4096];
  struct fault fault;
  size_t length = header_of(json, bytes);
  return layout_parse(bytes, length, length + 4 * floats, layout, &fault);
}

static void a_layout_is_made_and_read_back(void **state) {
  (void)state;
  const struct tensor tensors[] = {{.name = "fc.weight", .rank = 2, .shape = {2, 3}},
                                   {.name = "scale", .rank = 0},
                                   {.name = "fc.bias", .rank = 1, .shape = {2}}};
  struct layout made, read;
  struct fault fault;
  assert_int_equal(layout_make(tensors, 3, &made, &fault), TAMIS_OK);
  assert_int_equal(made.parameters, 9);
  assert_int_equal(made.header_size % TENSOR_ALIGNMENT, 0);
  assert_int_equal(layout_file_size(&made), made.header_size + 36);
  assert_int_equal(made.tensor[0].offset, 0);
  assert_int_equal(made.tensor[0].count, 6);
  assert_string_equal(made.tensor[1].name, "scale");
  assert_int_equal(made.tensor[1].count, 1);
  assert_int_equal(made.tensor[2].offset, 7);
  assert_int_equal(layout_header_size(made.header), made.header_size);
  assert_non_null(
      strstr((const char *)made.header + 8,
             "{\"fc.weight\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]}"));
  assert_int_equal(
      layout_parse(made.header, made.header_size, layout_file_size(&made), &read, &fault),
      TAMIS_OK);
  assert_true(digest_equal(&made.digest, &read.digest));
  struct digest header = digest_of(made.header, made.header_size);
  assert_true(digest_equal(&made.digest, &header));
  layout_close(&read);
  layout_close(&made);
}

static void other_writers_headers_are_accepted(void **state) {
  (void)state;
  struct layout layout;
  assert_int_equal(
      parse(
          "{ \"__metadata__\": {\"format\": \"pt\"},\n \"b\": {\"shape\": [2], \"dtype\": \"F32\","
          " \"data_offsets\": [8, 16]}, \"a\": {\"data_offsets\": [0, 8], \"dtype\": \"F32\","
          " \"shape\": [1, 2]} }",
          4, &layout),
      TAMIS_OK);
  assert_int_equal(layout.tensor_count, 2);
  assert_string_equal(layout.tensor[0].name, "a");
  assert_string_equal(layout.tensor[1].name, "b");
  assert_int_equal(layout.tensor[1].offset, 2);
  layout_close(&layout);
  assert_int_equal(parse("{\"z\":{\"dtype\":\"F32\",\"shape\":[0,5],\"data_offsets\":[0,0]},"
                         "\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]}}",
                         1, &layout),
                   TAMIS_OK);
  assert_string_equal(layout.tensor[0].name, "z");
  layout_close(&layout);
}

#define ONE(dtype, shape, offsets)                                                                 \
  "{\"a\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}}"

static void hostile_headers_are_refused(void **state) {
  (void)state;
  static const struct {
    const char *json;
    uint64_t floats;
  } bad[] = {
      {"{}", 0},
      {"[]", 0},
      {" {}", 0},
      {"{\"__metadata__\":{}}", 0},
      {ONE("F32", "[2]", "[0,8]"), 1},
      {ONE("F32", "[2]", "[0,8]"), 3},
      {ONE("F16", "[2]", "[0,8]"), 2},
      {ONE("F64", "[1]", "[0,8]"), 2},
      {ONE("", "[2]", "[0,8]"), 2},
      {ONE("F32", "2", "[0,8]"), 2},
      {ONE("F32", "[2.0]", "[0,8]"), 2},
      {ONE("F32", "[-2]", "[0,8]"), 2},
      {ONE("F32", "[\"2\"]", "[0,8]"), 2},
      {ONE("F32", "[1,1,1,1,1,1,1,1,1,2]", "[0,8]"), 2},
      {ONE("F32", "[2]", "[0]"), 2},
      {ONE("F32", "[2]", "[8,0]"), 2},
      {ONE("F32", "[2]", "[0,8,8]"), 2},
      {ONE("F32", "[2]", "[4,12]"), 3},
      {ONE("F32", "[2]", "[1,9]"), 2},
      {ONE("F32", "[2]", "[-8,0]"), 2},
      {ONE("F32", "[4294967296,4294967296]", "[0,0]"), 0},
      {ONE("F32", "[4611686018427387904]", "[0,0]"), 0},
      {ONE("F32", "[9223372036854775807,2]", "[0,8]"), 2},
      {ONE("F32", "[2]", "[0,18446744073709551624]"), 2},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}}", 2},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8],\"x\":1}}", 2},
      {"{\"a\":5}", 2},
      {"{\"a\":null}", 2},
      {"{\"__metadata__\":{\"a\":1}}", 0},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
       "\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,16]}}",
       4},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
       "\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}",
       3},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
       "\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}",
       2},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
       "\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[12,20]}}",
       5},
      {ONE("F32", "[2]", "[0,8]") "x", 2},
  };
  struct layout layout;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    if (parse(bad[i].json, bad[i].floats, &layout) != TAMIS_WRONG_LAYOUT)
      fail_msg("accepted: %s", bad[i].json);
}

static void absurd_lengths_are_refused_before_anything_is_read(void **state) {
  (void)state;
  uint8_t bytes[4096];
  struct layout layout;
  struct fault fault;
  size_t length = header_of(ONE("F32", "[2]", "[0,8]"), bytes);
  for (size_t n = 0; n < length; n++)
    assert_int_equal(layout_parse(bytes, n, length + 8, &layout, &fault), TAMIS_WRONG_LAYOUT);
  assert_int_equal(layout_parse(bytes, length, length - 1, &layout, &fault), TAMIS_WRONG_LAYOUT);
  memset(bytes, 0xff, 8);
  assert_int_equal(layout_header_size(bytes), 0);
  assert_int_equal(layout_parse(bytes, length, length + 8, &layout, &fault), TAMIS_WRONG_LAYOUT);
  memset(bytes, 0, 8);
  assert_int_equal(layout_header_size(bytes), 0);
}

static void data_must_start_on_a_multiple_of_64(void **state) {
  (void)state;
  uint8_t bytes[4096];
  struct layout layout;
  struct fault fault;
  size_t length = header_of(ONE("F32", "[2]", "[0,8]"), bytes) - 8;
  bytes[0] = (uint8_t)(bytes[0] - 8);
  assert_int_equal(layout_parse(bytes, length, length + 8, &layout, &fault), TAMIS_WRONG_LAYOUT);
  assert_non_null(strstr(fault.text, "64"));
}

static void names_that_would_need_escapes_are_not_written(void **state) {
  (void)state;
  static const char *const names[] = {"", "a\"b", "a\\b", "a\nb", "\xc3\xa9"};
  struct layout layout;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    struct tensor tensor = {.rank = 1, .shape = {1}};
    strcpy(tensor.name, names[i]);
    assert_int_equal(layout_make(&tensor, 1, &layout, NULL), TAMIS_WRONG_LAYOUT);
  }
  struct tensor huge = {.name = "a", .rank = 3, .shape = {1u << 31, 1u << 31, 1u << 31}};
  assert_int_equal(layout_make(&huge, 1, &layout, NULL), TAMIS_WRONG_LAYOUT);
  assert_int_equal(layout_make(&huge, 0, &layout, NULL), TAMIS_WRONG_LAYOUT);
}

static void a_matrix_of_doubles_keeps_every_bit(void **state) {
  (void)state;
  const double values[] = {0.1, -0.0, 1e308, 5e-324, 2, 3};
  uint8_t *bytes = NULL;
  size_t length = 0;
  uint64_t rows = 0, columns = 0;
  double *again = NULL;
  struct fault fault;
  assert_int_equal(tensor_write_f64("gram", 2, 3, values, &bytes, &length, &fault), TAMIS_OK);
  assert_int_equal(length % 64, sizeof values);
  assert_int_equal(tensor_read_f64(bytes, length, "gram", &rows, &columns, &again, &fault),
                   TAMIS_OK);
  assert_int_equal(rows, 2);
  assert_int_equal(columns, 3);
  assert_memory_equal(again, values, sizeof values);
  free(again);
  assert_int_equal(tensor_read_f64(bytes, length, "other", &rows, &columns, &again, &fault),
                   TAMIS_WRONG_LAYOUT);
  assert_int_equal(tensor_read_f64(bytes, length - 1, "gram", &rows, &columns, &again, &fault),
                   TAMIS_WRONG_LAYOUT);
  free(bytes);
}

static void other_types_are_read_where_they_are_asked_for(void **state) {
  (void)state;
  static const struct {
    const char *json;
    uint64_t data;
    enum tensor_dtype dtype;
  } row[] = {
      {"{\"b\":{\"dtype\":\"F64\",\"shape\":[2],\"data_offsets\":[8,24]},"
       "\"a\":{\"dtype\":\"F64\",\"shape\":[],\"data_offsets\":[0,8]}}",
       24, TENSOR_F64},
      {"{\"a\":{\"dtype\":\"F16\",\"shape\":[3],\"data_offsets\":[0,6]}}", 6, TENSOR_F16},
      {"{\"a\":{\"dtype\":\"BF16\",\"shape\":[3],\"data_offsets\":[0,6]}}", 6, TENSOR_BF16},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,12]}}", 12, TENSOR_F32},
  };
  uint8_t bytes[4096];
  struct layout layout;
  struct fault fault;
  enum tensor_dtype dtype;
  for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
    size_t length = 8 + strlen(row[i].json); /* not padded: the data begins at an odd place */
    memcpy(bytes + 8, row[i].json, length - 8);
    for (int k = 0; k < 8; k++) bytes[k] = (uint8_t)((length - 8) >> (8 * k));
    assert_int_equal(
        layout_parse_foreign(bytes, length, length + row[i].data, &layout, &dtype, &fault),
        TAMIS_OK);
    assert_int_equal(dtype, row[i].dtype);
    assert_int_equal(layout.parameters, 3);
    assert_string_equal(layout.tensor[0].name, "a");
    layout_close(&layout);
    assert_int_equal(layout_parse(bytes, length, length + row[i].data, &layout, &fault),
                     TAMIS_WRONG_LAYOUT);
  }
}

static void a_file_of_two_types_or_of_whole_numbers_is_refused(void **state) {
  (void)state;
  static const char *const json[] = {
      "{\"a\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[0,4]},"
      "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}",
      "{\"a\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[0,8]}}",
      "{\"a\":{\"shape\":[1],\"data_offsets\":[0,8]}}",
      "{\"a\":[]}",
      "{}",
      "{\"__metadata__\":{\"dtype\":\"F32\"}}"};
  uint8_t bytes[4096];
  struct layout layout;
  struct fault fault;
  enum tensor_dtype dtype;
  for (size_t i = 0; i < sizeof json / sizeof *json; i++) {
    size_t length = header_of(json[i], bytes);
    assert_int_equal(layout_parse_foreign(bytes, length, length + 8, &layout, &dtype, &fault),
                     TAMIS_WRONG_LAYOUT);
  }
}

static void a_header_is_said_again_in_another_type(void **state) {
  (void)state;
  uint8_t bytes[4096], *again = NULL;
  struct layout layout, read;
  struct fault fault;
  enum tensor_dtype dtype;
  size_t again_length = 0;
  size_t length = header_of("{\"__metadata__\":{\"format\":\"pt\"},"
                            "\"b\":{\"dtype\":\"BF16\",\"shape\":[1,2],\"data_offsets\":[2,6]},"
                            "\"a\":{\"dtype\":\"BF16\",\"shape\":[1],\"data_offsets\":[0,2]}}",
                            bytes);
  assert_int_equal(layout_parse_foreign(bytes, length, length + 6, &layout, &dtype, &fault),
                   TAMIS_OK);
  assert_int_equal(layout_retype(&layout, TENSOR_F32, &again, &again_length, &fault), TAMIS_OK);
  assert_int_equal(again_length % TENSOR_ALIGNMENT, 0);
  assert_int_equal(layout_parse(again, again_length, again_length + 12, &read, &fault), TAMIS_OK);
  const char *const said = "{\"__metadata__\":{\"format\":\"pt\"},"
                           "\"b\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[4,12]},"
                           "\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}} ";
  assert_memory_equal(again + 8, said, strlen(said));
  layout_close(&read);
  layout_close(&layout);
  free(again);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_layout_is_made_and_read_back),
      cmocka_unit_test(other_writers_headers_are_accepted),
      cmocka_unit_test(hostile_headers_are_refused),
      cmocka_unit_test(absurd_lengths_are_refused_before_anything_is_read),
      cmocka_unit_test(data_must_start_on_a_multiple_of_64),
      cmocka_unit_test(names_that_would_need_escapes_are_not_written),
      cmocka_unit_test(a_matrix_of_doubles_keeps_every_bit),
      cmocka_unit_test(other_types_are_read_where_they_are_asked_for),
      cmocka_unit_test(a_file_of_two_types_or_of_whole_numbers_is_refused),
      cmocka_unit_test(a_header_is_said_again_in_another_type),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
