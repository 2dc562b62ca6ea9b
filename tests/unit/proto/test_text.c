/* One spelling per value: what decodes must encode to the same characters. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "proto/text.h"

static void hex_is_lower_case_and_exact(void **state) {
  (void)state;
  uint8_t bytes[2];
  char hex[5];
  assert_true(text_hex_decode("00ff", 4, bytes, 2));
  text_hex_encode(bytes, 2, hex);
  assert_string_equal(hex, "00ff");
  assert_false(text_hex_decode("00FF", 4, bytes, 2));
  assert_false(text_hex_decode("00f", 3, bytes, 2));
  assert_false(text_hex_decode("00f", 3, bytes, 1));
  assert_false(text_hex_decode("0g", 2, bytes, 1));
  assert_false(text_hex_decode("00ff00", 6, bytes, 2));
}

static void base64_has_one_spelling(void **state) {
  (void)state;
  static const char *const bad[] = {"Zg",     "Zg=",  "Zh==",     "Zg== ", " Zg==", "Z g==",
                                    "Zg==\n", "Zm9=", "Zg==Zg==", "Zm-_",  "=",     "===="};
  uint8_t bytes[16];
  char text[32];
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    size_t length = sizeof bytes;
    assert_false(text_base64_decode(bad[i], strlen(bad[i]), bytes, &length));
  }
  for (size_t n = 0; n <= 12; n++) {
    size_t length = sizeof bytes;
    text_base64_encode((const uint8_t *)"\xff\xfe+hello, wo", n, text);
    assert_int_equal(strlen(text) + 1, text_base64_size(n));
    assert_true(text_base64_decode(text, strlen(text), bytes, &length));
    assert_int_equal(length, n);
    assert_memory_equal(bytes, "\xff\xfe+hello, wo", n);
  }
}

/* libsodium 1.0.18 reads 0xd4 as '+'; found by fuzz_key. */
static void base64_is_ascii(void **state) {
  (void)state;
  uint8_t bytes[16];
  for (int c = 0; c < 256; c++) {
    const char text[4] = {'A', (char)c, 'A', 'A'};
    size_t length = sizeof bytes;
    bool in_alphabet =
        c != 0 && c < 128 &&
        strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", c);
    assert_int_equal(text_base64_decode(text, 4, bytes, &length), in_alphabet);
  }
}

static void base64_never_passes_its_capacity(void **state) {
  (void)state;
  uint8_t bytes[4] = {0};
  size_t length = 2;
  assert_false(text_base64_decode("Zm9v", 4, bytes, &length));
  assert_int_equal(bytes[2], 0);
}

static void names_and_origins(void **state) {
  (void)state;
  char long_name[130];
  memset(long_name, 'a', sizeof long_name);
  assert_true(text_is_name("c1", 2));
  assert_true(text_is_name("7.a_b-c", 7));
  assert_true(text_is_name(long_name, 64));
  assert_false(text_is_name(long_name, 65));
  assert_false(text_is_name("", 0));
  assert_false(text_is_name(".hidden", 7));
  assert_false(text_is_name("-x", 2));
  assert_false(text_is_name("Upper", 5));
  assert_false(text_is_name("a/b", 3));
  assert_false(text_is_name("a\0b", 3));
  assert_false(text_is_name("a b", 3));
  assert_true(text_is_origin("fl.example/agg1", 15));
  assert_true(text_is_origin(long_name, 128));
  assert_false(text_is_origin(long_name, 129));
  assert_false(text_is_origin("a+b", 3));
  assert_false(text_is_origin("a b", 3));
  assert_false(text_is_origin("a\nb", 3));
  assert_false(text_is_origin("\xc3\xa9", 2));
  assert_false(text_is_origin("", 0));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(hex_is_lower_case_and_exact),
      cmocka_unit_test(base64_has_one_spelling),
      cmocka_unit_test(base64_is_ascii),
      cmocka_unit_test(base64_never_passes_its_capacity),
      cmocka_unit_test(names_and_origins),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
