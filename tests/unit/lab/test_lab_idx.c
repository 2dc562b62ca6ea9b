/* Every way an idx file can lie is told apart, and none of them reads or allocates past what is
 * there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "lab/idx.h"

/* Two images of 1 x 3. */
static const uint8_t images[] = {0, 0, 8, 3, 0, 0,  0,  2,  0,  0,  0,
                                 1, 0, 0, 0, 3, 10, 11, 12, 20, 21, 22};
static const uint8_t labels[] = {0, 0, 8, 1, 0, 0, 0, 2, 7, 3};

static const char *const image_name = "train-images-idx3-ubyte";
static const char *const label_name = "train-labels-idx1-ubyte";

/* Parses a heap copy of exactly `size` bytes, so that a sanitizer sees one byte too many. */
static enum idx_status parse_copy(const uint8_t *bytes, size_t size, unsigned dimension_count) {
  uint8_t *copy = malloc(size ? size : 1);
  memcpy(copy, bytes, size);
  struct idx_view view;
  struct idx_error error = {""};
  enum idx_status status = idx_parse(&view, copy, size, dimension_count, &error);
  if (status) assert_true(strlen(error.text) > 20);
  free(copy);
  return status;
}

static enum idx_status parse_with(size_t offset, uint8_t value) {
  uint8_t changed[sizeof images];
  memcpy(changed, images, sizeof images);
  changed[offset] = value;
  return parse_copy(changed, sizeof changed, 3);
}

static void a_good_file_is_viewed_in_place(void **state) {
  (void)state;
  struct idx_view view;
  struct idx_error error;
  assert_int_equal(idx_parse(&view, images, sizeof images, 3, &error), IDX_OK);
  assert_int_equal(view.dimensions[0], 2);
  assert_int_equal(view.dimensions[2], 3);
  assert_int_equal(view.data_size, 6);
  assert_ptr_equal(view.data, images + 16);
}

static void every_shorter_file_is_truncated(void **state) {
  (void)state;
  for (size_t size = 0; size < sizeof images; size++)
    assert_int_equal(parse_copy(images, size, 3), IDX_TRUNCATED);
}

static void a_longer_file_is_refused(void **state) {
  (void)state;
  uint8_t longer[sizeof images + 1] = {0};
  memcpy(longer, images, sizeof images);
  assert_int_equal(parse_copy(longer, sizeof longer, 3), IDX_TRAILING_BYTES);
}

static void wrong_magic_type_and_dimension_count_are_refused(void **state) {
  (void)state;
  assert_int_equal(parse_with(0, 1), IDX_BAD_MAGIC);
  assert_int_equal(parse_with(1, 1), IDX_BAD_MAGIC);
  assert_int_equal(parse_with(2, 0x0d), IDX_BAD_MAGIC);
  assert_int_equal(parse_with(3, 1), IDX_BAD_MAGIC);
  assert_int_equal(parse_copy(images, sizeof images, 1), IDX_BAD_MAGIC);
}

static void announced_sizes_are_capped_before_they_are_believed(void **state) {
  (void)state;
  assert_int_equal(parse_with(4, 0xff), IDX_TOO_LARGE);
  assert_int_equal(parse_with(8, 0xff), IDX_TOO_LARGE);
  assert_int_equal(parse_with(14, 0x05), IDX_TOO_LARGE);
  /* 2^28 x 1024 x 1024: each within its cap, the product far over. */
  static const uint8_t huge[] = {0, 0, 8, 3, 0x10, 0, 0, 0, 0, 0, 4, 0, 0, 0, 4, 0};
  assert_int_equal(parse_copy(huge, sizeof huge, 3), IDX_TOO_LARGE);
}

static void a_dimension_of_zero_is_refused(void **state) {
  (void)state;
  assert_int_equal(parse_with(7, 0), IDX_EMPTY);
  assert_int_equal(parse_with(15, 0), IDX_EMPTY);
}

/* A temporary folder that holds these two files. */
struct folder {
  char path[64];
};

static int folder_open(void **state) {
  struct folder *folder = calloc(1, sizeof *folder);
  strcpy(folder->path, "/tmp/tamis-idx-XXXXXX");
  *state = folder;
  return mkdtemp(folder->path) ? 0 : -1;
}

static int folder_close(void **state) {
  struct folder *folder = *state;
  static const char *const endings[] = {"", ".gz"};
  for (size_t i = 0; i < 4; i++) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s%s", folder->path, i < 2 ? image_name : label_name,
             endings[i % 2]);
    unlink(path);
  }
  rmdir(folder->path);
  free(folder);
  return 0;
}

static void write_plain(const struct folder *folder, const char *name, const void *bytes,
                        size_t size) {
  char path[256];
  snprintf(path, sizeof path, "%s/%s", folder->path, name);
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(bytes, 1, size, file), size);
  fclose(file);
}

static void write_gzip(const struct folder *folder, const char *name, const void *bytes,
                       size_t size) {
  char path[256];
  snprintf(path, sizeof path, "%s/%s.gz", folder->path, name);
  gzFile file = gzopen(path, "wb");
  assert_non_null(file);
  assert_int_equal(gzwrite(file, bytes, (unsigned)size), size);
  gzclose(file);
}

