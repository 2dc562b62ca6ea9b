/* Paths of trust.md 2.2, every path that is not one, and the tiles of every small log put together
 * again to the tree's own root. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "proto/tile.h"

enum { LEAVES = 1100 };

static void assert_path(int level, uint64_t index, unsigned width, const char *expected) {
  struct tile tile = {level, index, width}, read = {0};
  char path[TILE_PATH_SIZE];
  size_t length = tile_path_write(&tile, path);
  assert_string_equal(path, expected);
  assert_int_equal(length, strlen(expected));
  assert_true(tile_path_read(path, length, &read));
  assert_int_equal(read.level, level);
  assert_true(read.index == index);
  assert_int_equal(read.width, width);
}

static void paths_are_those_of_trust_2_2(void **state) {
  (void)state;
  assert_path(0, 1234067, 256, "tile/0/x001/x234/067");
  assert_path(TILE_ENTRIES, 1234067, 256, "tile/entries/x001/x234/067");
  assert_path(0, 0, 256, "tile/0/000");
  assert_path(1, 5, 17, "tile/1/005.p/17");
  assert_path(TILE_ENTRIES, 1000, 1, "tile/entries/x001/000.p/1");
  assert_path(2, 999, 255, "tile/2/999.p/255");
  assert_path(0, 999999, 256, "tile/0/x999/999");
  assert_path(7, 0, 127, "tile/7/000.p/127");
  assert_path(0, (UINT64_C(1) << 55) - 1, 255, "tile/0/x036/x028/x797/x018/x963/967.p/255");
}

static void nothing_else_is_a_path(void **state) {
  (void)state;
  static const char *const bad[] = {
      "",
      "tile",
      "tile/",
      "tile/0",
      "tile/0/",
      "tile/0/0",
      "tile/0/00",
      "tile/0/0000",
      "tile/0/x000/067",
      "tile/0/x1/067",
      "tile/0/x001/67",
      "tile/0/001/067",
      "tile/0/x001/",
      "tile/0/x001/x067",
      "tile/0/x067",
      "tile/00/000",
      "tile/01/000",
      "tile/8/000",
      "tile/-1/000",
      "tile/+1/000",
      "tile/64/000",
      "/tile/0/000",
      "tile//0/000",
      "tile/0//000",
      "tile/0/000/",
      "tile/0/000 ",
      "tile/0/000.p",
      "tile/0/000.p/",
      "tile/0/000.p/0",
      "tile/0/000.p/00",
      "tile/0/000.p/01",
      "tile/0/000.p/256",
      "tile/0/000.p/1000",
      "tile/0/000.p/1/",
      "tile/0/000.p/-1",
      "tile/0/../0/000",
      "tile/../journal",
      "tile/0/.../000",
      "tile/0/000.P/1",
      "tile/Entries/000",
      "tile/entries",
      "tile/entries/",
      "tile/entries/../../journal",
      "tile/data/000",
      "tile/7/001",
      "tile/7/000",
      "tile/0/x036/x028/x797/x018/x963/968",
      "tile/0/x999/x999/x999/x999/x999/999",
      "tile/0/x001/x999/x999/x999/x999/x999/999",
      "tile/0/x018/x446/x744/x073/x709/x551/616",
  };
  struct tile tile;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    if (tile_path_read(bad[i], strlen(bad[i]), &tile)) fail_msg("%s was taken for a tile", bad[i]);
  }
  assert_false(tile_path_read("tile/0/000\0", 11, &tile));
  assert_false(tile_path_read("tile/0/0\0000", 11, &tile));
}

/* Every index up to 100,000 and around every power of ten. */
static void a_path_read_is_the_tile_written(void **state) {
  (void)state;
  char path[TILE_PATH_SIZE];
  struct tile read;
  for (uint64_t index = 0; index < 100000; index++) {
    struct tile tile = {(int)(index % 3) - 1, index, 1 + (unsigned)(index % 256)};
    size_t length = tile_path_write(&tile, path);
    assert_true(tile_path_read(path, length, &read));
    assert_true(read.level == tile.level && read.index == index && read.width == tile.width);
  }
  for (uint64_t power = 10; power < UINT64_C(1) << 54; power *= 10) {
    for (uint64_t index = power - 1; index <= power + 1; index++) {
      struct tile tile = {0, index, 256};
      size_t length = tile_path_write(&tile, path);
      assert_true(tile_path_read(path, length, &read) && read.index == index);
    }
  }
}

