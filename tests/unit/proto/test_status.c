/* The refusal list, its sentences, and PROTOCOL.md's copy of it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "proto/fault.h"
#include "page.h"

static const char *grpc_name(int code) {
  static const char *const names[] = {"OK",
                                      "CANCELLED",
                                      "UNKNOWN",
                                      "INVALID_ARGUMENT",
                                      "DEADLINE_EXCEEDED",
                                      "NOT_FOUND",
                                      "ALREADY_EXISTS",
                                      "PERMISSION_DENIED",
                                      "RESOURCE_EXHAUSTED",
                                      "FAILED_PRECONDITION",
                                      "ABORTED",
                                      "OUT_OF_RANGE",
                                      "UNIMPLEMENTED",
                                      "INTERNAL",
                                      "UNAVAILABLE",
                                      "DATA_LOSS",
                                      "UNAUTHENTICATED"};
  assert_in_range(code, 0, 16);
  return names[code];
}

static void names_are_found_again(void **state) {
  (void)state;
  for (unsigned i = 0; i < TAMIS_STATUS_COUNT; i++)
    assert_int_equal(tamis_status_from_name(tamis_status_name((enum tamis_status)i)), i);
  assert_int_equal(tamis_status_from_name("NO_SUCH_THING"), TAMIS_INTERNAL);
  assert_string_equal(tamis_status_name((enum tamis_status)9999), "INTERNAL");
}

static void a_fault_is_printable_whatever_went_in(void **state) {
  (void)state;
  struct fault fault;
  assert_int_equal(fault_set(&fault, TAMIS_IO, "%s", "a\x1b[2J\n\xc3\xa9"), TAMIS_IO);
  assert_string_equal(fault.text, "a?[2J???");
  assert_int_equal(fault_set(NULL, TAMIS_IO, "nobody listens"), TAMIS_IO);
  assert_int_equal(fault_plain(&fault, TAMIS_STALE_ROUND), TAMIS_STALE_ROUND);
  assert_string_equal(fault.text, "the round is not open");
  fault_plain(&fault, TAMIS_OK);
  assert_string_equal(fault.text, "");
}

static void a_fault_is_cut_to_its_room(void **state) {
  (void)state;
  struct fault fault;
  fault_set(&fault, TAMIS_IO, "%*s", 5000, "x");
  assert_int_equal(strlen(fault.text), sizeof fault.text - 1);
}

/* With --print, the rows for PROTOCOL.md. */
static void row_of(unsigned i, char *row, size_t size) {
  enum tamis_status status = (enum tamis_status)i;
  snprintf(row, size, "| `%s` | %d %s | %s | %s |\n", tamis_status_name(status),
           tamis_status_grpc(status), grpc_name(tamis_status_grpc(status)),
           tamis_status_is_retryable(status) ? "yes" : "no", tamis_status_words(status));
}

static void the_page_has_every_refusal_and_no_other(void **state) {
  (void)state;
  char row[512];
  char *page = page_read();
  char *section = strstr(page, "\n## 4. Refusals"), *end = strstr(section, "\n## 5.");
  assert_non_null(end);
  *end = '\0';
  unsigned rows = 0;
  for (char *at = section; (at = strstr(at, "\n| `")); at++) rows++;
  assert_int_equal(rows, TAMIS_STATUS_COUNT - 1);
  for (unsigned i = 1; i < TAMIS_STATUS_COUNT; i++) {
    row_of(i, row, sizeof row);
    if (!strstr(section, row)) fail_msg("PROTOCOL.md section 4 lacks the row %s", row);
  }
  free(page);
}

int main(int argc, char **argv) {
  char row[512];
  if (argc == 2 && strcmp(argv[1], "--print") == 0) {
    for (unsigned i = 1; i < TAMIS_STATUS_COUNT; i++) {
      row_of(i, row, sizeof row);
      fputs(row, stdout);
    }
    return 0;
  }
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(names_are_found_again),
      cmocka_unit_test(a_fault_is_printable_whatever_went_in),
      cmocka_unit_test(a_fault_is_cut_to_its_room),
      cmocka_unit_test(the_page_has_every_refusal_and_no_other),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
