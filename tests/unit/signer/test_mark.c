/* What was signed last outlives torn writes and flipped bits, or is refused; it is never guessed.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include "bench.h"

static struct mark mark_at(uint64_t size) {
  return (struct mark){.state = MARK_ACTIVE, .size = size, .root = bench_leaf(size)};
}

static void bytes_read(const struct bench *bench, uint8_t bytes[MARK_FILE_SIZE]) {
  int descriptor = open(bench->mark_path, O_RDONLY);
  assert_int_equal(read(descriptor, bytes, MARK_FILE_SIZE), MARK_FILE_SIZE);
  close(descriptor);
}

static void bytes_write(const struct bench *bench, const uint8_t *bytes, size_t size) {
  int descriptor = open(bench->mark_path, O_WRONLY | O_TRUNC);
  assert_int_equal(write(descriptor, bytes, size), size);
  close(descriptor);
}

/* The size that a start would find; -1 when it is refused as corrupt. */
static int64_t found(const struct bench *bench) {
  struct mark_file *file;
  enum tamis_status status = mark_open(bench->mark_path, &bench->key.public, 0, &file, NULL);
  if (status == TAMIS_CORRUPT) return -1;
  assert_status(status, TAMIS_OK);
  struct mark mark = *mark_read(file);
  struct digest root = bench_leaf(mark.size);
  assert_true(digest_equal(&mark.root, &root));
  mark_close(file);
  return (int64_t)mark.size;
}

static void write_sizes(const struct bench *bench, uint64_t last) {
  struct mark mark = mark_at(0);
  struct mark_file *file;
  assert_status(mark_create(bench->mark_path, &bench->key.public, &mark, NULL), TAMIS_OK);
  assert_status(mark_open(bench->mark_path, &bench->key.public, 0, &file, NULL), TAMIS_OK);
  for (uint64_t size = 1; size <= last; size++) {
    mark = mark_at(size);
    assert_status(mark_write(file, &mark, NULL), TAMIS_OK);
    assert_int_equal(mark_read(file)->size, size);
  }
  mark_close(file);
}

static void what_was_written_is_found(void **unused) {
  struct bench bench;
  (void)unused;
  for (uint64_t last = 0; last < 5; last++) {
    bench_open(&bench);
    write_sizes(&bench, last);
    assert_int_equal(found(&bench), last);
    bench_close(&bench);
  }
}

static void every_flipped_bit_changes_nothing(void **unused) {
  struct bench bench;
  uint8_t bytes[MARK_FILE_SIZE];
  (void)unused;
  for (uint64_t last = 6; last < 8; last++) { /* the newest in either slot */
    bench_open(&bench);
    write_sizes(&bench, last);
    bytes_read(&bench, bytes);
    for (size_t bit = 0; bit < 8 * MARK_FILE_SIZE; bit++) {
      if (bit / 8 % MARK_COPY_OFFSET > 176) continue; /* zeros that nobody reads */
      bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
      bytes_write(&bench, bytes, sizeof bytes);
      assert_int_equal(found(&bench), last);
      bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    bench_close(&bench);
  }
}

/* The write of 7, into the first slot, stops after any number of bytes, from the front or from the
 * back of its block. */
static void a_torn_write_leaves_the_one_before_or_the_new_one(void **unused) {
  struct bench bench;
  uint8_t before[MARK_FILE_SIZE], after[MARK_FILE_SIZE], torn[MARK_FILE_SIZE];
  bool has_old = false, has_new = false;
  (void)unused;
  bench_open(&bench);
  write_sizes(&bench, 6);
  bytes_read(&bench, before);
  assert_int_equal(unlink(bench.mark_path), 0);
  write_sizes(&bench, 7);
  bytes_read(&bench, after);
  for (size_t cut = 0; cut <= MARK_SLOT_SIZE; cut += 8) {
    for (int is_back = 0; is_back < 2; is_back++) {
      memcpy(torn, is_back ? after : before, sizeof torn);
      memcpy(torn, is_back ? before : after, cut);
      bytes_write(&bench, torn, sizeof torn);
      int64_t size = found(&bench);
      assert_true(size == 6 || size == 7);
      has_old |= size == 6;
      has_new |= size == 7;
    }
  }
  assert_true(has_old && has_new);
  /* A block that the disk gives back as anything. */
  memcpy(torn, after, sizeof torn);
  memset(torn, 0xff, MARK_SLOT_SIZE);
  bytes_write(&bench, torn, sizeof torn);
  assert_int_equal(found(&bench), 6);
  memset(torn, 0, sizeof torn);
  bytes_write(&bench, torn, sizeof torn);
  assert_int_equal(found(&bench), -1);
  bench_close(&bench);
}

static void other_files_are_refused(void **unused) {
  struct bench bench;
  struct mark_file *file, *second;
  struct secret_key stranger;
  struct fault fault;
  uint8_t bytes[MARK_FILE_SIZE + 1] = {0};
  struct mark mark = mark_at(1);
  (void)unused;
  bench_open(&bench);
  const struct public_key *key = &bench.key.public;
  assert_status(mark_open(bench.mark_path, key, 0, &file, &fault), TAMIS_NOT_FOUND);
  write_sizes(&bench, 3);
  assert_status(mark_create(bench.mark_path, key, &mark, &fault), TAMIS_CONFLICT);
  key_generate(BENCH_ORIGIN, &stranger);
  assert_status(mark_open(bench.mark_path, &stranger.public, 0, &file, &fault), TAMIS_BAD_CONFIG);
  assert_status(mark_open(bench.mark_path, key, 0, &file, &fault), TAMIS_OK);
  assert_status(mark_open(bench.mark_path, key, 20, &second, &fault), TAMIS_CONFLICT);
  assert_non_null(strstr(fault.text, "another signer"));
  mark_close(file);
  bytes_read(&bench, bytes);
  const size_t sizes[] = {0, 1, 4096, MARK_FILE_SIZE - 1, MARK_FILE_SIZE + 1};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    bytes_write(&bench, bytes, sizes[i]);
    assert_int_equal(found(&bench), -1);
  }
  assert_int_equal(unlink(bench.mark_path), 0);
  assert_int_equal(symlink("/dev/null", bench.mark_path), 0);
  assert_status(mark_open(bench.mark_path, key, 0, &file, &fault), TAMIS_IO);
  assert_int_equal(unlink(bench.mark_path), 0);
  assert_int_equal(mkfifo(bench.mark_path, 0600), 0);
  assert_status(mark_open(bench.mark_path, key, 0, &file, &fault), TAMIS_CORRUPT);
  bench_close(&bench);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_was_written_is_found),
      cmocka_unit_test(every_flipped_bit_changes_nothing),
      cmocka_unit_test(a_torn_write_leaves_the_one_before_or_the_new_one),
      cmocka_unit_test(other_files_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