static void every_single_wrong_byte_of_a_path_is_another_tile_or_none(void **state) {
  (void)state;
  const char *good[] = {"tile/0/x001/x234/067", "tile/entries/005.p/17"};
  for (size_t g = 0; g < 2; g++) {
    size_t length = strlen(good[g]);
    for (size_t at = 0; at < length; at++) {
      for (int byte = 0; byte < 256; byte++) {
        char path[TILE_PATH_SIZE], again[TILE_PATH_SIZE];
        struct tile tile;
        memcpy(path, good[g], length + 1);
        path[at] = (char)byte;
        if (!tile_path_read(path, length, &tile)) continue;
        assert_int_equal(tile_path_write(&tile, again), length);
        assert_memory_equal(again, path, length);
      }
    }
  }
}

static struct merkle_tree *grown(unsigned size) {
  struct merkle_tree *tree = merkle_tree_new();
  char text[16];
  for (unsigned i = 0; i < size; i++) {
    struct digest leaf = merkle_leaf(text, (size_t)snprintf(text, sizeof text, "leaf-%u", i));
    merkle_tree_append(tree, &leaf);
  }
  return tree;
}

/* The hash `index` of `level`, taken from the tiles that a log of `size` has. */
static struct digest from_tiles(const struct merkle_tree *tree, uint64_t size, int level,
                                uint64_t index) {
  struct tile tile = {level, index / TILE_WIDTH, TILE_WIDTH};
  uint8_t bytes[TILE_WIDTH * DIGEST_SIZE];
  struct digest hash;
  if (tile.index == tile_full_count(level, size)) tile.width = tile_partial_width(level, size);
  assert_true(tile_is_within(&tile, size));
  assert_true(index % TILE_WIDTH < tile.width);
  tile_hashes(tree, &tile, bytes);
  memcpy(hash.byte, bytes + index % TILE_WIDTH * DIGEST_SIZE, DIGEST_SIZE);
  return hash;
}

/* RFC 6962 2.1 over the hashes of level 0, whole 256s taken from level 1. */
static struct digest root_of(const struct merkle_tree *tree, uint64_t size, uint64_t start,
                             uint64_t count) {
  if (count == 1) return from_tiles(tree, size, 0, start);
  if (count == TILE_WIDTH && start % TILE_WIDTH == 0)
    return from_tiles(tree, size, 1, start / TILE_WIDTH);
  uint64_t left = 1;
  while (2 * left < count) left *= 2;
  struct digest a = root_of(tree, size, start, left);
  struct digest b = root_of(tree, size, start + left, count - left);
  return merkle_node(&a, &b);
}

static void the_tiles_of_every_small_log_give_its_root(void **state) {
  (void)state;
  struct merkle_tree *tree = grown(LEAVES);
  for (uint64_t size = 1; size <= LEAVES; size++) {
    struct digest expected = merkle_tree_root(tree, size), found = root_of(tree, size, 0, size);
    assert_memory_equal(&found, &expected, sizeof found);
  }
  merkle_tree_free(tree);
}

