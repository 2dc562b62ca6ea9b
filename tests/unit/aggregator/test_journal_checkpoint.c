/* Claims about the checkpoint file: the old note or the new one, never half of either. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <sys/stat.h>
#include <unistd.h>
#include "aggregator/checkpoint_file.h"
#include "proto/checkpoint.h"
#include "tests/unit/aggregator/faults.h"
#include "tests/unit/aggregator/temporary.h"

struct fixture {
  struct temporary temporary;
  char path[128];
};

static int set_up(void **state) {
  struct fixture *fixture = calloc(1, sizeof *fixture);
  temporary_open(&fixture->temporary);
  snprintf(fixture->path, sizeof fixture->path, "%s/checkpoint", fixture->temporary.folder);
  *state = fixture;
  return 0;
}

static int tear_down(void **state) {
  struct fixture *fixture = *state;
  memset(&faults, 0, sizeof faults);
  temporary_close(&fixture->temporary);
  free(fixture);
  return 0;
}

static void assert_note(const char *path, const char *expected) {
  char *note;
  size_t length;
  assert_int_equal(checkpoint_file_read(path, &note, &length, NULL), TAMIS_OK);
  assert_int_equal(length, strlen(expected));
  assert_string_equal(note, expected);
  free(note);
}

static void the_last_note_written_is_the_one_read(void **state) {
  struct fixture *fixture = *state;
  char *note;
  size_t length;
  assert_int_equal(checkpoint_file_read(fixture->path, &note, &length, NULL), TAMIS_NOT_FOUND);
  assert_int_equal(checkpoint_file_write(fixture->path, "a long note", 11, NULL), TAMIS_OK);
  assert_note(fixture->path, "a long note");
  assert_int_equal(checkpoint_file_write(fixture->path, "short", 5, NULL), TAMIS_OK);
  assert_note(fixture->path, "short");
}

static void a_write_that_fails_leaves_the_old_note(void **state) {
  struct fixture *fixture = *state;
  char leftover[160];
  assert_int_equal(checkpoint_file_write(fixture->path, "the old one", 11, NULL), TAMIS_OK);
  for (size_t budget = 0; budget < 11; budget++) {
    faults.write_error = ENOSPC;
    faults.write_budget = budget;
    assert_int_equal(checkpoint_file_write(fixture->path, "the new one", 11, NULL),
                     TAMIS_DISK_FULL);
    faults.write_error = 0;
    assert_note(fixture->path, "the old one");
  }
  snprintf(leftover, sizeof leftover, "%s.new", fixture->path);
  assert_int_equal(access(leftover, F_OK), -1);
}

static void a_process_that_died_before_the_rename_leaves_the_old_note(void **state) {
  struct fixture *fixture = *state;
  char leftover[160];
  assert_int_equal(checkpoint_file_write(fixture->path, "old", 3, NULL), TAMIS_OK);
  snprintf(leftover, sizeof leftover, "%s.new", fixture->path);
  FILE *file = fopen(leftover, "w");
  fputs("half of a no", file);
  fclose(file);
  assert_note(fixture->path, "old");
  assert_int_equal(checkpoint_file_write(fixture->path, "new", 3, NULL), TAMIS_OK);
  assert_note(fixture->path, "new");
}

static void a_file_that_cannot_be_a_note_is_refused(void **state) {
  struct fixture *fixture = *state;
  char *note, *large = calloc(1, CHECKPOINT_NOTE_MAX + 1);
  size_t length;
  FILE *file = fopen(fixture->path, "w");
  fclose(file);
  assert_int_equal(checkpoint_file_read(fixture->path, &note, &length, NULL), TAMIS_CORRUPT);
  file = fopen(fixture->path, "w");
  fwrite(large, 1, CHECKPOINT_NOTE_MAX + 1, file);
  fclose(file);
  assert_int_equal(checkpoint_file_read(fixture->path, &note, &length, NULL), TAMIS_CORRUPT);
  assert_int_equal(truncate(fixture->path, CHECKPOINT_NOTE_MAX), 0);
  assert_int_equal(checkpoint_file_read(fixture->path, &note, &length, NULL), TAMIS_OK);
  assert_int_equal(length, CHECKPOINT_NOTE_MAX);
  free(note);
  free(large);
}

#define CLAIM(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      CLAIM(the_last_note_written_is_the_one_read),
      CLAIM(a_write_that_fails_leaves_the_old_note),
      CLAIM(a_process_that_died_before_the_rename_leaves_the_old_note),
      CLAIM(a_file_that_cannot_be_a_note_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
