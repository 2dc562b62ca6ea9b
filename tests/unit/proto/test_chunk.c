/* The data part's prefix: one spelling, checked against the message's length. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "proto/chunk.h"

static void prefixes_are_protobuf(void **state) {
  (void)state;
  uint8_t prefix[CHUNK_PREFIX_MAX];
  assert_int_equal(chunk_prefix_write(CHUNK_TAG_UP, 1, prefix), 2);
  assert_memory_equal(prefix, "\x12\x01", 2);
  assert_int_equal(chunk_prefix_write(CHUNK_TAG_DOWN, 288, prefix), 3);
  assert_memory_equal(prefix, "\x0a\xa0\x02", 3);
  assert_int_equal(chunk_prefix_write(CHUNK_TAG_UP, 1 << 20, prefix), 4);
  assert_memory_equal(prefix, "\x12\x80\x80\x40", 4);
}

static void every_size_is_read_back(void **state) {
  (void)state;
  uint8_t prefix[CHUNK_PREFIX_MAX] = {0};
  for (size_t payload = 1; payload <= CHUNK_PAYLOAD_MAX; payload += payload < 70000 ? 1 : 997) {
    size_t n = chunk_prefix_write(CHUNK_TAG_UP, payload, prefix);
    size_t available = n + payload < CHUNK_PREFIX_MAX ? n + payload : CHUNK_PREFIX_MAX;
    assert_int_equal(chunk_prefix_read(CHUNK_TAG_UP, prefix, available, n + payload), n);
    assert_int_equal(chunk_prefix_read(CHUNK_TAG_UP, prefix, available, n + payload + 1), 0);
    assert_int_equal(chunk_prefix_read(CHUNK_TAG_UP, prefix, available, n + payload - 1), 0);
    assert_int_equal(chunk_prefix_read(CHUNK_TAG_DOWN, prefix, available, n + payload), 0);
  }
}

static void other_spellings_are_refused(void **state) {
  (void)state;
  static const uint8_t over_long[] = {0x12, 0x81, 0x00, 'x', 0, 0};
  static const uint8_t huge[] = {0x12, 0xff, 0xff, 0xff, 0xff, 0xff};
  static const uint8_t empty[] = {0x12, 0x00};
  static const uint8_t above[] = {0x12, 0x81, 0x80, 0x40, 0, 0};
  static const uint8_t cut[] = {0x12, 0x80};
  assert_int_equal(chunk_prefix_read(0x12, over_long, 4, 4), 0);
  assert_int_equal(chunk_prefix_read(0x12, huge, 6, SIZE_MAX), 0);
  assert_int_equal(chunk_prefix_read(0x12, empty, 2, 2), 0);
  assert_int_equal(chunk_prefix_read(0x12, above, 6, 4 + (1 << 20) + 1), 0);
  assert_int_equal(chunk_prefix_read(0x12, cut, 2, 2), 0);
  assert_int_equal(chunk_prefix_read(0x12, cut, 0, 0), 0);
  assert_int_equal(chunk_prefix_read(0x12, cut, 1, 1), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(prefixes_are_protobuf),
      cmocka_unit_test(every_size_is_read_back),
      cmocka_unit_test(other_spellings_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
