/* Claims about the journal: what was promised is there, and what is there was promised. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "aggregator/crc32c.h"
#include "aggregator/journal.h"
#include "tests/unit/aggregator/faults.h"
#include "tests/unit/aggregator/temporary.h"

enum { HEAD = 8, ENTRIES = 6 };

static const char *const words[ENTRIES] = {"{\"entry\":0}", "{\"a longer entry\":1}", "2",
                                           "{\"three\":3}", "{\"four\":\"4444\"}",    "five!"};

struct fixture {
  struct temporary temporary;
  char path[128];
};

static int set_up(void **state) {
  struct fixture *fixture = calloc(1, sizeof *fixture);
  temporary_open(&fixture->temporary);
  snprintf(fixture->path, sizeof fixture->path, "%s/journal", fixture->temporary.folder);
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

/* Helpers */

static struct journal_entry entry(const char *text) {
  return (struct journal_entry){text, strlen(text)};
}

static struct journal *open_good(const char *path, uint64_t *torn) {
  struct journal *journal = NULL;
  struct fault fault = {.status = TAMIS_OK};
  uint64_t torn_bytes = 0;
  enum tamis_status status = journal_open(path, 0, NULL, NULL, NULL, &journal, &torn_bytes, &fault);
  if (status != TAMIS_OK) fail_msg("%s", fault.text);
  if (torn) *torn = torn_bytes;
  return journal;
}

static void append_words(struct journal *journal, size_t from, size_t to) {
  struct journal_entry batch[ENTRIES];
  struct fault fault;
  for (size_t i = from; i < to; i++) batch[i - from] = entry(words[i]);
  assert_int_equal(journal_append(journal, batch, to - from, &fault), TAMIS_OK);
}

/* A journal of the words on disk; the root over the first `size` of them. */
static struct digest make_words(const char *path, uint64_t size) {
  struct journal *journal = open_good(path, NULL);
  append_words(journal, 0, ENTRIES);
  struct digest root = merkle_tree_root(journal_tree(journal), size);
  journal_close(journal);
  return root;
}

static void assert_words(struct journal *journal, uint64_t count) {
  assert_int_equal(journal_size(journal), count);
  for (uint64_t i = 0; i < count; i++) {
    char *bytes;
    size_t length;
    assert_int_equal(journal_read(journal, i, &bytes, &length, NULL), TAMIS_OK);
    assert_int_equal(length, strlen(words[i]));
    assert_memory_equal(bytes, words[i], length);
    free(bytes);
  }
}

static uint8_t *file_read(const char *path, size_t *size) {
  FILE *file = fopen(path, "rb");
  uint8_t *bytes = malloc(1 << 20);
  assert_non_null(file);
  *size = fread(bytes, 1, 1 << 20, file);
  fclose(file);
  return bytes;
}

static void file_write(const char *path, const void *bytes, size_t size) {
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(bytes, 1, size, file), size);
  assert_int_equal(fclose(file), 0);
}

static size_t file_size(const char *path) {
  struct stat about;
  assert_int_equal(stat(path, &about), 0);
  return (size_t)about.st_size;
}

static void assert_refused(const char *path, uint64_t signed_size, const struct digest *root) {
  struct journal *journal = NULL;
  struct fault fault;
  uint64_t torn;
  size_t before, after;
  uint8_t *old = file_read(path, &before);
  assert_int_equal(journal_open(path, signed_size, root, NULL, NULL, &journal, &torn, &fault),
                   TAMIS_CORRUPT);
  assert_null(journal);
  assert_true(strlen(fault.text) > 0);
  uint8_t *new = file_read(path, &after);
  assert_int_equal(before, after);
  assert_memory_equal(old, new, before);
  free(old);
  free(new);
}

struct seen {
  uint64_t count, stop_at;
  bool differs;
};

