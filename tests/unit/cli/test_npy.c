/* Headers of numpy's files: numpy's own, other spellings of the same, and hostile ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "cli/npy.h"

/* A file's beginning with this dictionary; gives its length back. */
static size_t header_of(unsigned version, const char *dictionary, uint8_t out[512]) {
  size_t length = strlen(dictionary), width = version == 1 ? 2 : 4;
  memcpy(out, "\x93NUMPY", 6);
  out[6] = (uint8_t)version;
  out[7] = 0;
  for (size_t i = 0; i < width; i++) out[8 + i] = (uint8_t)(length >> (8 * i));
  memcpy(out + 8 + width, dictionary, length);
  return 8 + width + length;
}

static enum tamis_status parse(const char *dictionary, uint64_t data, struct npy *npy,
                               struct fault *fault) {
  uint8_t bytes[512];
  size_t length = header_of(1, dictionary, bytes);
  return npy_parse(bytes, length, length + data, npy, fault);
}

static void what_numpy_writes_is_read(void **state) {
  (void)state;
  static const struct {
    const char *text;
    enum npy_dtype dtype;
    size_t rank, size;
  } row[] = {
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }         \n", NPY_F32, 2, 4},
      {"{'descr': '<f8', 'fortran_order': False, 'shape': (6,), }\n", NPY_F64, 1, 8},
      {"{'descr': '<f2', 'fortran_order': False, 'shape': (1, 6, 1), }\n", NPY_F16, 3, 2},
      {"{\"shape\":(2,3),\"fortran_order\":False,\"descr\":\"<i8\"}", NPY_I64, 2, 8},
      {" { 'shape' : ( 6 , ) , 'descr' : '<i4' , 'fortran_order' : False } \n", NPY_I32, 1, 4},
  };
  struct npy npy;
  struct fault fault;
  for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
    assert_int_equal(parse(row[i].text, 6 * row[i].size, &npy, &fault), TAMIS_OK);
    assert_int_equal(npy.dtype, row[i].dtype);
    assert_int_equal(npy.rank, row[i].rank);
    assert_int_equal(npy.count, 6);
    assert_int_equal(npy.header_size, 10 + strlen(row[i].text));
  }
}

static void all_three_versions_are_read(void **state) {
  (void)state;
  uint8_t bytes[512];
  struct npy npy;
  struct fault fault;
  for (unsigned version = 1; version <= 3; version++) {
    size_t length =
        header_of(version, "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)}", bytes);
    assert_int_equal(npy_parse(bytes, length, length + 4, &npy, &fault), TAMIS_OK);
    assert_int_equal(npy.header_size, length);
  }
}

static void what_is_not_rows_of_numbers_is_refused_by_name(void **state) {
  (void)state;
#define REST ", 'fortran_order': False, 'shape': (6,)}"
  static const struct {
    const char *text, *said;
  } row[] = {
      {"{'descr': '<f4', 'fortran_order': True, 'shape': (6,)}", "Fortran order"},
      {"{'descr': '>f4'" REST, "big-endian (>f4)"},
      {"{'descr': '|O'" REST, "|O, and not <f2, <f4 or <f8"},
      {"{'descr': '<c8'" REST, "<c8, and not"},
      {"{'descr': [('a', '<f4')]" REST, "records"},
      {"{'descr': '<f4\\x00'" REST, "records"},
      {"{'descr': '<f4', 'fortran_order': 0, 'shape': (6,)}", "neither True nor False"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (6)}", "not a tuple"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': [6]}", "not a tuple"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (-6,)}", "not a number"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (6,,)}", "not a number"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (6", "not a tuple"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (5,)}", "not as long as its array"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (7,)}", "not as long as its array"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,6)}", "8 dimensions"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967302)}", "too large"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387910,)}",
       "not as long as its array"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (18446744073709551622,)}", "too large"},
      {"{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (6,)}", "not exactly"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (6,), 'x': 1}", "not exactly"},
      {"{'descr': '<f4', 'shape': (6,)}", "not exactly"},
      {"{'descr': '<f4' 'fortran_order': False, 'shape': (6,)}", "does not end"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (6,)", "does not end"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (6,)} exit()", "after the dictionary"},
      {"[1]", "not a dictionary"},
      {"", "not a dictionary"},
  };
#undef REST
  struct npy npy;
  struct fault fault;
  for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
    assert_int_equal(parse(row[i].text, 24, &npy, &fault), TAMIS_WRONG_LAYOUT);
    if (strstr(fault.text, row[i].said) == NULL) fail_msg("%s: %s", row[i].text, fault.text);
  }
}

static void a_beginning_that_lies_is_refused(void **state) {
  (void)state;
  uint8_t bytes[512];
  struct npy npy;
  struct fault fault;
  size_t length = header_of(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (6,)}", bytes);
  for (size_t cut = 0; cut < length; cut++)
    assert_int_equal(npy_parse(bytes, cut, length + 24, &npy, &fault), TAMIS_WRONG_LAYOUT);
  assert_int_equal(npy_parse(bytes, length, length - 1, &npy, &fault), TAMIS_WRONG_LAYOUT);
  bytes[6] = 4;
  assert_int_equal(npy_parse(bytes, length, length + 24, &npy, &fault), TAMIS_WRONG_LAYOUT);
  bytes[6] = 2; /* the length is now the dictionary's first bytes too */
  assert_int_equal(npy_parse(bytes, length, length + 24, &npy, &fault), TAMIS_WRONG_LAYOUT);
  assert_false(npy_is((const uint8_t *)"PK\3\4....", 8));
}

static void what_is_written_is_read_back(void **state) {
  (void)state;
  const uint64_t largest = UINT64_C(1) << 40;
  static const size_t size[] = {2, 4, 8, 4, 8};
  uint8_t bytes[NPY_WRITTEN_MAX];
  struct npy npy;
  struct fault fault;
  for (size_t rank = 1; rank <= NPY_RANK_MAX; rank++) {
    uint64_t shape[NPY_RANK_MAX] = {largest, 1, 1, 1, 1, 1, 1, 3};
    for (enum npy_dtype dtype = NPY_F16; dtype <= NPY_I64; dtype++) {
      size_t length = npy_header_write(dtype, rank, shape, bytes);
      uint64_t count = largest * (rank == NPY_RANK_MAX ? 3 : 1);
      assert_int_equal(length % 64, 0);
      assert_int_equal(npy_dtype_size(dtype), size[dtype]);
      assert_int_equal(npy_parse(bytes, length, length + count * size[dtype], &npy, &fault),
                       TAMIS_OK);
      assert_int_equal(npy.dtype, dtype);
      assert_int_equal(npy.rank, rank);
      assert_memory_equal(npy.shape, shape, rank * sizeof *shape);
      assert_int_equal(npy.header_size, length);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_numpy_writes_is_read),
      cmocka_unit_test(all_three_versions_are_read),
      cmocka_unit_test(what_is_not_rows_of_numbers_is_refused_by_name),
      cmocka_unit_test(a_beginning_that_lies_is_refused),
      cmocka_unit_test(what_is_written_is_read_back),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
