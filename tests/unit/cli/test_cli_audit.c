/* Claims about what `tamis audit` tells a person: a true log, a log that parts, and slips of the
 * hand. What it finds is test_audit's matter. */
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "aggregator/journal.h"
#include "proto/checkpoint.h"
#include "proto/envelope.h"
#include "tests/unit/cli/typed.h"

static char folder[TYPED_FOLDER_SIZE];

/* A state folder whose log is its genesis, `times` over. */
static void make_state(int times) {
  char path[256], genesis[4096], *note;
  struct journal *journal;
  struct secret_key log;
  uint64_t torn;
  size_t length;
  snprintf(path, sizeof path, "%s/genesis.json", folder);
  FILE *file = fopen(path, "r");
  assert_non_null(file);
  struct journal_entry entry = {genesis, fread(genesis, 1, sizeof genesis, file)};
  fclose(file);
  snprintf(path, sizeof path, "rm -rf %s/state && mkdir -p %s/state/blobs", folder, folder);
  assert_int_equal(system(path), 0);
  snprintf(path, sizeof path, "%s/state/journal", folder);
  assert_int_equal(journal_open(path, 0, NULL, NULL, NULL, &journal, &torn, NULL), TAMIS_OK);
  for (int i = 0; i < times; i++)
    assert_int_equal(journal_append(journal, &entry, 1, NULL), TAMIS_OK);
  struct checkpoint checkpoint = {.origin = "test/log", .size = journal_size(journal)};
  checkpoint.root = merkle_tree_root(journal_tree(journal), checkpoint.size);
  journal_close(journal);
  snprintf(path, sizeof path, "%s/keys/log.key", folder);
  assert_int_equal(key_file_read(path, &log, NULL), TAMIS_OK);
  checkpoint_sign(&checkpoint, &log, &note, &length);
  snprintf(path, sizeof path, "%s/state/checkpoint", folder);
  file = fopen(path, "w");
  assert_non_null(file);
  assert_int_equal(fwrite(note, 1, length, file), length);
  fclose(file);
  free(note);
}

static int set_up(void **state) {
  (void)state;
  typed_site_make(folder);
  make_state(1);
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  return typed_folder_remove(folder);
}

static void a_true_log_is_told_line_by_line(void **state) {
  (void)state;
  RUN(0, "audit");
  assert_non_null(strstr(said, "OK: every decision of test/log follows from its log\n"
                               "entries       1, 1 of them under the signed checkpoint\n"));
  assert_non_null(strstr(said, "\nsignatures    1, each by the key of its role at its place\n"
                               "rounds        0: promoted 0, held 0, abandoned 0, open 0\n"
                               "made again    0 decisions, 0 updates judged, bit for bit\n"));
  assert_null(strstr(said, "believed"));
  RUN(0, "audit", "--light", "--threads", "1");
  assert_non_null(strstr(said, ", from the Gram matrices\n"));
  assert_non_null(
      strstr(said, "believed      models, and how like its last update each update is"));
}

static void the_first_divergence_is_told_and_is_the_exit_code(void **state) {
  (void)state;
  make_state(2);
  RUN(1, "audit");
  assert_non_null(strstr(complained, "entry 1: the log should be entries that follow"));
  assert_non_null(strstr(complained, "it is entry 0 again"));
  RUN(1, "audit", "-o", "json");
  json_t *root = json_loads(said, JSON_REJECT_DUPLICATES, NULL);
  const json_t *data = json_object_get(root, "data");
  assert_string_equal(json_string_value(json_object_get(data, "audit")), "failed");
  assert_int_equal(json_integer_value(json_object_get(data, "index")), 1);
  assert_non_null(json_object_get(data, "expected"));
  assert_non_null(json_object_get(data, "found"));
  json_decref(root);
}

/* The text of the file that was asked for; the caller frees it. */
static char *textfile(void) {
  char path[256], *text = calloc(1, 8192);
  snprintf(path, sizeof path, "%s/tamis.prom", folder);
  FILE *file = fopen(path, "r");
  assert_non_null(file);
  assert_true(fread(text, 1, 8191, file) > 0);
  fclose(file);
  return text;
}

static void completeness_moves_with_what_the_audit_finds(void **state) {
  char path[256];
  (void)state;
  snprintf(path, sizeof path, "%s/tamis.prom", folder);
  for (int times = 1; times <= 2; times++) {
    make_state(times);
    RUN(times - 1, "audit", "--textfile", path);
    char *text = textfile();
    typed_holds(text, times == 1 ? "tamis_provenance_completeness{origin=\"test/log\"} 1\n"
                                 : "tamis_provenance_completeness{origin=\"test/log\"} 0.5\n");
    typed_holds(text, "tamis_audit_timestamp_seconds{origin=\"test/log\"} ");
    free(text);
  }
  RUN(2, "audit", "--light", "--textfile", path);
  typed_holds(complained, "about the whole log");
}

static void slips_are_told(void **state) {
  (void)state;
  static const char *const absurd[] = {"0", "x", "3..2", "..", "1..2..3", "-1", "0..4"};
  for (size_t i = 0; i < sizeof absurd / sizeof *absurd; i++) {
    RUN(2, "audit", "--rounds", absurd[i]);
    assert_non_null(strstr(complained, "rounds begin at 1"));
  }
  static const char *const good[] = {"1", "3..9", "3..", "..9"};
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) RUN(0, "audit", "--rounds", good[i]);
  RUN(5, "audit", "--state", "/nowhere");
  assert_non_null(strstr(complained, "--state DIR"));
  RUN(2, "audit", "--log-key", "nonsense");
}

int main(void) {
  key_library_start();
  const struct CMUnitTest tests[] = {
#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
      CASE(a_true_log_is_told_line_by_line),
      CASE(the_first_divergence_is_told_and_is_the_exit_code),
      CASE(completeness_moves_with_what_the_audit_finds),
      CASE(slips_are_told),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