/* Cuts the end off, or flips a bit near it, in the gzipped images. */
static void damage_gzip(const struct folder *folder, size_t cut, int flip) {
  char path[256];
  snprintf(path, sizeof path, "%s/%s.gz", folder->path, image_name);
  uint8_t bytes[256];
  FILE *file = fopen(path, "rb");
  size_t size = fread(bytes, 1, sizeof bytes, file);
  fclose(file);
  bytes[size - 6] ^= (uint8_t)flip; /* in the CRC-32 that ends a gzip member */
  file = fopen(path, "wb");
  fwrite(bytes, 1, size - cut, file);
  fclose(file);
}

static enum idx_status load(const struct folder *folder, struct idx_error *error) {
  struct dataset set;
  enum idx_status status = idx_load(&set, folder->path, IDX_TRAIN, error);
  if (status) assert_null(set.pixels);
  dataset_free(&set);
  return status;
}

static void plain_and_gzipped_files_load_alike(void **state) {
  const struct folder *folder = *state;
  write_plain(folder, image_name, images, sizeof images);
  write_gzip(folder, label_name, labels, sizeof labels);
  struct dataset set;
  struct idx_error error;
  assert_int_equal(idx_load(&set, folder->path, IDX_TRAIN, &error), IDX_OK);
  assert_int_equal(set.count, 2);
  assert_int_equal(dataset_image_size(&set), 3);
  assert_memory_equal(dataset_image(&set, 1), images + 19, 3);
  assert_int_equal(set.labels[0], 7);
  dataset_free(&set);
}

static void a_missing_file_is_named(void **state) {
  const struct folder *folder = *state;
  struct idx_error error;
  assert_int_equal(load(folder, &error), IDX_NOT_FOUND);
  assert_non_null(strstr(error.text, image_name));
}

static void damaged_gzip_is_unreadable(void **state) {
  const struct folder *folder = *state;
  struct idx_error error;
  write_plain(folder, label_name, labels, sizeof labels);
  write_gzip(folder, image_name, images, sizeof images);
  damage_gzip(folder, 0, 1);
  assert_int_equal(load(folder, &error), IDX_UNREADABLE);
  write_gzip(folder, image_name, images, sizeof images);
  damage_gzip(folder, 12, 0);
  assert_int_equal(load(folder, &error), IDX_UNREADABLE);
  assert_non_null(strstr(error.text, folder->path));
}

/* 64 MiB of zeros squeeze into 64 KiB; the header says two small images. */
static void a_decompression_bomb_is_read_one_byte_past_its_header_only(void **state) {
  const struct folder *folder = *state;
  uint8_t *bomb = calloc(1, 64 << 20);
  memcpy(bomb, images, sizeof images);
  write_gzip(folder, image_name, bomb, 64 << 20);
  free(bomb);
  write_plain(folder, label_name, labels, sizeof labels);
  struct idx_error error;
  assert_int_equal(load(folder, &error), IDX_TRAILING_BYTES);
}

static void counts_of_images_and_labels_must_agree(void **state) {
  const struct folder *folder = *state;
  static const uint8_t three[] = {0, 0, 8, 1, 0, 0, 0, 3, 7, 3, 1};
  write_plain(folder, image_name, images, sizeof images);
  write_plain(folder, label_name, three, sizeof three);
  struct idx_error error;
  assert_int_equal(load(folder, &error), IDX_COUNTS_DIFFER);
}

static void a_label_that_is_no_digit_is_refused(void **state) {
  const struct folder *folder = *state;
  static const uint8_t ten[] = {0, 0, 8, 1, 0, 0, 0, 2, 7, 10};
  write_plain(folder, image_name, images, sizeof images);
  write_plain(folder, label_name, ten, sizeof ten);
  struct idx_error error;
  assert_int_equal(load(folder, &error), IDX_BAD_LABEL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_good_file_is_viewed_in_place),
      cmocka_unit_test(every_shorter_file_is_truncated),
      cmocka_unit_test(a_longer_file_is_refused),
      cmocka_unit_test(wrong_magic_type_and_dimension_count_are_refused),
      cmocka_unit_test(announced_sizes_are_capped_before_they_are_believed),
      cmocka_unit_test(a_dimension_of_zero_is_refused),
      cmocka_unit_test_setup_teardown(plain_and_gzipped_files_load_alike, folder_open,
                                      folder_close),
      cmocka_unit_test_setup_teardown(a_missing_file_is_named, folder_open, folder_close),
      cmocka_unit_test_setup_teardown(damaged_gzip_is_unreadable, folder_open, folder_close),
      cmocka_unit_test_setup_teardown(a_decompression_bomb_is_read_one_byte_past_its_header_only,
                                      folder_open, folder_close),
      cmocka_unit_test_setup_teardown(counts_of_images_and_labels_must_agree, folder_open,
                                      folder_close),
      cmocka_unit_test_setup_teardown(a_label_that_is_no_digit_is_refused, folder_open,
                                      folder_close),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
