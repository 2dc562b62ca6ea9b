/* Claims about asking a program what a model is worth: what it may say, and what is said when it
 * does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "aggregator/blob.h"
#include "audit/evaluator.h"

static const uint8_t model[] = "a model of ours";

static enum tamis_status ask_within(const char *command, uint64_t timeout_ms, double *value,
                                    struct fault *fault) {
  struct evaluator *evaluator;
  struct digest digest = digest_of(model, sizeof model);
  *fault = (struct fault){0};
  enum tamis_status status = evaluator_of_command(command, timeout_ms, &evaluator, fault);
  if (status != TAMIS_OK) return status;
  status = evaluator_bytes(evaluator, model, sizeof model, &digest, value, fault);
  evaluator_free(evaluator);
  return status;
}

/* The sentence that a command's failure leads to. */
static const char *complaint(const char *command) {
  static struct fault fault;
  double value;
  assert_int_equal(ask_within(command, 0, &value, &fault), TAMIS_BAD_REQUEST);
  assert_non_null(strstr(fault.text, "evaluator"));
  return fault.text;
}

static void the_number_that_is_printed_is_the_value(void **state) {
  (void)state;
  struct fault fault;
  double value;
  assert_int_equal(ask_within("sh -c 'echo 0.9731'", 0, &value, &fault), TAMIS_OK);
  assert_true(value == 0.9731);
  assert_int_equal(ask_within("sh -c 'echo; echo \"  -1e-3 \"; echo'", 0, &value, &fault),
                   TAMIS_OK);
  assert_true(value == -1e-3);
}

static void the_model_is_the_last_argument(void **state) {
  (void)state;
  struct fault fault;
  double value;
  assert_int_equal(ask_within("sh -c 'wc -c <\"$1\"' name", 0, &value, &fault), TAMIS_OK);
  assert_true(value == sizeof model);
  assert_int_equal(
      ask_within("sh -c 'case $1 in *.safetensors) echo 1;; esac' name", 0, &value, &fault),
      TAMIS_OK);
}

static void quotes_keep_words_together_and_nothing_else_is_special(void **state) {
  (void)state;
  struct fault fault;
  double value;
  assert_int_equal(ask_within("  sh\t-c 'echo $#' name \"a b\" c'd e'f $(x) ''", 0, &value, &fault),
                   TAMIS_OK);
  assert_true(value == 5); /* the model is the fifth */
}

static void commands_that_are_none_are_refused(void **state) {
  (void)state;
  char many[4 * EVALUATOR_WORDS_MAX] = "";
  struct evaluator *evaluator;
  for (int i = 0; i <= EVALUATOR_WORDS_MAX; i++) strcat(many, "x ");
  const char *const bad[] = {"", "  \t", "sh -c 'echo", "sh -c \"echo", "''", many};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    assert_int_equal(evaluator_of_command(bad[i], 0, &evaluator, NULL), TAMIS_BAD_REQUEST);
}

static void whatever_is_not_one_number_is_told(void **state) {
  (void)state;
  assert_non_null(strstr(complaint("/no/such/program"), "cannot be started: No such file"));
  assert_non_null(strstr(complaint("sh -c 'echo trouble >&2; exit 3'"), "exit code 3: trouble"));
  assert_non_null(strstr(complaint("sh -c 'kill -9 $$'"), "signal 9"));
  assert_non_null(strstr(complaint("true"), "printed nothing"));
  assert_non_null(strstr(complaint("echo accuracy"), "not \"accuracy /"));
  assert_non_null(strstr(complaint("sh -c 'echo 1 2'"), "not \"1 2"));
  assert_non_null(strstr(complaint("sh -c 'echo nan'"), "finite"));
  assert_non_null(strstr(complaint("sh -c 'echo 1e999'"), "finite"));
  assert_non_null(strstr(complaint("sh -c 'printf \"1\\0002\"'"), "one number"));
}

static void endless_answers_are_cut_and_refused(void **state) {
  (void)state;
  assert_non_null(strstr(complaint("sh -c 'yes 1 | head -c 1000000'"), "one number"));
  assert_non_null(strstr(complaint("sh -c 'yes 1 | head -c 1000000 >&2; exit 1'"), "exit code 1"));
}

