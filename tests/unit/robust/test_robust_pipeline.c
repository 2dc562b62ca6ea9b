/* Claims about pipelines as text: what is read, how it prints, and that every refusal says where
 * and what. */
#include "fixture.h"

#include "robust/rule.h"

static void assert_prints(const char *text, const char *canonical) {
  char printed[ROBUST_PIPELINE_TEXT_MAX];
  struct robust_pipeline *pipeline = test_parse(text);
  assert_int_equal(robust_pipeline_print(pipeline, printed, sizeof printed), strlen(canonical));
  assert_string_equal(printed, canonical);
  robust_pipeline_free(pipeline);
}

static void assert_refused(const char *text, const char *message) {
  struct robust_pipeline *pipeline = (struct robust_pipeline *)(uintptr_t)1;
  struct robust_error error = {""};
  assert_int_equal(robust_pipeline_parse(text, &pipeline, &error), ROBUST_BAD_PIPELINE);
  assert_null(pipeline);
  assert_string_equal(error.text, message);
}

/* A name like no other is answered with all there are. */
static void assert_unknown(const char *text, const char *shown) {
  char message[512];
  size_t used = (size_t)snprintf(message, sizeof message,
                                 "column 1: no rule or mixer is called '%s'; there are", shown);
  for (size_t i = 0; rule_at(i) != NULL && used < sizeof message; i++)
    used += (size_t)snprintf(message + used, sizeof message - used, "%s %s", i > 0 ? "," : "",
                             rule_at(i)->name);
  assert_true(used < sizeof message);
  assert_refused(text, message);
}

static void spellings_have_one_canonical_form(void **state) {
  (void)state;
  assert_prints("mean", "mean");
  assert_prints(" median ( ) ", "median");
  assert_prints("trimmed_mean(4)", "trimmed_mean(f=4)");
  assert_prints("trimmed_mean ( f = 0004 )", "trimmed_mean(f=4)");
  assert_prints("krum(2,5)", "krum(f=2, neighbours=5)");
  assert_prints("multi_krum(neighbours=3,m=7,f=2)", "multi_krum(f=2, m=7, neighbours=3)");
  assert_prints("multi_krum(2, neighbours=3)\t", "multi_krum(f=2, neighbours=3)");
}

static void printing_into_too_little_room_is_cut_and_measured(void **state) {
  (void)state;
  char printed[8];
  struct robust_pipeline *pipeline = test_parse("trimmed_mean(f=4)");
  assert_int_equal(robust_pipeline_print(pipeline, printed, sizeof printed), 17);
  assert_string_equal(printed, "trimmed");
  assert_int_equal(robust_pipeline_print(pipeline, NULL, 0), 17);
  robust_pipeline_free(pipeline);
}

static void unknown_names_are_refused_with_a_guess(void **state) {
  (void)state;
  assert_refused("krun(f=2)", "column 1: no rule or mixer is called 'krun'; did you mean 'krum'?");
  assert_refused(
      "  trimed_mean(1)",
      "column 3: no rule or mixer is called 'trimed_mean'; did you mean 'trimmed_mean'?");
  assert_unknown("sorcery", "sorcery");
  assert_refused("krum(f=1, neighbors=2)",
                 "column 11: krum has no parameter 'neighbors'; it takes f, neighbours, power");
  assert_refused("mean(f=1)", "column 6: mean has no parameter 'f'; it takes none");
}

static void counts_are_whole_numbers_only(void **state) {
  (void)state;
  static const char *const bad[] = {
      "4.0", "2.5", "-1", "+1", "1e1", "0x4", "four", "4f", "inf", "nan", "18446744073709551616"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    char text[64], message[128];
    snprintf(text, sizeof text, "krum(f=%s)", bad[i]);
    snprintf(message, sizeof message, "column 8: f must be a whole number like 4, not '%s'",
             bad[i]);
    assert_refused(text, message);
  }
}

static void mistakes_are_shown_by_column(void **state) {
  (void)state;
  assert_refused("", "column 1: the name of a rule or mixer was expected, not the end");
  assert_refused("7", "column 1: the name of a rule or mixer was expected, not a number");
  assert_refused("(f=1)", "column 1: the name of a rule or mixer was expected, not '('");
  assert_refused("krum", "column 1: krum needs f, as in krum(f=4)");
  assert_refused("krum(neighbours=2)", "column 1: krum needs f, as in krum(f=4)");
  assert_refused("krum(f=1", "column 9: ',' or ')' was expected, not the end");
  assert_refused("krum(f=1 2)", "column 10: ',' or ')' was expected, not '2'");
  assert_refused("krum(f=)", "column 8: f must be a whole number like 4, not ''");
  assert_refused("krum(,)", "column 6: a value was expected, not ','");
  assert_refused("krum(1,)", "column 8: a value was expected, not ')'");
  assert_refused("krum(1,f=1)", "column 10: f is given twice");
  assert_refused("krum(f=1,2)", "column 10: a bare value may not follow a named one");
  assert_refused("krum(1,2,2,3)", "column 12: krum takes 3 values at most");
  assert_refused("mean)", "column 5: '|' or the end was expected, not ')'");
  assert_refused("mean mean", "column 6: '|' or the end was expected, not 'm'");
  assert_refused("mean\n", "column 5: '|' or the end was expected, not a byte");
  assert_refused("mean | median", "column 6: mean is a rule and must come last: nothing may follow "
                                  "it");
}