static enum tamis_status see(void *context, uint64_t index, const char *bytes, size_t length) {
  struct seen *seen = context;
  if (index == seen->stop_at) return TAMIS_WRONG_ORIGIN;
  if (index != seen->count || index >= ENTRIES || length != strlen(words[index]) ||
      memcmp(bytes, words[index], length) != 0)
    seen->differs = true;
  seen->count++;
  return TAMIS_OK;
}

/* Claims */

static void a_new_journal_is_empty(void **state) {
  struct fixture *fixture = *state;
  uint64_t torn = 1;
  struct journal *journal = open_good(fixture->path, &torn);
  char *bytes;
  size_t length;
  assert_int_equal(torn, 0);
  assert_int_equal(journal_size(journal), 0);
  assert_int_equal(journal_read(journal, 0, &bytes, &length, NULL), TAMIS_NOT_FOUND);
  journal_close(journal);
  assert_int_equal(file_size(fixture->path), 0);
}

static void what_was_appended_is_there_after_a_restart(void **state) {
  struct fixture *fixture = *state;
  struct journal *journal = open_good(fixture->path, NULL);
  append_words(journal, 0, 1);
  append_words(journal, 1, 4);
  assert_words(journal, 4);
  journal_close(journal);
  journal = open_good(fixture->path, NULL);
  append_words(journal, 4, ENTRIES);
  assert_words(journal, ENTRIES);
  journal_close(journal);

  struct seen seen = {.stop_at = UINT64_MAX};
  assert_int_equal(journal_walk(fixture->path, see, &seen, NULL), TAMIS_OK);
  assert_int_equal(seen.count, ENTRIES);
  assert_false(seen.differs);
}

static void the_bytes_on_disk_are_those_of_the_format(void **state) {
  struct fixture *fixture = *state;
  struct journal *journal = open_good(fixture->path, NULL);
  struct journal_entry one = entry("123456789");
  size_t size;
  assert_int_equal(journal_append(journal, &one, 1, NULL), TAMIS_OK);
  journal_close(journal);
  uint8_t *bytes = file_read(fixture->path, &size);
  assert_int_equal(size, 17);
  assert_memory_equal(bytes,
                      "\x09\0\0\0\x83\x92\x06\xe3"
                      "123456789",
                      17);
  free(bytes);
}

static void the_tree_is_that_of_the_entries(void **state) {
  struct fixture *fixture = *state;
  struct merkle_tree *tree = merkle_tree_new();
  for (size_t i = 0; i < ENTRIES; i++) {
    struct digest leaf = merkle_leaf(words[i], strlen(words[i]));
    merkle_tree_append(tree, &leaf);
  }
  for (uint64_t size = 0; size <= ENTRIES; size++) {
    unlink(fixture->path);
    struct digest root = make_words(fixture->path, size);
    struct digest expected = merkle_tree_root(tree, size);
    assert_true(digest_equal(&root, &expected));
  }
  merkle_tree_free(tree);
}

static void a_torn_tail_is_cut_wherever_it_tore(void **state) {
  struct fixture *fixture = *state;
  struct digest root = make_words(fixture->path, ENTRIES - 1);
  size_t size, last = HEAD + strlen(words[ENTRIES - 1]);
  uint8_t *bytes = file_read(fixture->path, &size);
  for (size_t kept = 1; kept < last; kept++) {
    struct journal *journal;
    uint64_t torn = 0;
    file_write(fixture->path, bytes, size - last + kept);
    assert_int_equal(
        journal_open(fixture->path, ENTRIES - 1, &root, NULL, NULL, &journal, &torn, NULL),
        TAMIS_OK);
    assert_int_equal(torn, kept);
    assert_int_equal(file_size(fixture->path), size - last);
    assert_words(journal, ENTRIES - 1);
    append_words(journal, ENTRIES - 1, ENTRIES);
    assert_words(journal, ENTRIES);
    journal_close(journal);
    assert_int_equal(file_size(fixture->path), size);
  }
  free(bytes);
}

