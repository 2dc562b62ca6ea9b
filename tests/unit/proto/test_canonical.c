/* The JCS subset: what is written, and that nothing else is read. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "proto/canonical.h"

static enum tamis_status decode(const char *text) {
  json_t *value = NULL;
  struct fault fault;
  enum tamis_status status = canonical_decode(text, strlen(text), &value, &fault);
  if (status == TAMIS_OK) json_decref(value);
  return status;
}

static void the_subset_is_accepted(void **state) {
  (void)state;
  static const char *const good[] = {
      "{}",
      "[]",
      "{\"\":1,\"A\":[],\"a\":{},\"a0\":\"\",\"aa\":true,\"b\":false}",
      "[-9007199254740991,0,9007199254740991]",
      "[\" !#$%&'()*+,-./09:;<=>?@AZ[]^_`az{|}~\",\"\\\"\"]",
      "[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]",
  };
  for (size_t i = 0; i < sizeof good / sizeof *good; i++)
    if (decode(good[i]) != TAMIS_OK) fail_msg("refused: %s", good[i]);
}

static void everything_else_is_refused(void **state) {
  (void)state;
  static const char *const bad[] = {
      "",
      " ",
      "1",
      "\"a\"",
      "true",
      "null",
      "{} ",
      " {}",
      "{}\n",
      "{}{}",
      "[1,]",
      "[01]",
      "[+1]",
      "{\"a\" :1}",
      "{\"a\": 1}",
      "[1, 2]",
      "{\"b\":1,\"a\":1}",
      "{\"aa\":1,\"a\":1}",
      "{\"a\":1,\"A\":1}",
      "{\"a\":1,\"a\":1}",
      "{\"a\":1,\"\\u0061\":1}",
      "[null]",
      "[1.0]",
      "[1e3]",
      "[1E400]",
      "[-0]",
      "[9007199254740992]",
      "[-9007199254740992]",
      "[9223372036854775808]",
      "[\"\\u0061\"]",
      "[\"\\/\"]",
      "[\"\\n\"]",
      "[\"\\u0000\"]",
      "[\"\n\"]",
      "[\"\x7f\"]",
      "[\"\xc3\xa9\"]",
      "[\"\xff\"]",
      "{\"\xc3\xa9\":1}",
      "['a']",
      "[NaN]",
      "// {}",
      "{a:1}",
      "[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]",
      "\xef\xbb\xbf{}",
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    if (decode(bad[i]) == TAMIS_OK) fail_msg("accepted: %s", bad[i]);
  json_t *value = NULL;
  assert_int_equal(canonical_decode("[\"a\0b\"]", 7, &value, NULL), TAMIS_BAD_STATEMENT);
  assert_int_equal(canonical_decode("{}\0", 3, &value, NULL), TAMIS_BAD_STATEMENT);
}

static void deep_nesting_is_refused_and_not_followed(void **state) {
  (void)state;
  enum { DEPTH = 1 << 20 };
  char *text = malloc(DEPTH + 1);
  memset(text, '[', DEPTH);
  text[DEPTH] = '\0';
  assert_int_equal(decode(text), TAMIS_BAD_STATEMENT);
  free(text);
}

static void too_large_is_said_before_parsing(void **state) {
  (void)state;
  json_t *value = NULL;
  assert_int_equal(canonical_decode("{}", (size_t)CANONICAL_SIZE_MAX + 1, &value, NULL),
                   TAMIS_TOO_LARGE);
}

/* The order of RFC 8785 3.2.3 within ASCII, and its escapes. */
static void the_writer_sorts_and_escapes(void **state) {
  (void)state;
  char *text = NULL;
  size_t length = 0;
  json_t *value = json_pack("{s:i,s:i,s:i,s:s,s:[i,b,{}]}", "b", 1, "a", 2, "B", 3, "a b", "\"\\/",
                            "aa", -5, 1);
  assert_int_equal(canonical_encode(value, &text, &length, NULL), TAMIS_OK);
  assert_string_equal(text, "{\"B\":3,\"a\":2,\"a b\":\"\\\"\\\\/\",\"aa\":[-5,true,{}],\"b\":1}");
  assert_int_equal(length, strlen(text));
  free(text);
  json_decref(value);
}

static void the_writer_refuses_what_the_reader_would(void **state) {
  (void)state;
  json_t *values[] = {json_pack("[f]", 1.5),        json_pack("[n]"),
                      json_pack("[s]", "\xc3\xa9"), json_pack("[I]", (json_int_t)9007199254740992),
                      json_string("top"),           json_pack("{s:s}", "\t", "a")};
  char *text = NULL;
  size_t length = 0;
  struct fault fault;
  for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
    assert_int_equal(canonical_encode(values[i], &text, &length, &fault), TAMIS_BAD_STATEMENT);
    assert_true(fault.text[0] != '\0');
    json_decref(values[i]);
  }
}

static void doubles_keep_every_bit(void **state) {
  (void)state;
  const double numbers[] = {0.0, -0.0, 1.0, -1.5, 1e308, 5e-324, 0.1, INFINITY};
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
    double again;
    json_t *value = canonical_f64(numbers[i]);
    assert_true(canonical_f64_read(value, &again));
    assert_memory_equal(&again, &numbers[i], sizeof again);
    json_decref(value);
  }
  json_t *one = canonical_f64(1.0);
  assert_string_equal(json_string_value(one), "f64:3ff0000000000000");
  json_decref(one);
}

static void malformed_doubles_are_refused(void **state) {
  (void)state;
  static const char *const bad[] = {"",
                                    "f64:",
                                    "3ff0000000000000",
                                    "f64:3FF0000000000000",
                                    "f64:3ff000000000000",
                                    "f64:3ff00000000000000",
                                    "f32:3ff0000000000000"};
  double number;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    json_t *value = json_string(bad[i]);
    assert_false(canonical_f64_read(value, &number));
    json_decref(value);
  }
  assert_false(canonical_f64_read(NULL, &number));
}

static void look_ups_survive_wrong_types(void **state) {
  (void)state;
  const char *text;
  int64_t integer;
  double number;
  json_t *object = json_pack("{s:i,s:s}", "i", 7, "s", "x");
  assert_true(canonical_integer(object, "i", &integer));
  assert_int_equal(integer, 7);
  assert_true(canonical_text(object, "s", &text));
  assert_false(canonical_text(object, "i", &text));
  assert_false(canonical_integer(object, "s", &integer));
  assert_false(canonical_double(object, "s", &number));
  assert_false(canonical_text(object, "none", &text));
  assert_false(canonical_text(NULL, "none", &text));
  json_decref(object);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_subset_is_accepted),
      cmocka_unit_test(everything_else_is_refused),
      cmocka_unit_test(deep_nesting_is_refused_and_not_followed),
      cmocka_unit_test(too_large_is_said_before_parsing),
      cmocka_unit_test(the_writer_sorts_and_escapes),
      cmocka_unit_test(the_writer_refuses_what_the_reader_would),
      cmocka_unit_test(doubles_keep_every_bit),
      cmocka_unit_test(malformed_doubles_are_refused),
      cmocka_unit_test(look_ups_survive_wrong_types),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
