/* Journal files as a server leaves them, and as the world damages them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "client-sdk/journal_reader.h"

/* "123456789" has the CRC-32C 0xe3069283 (RFC 3720's check value), "a" has 0xc1d04330. */
static const unsigned char good[] = "\x09\0\0\0\x83\x92\x06\xe3"
                                    "123456789"
                                    "\x01\0\0\0\x30\x43\xd0\xc1"
                                    "a";
enum { GOOD = sizeof good - 1, FIRST = 17 };

struct seen {
  uint64_t entries;
  uint64_t torn;
  struct fault fault;
};

static enum tamis_status see(void *context, uint64_t index, const char *bytes, size_t length) {
  struct seen *seen = context;
  assert_int_equal(index, seen->entries);
  assert_int_equal(length, index == 0 ? 9 : 1);
  assert_string_equal(bytes, index == 0 ? "123456789" : "a");
  seen->entries++;
  return TAMIS_OK;
}

static enum tamis_status walk(const void *bytes, size_t length, struct seen *seen) {
  char path[] = "/tmp/tamis-journal-XXXXXX";
  int fd = mkstemp(path);
  assert_int_equal(write(fd, bytes, length), length);
  close(fd);
  memset(seen, 0, sizeof *seen);
  enum tamis_status status = journal_reader_walk(path, see, seen, &seen->torn, &seen->fault);
  unlink(path);
  return status;
}

static void whole_records_are_read_in_order(void **state) {
  struct seen seen;
  (void)state;
  assert_int_equal(walk(good, GOOD, &seen), TAMIS_OK);
  assert_int_equal(seen.entries, 2);
  assert_int_equal(seen.torn, 0);
  assert_int_equal(walk(good, 0, &seen), TAMIS_OK);
  assert_int_equal(seen.entries, 0);
}

static void every_cut_is_a_torn_tail(void **state) {
  struct seen seen;
  (void)state;
  for (size_t length = 0; length < GOOD; length++) {
    assert_int_equal(walk(good, length, &seen), TAMIS_OK);
    assert_int_equal(seen.entries, length >= FIRST ? 1 : 0);
    assert_int_equal(seen.torn, length >= FIRST ? length - FIRST : length);
  }
}

static void a_flipped_bit_before_the_tail_is_corrupt(void **state) {
  unsigned char bytes[GOOD];
  struct seen seen;
  (void)state;
  for (size_t i = 4; i < FIRST; i++) {
    memcpy(bytes, good, GOOD);
    bytes[i] ^= 1;
    assert_int_equal(walk(bytes, GOOD, &seen), TAMIS_CORRUPT);
    assert_non_null(strstr(seen.fault.text, "offset 0"));
  }
}

static void an_absurd_length_is_corrupt_but_zeros_are_room(void **state) {
  unsigned char bytes[GOOD + 100] = {0};
  struct seen seen;
  (void)state;
  memcpy(bytes, good, GOOD);
  assert_int_equal(walk(bytes, sizeof bytes, &seen), TAMIS_OK);
  assert_int_equal(seen.torn, 100);
  bytes[GOOD + 50] = 1;
  assert_int_equal(walk(bytes, sizeof bytes, &seen), TAMIS_CORRUPT);
  memset(bytes + GOOD, 0xff, 100);
  assert_int_equal(walk(bytes, sizeof bytes, &seen), TAMIS_CORRUPT);
}

static void a_file_that_is_not_there_is_not_found(void **state) {
  struct seen seen = {0};
  (void)state;
  assert_int_equal(journal_reader_walk("/tmp/no/such/journal", see, &seen, &seen.torn, &seen.fault),
                   TAMIS_NOT_FOUND);
}

int main(void) {
  const struct CMUnitTest claims[] = {
      cmocka_unit_test(whole_records_are_read_in_order),
      cmocka_unit_test(every_cut_is_a_torn_tail),
      cmocka_unit_test(a_flipped_bit_before_the_tail_is_corrupt),
      cmocka_unit_test(an_absurd_length_is_corrupt_but_zeros_are_room),
      cmocka_unit_test(a_file_that_is_not_there_is_not_found),
  };
  return cmocka_run_group_tests(claims, NULL, NULL);
}