static void a_torn_tail_that_was_signed_is_refused_and_left_alone(void **state) {
  struct fixture *fixture = *state;
  struct digest root = make_words(fixture->path, ENTRIES);
  size_t size, last = HEAD + strlen(words[ENTRIES - 1]);
  uint8_t *bytes = file_read(fixture->path, &size);
  for (size_t kept = 0; kept < last; kept++) {
    file_write(fixture->path, bytes, size - last + kept);
    assert_refused(fixture->path, ENTRIES, &root);
  }
  free(bytes);
}

/* Whatever bit is flipped: refused, or cut off behind what was signed. Never taken for what was
 * written. */
static void every_flipped_bit_is_found(void **state) {
  struct fixture *fixture = *state;
  enum { SIGNED = 4 };
  struct digest root = make_words(fixture->path, SIGNED);
  size_t size, refused = 0, cut = 0;
  uint8_t *bytes = file_read(fixture->path, &size);
  for (size_t bit = 0; bit < size * 8; bit++) {
    struct journal *journal = NULL;
    struct seen seen = {.stop_at = UINT64_MAX};
    uint64_t torn = 0;
    bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    file_write(fixture->path, bytes, size);
    bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    enum tamis_status status =
        journal_open(fixture->path, SIGNED, &root, see, &seen, &journal, &torn, NULL);
    assert_false(seen.differs);
    if (status == TAMIS_OK) {
      assert_true(torn > 0);
      assert_in_range(journal_size(journal), SIGNED, ENTRIES - 1);
      journal_close(journal);
      cut++;
    } else {
      assert_int_equal(status, TAMIS_CORRUPT);
      refused++;
    }
  }
  assert_int_equal(refused + cut, size * 8);
  /* The last record is unsigned: flips of its checksum and its bytes are a torn tail, at least. */
  assert_true(cut >= (4 + strlen(words[ENTRIES - 1])) * 8);
  assert_true(refused > cut);
  free(bytes);
}

static void a_signed_journal_gives_nothing_away_to_a_flipped_bit(void **state) {
  struct fixture *fixture = *state;
  struct digest root = make_words(fixture->path, ENTRIES);
  size_t size;
  uint8_t *bytes = file_read(fixture->path, &size);
  for (size_t bit = 0; bit < size * 8; bit++) {
    bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    file_write(fixture->path, bytes, size);
    bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    assert_refused(fixture->path, ENTRIES, &root);
  }
  free(bytes);
}

static void zeros_at_the_end_are_torn_but_not_before_something_else(void **state) {
  struct fixture *fixture = *state;
  make_words(fixture->path, 0);
  size_t size;
  uint64_t torn;
  uint8_t *bytes = file_read(fixture->path, &size);
  memset(bytes + size, 0, 5000);
  file_write(fixture->path, bytes, size + 5000);
  struct journal *journal = open_good(fixture->path, &torn);
  assert_int_equal(torn, 5000);
  assert_words(journal, ENTRIES);
  journal_close(journal);
  assert_int_equal(file_size(fixture->path), size);

  bytes[size + 4999] = 1;
  file_write(fixture->path, bytes, size + 5000);
  assert_refused(fixture->path, 0, NULL);
  free(bytes);
}

static void a_restored_backup_is_refused(void **state) {
  struct fixture *fixture = *state;
  size_t size;
  struct journal *journal = open_good(fixture->path, NULL);
  append_words(journal, 0, 3);
  uint8_t *backup = file_read(fixture->path, &size);
  append_words(journal, 3, ENTRIES);
  struct digest root = merkle_tree_root(journal_tree(journal), ENTRIES);
  journal_close(journal);
  file_write(fixture->path, backup, size);
  assert_refused(fixture->path, ENTRIES, &root);
  free(backup);
}

