/* Claims about the tar file that a bundle is: tar reads ours, and nobody else's is read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "client-sdk/tar.h"

struct file {
  uint8_t *bytes;
  size_t length;
};

/* Members with those contents; the caller frees. */
static struct file make(size_t count, const char *const *names, const char *const *contents) {
  struct file file = {.length = TAR_END_SIZE};
  for (size_t i = 0; i < count; i++) file.length += tar_member_size(strlen(contents[i]));
  uint8_t *at = file.bytes = calloc(1, file.length);
  for (size_t i = 0; i < count; i++) {
    size_t length = strlen(contents[i]);
    memcpy(tar_member_write(names[i], length, at), contents[i], length);
    at += tar_member_size(length);
  }
  return file;
}

/* How many members are read before the end or the first refusal. */
static enum tamis_status read_all(const uint8_t *bytes, size_t length, size_t *count) {
  struct tar_reader reader;
  struct tar_member member;
  struct fault fault;
  bool is_end = false;
  enum tamis_status status = TAMIS_OK;
  tar_reader_open(&reader, bytes, length);
  for (*count = 0; status == TAMIS_OK && !is_end; *count += !is_end && status == TAMIS_OK)
    status = tar_reader_next(&reader, &member, &is_end, &fault);
  return status;
}

static const char *const names[] = {"README", "blobs/ab", "bundle.json"};
static const char *const contents[] = {"read me", "", "{}"};

static void what_is_written_is_read_back(void **state) {
  (void)state;
  struct file file = make(3, names, contents);
  struct tar_reader reader;
  struct tar_member member;
  bool is_end;
  tar_reader_open(&reader, file.bytes, file.length);
  for (size_t i = 0; i < 3; i++) {
    assert_int_equal(tar_reader_next(&reader, &member, &is_end, NULL), TAMIS_OK);
    assert_false(is_end);
    assert_string_equal(member.name, names[i]);
    assert_int_equal(member.size, strlen(contents[i]));
    assert_memory_equal(member.bytes, contents[i], member.size);
  }
  assert_int_equal(tar_reader_next(&reader, &member, &is_end, NULL), TAMIS_OK);
  assert_true(is_end);
  free(file.bytes);
}

static void the_tar_of_the_system_opens_it(void **state) {
  (void)state;
  char path[] = "/tmp/tamis-tar-XXXXXX", command[128], line[64] = "";
  struct file file = make(3, names, contents);
  int fd = mkstemp(path);
  assert_int_equal(write(fd, file.bytes, file.length), file.length);
  close(fd);
  snprintf(command, sizeof command, "tar --warning=all -xOf %s README bundle.json 2>&1", path);
  FILE *out = popen(command, "r");
  assert_non_null(fgets(line, sizeof line, out));
  assert_string_equal(line, "read me{}");
  assert_int_equal(pclose(out), 0);
  unlink(path);
  free(file.bytes);
}

static void every_flipped_bit_outside_the_contents_is_refused(void **state) {
  (void)state;
  struct file file = make(3, names, contents);
  size_t count, refused = 0;
  for (size_t i = 0; i < file.length; i++) {
    bool is_content = (i >= 512 && i < 512 + 7) || (i >= 2048 && i < 2048 + 2);
    for (int bit = 0; bit < 8; bit++) {
      file.bytes[i] ^= (uint8_t)(1 << bit);
      enum tamis_status status = read_all(file.bytes, file.length, &count);
      file.bytes[i] ^= (uint8_t)(1 << bit);
      assert_int_equal(status == TAMIS_OK, is_content);
      refused += status != TAMIS_OK;
    }
  }
  assert_int_equal(refused, 8 * (file.length - 9));
  free(file.bytes);
}

static void every_other_length_is_refused(void **state) {
  (void)state;
  struct file file = make(3, names, contents);
  uint8_t *longer = calloc(1, file.length + 1024);
  size_t count;
  memcpy(longer, file.bytes, file.length);
  for (size_t length = 0; length < file.length + 1024; length++) {
    uint8_t *exact = malloc(length + 1); /* so that a sanitizer sees a read past the end */
    memcpy(exact, longer, length);
    assert_int_equal(read_all(exact, length, &count) == TAMIS_OK, length == file.length);
    free(exact);
  }
  free(longer);
  free(file.bytes);
}

static void names_ascend(void **state) {
  (void)state;
  static const char *const twice[] = {"a", "a"}, *const down[] = {"b", "a"};
  size_t count;
  struct file file = make(2, twice, contents);
  assert_int_equal(read_all(file.bytes, file.length, &count), TAMIS_BAD_REQUEST);
  assert_int_equal(count, 1);
  free(file.bytes);
  file = make(2, down, contents);
  assert_int_equal(read_all(file.bytes, file.length, &count), TAMIS_BAD_REQUEST);
  free(file.bytes);
}

static void a_name_leads_nowhere_else(void **state) {
  (void)state;
  static const char *const bad[] = {"",       "/a", "a/",  "a//b",    "..",  "../a",
                                    "a/../b", ".",  "./a", "a/..",    "a b", "a\\b",
                                    "a\nb",   "~",  "a:b", "\xc3\xa4"};
  static const char *const good[] = {"a", "a/b.json", "...", "a/.b", "entries/12.json"};
  char longest[TAR_NAME_SIZE + 1];
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    if (tar_name_is_good(bad[i], strlen(bad[i]))) fail_msg("\"%s\" is no name", bad[i]);
  for (size_t i = 0; i < sizeof good / sizeof *good; i++)
    if (!tar_name_is_good(good[i], strlen(good[i]))) fail_msg("\"%s\" is a name", good[i]);
  memset(longest, 'x', sizeof longest);
  assert_true(tar_name_is_good(longest, TAR_NAME_SIZE - 1));
  assert_false(tar_name_is_good(longest, TAR_NAME_SIZE));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_written_is_read_back),
      cmocka_unit_test(the_tar_of_the_system_opens_it),
      cmocka_unit_test(every_flipped_bit_outside_the_contents_is_refused),
      cmocka_unit_test(every_other_length_is_refused),
      cmocka_unit_test(names_ascend),
      cmocka_unit_test(a_name_leads_nowhere_else),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
