/* Claims about `tamis verify`: a true log passes by both ways, and nothing else does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "proto/checkpoint.h"
#include "tests/unit/cli/fake_operator.h"
#include "tests/unit/cli/typed.h"

static char folder[TYPED_FOLDER_SIZE], journal[96], note_path[96];
static char *genesis, *note;
static size_t note_length;

static uint32_t crc32c(const char *bytes, size_t length) {
  uint32_t crc = ~0u;
  for (size_t i = 0; i < length; i++) {
    crc ^= (uint8_t)bytes[i];
    for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
  }
  return ~crc;
}

static void write_file(const char *path, const void *bytes, size_t length, const char *mode) {
  FILE *file = fopen(path, mode);
  assert_non_null(file);
  assert_int_equal(fwrite(bytes, 1, length, file), length);
  fclose(file);
}

static void write_record(const char *bytes, const char *mode) {
  uint32_t head[2] = {(uint32_t)strlen(bytes), crc32c(bytes, strlen(bytes))};
  write_file(journal, head, sizeof head, mode);
  write_file(journal, bytes, strlen(bytes), "ab");
}

/* A log of one entry, its genesis, with a checkpoint under the key of `key_file`. */
static void make_log(const char *key_file) {
  char path[128];
  struct secret_key log;
  struct fault fault;
  snprintf(path, sizeof path, "%s/genesis.json", folder);
  genesis = calloc(1, 65536);
  FILE *file = fopen(path, "r");
  size_t length = fread(genesis, 1, 65535, file);
  fclose(file);
  snprintf(path, sizeof path, "%s/%s", folder, key_file);
  assert_int_equal(key_file_read(path, &log, &fault), TAMIS_OK);
  struct checkpoint checkpoint = {.origin = "test/log", .size = 1};
  checkpoint.root = merkle_leaf(genesis, length);
  checkpoint_sign(&checkpoint, &log, &note, &note_length);
  write_record(genesis, "wb");
  write_file(note_path, note, note_length, "wb");
}

static int set_up(void **state) {
  (void)state;
  fake_reset();
  typed_site_make(folder);
  snprintf(journal, sizeof journal, "%s/journal", folder);
  snprintf(note_path, sizeof note_path, "%s/checkpoint", folder);
  make_log("keys/log.key");
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  free(genesis);
  free(note);
  genesis = note = NULL;
  return typed_folder_remove(folder);
}

static void a_true_log_passes_by_both_ways(void **state) {
  (void)state;
  RUN(0, "verify", "--journal", journal);
  assert_non_null(strstr(said, "OK: the log test/log verifies\n"));
  fake.entry[0] = genesis;
  fake.entry_count = 1;
  fake.note = note;
  RUN(0, "verify", "-o", "json");
  json_t *report = typed_data();
  assert_string_equal(json_string_value(json_object_get(report, "verify")), "ok");
  assert_int_equal(json_integer_value(json_object_get(report, "entries")), 1);
  assert_int_equal(json_integer_value(json_object_get(report, "covered")), 1);
  json_decref(report);
}

static void a_changed_entry_is_named(void **state) {
  (void)state;
  genesis[strlen(genesis) / 2] ^= 1;
  write_record(genesis, "wb");
  RUN(1, "verify", "--journal", journal, "-o", "json");
  json_t *report = typed_data();
  assert_string_equal(json_string_value(json_object_get(report, "verify")), "failed");
  assert_int_equal(json_integer_value(json_object_get(report, "index")), 0);
  assert_true(json_string_length(json_object_get(report, "expected")) > 0);
  json_decref(report);
  assert_non_null(strstr(complained, "does not verify: at entry 0"));
}

static void entries_that_are_missing_are_missed(void **state) {
  (void)state;
  fake.note = note;
  RUN(1, "verify");
  write_file(journal, "", 0, "wb");
  RUN(1, "verify", "--journal", journal);
}

static void another_key_is_not_the_logs(void **state) {
  (void)state;
  char other[96], vkey[KEY_VKEY_SIZE];
  struct secret_key key;
  key_generate("test/log", &key);
  key_vkey_write(&key.public, vkey);
  RUN(1, "verify", "--journal", journal, "--log-key", vkey);
  snprintf(other, sizeof other, "%s/other", folder);
  struct checkpoint checkpoint = {.origin = "test/log", .size = 1};
  free(note);
  checkpoint_sign(&checkpoint, &key, &note, &note_length);
  write_file(other, note, note_length, "wb");
  RUN(1, "verify", "--journal", journal, "--checkpoint", other);
}

static void a_torn_tail_is_said_and_damage_is_not_passed_over(void **state) {
  (void)state;
  write_file(journal, "\x40\0\0", 3, "ab");
  RUN(0, "verify", "--journal", journal);
  assert_non_null(strstr(complained, "last 3 bytes"));
  write_record(genesis, "wb");
  write_file(journal, "\x04\0\0\0abcdefghijklmn", 18, "ab");
  RUN(1, "verify", "--journal", journal);
}

static void files_that_are_not_there_are_named(void **state) {
  (void)state;
  RUN(5, "verify", "--journal", journal, "--checkpoint", "/nowhere/note");
  assert_non_null(strstr(complained, "/nowhere/note"));
  RUN(5, "verify");
  assert_non_null(strstr(complained, "no checkpoint here"));
}

int main(void) {
  key_library_start();
  const struct CMUnitTest tests[] = {
#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
      CASE(a_true_log_passes_by_both_ways),
      CASE(a_changed_entry_is_named),
      CASE(entries_that_are_missing_are_missed),
      CASE(another_key_is_not_the_logs),
      CASE(a_torn_tail_is_said_and_damage_is_not_passed_over),
      CASE(files_that_are_not_there_are_named),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