static void a_program_that_does_not_end_is_killed_with_its_children(void **state) {
  (void)state;
  struct fault fault;
  double value;
  assert_int_equal(ask_within("sh -c 'sleep 1000 & sleep 1000'", 100, &value, &fault),
                   TAMIS_TIMED_OUT);
  assert_non_null(strstr(fault.text, "0.1 s"));
  /* A child that holds the output open is not waited for. */
  assert_int_equal(ask_within("sh -c 'echo 4; sleep 5 &'", 0, &value, &fault), TAMIS_OK);
  assert_true(value == 4);
}

static size_t calls;

static enum tamis_status first_byte(void *context, const uint8_t *file, size_t length,
                                    double *value, struct fault *fault) {
  (void)fault;
  assert_int_equal(length, sizeof model);
  calls++;
  *value = file[0] + *(double *)context;
  return TAMIS_OK;
}

static void a_model_is_asked_about_once(void **state) {
  (void)state;
  double half = 0.5, value;
  struct evaluator *evaluator;
  struct digest digest = digest_of(model, sizeof model);
  calls = 0;
  assert_int_equal(evaluator_of_function(first_byte, &half, &evaluator, NULL), TAMIS_OK);
  for (int i = 0; i < 3; i++) {
    assert_int_equal(evaluator_bytes(evaluator, model, sizeof model, &digest, &value, NULL),
                     TAMIS_OK);
    assert_true(value == 'a' + 0.5);
  }
  assert_int_equal(calls, 1);
  assert_int_equal(evaluator_asked(evaluator), 1);
  evaluator_free(evaluator);
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *place) {
  (void)info, (void)kind, (void)place;
  return remove(path);
}

static void a_blob_is_looked_at_where_it_is_after_its_digest_was_checked(void **state) {
  (void)state;
  char folder[] = "/tmp/tamis-evaluator-XXXXXX", path[4096];
  struct blob_store *blobs;
  struct digest digest, other = digest_of("x", 1);
  struct evaluator *evaluator;
  double value;
  assert_non_null(mkdtemp(folder));
  assert_int_equal(blob_store_open(folder, 0, &blobs, NULL), TAMIS_OK);
  assert_int_equal(blob_put(blobs, model, sizeof model, &digest, NULL), TAMIS_OK);
  assert_int_equal(evaluator_of_command("sh -c 'wc -c <\"$1\"' name", 0, &evaluator, NULL),
                   TAMIS_OK);
  assert_int_equal(evaluator_blob(evaluator, blobs, &other, &value, NULL), TAMIS_NOT_FOUND);
  assert_int_equal(evaluator_blob(evaluator, blobs, &digest, &value, NULL), TAMIS_OK);
  assert_true(value == sizeof model);
  evaluator_free(evaluator);
  blob_path(blobs, &digest, path, sizeof path);
  assert_int_equal(chmod(path, 0600), 0);
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  fputs("another model..", file);
  fclose(file);
  assert_int_equal(evaluator_of_command("cat", 0, &evaluator, NULL), TAMIS_OK);
  assert_int_equal(evaluator_blob(evaluator, blobs, &digest, &value, NULL), TAMIS_CORRUPT);
  evaluator_free(evaluator);
  blob_store_close(blobs);
  nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_number_that_is_printed_is_the_value),
      cmocka_unit_test(the_model_is_the_last_argument),
      cmocka_unit_test(quotes_keep_words_together_and_nothing_else_is_special),
      cmocka_unit_test(commands_that_are_none_are_refused),
      cmocka_unit_test(whatever_is_not_one_number_is_told),
      cmocka_unit_test(endless_answers_are_cut_and_refused),
      cmocka_unit_test(a_program_that_does_not_end_is_killed_with_its_children),
      cmocka_unit_test(a_model_is_asked_about_once),
      cmocka_unit_test(a_blob_is_looked_at_where_it_is_after_its_digest_was_checked),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