static void an_edited_entry_with_a_good_checksum_is_refused(void **state) {
  struct fixture *fixture = *state;
  struct digest root = make_words(fixture->path, ENTRIES);
  size_t size;
  uint8_t *bytes = file_read(fixture->path, &size);
  bytes[HEAD + 3] ^= 1;
  uint32_t checksum = crc32c(bytes + HEAD, strlen(words[0]));
  memcpy(bytes + 4, &checksum, sizeof checksum);
  file_write(fixture->path, bytes, size);
  assert_refused(fixture->path, ENTRIES, &root);
  free(bytes);
}

static void a_record_longer_than_an_entry_may_be_is_refused(void **state) {
  struct fixture *fixture = *state;
  enum { LENGTH = 65536 };
  uint8_t *bytes = calloc(1, HEAD + LENGTH + 1);
  bytes[2] = 1;
  uint32_t checksum = crc32c(bytes + HEAD, LENGTH);
  memcpy(bytes + 4, &checksum, sizeof checksum);
  file_write(fixture->path, bytes, HEAD + LENGTH);
  assert_refused(fixture->path, 0, NULL);
  free(bytes);
}

static void the_longest_entries_cross_every_window(void **state) {
  struct fixture *fixture = *state;
  enum { COUNT = 60 };
  struct journal *journal = open_good(fixture->path, NULL);
  char *text = malloc(65535);
  for (size_t i = 0; i < COUNT; i++) {
    struct journal_entry one = {text, i % 3 ? 65535 - i : 65535};
    memset(text, (int)('a' + i % 26), 65535);
    assert_int_equal(journal_append(journal, &one, 1, NULL), TAMIS_OK);
  }
  struct digest root = merkle_tree_root(journal_tree(journal), COUNT);
  journal_close(journal);
  uint64_t torn;
  assert_int_equal(journal_open(fixture->path, COUNT, &root, NULL, NULL, &journal, &torn, NULL),
                   TAMIS_OK);
  assert_int_equal(journal_size(journal), COUNT);
  journal_close(journal);
  free(text);
}

static void a_second_opener_is_refused(void **state) {
  struct fixture *fixture = *state;
  struct journal *first = open_good(fixture->path, NULL), *second = NULL;
  uint64_t torn;
  struct fault fault;
  append_words(first, 0, 2);
  assert_int_equal(journal_open(fixture->path, 0, NULL, NULL, NULL, &second, &torn, &fault),
                   TAMIS_CONFLICT);
  append_words(first, 2, 3);
  journal_close(first);
  second = open_good(fixture->path, NULL);
  assert_words(second, 3);
  journal_close(second);
}

static void a_full_disk_leaves_the_journal_as_it_was(void **state) {
  struct fixture *fixture = *state;
  struct journal *journal = open_good(fixture->path, NULL);
  struct journal_entry batch[] = {entry(words[2]), entry(words[3]), entry(words[4])};
  struct rlimit old, small;
  append_words(journal, 0, 2);
  size_t before = file_size(fixture->path);

  signal(SIGXFSZ, SIG_IGN);
  getrlimit(RLIMIT_FSIZE, &old);
  for (size_t room = 0; room < 20; room += 7) {
    small = (struct rlimit){.rlim_cur = before + room, .rlim_max = old.rlim_max};
    setrlimit(RLIMIT_FSIZE, &small);
    assert_int_equal(journal_append(journal, batch, 3, NULL), TAMIS_DISK_FULL);
    setrlimit(RLIMIT_FSIZE, &old);
    assert_int_equal(file_size(fixture->path), before);
    assert_words(journal, 2);
  }
  append_words(journal, 2, ENTRIES);
  journal_close(journal);
  journal = open_good(fixture->path, NULL);
  assert_words(journal, ENTRIES);
  journal_close(journal);
}

