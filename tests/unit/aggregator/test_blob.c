/* Claims about blobs: whole under their digest or not there, however the sending went. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "aggregator/blob.h"
#include "tests/unit/aggregator/faults.h"
#include "tests/unit/aggregator/temporary.h"

enum { SIZE = 3 * 1000 * 1000 };

struct fixture {
  struct temporary temporary;
  char folder[128];
  struct blob_store *store;
  uint8_t *bytes; /* SIZE of them */
  struct digest digest;
};

static struct blob_store *open_store(const char *folder, uint64_t reserve_bytes) {
  struct blob_store *store = NULL;
  struct fault fault = {.status = TAMIS_OK};
  if (blob_store_open(folder, reserve_bytes, &store, &fault) != TAMIS_OK)
    fail_msg("%s", fault.text);
  return store;
}

static int set_up(void **state) {
  struct fixture *fixture = calloc(1, sizeof *fixture);
  temporary_open(&fixture->temporary);
  snprintf(fixture->folder, sizeof fixture->folder, "%s/blobs", fixture->temporary.folder);
  fixture->store = open_store(fixture->folder, 0);
  fixture->bytes = malloc(SIZE);
  for (size_t i = 0; i < SIZE; i++) fixture->bytes[i] = (uint8_t)(i * 2654435761u >> 13);
  fixture->digest = digest_of(fixture->bytes, SIZE);
  *state = fixture;
  return 0;
}

static int tear_down(void **state) {
  struct fixture *fixture = *state;
  memset(&faults, 0, sizeof faults);
  blob_store_close(fixture->store);
  temporary_close(&fixture->temporary);
  free(fixture->bytes);
  free(fixture);
  return 0;
}

/* Helpers */

static struct blob_upload *start(struct fixture *fixture, const char *owner, uint64_t expected) {
  struct blob_upload *upload = NULL;
  uint64_t offset = UINT64_MAX;
  assert_int_equal(
      blob_upload_open(fixture->store, owner, &fixture->digest, SIZE, NULL, &upload, &offset, NULL),
      TAMIS_OK);
  assert_int_equal(offset, expected);
  return upload;
}

static void send(struct fixture *fixture, struct blob_upload *upload, size_t from, size_t to) {
  enum { PIECE = 262144 - 7 };
  for (size_t at = from; at < to; at += PIECE) {
    size_t length = to - at < PIECE ? to - at : PIECE;
    assert_int_equal(blob_upload_write(upload, at, fixture->bytes + at, length, NULL), TAMIS_OK);
  }
}

static void assert_there(struct fixture *fixture) {
  struct blob_view view;
  assert_true(blob_exists(fixture->store, &fixture->digest));
  assert_int_equal(blob_map(fixture->store, &fixture->digest, true, &view, NULL), TAMIS_OK);
  assert_int_equal(view.length, SIZE);
  assert_memory_equal(view.bytes, fixture->bytes, SIZE);
  blob_unmap(&view);
}

static uint64_t unfinished(struct fixture *fixture) {
  struct blob_usage usage;
  blob_usage(fixture->store, &usage);
  return usage.unfinished_bytes;
}

/* Claims */

static void an_upload_in_pieces_ends_under_its_digest(void **state) {
  struct fixture *fixture = *state;
  char path[PATH_MAX], hex[DIGEST_HEX_SIZE], expected[PATH_MAX];
  struct blob_upload *upload = start(fixture, "alice", 0);
  send(fixture, upload, 0, SIZE);
  assert_false(blob_exists(fixture->store, &fixture->digest));
  assert_int_equal(unfinished(fixture), SIZE);
  assert_int_equal(blob_upload_finish(upload, NULL), TAMIS_OK);
  assert_false(blob_exists(fixture->store, &fixture->digest));
  assert_int_equal(blob_size(fixture->store, &fixture->digest), 0);
  assert_int_equal(blob_upload_commit(upload, NULL), TAMIS_OK);
  assert_int_equal(blob_size(fixture->store, &fixture->digest), SIZE);
  blob_upload_close(upload);
  assert_there(fixture);
  assert_int_equal(unfinished(fixture), 0);

  digest_to_hex(&fixture->digest, hex);
  snprintf(expected, sizeof expected, "%s/%.2s/%s", fixture->folder, hex, hex);
  blob_path(fixture->store, &fixture->digest, path, sizeof path);
  assert_string_equal(path, expected);
  assert_int_equal(access(path, R_OK), 0);
}

