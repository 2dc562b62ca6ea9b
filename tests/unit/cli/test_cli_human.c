/* Claims about the small readers and writers: what they refuse matters more than what they accept.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "cli/exit_code.h"
#include "cli/human.h"

static void durations_need_a_number_and_a_unit(void **state) {
  (void)state;
  uint64_t ms = 7;
  static const char *const bad[] = {"",     "60",   "s",     "0s",    "-1s",
                                    "1.5s", "60 s", "60sec", " 60s",  "99999d",
                                    "1e3s", "+5s",  "5w",    "60s\n", "9999999999999999s"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    assert_false(human_duration_read(bad[i], &ms));
  assert_int_equal(ms, 7);
  assert_true(human_duration_read("500ms", &ms) && ms == 500);
  assert_true(human_duration_read("24h", &ms) && ms == 86400000);
  assert_true(human_duration_read("3650d", &ms) && ms == UINT64_C(315360000000));
}

static void counts_stay_within_what_json_can_say(void **state) {
  (void)state;
  uint64_t count;
  assert_true(human_count_read("9007199254740991", &count) && count == (UINT64_C(1) << 53) - 1);
  assert_false(human_count_read("9007199254740992", &count));
  assert_false(human_count_read("18446744073709551617", &count));
  assert_false(human_count_read("", &count) || human_count_read("-1", &count) ||
               human_count_read("0x10", &count) || human_count_read("1 ", &count));
}

static void reals_are_finite(void **state) {
  (void)state;
  double real;
  assert_true(human_real_read("1e6", &real) && real == 1e6);
  assert_true(human_real_read("-0.5", &real) && real == -0.5);
  assert_false(human_real_read("nan", &real) || human_real_read("inf", &real) ||
               human_real_read("1e999", &real) || human_real_read("", &real) ||
               human_real_read(" 1", &real) || human_real_read("1x", &real));
}

static void nothing_printable_moves_the_cursor(void **state) {
  (void)state;
  char out[16];
  human_printable("a\033[2Jb\n\x9b", 8, out, sizeof out);
  assert_string_equal(out, "a?[2Jb??");
  human_printable("0123456789", 10, out, 4);
  assert_string_equal(out, "012");
  human_printable("a\0b", 3, out, sizeof out);
  assert_string_equal(out, "a?b");
}

static void a_cut_text_keeps_its_width(void **state) {
  (void)state;
  char text[64] = "0123456789", plain[64] = "0123456789", whole[64] = "0123";
  human_cut(text, sizeof text, 5, true);
  assert_string_equal(text, "0123\u2026");
  human_cut(plain, sizeof plain, 5, false);
  assert_string_equal(plain, "012..");
  human_cut(whole, sizeof whole, 4, true);
  assert_string_equal(whole, "0123");
}

static void ages_use_one_unit(void **state) {
  (void)state;
  char out[HUMAN_TEXT_SIZE];
  static const struct {
    int64_t ms;
    const char *text;
  } row[] = {{-5, "0s"}, {119999, "119s"}, {120000, "2m"}, {7200000, "2h"}, {172800000, "2d"}};
  for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
    human_age(row[i].ms, out);
    assert_string_equal(out, row[i].text);
  }
  human_bytes(4 << 20, out);
  assert_string_equal(out, "4.0MiB");
  human_bytes(UINT64_MAX, out);
  assert_string_equal(out, "16.0EiB");
}

static void sparklines_survive_any_number(void **state) {
  (void)state;
  char out[19];
  const double values[] = {0, 1, -7, 1e300, NAN, 0.5};
  human_sparkline(values, 6, out);
  assert_string_equal(out, "▁█▁█ ▅");
}

static void slips_are_recognised_and_nonsense_is_not(void **state) {
  (void)state;
  static const char *const nouns[] = {"federation", "client", "round", "model", "verify"};
  assert_string_equal(human_closest("clinet", nouns, 5), "client");
  assert_string_equal(human_closest("fedration", nouns, 5), "federation");
  assert_string_equal(human_closest("verfiy", nouns, 5), "verify");
  assert_null(human_closest("xyzzy", nouns, 5));
  assert_null(human_closest("a-word-of-more-than-thirty-one-letters", nouns, 5));
}

static void every_status_has_an_exit_code(void **state) {
  (void)state;
  for (int i = 1; i < TAMIS_STATUS_COUNT; i++) {
    assert_int_not_equal(exit_code_of((enum tamis_status)i), EXIT_CODE_OK);
    assert_non_null(exit_code_hint((enum tamis_status)i));
  }
  assert_int_equal(exit_code_of(TAMIS_OK), 0);
  assert_int_equal(exit_code_of((enum tamis_status)9999), EXIT_CODE_FAILED);
  assert_int_equal(exit_code_of(TAMIS_UNAVAILABLE), 7);
  assert_int_equal(exit_code_of(TAMIS_CONFLICT), 6);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(durations_need_a_number_and_a_unit),
      cmocka_unit_test(counts_stay_within_what_json_can_say),
      cmocka_unit_test(reals_are_finite),
      cmocka_unit_test(nothing_printable_moves_the_cursor),
      cmocka_unit_test(a_cut_text_keeps_its_width),
      cmocka_unit_test(ages_use_one_unit),
      cmocka_unit_test(sparklines_survive_any_number),
      cmocka_unit_test(slips_are_recognised_and_nonsense_is_not),
      cmocka_unit_test(every_status_has_an_exit_code),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