static void endless_and_odd_bytes_are_refused(void **state) {
  (void)state;
  char text[2000];
  memset(text, 'a', sizeof text - 1);
  text[sizeof text - 1] = '\0';
  assert_refused(text, "column 1: a pipeline has 512 characters at most");
  text[400] = '\0';
  assert_unknown(text, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
  assert_refused("mean\xff", "column 5: '|' or the end was expected, not a byte");
}

/* Any bytes at all: parsed or refused with a message, and what is parsed prints to something that
 * parses alike. */
static void random_texts_never_break_the_parser(void **state) {
  (void)state;
  static const char *const pieces[] = {"mean", "krum", "multi_krum", "(", ")", ",",
                                       "=",    "f",    "m",          "3", "|", " ",
                                       "-",    ".",    "neighbours", "1"};
  uint64_t seed = 2026;
  size_t parsed = 0;
  for (int round = 0; round < 200000; round++) {
    char text[256] = "", printed[256], again[256];
    struct robust_pipeline *pipeline;
    struct robust_error error = {""};
    for (size_t left = test_next(&seed) % 12; left > 0; left--)
      strcat(text, pieces[test_next(&seed) % (sizeof pieces / sizeof pieces[0])]);
    if (robust_pipeline_parse(text, &pipeline, &error) != ROBUST_OK) {
      assert_true(strncmp(error.text, "column ", 7) == 0);
      continue;
    }
    parsed++;
    robust_pipeline_print(pipeline, printed, sizeof printed);
    robust_pipeline_free(pipeline);
    pipeline = test_parse(printed);
    robust_pipeline_print(pipeline, again, sizeof again);
    robust_pipeline_free(pipeline);
    assert_string_equal(printed, again);
  }
  assert_true(parsed > 100);
}

static void assert_check(const char *text, size_t n, const char *message) {
  struct robust_error error = {""};
  struct robust_pipeline *pipeline = test_parse(text);
  enum robust_status status = robust_pipeline_check(pipeline, n, &error);
  assert_int_equal(status, message == NULL ? ROBUST_OK : ROBUST_NOT_FEASIBLE);
  assert_string_equal(error.text, message == NULL ? "" : message);
  robust_pipeline_free(pipeline);
}

static void infeasible_pipelines_are_refused_by_name(void **state) {
  (void)state;
  assert_check("multi_krum(f=4)", 8, "multi_krum(f=4) needs 2f < n; n is 8");
  assert_check("multi_krum(f=4)", 9, NULL);
  assert_check("trimmed_mean(1)", 2, "trimmed_mean(f=1) needs 2f < n; n is 2");
  assert_check("trimmed_mean(1)", 3, NULL);
  assert_check("krum(0)", 1, NULL);
  assert_check("krum(1, neighbours=5)", 5, "krum(f=1, neighbours=5) needs neighbours < n; n is 5");
  assert_check("krum(1, neighbours=0)", 5, "krum(f=1, neighbours=0) needs neighbours >= 1; n is 5");
  assert_check("multi_krum(1, m=6)", 5, "multi_krum(f=1, m=6) needs m <= n; n is 5");
  assert_check("multi_krum(1, m=0)", 5, "multi_krum(f=1, m=0) needs m >= 1; n is 5");
  assert_check("mean", 0, "mean needs at least one row; n is 0");
  assert_check("median", 1, NULL);
}

static void an_f_that_would_overflow_is_refused(void **state) {
  (void)state;
  assert_check("krum(9223372036854775808)", 8, "krum(f=9223372036854775808) needs 2f < n; n is 8");
  assert_check("krum(18446744073709551615)", 8,
               "krum(f=18446744073709551615) needs 2f < n; n is 8");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(spellings_have_one_canonical_form),
      cmocka_unit_test(printing_into_too_little_room_is_cut_and_measured),
      cmocka_unit_test(unknown_names_are_refused_with_a_guess),
      cmocka_unit_test(counts_are_whole_numbers_only),
      cmocka_unit_test(mistakes_are_shown_by_column),
      cmocka_unit_test(endless_and_odd_bytes_are_refused),
      cmocka_unit_test(random_texts_never_break_the_parser),
      cmocka_unit_test(infeasible_pipelines_are_refused_by_name),
      cmocka_unit_test(an_f_that_would_overflow_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