struct seen {
  uint8_t *bytes;
  size_t length;
};

static void keep(void *context, const void *bytes, size_t length) {
  struct seen *seen = context;
  assert_true(length <= SIZE - seen->length);
  memcpy(seen->bytes + seen->length, bytes, length);
  seen->length += length;
}

static void a_witness_sees_every_byte_once_an_earlier_streams_first(void **state) {
  struct fixture *fixture = *state;
  struct seen seen = {malloc(SIZE), 0};
  const struct blob_witness witness = {keep, &seen};
  struct blob_upload *upload = start(fixture, "alice", 0);
  uint64_t offset;
  send(fixture, upload, 0, 1000001);
  blob_upload_close(upload);
  assert_int_equal(blob_upload_open(fixture->store, "alice", &fixture->digest, SIZE, &witness,
                                    &upload, &offset, NULL),
                   TAMIS_OK);
  assert_int_equal(seen.length, 1000001);
  assert_int_equal(blob_upload_write(upload, 1000002, "x", 1, NULL), TAMIS_BAD_OFFSET);
  send(fixture, upload, 1000001, SIZE);
  assert_int_equal(seen.length, SIZE);
  assert_memory_equal(seen.bytes, fixture->bytes, SIZE);
  blob_upload_close(upload);
  free(seen.bytes);
}

static void an_upload_goes_on_where_the_last_stream_ended(void **state) {
  struct fixture *fixture = *state;
  struct blob_upload *upload = start(fixture, "alice", 0);
  send(fixture, upload, 0, 1000001);
  blob_upload_close(upload);
  assert_int_equal(blob_upload_offset(fixture->store, "alice", &fixture->digest), 1000001);
  upload = start(fixture, "alice", 1000001);
  assert_int_equal(blob_upload_offset(fixture->store, "alice", &fixture->digest), 0);
  send(fixture, upload, 1000001, 2000003);
  blob_upload_close(upload);

  blob_store_close(fixture->store);
  fixture->store = open_store(fixture->folder, 0);
  upload = start(fixture, "alice", 2000003);
  send(fixture, upload, 2000003, SIZE);
  assert_int_equal(blob_upload_finish(upload, NULL), TAMIS_OK);
  assert_int_equal(blob_upload_commit(upload, NULL), TAMIS_OK);
  blob_upload_close(upload);
  assert_there(fixture);
}

static void a_whole_upload_that_was_not_committed_needs_no_byte_again(void **state) {
  struct fixture *fixture = *state;
  struct blob_upload *upload = start(fixture, "alice", 0);
  send(fixture, upload, 0, SIZE);
  assert_int_equal(blob_upload_finish(upload, NULL), TAMIS_OK);
  blob_upload_close(upload);
  upload = start(fixture, "alice", SIZE);
  assert_int_equal(blob_upload_finish(upload, NULL), TAMIS_OK);
  assert_int_equal(blob_upload_commit(upload, NULL), TAMIS_OK);
  blob_upload_close(upload);
  assert_there(fixture);
}

static void two_owners_of_one_digest_do_not_share_bytes(void **state) {
  struct fixture *fixture = *state;
  struct blob_upload *alice = start(fixture, "alice", 0), *bob = start(fixture, "bob", 0);
  send(fixture, alice, 0, 500000);
  send(fixture, bob, 0, 300000);
  blob_upload_close(alice);
  blob_upload_discard(bob);
  assert_int_equal(blob_upload_offset(fixture->store, "alice", &fixture->digest), 500000);
  assert_int_equal(blob_upload_offset(fixture->store, "bob", &fixture->digest), 0);
}