static void a_write_that_fails_after_any_number_of_bytes_leaves_nothing(void **state) {
  struct fixture *fixture = *state;
  const struct {
    int error;
    enum tamis_status status;
  } cases[] = {{ENOSPC, TAMIS_DISK_FULL}, {EDQUOT, TAMIS_DISK_FULL}, {EIO, TAMIS_IO}};
  struct journal *journal = open_good(fixture->path, NULL);
  struct journal_entry batch[] = {entry(words[1]), entry(words[2])};
  size_t batch_size = 2 * HEAD + batch[0].length + batch[1].length;
  append_words(journal, 0, 1);
  size_t before = file_size(fixture->path);
  for (size_t i = 0; i < 3; i++) {
    for (size_t budget = 0; budget < batch_size; budget++) {
      faults.write_error = cases[i].error;
      faults.write_budget = budget;
      assert_int_equal(journal_append(journal, batch, 2, NULL), cases[i].status);
      faults.write_error = 0;
      assert_int_equal(file_size(fixture->path), before);
      assert_int_equal(journal_size(journal), 1);
    }
  }
  faults.interruptions = 3;
  append_words(journal, 1, ENTRIES);
  assert_words(journal, ENTRIES);
  journal_close(journal);
}

static void a_batch_costs_one_write_and_one_sync(void **state) {
  struct fixture *fixture = *state;
  struct journal *journal = open_good(fixture->path, NULL);
  faults.writes = faults.syncs = 0;
  append_words(journal, 0, ENTRIES);
  assert_int_equal(faults.writes, 1);
  assert_int_equal(faults.syncs, 1);
  assert_int_equal(journal_append(journal, NULL, 0, NULL), TAMIS_OK);
  assert_int_equal(faults.writes, 1);
  journal_close(journal);
}

static void a_failed_sync_ends_the_process_and_says_so(void **state) {
  struct fixture *fixture = *state;
  int pipe_ends[2], outcome;
  char said[256] = "";
  assert_int_equal(pipe(pipe_ends), 0);
  pid_t child = fork();
  if (child == 0) {
    struct rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    signal(SIGABRT, SIG_DFL);
    dup2(pipe_ends[1], STDERR_FILENO);
    struct journal *journal = open_good(fixture->path, NULL);
    faults.sync_error = EIO;
    append_words(journal, 0, 1);
    _exit(0);
  }
  close(pipe_ends[1]);
  assert_int_equal(waitpid(child, &outcome, 0), child);
  assert_true(read(pipe_ends[0], said, sizeof said - 1) > 0);
  close(pipe_ends[0]);
  assert_true(WIFSIGNALED(outcome));
  assert_int_equal(WTERMSIG(outcome), SIGABRT);
  assert_non_null(strstr(said, "fdatasync"));
  assert_non_null(strstr(said, fixture->path));
}

static void a_visit_that_refuses_stops_the_opening(void **state) {
  struct fixture *fixture = *state;
  struct journal *journal = NULL;
  struct seen seen = {.stop_at = 3};
  uint64_t torn;
  make_words(fixture->path, 0);
  assert_int_equal(journal_open(fixture->path, 0, NULL, see, &seen, &journal, &torn, NULL),
                   TAMIS_WRONG_ORIGIN);
  assert_null(journal);
  assert_int_equal(seen.count, 3);
}

static void a_walk_reports_damage_and_changes_nothing(void **state) {
  struct fixture *fixture = *state;
  make_words(fixture->path, 0);
  size_t size;
  struct fault fault;
  uint8_t *bytes = file_read(fixture->path, &size);
  struct seen seen = {.stop_at = UINT64_MAX};
  file_write(fixture->path, bytes, size - 1);
  assert_int_equal(journal_walk(fixture->path, see, &seen, &fault), TAMIS_OK);
  assert_int_equal(seen.count, ENTRIES - 1);
  assert_int_equal(file_size(fixture->path), size - 1);

  bytes[HEAD + strlen(words[0]) + HEAD] ^= 4;
  file_write(fixture->path, bytes, size);
  assert_int_equal(journal_walk(fixture->path, NULL, NULL, &fault), TAMIS_CORRUPT);
  assert_non_null(strstr(fault.text, "entry 1 at offset 19"));
  assert_int_equal(journal_walk("/nonexistent/journal", NULL, NULL, NULL), TAMIS_IO);
  free(bytes);
}

