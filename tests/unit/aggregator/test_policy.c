/* The table in PROTOCOL.md is the table in the code, row for row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include "aggregator/judge.h"
#include "aggregator/policy.h"
#include "aggregator/policy_lint.h"
#include "proto/canonical.h"

static void the_page_shows_every_row_as_it_is(void **unused) {
  static char page[1 << 18];
  FILE *file = fopen(TAMIS_SOURCE_DIR "/PROTOCOL.md", "r");
  size_t count, rows = 0;
  const struct policy_row *row = policy_table(&count);
  (void)unused;
  assert_non_null(file);
  page[fread(page, 1, sizeof page - 1, file)] = '\0';
  fclose(file);
  char *table = strstr(page, "| field | default | least | most | meaning |");
  assert_non_null(table);
  for (size_t i = 0; i < count; i++) {
    char line[256];
    snprintf(line, sizeof line, "\n| `%s` | %g | %g | %g | %s |\n", row[i].name, row[i].fallback,
             row[i].least, row[i].most, row[i].meaning);
    if (!strstr(table, line)) print_message("missing:%s", line);
    assert_non_null(strstr(table, line));
  }
  for (char *at = table; (at = strstr(at, "\n| `")); at++) rows++;
  size_t later = 0; /* tables of other sections come after the next heading */
  for (char *at = strstr(table, "\n##"); at && (at = strstr(at, "\n| `")); at++) later++;
  assert_int_equal(rows - later, count);
}

/* Its row for what is remembered, with the value of a newcomer. */
static void assert_remembered(const char *table, const struct history_row *row, double start) {
  char line[256];
  snprintf(line, sizeof line, "\n| `%s` | %g | %s |\n", row->name, start, row->meaning);
  if (!strstr(table, line)) print_message("missing:%s", line);
  assert_non_null(strstr(table, line));
}

static void the_page_shows_all_that_is_remembered(void **unused) {
  static char page[1 << 18];
  FILE *file = fopen(TAMIS_SOURCE_DIR "/PROTOCOL.md", "r");
  struct history newcomer;
  size_t numbers, counts, rows = 0;
  const struct history_row *number = judge_history_numbers(&numbers);
  const struct history_row *count = judge_history_counts(&counts);
  (void)unused;
  assert_non_null(file);
  page[fread(page, 1, sizeof page - 1, file)] = '\0';
  fclose(file);
  char *table = strstr(page, "| remembered | newcomer | what it is |");
  assert_non_null(table);
  *strstr(table, "\n\n") = '\0';
  strcat(table, "\n");
  judge_history_start(&newcomer);
  for (size_t i = 0; i < numbers; i++)
    assert_remembered(table, &number[i], *(double *)(void *)((char *)&newcomer + number[i].offset));
  for (size_t i = 0; i < counts; i++) assert_remembered(table, &count[i], 0);
  for (char *at = table; (at = strstr(at, "\n| `")); at++) rows++;
  assert_int_equal(rows, numbers + counts);
}

/* The reference is written by tests/bench/policy_sweep.py; when this fails, run its `page`. */
static void the_reference_has_every_threshold_as_it_is(void **unused) {
  static char page[1 << 18];
  FILE *file = fopen(TAMIS_SOURCE_DIR "/docs/policy.md", "r");
  size_t count, rows = 0;
  const struct policy_row *row = policy_table(&count);
  (void)unused;
  assert_non_null(file);
  page[fread(page, 1, sizeof page - 1, file)] = '\0';
  fclose(file);
  char *table = strstr(page, "| threshold | default | from | to | meaning | more | less |");
  char *end = table ? strstr(table, "<!-- end of thresholds -->") : NULL;
  assert_non_null(end);
  *end = '\0';
  for (size_t i = 0; i < count; i++) {
    char line[256];
    snprintf(line, sizeof line, "\n| `%s` | %g | %g | %g | %s |", row[i].name, row[i].fallback,
             row[i].least, row[i].most, row[i].meaning);
    const struct policy_effect *effect = policy_effect_of(row[i].name);
    if (!strstr(table, line)) print_message("missing:%s\n", line);
    assert_non_null(strstr(table, line));
    assert_non_null(strstr(strstr(table, line), effect->more));
    assert_non_null(strstr(strstr(table, line), effect->less));
  }
  for (char *at = table; (at = strstr(at, "\n| `")); at++) rows++;
  assert_int_equal(rows, count);
}

static void defaults_are_within_their_own_bounds(void **unused) {
  size_t count;
  const struct policy_row *row = policy_table(&count);
  (void)unused;
  for (size_t i = 0; i < count; i++)
    assert_true(row[i].least <= row[i].fallback && row[i].fallback <= row[i].most);
}

static void an_empty_policy_is_the_default(void **unused) {
  struct policy read, fallback;
  json_t *empty = json_object();
  (void)unused;
  policy_default(&fallback);
  assert_int_equal(policy_read(empty, &read, NULL), TAMIS_OK);
  assert_memory_equal(&read, &fallback, sizeof read);
  json_decref(empty);
}