static void a_second_stream_waits_for_the_first(void **state) {
  struct fixture *fixture = *state;
  struct blob_upload *first = start(fixture, "alice", 0), *second = NULL;
  uint64_t offset;
  assert_int_equal(blob_upload_open(fixture->store, "alice", &fixture->digest, SIZE, NULL, &second,
                                    &offset, NULL),
                   TAMIS_RATE_LIMITED);
  send(fixture, first, 0, 10);
  blob_upload_close(first);
  second = start(fixture, "alice", 10);
  blob_upload_close(second);
}

static void bytes_out_of_place_are_refused_and_do_no_harm(void **state) {
  struct fixture *fixture = *state;
  struct blob_upload *upload = start(fixture, "alice", 0);
  send(fixture, upload, 0, 1000);
  const uint64_t wrong[] = {0, 999, 1001, SIZE, UINT64_MAX};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
    assert_int_equal(blob_upload_write(upload, wrong[i], "x", 1, NULL), TAMIS_BAD_OFFSET);
  assert_int_equal(blob_upload_write(upload, 1000, fixture->bytes, SIZE - 999, NULL),
                   TAMIS_TOO_LARGE);
  assert_int_equal(blob_upload_finish(upload, NULL), TAMIS_TRUNCATED);
  send(fixture, upload, 1000, SIZE);
  assert_int_equal(blob_upload_write(upload, SIZE, "x", 1, NULL), TAMIS_TOO_LARGE);
  assert_int_equal(blob_upload_finish(upload, NULL), TAMIS_OK);
  blob_upload_close(upload);
}

static void wrong_bytes_are_dropped_and_the_right_ones_may_follow(void **state) {
  struct fixture *fixture = *state;
  struct blob_upload *upload = start(fixture, "alice", 0);
  fixture->bytes[SIZE / 2] ^= 1;
  send(fixture, upload, 0, SIZE);
  fixture->bytes[SIZE / 2] ^= 1;
  assert_int_equal(blob_upload_finish(upload, NULL), TAMIS_DIGEST_MISMATCH);
  assert_int_equal(unfinished(fixture), 0);
  send(fixture, upload, 0, SIZE);
  assert_int_equal(blob_upload_finish(upload, NULL), TAMIS_OK);
  assert_int_equal(blob_upload_commit(upload, NULL), TAMIS_OK);
  blob_upload_close(upload);
  assert_there(fixture);
}

static void committing_twice_is_fine_by_one_upload_or_two(void **state) {
  struct fixture *fixture = *state;
  struct blob_upload *alice = start(fixture, "alice", 0), *bob = start(fixture, "bob", 0);
  send(fixture, alice, 0, SIZE);
  send(fixture, bob, 0, SIZE);
  assert_int_equal(blob_upload_finish(alice, NULL), TAMIS_OK);
  assert_int_equal(blob_upload_finish(bob, NULL), TAMIS_OK);
  assert_int_equal(blob_upload_commit(alice, NULL), TAMIS_OK);
  assert_int_equal(blob_upload_commit(alice, NULL), TAMIS_OK);
  assert_int_equal(blob_upload_commit(bob, NULL), TAMIS_OK);
  blob_upload_close(alice);
  blob_upload_close(bob);
  assert_there(fixture);
  assert_int_equal(unfinished(fixture), 0);
}

static void an_upload_that_sent_nothing_leaves_nothing(void **state) {
  struct fixture *fixture = *state;
  char path[PATH_MAX], hex[DIGEST_HEX_SIZE];
  blob_upload_close(start(fixture, "alice", 0));
  digest_to_hex(&fixture->digest, hex);
  snprintf(path, sizeof path, "%s/unfinished/%s.alice", fixture->folder, hex);
  assert_int_equal(access(path, F_OK), -1);
}