static void a_log_has_the_tiles_of_all_its_past(void **state) {
  (void)state;
  assert_int_equal(tile_full_count(0, 255), 0);
  assert_int_equal(tile_partial_width(0, 255), 255);
  assert_int_equal(tile_full_count(TILE_ENTRIES, 256), 1);
  assert_int_equal(tile_partial_width(TILE_ENTRIES, 256), 0);
  assert_int_equal(tile_full_count(1, 70000), 1);
  assert_int_equal(tile_partial_width(1, 70000), 70000 / 256 - 256);
  assert_int_equal(tile_partial_width(2, 70000), 1);
  assert_int_equal(tile_full_count(7, INT64_MAX), 0);
  assert_int_equal(tile_partial_width(7, INT64_MAX), 127);
  struct tile tile = {0, 1, 44};
  assert_true(tile_is_within(&tile, 300));
  assert_false(tile_is_within(&tile, 299));
  tile.index = 0;
  assert_true(tile_is_within(&tile, 300)); /* the prefix of a full one */
  tile.index = 2;
  assert_false(tile_is_within(&tile, 300));
}

static void a_bundle_gives_back_its_entries(void **state) {
  (void)state;
  static const size_t length[] = {0, 1, 255, 256, 65534, 65535, 3};
  enum { COUNT = sizeof length / sizeof *length };
  uint8_t *entry = malloc(TILE_ENTRY_MAX), *bundle = malloc(COUNT * (TILE_ENTRY_MAX + 2));
  size_t size = 0, end[COUNT];
  for (size_t i = 0; i < COUNT; i++) {
    memset(entry, (int)(i + 1), TILE_ENTRY_MAX);
    size += tile_bundle_put(entry, length[i], bundle + size);
    end[i] = size;
  }
  assert_int_equal(bundle[end[1]], 0);
  assert_int_equal(bundle[end[1] + 1], 255); /* big-endian */
  size_t offset = 0, found = 0, found_length;
  const uint8_t *at;
  while (tile_bundle_next(bundle, size, &offset, &at, &found_length)) {
    assert_int_equal(found_length, length[found]);
    for (size_t i = 0; i < found_length; i++) assert_int_equal(at[i], found + 1);
    assert_int_equal(offset, end[found]);
    assert_int_equal(tile_bundle_prefix(bundle, size, (unsigned)found + 1), end[found]);
    found++;
  }
  assert_int_equal(found, COUNT);
  assert_int_equal(offset, size);
  assert_int_equal(tile_bundle_prefix(bundle, size, COUNT + 1), 0);
  assert_int_equal(tile_bundle_prefix(bundle, size - 1, COUNT), 0);
  free(bundle);
  free(entry);
}

static void a_cut_bundle_ends_before_the_cut(void **state) {
  (void)state;
  uint8_t bundle[32], *cut;
  size_t size = tile_bundle_put("abc", 3, bundle);
  size += tile_bundle_put("defgh", 5, bundle + size);
  for (size_t length = 0; length < size; length++) {
    size_t offset = 0, entry_length;
    const uint8_t *entry;
    cut = malloc(length ? length : 1); /* of exactly that size, for the sanitizer */
    memcpy(cut, bundle, length);
    unsigned found = 0;
    while (tile_bundle_next(cut, length, &offset, &entry, &entry_length)) found++;
    assert_int_equal(found, length >= 5);
    assert_int_equal(offset, length >= 5 ? 5 : 0);
    free(cut);
  }
}

#define CLAIM(claim) cmocka_unit_test(claim)

int main(void) {
  const struct CMUnitTest claims[] = {
      CLAIM(paths_are_those_of_trust_2_2),
      CLAIM(nothing_else_is_a_path),
      CLAIM(a_path_read_is_the_tile_written),
      CLAIM(every_single_wrong_byte_of_a_path_is_another_tile_or_none),
      CLAIM(the_tiles_of_every_small_log_give_its_root),
      CLAIM(a_log_has_the_tiles_of_all_its_past),
      CLAIM(a_bundle_gives_back_its_entries),
      CLAIM(a_cut_bundle_ends_before_the_cut),
  };
  return cmocka_run_group_tests(claims, NULL, NULL);
}