static void a_byte_that_changes_under_a_running_server_is_not_served(void **state) {
  struct fixture *fixture = *state;
  struct journal *journal = open_good(fixture->path, NULL);
  char *bytes;
  size_t length;
  append_words(journal, 0, ENTRIES);
  int descriptor = open(fixture->path, O_WRONLY);
  assert_int_equal(pwrite(descriptor, "X", 1, HEAD + 2), 1);
  close(descriptor);
  assert_int_equal(journal_read(journal, 0, &bytes, &length, NULL), TAMIS_CORRUPT);
  assert_int_equal(journal_read(journal, 1, &bytes, &length, NULL), TAMIS_OK);
  free(bytes);
  journal_close(journal);
}

struct reading {
  struct journal *journal;
  _Atomic uint64_t count;
  _Atomic bool is_over;
  bool differs;
};

static void *read_along(void *context) {
  struct reading *reading = context;
  for (uint64_t i = 0; !reading->is_over; i++) {
    char *bytes, expected[32];
    size_t length;
    uint64_t count = reading->count;
    if (count == 0) continue;
    snprintf(expected, sizeof expected, "entry %d", (int)(i % count));
    if (journal_read(reading->journal, i % count, &bytes, &length, NULL) != TAMIS_OK) {
      reading->differs = true;
      break;
    }
    if (length != strlen(expected) || memcmp(bytes, expected, length) != 0) reading->differs = true;
    free(bytes);
  }
  return NULL;
}

static void readers_may_read_beside_the_one_who_appends(void **state) {
  struct fixture *fixture = *state;
  struct reading reading = {.journal = open_good(fixture->path, NULL)};
  pthread_t reader;
  pthread_create(&reader, NULL, read_along, &reading);
  for (int i = 0; i < 300; i++) {
    char text[32];
    snprintf(text, sizeof text, "entry %d", i);
    struct journal_entry one = entry(text);
    assert_int_equal(journal_append(reading.journal, &one, 1, NULL), TAMIS_OK);
    reading.count++;
  }
  reading.is_over = true;
  pthread_join(reader, NULL);
  assert_false(reading.differs);
  journal_close(reading.journal);
}

#define CLAIM(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      CLAIM(a_new_journal_is_empty),
      CLAIM(what_was_appended_is_there_after_a_restart),
      CLAIM(the_bytes_on_disk_are_those_of_the_format),
      CLAIM(the_tree_is_that_of_the_entries),
      CLAIM(a_torn_tail_is_cut_wherever_it_tore),
      CLAIM(a_torn_tail_that_was_signed_is_refused_and_left_alone),
      CLAIM(every_flipped_bit_is_found),
      CLAIM(a_signed_journal_gives_nothing_away_to_a_flipped_bit),
      CLAIM(zeros_at_the_end_are_torn_but_not_before_something_else),
      CLAIM(a_restored_backup_is_refused),
      CLAIM(an_edited_entry_with_a_good_checksum_is_refused),
      CLAIM(a_record_longer_than_an_entry_may_be_is_refused),
      CLAIM(the_longest_entries_cross_every_window),
      CLAIM(a_second_opener_is_refused),
      CLAIM(a_full_disk_leaves_the_journal_as_it_was),
      CLAIM(a_write_that_fails_after_any_number_of_bytes_leaves_nothing),
      CLAIM(a_batch_costs_one_write_and_one_sync),
      CLAIM(a_failed_sync_ends_the_process_and_says_so),
      CLAIM(a_visit_that_refuses_stops_the_opening),
      CLAIM(a_walk_reports_damage_and_changes_nothing),
      CLAIM(a_byte_that_changes_under_a_running_server_is_not_served),
      CLAIM(readers_may_read_beside_the_one_who_appends),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