static void leftovers_that_cannot_be_a_beginning_are_dropped(void **state) {
  struct fixture *fixture = *state;
  struct blob_upload *upload = start(fixture, "alice", 0);
  uint64_t offset;
  send(fixture, upload, 0, 5000);
  blob_upload_close(upload);
  assert_int_equal(blob_upload_open(fixture->store, "alice", &fixture->digest, 4999, NULL, &upload,
                                    &offset, NULL),
                   TAMIS_OK);
  assert_int_equal(offset, 0);
  blob_upload_close(upload);
}

/* What is on disk counts, not what was written before it: the bytes are hashed again. */
static void leftovers_that_changed_do_not_pass(void **state) {
  struct fixture *fixture = *state;
  char path[PATH_MAX], hex[DIGEST_HEX_SIZE];
  struct blob_upload *upload = start(fixture, "alice", 0);
  send(fixture, upload, 0, 2000000);
  blob_upload_close(upload);
  digest_to_hex(&fixture->digest, hex);
  snprintf(path, sizeof path, "%s/unfinished/%s.alice", fixture->folder, hex);
  FILE *file = fopen(path, "r+b");
  fseek(file, 1500000, SEEK_SET);
  fputc(fixture->bytes[1500000] ^ 1, file);
  fclose(file);
  upload = start(fixture, "alice", 2000000);
  send(fixture, upload, 2000000, SIZE);
  assert_int_equal(blob_upload_finish(upload, NULL), TAMIS_DIGEST_MISMATCH);
  blob_upload_close(upload);
}

static void a_write_that_fails_leaves_a_shorter_upload_that_goes_on(void **state) {
  struct fixture *fixture = *state;
  struct blob_upload *upload = start(fixture, "alice", 0);
  send(fixture, upload, 0, 4096);
  faults.write_error = ENOSPC;
  faults.write_budget = 1000;
  assert_int_equal(blob_upload_write(upload, 4096, fixture->bytes + 4096, 5000, NULL),
                   TAMIS_DISK_FULL);
  faults.write_error = EIO;
  faults.write_budget = 0;
  assert_int_equal(blob_upload_write(upload, 4096, fixture->bytes + 4096, 5000, NULL), TAMIS_IO);
  faults.write_error = 0;
  assert_int_equal(unfinished(fixture), 4096);
  faults.interruptions = 2;
  send(fixture, upload, 4096, SIZE);
  assert_int_equal(blob_upload_finish(upload, NULL), TAMIS_OK);
  assert_int_equal(blob_upload_commit(upload, NULL), TAMIS_OK);
  blob_upload_close(upload);
  assert_there(fixture);
}

static void uploads_leave_the_reserve_alone(void **state) {
  struct fixture *fixture = *state;
  struct blob_upload *upload = NULL;
  uint64_t offset;
  blob_store_close(fixture->store);
  fixture->store = open_store(fixture->folder, UINT64_MAX / 2);
  assert_int_equal(
      blob_upload_open(fixture->store, "alice", &fixture->digest, 1, NULL, &upload, &offset, NULL),
      TAMIS_DISK_FULL);
  assert_null(upload);
  blob_store_close(fixture->store);
  fixture->store = open_store(fixture->folder, 0);
  assert_int_equal(blob_upload_open(fixture->store, "alice", &fixture->digest, UINT64_MAX / 4, NULL,
                                    &upload, &offset, NULL),
                   TAMIS_DISK_FULL);
  blob_upload_close(start(fixture, "alice", 0));
}

/* A file system of 4 MiB, for this process alone; false where that is not allowed. */
static bool mount_small(const char *folder) {
  return unshare(CLONE_NEWNS) == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
         mount("tmpfs", folder, "tmpfs", 0, "size=4m") == 0;
}

