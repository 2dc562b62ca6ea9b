/* Claims about the checksum of journal records. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "aggregator/crc32c.h"

/* RFC 3720 B.4, and the check value every catalogue gives. */
static void known_values_come_out(void **state) {
  (void)state;
  uint8_t bytes[32] = {0};
  assert_int_equal(crc32c("123456789", 9), 0xe3069283);
  assert_int_equal(crc32c("", 0), 0);
  assert_int_equal(crc32c(bytes, 32), 0x8a9136aa);
  for (int i = 0; i < 32; i++) bytes[i] = 0xff;
  assert_int_equal(crc32c(bytes, 32), 0x62a8ab43);
  for (int i = 0; i < 32; i++) bytes[i] = (uint8_t)i;
  assert_int_equal(crc32c(bytes, 32), 0x46dd794e);
}

static void the_fast_variant_agrees_with_the_portable_one(void **state) {
  (void)state;
  uint8_t bytes[300];
  srand(1);
  for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)rand();
  for (size_t start = 0; start < 9; start++)
    for (size_t length = 0; length + start <= sizeof bytes; length++)
      assert_int_equal(crc32c(bytes + start, length),
                       crc32c_extend_portable(0, bytes + start, length));
}

static void pieces_add_up_to_the_whole(void **state) {
  (void)state;
  const char *text = "an entry in two pieces";
  for (size_t cut = 0; cut <= 22; cut++)
    assert_int_equal(crc32c_extend(crc32c(text, cut), text + cut, 22 - cut), crc32c(text, 22));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(known_values_come_out),
      cmocka_unit_test(the_fast_variant_agrees_with_the_portable_one),
      cmocka_unit_test(pieces_add_up_to_the_whole),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