static void a_named_field_is_set_and_only_that(void **unused) {
  struct policy read, expected;
  json_t *object = json_pack("{s:o}", "strikes_exclude", canonical_f64(7));
  (void)unused;
  policy_default(&expected);
  expected.strikes_exclude = 7;
  assert_int_equal(policy_read(object, &read, NULL), TAMIS_OK);
  assert_memory_equal(&read, &expected, sizeof read);
  json_decref(object);
}

static void refused_with_the_name(json_t *object, const char *name) {
  struct policy policy;
  struct fault fault;
  assert_int_equal(policy_read(object, &policy, &fault), TAMIS_BAD_STATEMENT);
  assert_non_null(strstr(fault.text, name));
  json_decref(object);
}

static void what_is_unknown_or_out_of_range_is_refused_by_name(void **unused) {
  (void)unused;
  refused_with_the_name(json_pack("{s:o}", "strike_exclude", canonical_f64(7)), "strike_exclude");
  refused_with_the_name(json_pack("{s:o}", "risk_hold", canonical_f64(0)), "risk_hold");
  refused_with_the_name(json_pack("{s:i}", "risk_hold", 1), "risk_hold");
  refused_with_the_name(json_pack("{s:s}", "risk_hold", "f64:7ff8000000000000"), "risk_hold");
}

/* ---- lint ---- */

static void every_threshold_says_what_moving_it_does(void **unused) {
  size_t count;
  const struct policy_row *row = policy_table(&count);
  (void)unused;
  for (size_t i = 0; i < count; i++) {
    const struct policy_effect *effect = policy_effect_of(row[i].name);
    if (!effect)
      fail_msg("policy_lint.c has no row for %s: which way does it weaken?", row[i].name);
    assert_int_equal(effect->more[0] == '\0', row[i].fallback == row[i].most);
    assert_int_equal(effect->less[0] == '\0', row[i].fallback == row[i].least);
  }
}

static void the_defaults_have_nothing_to_be_said_about(void **unused) {
  struct policy_finding finding[POLICY_FINDINGS_MAX];
  struct policy policy;
  (void)unused;
  policy_default(&policy);
  assert_int_equal(policy_lint(&policy, finding), 0);
  assert_int_equal(policy_check(&policy, NULL), TAMIS_OK);
}

static void what_contradicts_itself_is_an_error(void **unused) {
  struct policy_finding finding[POLICY_FINDINGS_MAX];
  struct policy policy;
  struct fault fault;
  (void)unused;
  policy_default(&policy);
  policy.z_low = policy.z_high = 4;
  policy.risk_hold = 0.95;
  policy.risk_reject = 0.9;
  assert_true(policy_lint(&policy, finding) >= 2);
  assert_int_equal(finding[0].level, POLICY_ERROR);
  assert_string_equal(finding[0].name, "z_low");
  assert_string_equal(finding[0].sentence, "4 is not below z_high, which is 4: suspicion begins at "
                                           "the first and is full at the second");
  assert_string_equal(
      finding[1].sentence,
      "0.95 is not at most risk_reject, which is 0.9: otherwise nothing is ever held");
  assert_int_equal(policy_check(&policy, &fault), TAMIS_BAD_STATEMENT);
  assert_non_null(strstr(fault.text, "z_low"));
  policy.z_low = 2;
  policy.risk_hold = policy.risk_reject;
  assert_int_equal(policy_check(&policy, &fault), TAMIS_OK);
}

static void what_weakens_is_a_warning_and_the_other_way_a_note(void **unused) {
  struct policy_finding finding[POLICY_FINDINGS_MAX];
  struct policy policy;
  (void)unused;
  policy_default(&policy);
  double before = policy.strikes_exclude++;
  policy.clean_rounds++;
  char sentence[256];
  snprintf(sentence, sizeof sentence, "%g is above the default %g: %s", before + 1, before,
           policy_effect_of("strikes_exclude")->more);
  assert_int_equal(policy_lint(&policy, finding), 2);
  assert_int_equal(finding[0].level, POLICY_NOTE);
  assert_string_equal(finding[0].name, "clean_rounds");
  assert_int_equal(finding[1].level, POLICY_WARNING);
  assert_string_equal(finding[1].sentence, sentence);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_page_shows_every_row_as_it_is),
      cmocka_unit_test(the_page_shows_all_that_is_remembered),
      cmocka_unit_test(the_reference_has_every_threshold_as_it_is),
      cmocka_unit_test(defaults_are_within_their_own_bounds),
      cmocka_unit_test(an_empty_policy_is_the_default),
      cmocka_unit_test(a_named_field_is_set_and_only_that),
      cmocka_unit_test(every_threshold_says_what_moving_it_does),
      cmocka_unit_test(the_defaults_have_nothing_to_be_said_about),
      cmocka_unit_test(what_contradicts_itself_is_an_error),
      cmocka_unit_test(what_weakens_is_a_warning_and_the_other_way_a_note),
      cmocka_unit_test(what_is_unknown_or_out_of_range_is_refused_by_name),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