/* In a child: 1 stands for "not allowed here". */
static int fill_small(struct fixture *fixture) {
  struct blob_upload *alice, *bob = NULL;
  struct digest put;
  uint64_t offset;
  char junk[160];
  if (!mount_small(fixture->temporary.folder)) return 1;
  fixture->store = open_store(fixture->folder, 512 * 1024);
  alice = start(fixture, "alice", 0);

  /* 3 of 4 MiB are promised to alice, half a MiB is kept: bob gets no room, then some. */
  if (blob_upload_open(fixture->store, "bob", &fixture->digest, SIZE, NULL, &bob, &offset, NULL) !=
      TAMIS_DISK_FULL)
    return 2;
  struct digest other = digest_of("other", 5);
  if (blob_upload_open(fixture->store, "bob", &other, 100000, NULL, &bob, &offset, NULL) !=
      TAMIS_OK)
    return 3;
  blob_upload_discard(bob);

  /* Somebody else fills the disk: the upload fails, stays, and ends well when there is room. */
  send(fixture, alice, 0, 1000000);
  snprintf(junk, sizeof junk, "%s/junk", fixture->temporary.folder);
  FILE *file = fopen(junk, "wb");
  while (fwrite(fixture->bytes, 1, 65536, file) == 65536 && fflush(file) == 0) continue;
  fclose(file);
  uint64_t at = 1000000;
  enum tamis_status status = TAMIS_OK;
  for (; status == TAMIS_OK && at < SIZE; at += 100000)
    status = blob_upload_write(alice, at, fixture->bytes + at, 100000, NULL);
  if (status != TAMIS_DISK_FULL) return 4;
  if (blob_put(fixture->store, fixture->bytes, SIZE, &put, NULL) != TAMIS_DISK_FULL) return 5;
  if (blob_exists(fixture->store, &put)) return 6;
  blob_upload_close(alice);
  unlink(junk);
  offset = blob_upload_offset(fixture->store, "alice", &fixture->digest);
  if (offset < 1000000 || unfinished(fixture) != offset) return 7;
  alice = start(fixture, "alice", offset);
  send(fixture, alice, offset, SIZE);
  if (blob_upload_finish(alice, NULL) != TAMIS_OK) return 8;
  if (blob_upload_commit(alice, NULL) != TAMIS_OK) return 9;
  blob_upload_close(alice);
  assert_there(fixture);
  return 0;
}

static void a_full_file_system_costs_no_byte_that_was_taken(void **state) {
  struct fixture *fixture = *state;
  int outcome;
  pid_t child = fork();
  if (child == 0) _exit(fill_small(fixture));
  assert_int_equal(waitpid(child, &outcome, 0), child);
  assert_true(WIFEXITED(outcome));
  if (WEXITSTATUS(outcome) == 1) skip();
  assert_int_equal(WEXITSTATUS(outcome), 0);
}

static void a_blob_that_could_not_be_synced_never_gets_its_name(void **state) {
  struct fixture *fixture = *state;
  struct blob_upload *upload = start(fixture, "alice", 0);
  int outcome;
  send(fixture, upload, 0, SIZE);
  assert_int_equal(blob_upload_finish(upload, NULL), TAMIS_OK);
  pid_t child = fork();
  if (child == 0) {
    struct rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    signal(SIGABRT, SIG_DFL);
    fclose(stderr);
    faults.sync_error = EIO;
    blob_upload_commit(upload, NULL);
    _exit(0);
  }
  assert_int_equal(waitpid(child, &outcome, 0), child);
  assert_true(WIFSIGNALED(outcome) && WTERMSIG(outcome) == SIGABRT);
  assert_false(blob_exists(fixture->store, &fixture->digest));
  assert_int_equal(blob_upload_commit(upload, NULL), TAMIS_OK);
  blob_upload_close(upload);
  assert_there(fixture);
}

