/* Claims about log lines: hostile bytes never get out raw, JSON stays JSON, lines have an end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <jansson.h>
#include <string.h>
#include "aggregator/rpc/log.h"

static const struct log text_log = {2, LOG_LEVEL_INFO, LOG_FORMAT_TEXT};
static const struct log json_log = {2, LOG_LEVEL_INFO, LOG_FORMAT_JSON};

static void a_text_line(void **state) {
  char line[LOG_LINE_MAX];
  (void)state;
  struct log_field fields[] = {log_text("client", "c17"), log_integer("round", 4),
                               log_seconds("took", 0.25), log_text("sentence", "two words")};
  log_format_line(&text_log, LOG_LEVEL_WARN, 1000, "update refused", fields, 4, line);
  assert_string_equal(line, "1970-01-01T00:00:01.000Z warn update refused client=c17 round=4 "
                            "took=0.250 sentence=\"two words\"\n");
}

static void hostile_bytes_are_escaped(void **state) {
  char line[LOG_LINE_MAX];
  (void)state;
  struct log_field field = log_text("x", "\x1b[31m\n\"\\\x7f\xff=");
  size_t length = log_format_line(&text_log, LOG_LEVEL_INFO, 0, "e", &field, 1, line);
  for (size_t i = 0; i + 1 < length; i++) assert_in_range((unsigned char)line[i], 0x20, 0x7e);
  assert_non_null(strstr(line, "x=\"\\u001b[31m\\u000a\\\"\\\\\\u007f\\u00ff=\""));
}

static void json_is_json_however_long(void **state) {
  char line[LOG_LINE_MAX], longest[3 * LOG_LINE_MAX];
  (void)state;
  for (size_t size = 0; size < sizeof longest; size += 97) {
    memset(longest, size % 2 ? '\x1b' : 'a', sizeof longest);
    longest[size] = '\0';
    struct log_field fields[] = {log_text("a", longest), log_integer("b", 1)};
    size_t length = log_format_line(&json_log, LOG_LEVEL_INFO, 0, "e", fields, 2, line);
    assert_true(length < LOG_LINE_MAX);
    assert_int_equal(line[length - 1], '\n');
    json_error_t error;
    json_t *value = json_loadb(line, length, 0, &error);
    assert_non_null(value);
    json_decref(value);
    length = log_format_line(&text_log, LOG_LEVEL_INFO, 0, "e", fields, 2, line);
    assert_true(length < LOG_LINE_MAX);
    assert_int_equal(line[length - 1], '\n');
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_text_line),
      cmocka_unit_test(hostile_bytes_are_escaped),
      cmocka_unit_test(json_is_json_however_long),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