/* Names come from statements that were checked; should one slip through, nothing is touched. */
static void an_owner_that_is_no_name_ends_the_process(void **state) {
  struct fixture *fixture = *state;
  const char *const hostile[] = {
      "",    "../../etc/passwd",
      "a/b", ".hidden",
      "-x",  "Alice",
      "a b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
  for (size_t i = 0; i < sizeof hostile / sizeof hostile[0]; i++) {
    int outcome;
    pid_t child = fork();
    if (child == 0) {
      struct rlimit no_core = {0, 0};
      struct blob_upload *upload;
      uint64_t offset;
      setrlimit(RLIMIT_CORE, &no_core);
      signal(SIGABRT, SIG_DFL);
      fclose(stderr);
      blob_upload_open(fixture->store, hostile[i], &fixture->digest, 1, NULL, &upload, &offset,
                       NULL);
      _exit(0);
    }
    assert_int_equal(waitpid(child, &outcome, 0), child);
    assert_true(WIFSIGNALED(outcome) && WTERMSIG(outcome) == SIGABRT);
  }
}

static void what_is_put_is_there_under_its_digest(void **state) {
  struct fixture *fixture = *state;
  struct digest digest;
  struct blob_view view;
  assert_int_equal(blob_put(fixture->store, fixture->bytes, SIZE, &digest, NULL), TAMIS_OK);
  assert_true(digest_equal(&digest, &fixture->digest));
  assert_int_equal(blob_put(fixture->store, fixture->bytes, SIZE, &digest, NULL), TAMIS_OK);
  assert_there(fixture);
  assert_int_equal(blob_put(fixture->store, "", 0, &digest, NULL), TAMIS_OK);
  assert_int_equal(blob_map(fixture->store, &digest, true, &view, NULL), TAMIS_OK);
  assert_int_equal(view.length, 0);
  blob_unmap(&view);
  assert_int_equal(unfinished(fixture), 0);
}

static void damage_is_found_when_asked_for(void **state) {
  struct fixture *fixture = *state;
  char path[PATH_MAX];
  struct digest digest;
  struct blob_view view;
  assert_int_equal(blob_map(fixture->store, &fixture->digest, true, &view, NULL), TAMIS_NOT_FOUND);
  assert_int_equal(blob_put(fixture->store, fixture->bytes, SIZE, &digest, NULL), TAMIS_OK);
  blob_path(fixture->store, &digest, path, sizeof path);
  FILE *file = fopen(path, "r+b");
  fseek(file, SIZE - 1, SEEK_SET);
  fputc(fixture->bytes[SIZE - 1] ^ 0x80, file);
  fclose(file);
  assert_int_equal(blob_map(fixture->store, &digest, true, &view, NULL), TAMIS_CORRUPT);
  assert_int_equal(blob_map(fixture->store, &digest, false, &view, NULL), TAMIS_OK);
  blob_unmap(&view);
  assert_int_equal(truncate(path, 0), 0);
  assert_int_equal(blob_map(fixture->store, &digest, true, &view, NULL), TAMIS_CORRUPT);
}

static void what_is_lent_is_there_until_it_is_returned(void **state) {
  struct fixture *fixture = *state;
  struct blob_loan loan = {.digest = fixture->digest, .bytes = fixture->bytes, .length = SIZE};
  struct blob_loan again = loan;
  struct blob_view view;
  blob_lend(fixture->store, &loan);
  blob_lend(fixture->store, &again);
  blob_return(fixture->store, &loan);
  assert_int_equal(blob_map(fixture->store, &fixture->digest, true, &view, NULL), TAMIS_OK);
  assert_true(view.is_lent && view.bytes == fixture->bytes && view.length == SIZE);
  blob_unmap(&view);
  assert_int_equal(fixture->bytes[SIZE - 1], (uint8_t)((SIZE - 1) * 2654435761u >> 13));
  blob_return(fixture->store, &again);
  assert_int_equal(blob_map(fixture->store, &fixture->digest, true, &view, NULL), TAMIS_NOT_FOUND);
  assert_false(blob_exists(fixture->store, &fixture->digest));
}

static void a_sweep_takes_what_is_idle_and_nothing_else(void **state) {
  struct fixture *fixture = *state;
  struct blob_upload *idle = start(fixture, "alice", 0), *busy = start(fixture, "bob", 0);
  send(fixture, idle, 0, 1000);
  send(fixture, busy, 0, 1000);
  blob_upload_close(idle);
  blob_sweep(fixture->store, 3600);
  assert_int_equal(unfinished(fixture), 2000);
  blob_sweep(fixture->store, 0);
  assert_int_equal(unfinished(fixture), 1000);
  send(fixture, busy, 1000, SIZE);
  assert_int_equal(blob_upload_finish(busy, NULL), TAMIS_OK);
  assert_int_equal(blob_upload_commit(busy, NULL), TAMIS_OK);
  blob_upload_close(busy);
  assert_there(fixture);
}

struct sender {
  struct fixture *fixture;
  char owner[16];
  uint8_t mark;
  bool failed;
};

static void *send_many(void *context) {
  struct sender *sender = context;
  enum { LENGTH = 50000, ROUNDS = 6 };
  uint8_t *bytes = calloc(1, LENGTH);
  for (uint8_t i = 0; i < ROUNDS && !sender->failed; i++) {
    struct blob_upload *upload;
    struct digest own, common;
    uint64_t offset;
    memset(bytes, sender->mark, LENGTH);
    bytes[0] = i;
    own = digest_of(bytes, LENGTH);
    struct blob_store *store = sender->fixture->store;
    sender->failed = blob_upload_open(store, sender->owner, &own, LENGTH, NULL, &upload, &offset,
                                      NULL) != TAMIS_OK;
    if (sender->failed) break;
    sender->failed = blob_upload_write(upload, 0, bytes, LENGTH, NULL) != TAMIS_OK ||
                     blob_upload_finish(upload, NULL) != TAMIS_OK ||
                     blob_upload_commit(upload, NULL) != TAMIS_OK ||
                     blob_put(store, "the same for all", 16, &common, NULL) != TAMIS_OK ||
                     !blob_exists(store, &own);
    blob_upload_close(upload);
  }
  free(bytes);
  return NULL;
}

static void eight_senders_do_not_disturb_each_other(void **state) {
  struct fixture *fixture = *state;
  struct sender sender[8];
  pthread_t thread[8];
  for (size_t i = 0; i < 8; i++) {
    sender[i] = (struct sender){.fixture = fixture, .mark = (uint8_t)(i + 1)};
    snprintf(sender[i].owner, sizeof sender[i].owner, "client-%zu", i);
    pthread_create(&thread[i], NULL, send_many, &sender[i]);
  }
  for (size_t i = 0; i < 8; i++) {
    pthread_join(thread[i], NULL);
    assert_false(sender[i].failed);
  }
  assert_int_equal(unfinished(fixture), 0);
}

#define CLAIM(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      CLAIM(an_upload_in_pieces_ends_under_its_digest),
      CLAIM(a_witness_sees_every_byte_once_an_earlier_streams_first),
      CLAIM(an_upload_goes_on_where_the_last_stream_ended),
      CLAIM(a_whole_upload_that_was_not_committed_needs_no_byte_again),
      CLAIM(two_owners_of_one_digest_do_not_share_bytes),
      CLAIM(a_second_stream_waits_for_the_first),
      CLAIM(bytes_out_of_place_are_refused_and_do_no_harm),
      CLAIM(wrong_bytes_are_dropped_and_the_right_ones_may_follow),
      CLAIM(committing_twice_is_fine_by_one_upload_or_two),
      CLAIM(an_upload_that_sent_nothing_leaves_nothing),
      CLAIM(leftovers_that_cannot_be_a_beginning_are_dropped),
      CLAIM(leftovers_that_changed_do_not_pass),
      CLAIM(a_write_that_fails_leaves_a_shorter_upload_that_goes_on),
      CLAIM(uploads_leave_the_reserve_alone),
      CLAIM(a_full_file_system_costs_no_byte_that_was_taken),
      CLAIM(a_blob_that_could_not_be_synced_never_gets_its_name),
      CLAIM(an_owner_that_is_no_name_ends_the_process),
      CLAIM(what_is_put_is_there_under_its_digest),
      CLAIM(damage_is_found_when_asked_for),
      CLAIM(what_is_lent_is_there_until_it_is_returned),
      CLAIM(a_sweep_takes_what_is_idle_and_nothing_else),
      CLAIM(eight_senders_do_not_disturb_each_other),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
