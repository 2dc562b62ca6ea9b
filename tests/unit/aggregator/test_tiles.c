/* The folder of tiles at every small size, after every kind of interruption, on a disk that is
 * full, and with a byte changed. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <inttypes.h>
#include <sys/stat.h>
#include "aggregator/tiles.h"
#include "faults.h"
#include "temporary.h"

enum { ENTRIES = 600, BIG = 70000 };

struct fixture {
  struct temporary temporary;
  struct merkle_tree *tree;
  struct tiles *tiles;
  unsigned told[3]; /* by difference */
  char last[128];   /* the path told last */
  bool is_checked, is_dry;
};

/* Entry i has (37 i) mod 300 bytes of its number, so that bundles have no even step. */
static size_t entry_of(uint64_t i, char out[512]) {
  size_t length = (size_t)(37 * i % 300);
  for (size_t at = 0; at < length; at++) out[at] = (char)(i >> 8 * (at % 2));
  return length;
}

static void differs(void *context, const char *path, enum tiles_difference difference) {
  struct fixture *fixture = context;
  fixture->told[difference]++;
  snprintf(fixture->last, sizeof fixture->last, "%s", path);
}

static void open_tiles(struct fixture *fixture) {
  struct tiles_options options = {.folder = fixture->temporary.folder,
                                  .tree = fixture->tree,
                                  .is_checked = fixture->is_checked,
                                  .is_dry = fixture->is_dry,
                                  .differs = differs,
                                  .context = fixture};
  memset(fixture->told, 0, sizeof fixture->told);
  assert_int_equal(tiles_open(&options, &fixture->tiles, NULL), TAMIS_OK);
}

static void grow_tree(struct fixture *fixture, uint64_t size) {
  char entry[512];
  while (merkle_tree_size(fixture->tree) < size) {
    struct digest leaf = merkle_leaf(entry, entry_of(merkle_tree_size(fixture->tree), entry));
    merkle_tree_append(fixture->tree, &leaf);
  }
}

static enum tamis_status try_size(struct fixture *fixture, uint64_t size, struct fault *fault) {
  char entry[512];
  enum tamis_status status = TAMIS_OK;
  grow_tree(fixture, size);
  while (status == TAMIS_OK && tiles_count(fixture->tiles) < size) {
    size_t length = entry_of(tiles_count(fixture->tiles), entry);
    status = tiles_add(fixture->tiles, entry, length, fault);
  }
  return status == TAMIS_OK ? tiles_write(fixture->tiles, fault) : status;
}

static void grow(struct fixture *fixture, uint64_t size) {
  assert_int_equal(try_size(fixture, size, NULL), TAMIS_OK);
}

/* As a start does it whose last checkpoint was over `size` entries. */
static void start(struct fixture *fixture, uint64_t size) {
  tiles_close(fixture->tiles);
  open_tiles(fixture);
  tiles_resume(fixture->tiles, size);
}

static void open_fixture(struct fixture *fixture) {
  *fixture = (struct fixture){.tree = merkle_tree_new()};
  temporary_open(&fixture->temporary);
  open_tiles(fixture);
}

static void close_fixture(struct fixture *fixture) {
  tiles_close(fixture->tiles);
  merkle_tree_free(fixture->tree);
  temporary_close(&fixture->temporary);
}

static const char *path_of(struct fixture *fixture, int level, uint64_t index, unsigned width) {
  struct tile tile = {level, index, width};
  char relative[TILE_PATH_SIZE];
  tile_path_write(&tile, relative);
  return temporary_path(&fixture->temporary, relative);
}

static bool has(struct fixture *fixture, int level, uint64_t index, unsigned width) {
  return access(path_of(fixture, level, index, width), F_OK) == 0;
}

static void write_file(const char *path, const void *bytes, size_t length) {
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  assert_int_equal(fwrite(bytes, 1, length, file), length);
  fclose(file);
}

static void check_tile(struct fixture *fixture, int level, uint64_t index, unsigned width) {
  struct tile tile = {level, index, width};
  uint8_t *found, expected[TILE_WIDTH * DIGEST_SIZE];
  size_t length, offset = 0, entry_length;
  assert_int_equal(tiles_read(fixture->temporary.folder, &tile, &found, &length, NULL), TAMIS_OK);
  if (level != TILE_ENTRIES) {
    tile_hashes(fixture->tree, &tile, expected);
    assert_int_equal(length, (size_t)width * DIGEST_SIZE);
    assert_memory_equal(found, expected, length);
  }
  for (unsigned i = 0; level == TILE_ENTRIES && i < width; i++) {
    char entry[512];
    const uint8_t *at;
    assert_true(tile_bundle_next(found, length, &offset, &at, &entry_length));
    assert_int_equal(entry_length, entry_of(TILE_WIDTH * index + i, entry));
    assert_memory_equal(at, entry, entry_length);
  }
  if (level == TILE_ENTRIES) assert_int_equal(offset, length);
  free(found);
}

/* Every tile that a log of `size` has by the definition is there with the right bytes. */
static void check(struct fixture *fixture, uint64_t size) {
  for (int level = TILE_ENTRIES; level < TILE_LEVELS; level++) {
    uint64_t full = tile_full_count(level, size);
    for (uint64_t index = 0; index < full; index++) {
      check_tile(fixture, level, index, TILE_WIDTH);
      assert_false(has(fixture, level, index, 1)); /* nor any older partial one of it */
    }
    unsigned width = tile_partial_width(level, size);
    if (width > 0) check_tile(fixture, level, full, width);
  }
}

static void every_size_has_its_tiles(void **state) {
  struct fixture fixture;
  (void)state;
  open_fixture(&fixture);
  for (uint64_t size = 0; size <= ENTRIES; size++) {
    grow(&fixture, size);
    check(&fixture, size);
  }
  /* Older partial tiles stay for readers of older checkpoints until their tile is full. */
  assert_true(has(&fixture, 0, 2, 1));
  assert_true(has(&fixture, TILE_ENTRIES, 2, 87));
  assert_false(has(&fixture, 0, 1, 44));
  close_fixture(&fixture);
}

static void any_step_gives_the_same_tiles(void **state) {
  static const uint64_t steps[] = {2, 7, 64, 255, 256, 257, 512, 600};
  (void)state;
  for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
    struct fixture fixture;
    open_fixture(&fixture);
    for (uint64_t size = 0; size < ENTRIES; size += steps[i]) grow(&fixture, size);
    grow(&fixture, ENTRIES);
    check(&fixture, ENTRIES);
    close_fixture(&fixture);
  }
}

static void the_second_level_comes_after_65536_entries(void **state) {
  struct fixture fixture;
  (void)state;
  open_fixture(&fixture);
  grow(&fixture, BIG);
  check(&fixture, BIG);
  assert_true(has(&fixture, 2, 0, 1));
  assert_true(has(&fixture, 1, 0, TILE_WIDTH));
  close_fixture(&fixture);
}

/* Whatever the power left of what was never synced. */
static void a_start_makes_the_unsynced_anew(void **state) {
  struct fixture fixture;
  (void)state;
  for (uint64_t size = 250; size <= 520; size += 3) {
    open_fixture(&fixture);
    grow(&fixture, size);
    unsigned width = tile_partial_width(0, size);
    uint64_t open = tile_full_count(0, size);
    if (width > 1) {
      write_file(path_of(&fixture, 0, open, width), "", 0);
      write_file(path_of(&fixture, TILE_ENTRIES, open, width), "torn", 4);
      write_file(path_of(&fixture, 0, open, width - 1), "stale", 5);
    }
    if (open > 0) { /* full, but not known to be synced */
      write_file(path_of(&fixture, 0, open - 1, TILE_WIDTH), "", 0);
      write_file(path_of(&fixture, TILE_ENTRIES, open - 1, TILE_WIDTH), "torn", 4);
    }
    /* And of a tile that a commit without a checkpoint had begun. */
    grow_tree(&fixture, size + 300);
    if (open == 0) mkdir(temporary_path(&fixture.temporary, "tile/0/001.p"), 0700);
    write_file(path_of(&fixture, 0, open + 1, TILE_WIDTH), "", 0);
    start(&fixture, size);
    assert_true(tiles_count(fixture.tiles) == TILE_WIDTH * (open > 0 ? open - 1 : 0));
    grow(&fixture, size);
    check(&fixture, size);
    if (width > 1) assert_false(has(&fixture, 0, open, width - 1));
    grow(&fixture, size + 300);
    check(&fixture, size + 300);
    close_fixture(&fixture);
  }
}

static void a_start_after_the_folder_was_deleted_makes_it_again(void **state) {
  struct fixture fixture;
  char command[128];
  (void)state;
  open_fixture(&fixture);
  grow(&fixture, ENTRIES);
  snprintf(command, sizeof command, "rm -r %s/tile", fixture.temporary.folder);
  assert_int_equal(system(command), 0);
  start(&fixture, ENTRIES);
  assert_true(tiles_count(fixture.tiles) == 0);
  grow(&fixture, ENTRIES);
  check(&fixture, ENTRIES);
  close_fixture(&fixture);
}

static void a_start_goes_back_to_where_the_tiles_are_right(void **state) {
  struct fixture fixture;
  (void)state;
  open_fixture(&fixture);
  grow(&fixture, 2000);
  assert_int_equal(unlink(path_of(&fixture, TILE_ENTRIES, 6, TILE_WIDTH)), 0);
  assert_int_equal(truncate(path_of(&fixture, TILE_ENTRIES, 5, TILE_WIDTH), 100), 0);
  assert_int_equal(unlink(path_of(&fixture, 0, 6, TILE_WIDTH)), 0);
  start(&fixture, 2000);
  assert_true(tiles_count(fixture.tiles) == 5 * TILE_WIDTH);
  grow(&fixture, 2000);
  check(&fixture, 2000);
  close_fixture(&fixture);
}

/* What would take minutes in a log of millions: a wrong tile far back is for rebuild-index. */
static void a_start_looks_only_at_the_last_full_tiles(void **state) {
  struct fixture fixture;
  (void)state;
  open_fixture(&fixture);
  grow(&fixture, 2000);
  write_file(temporary_path(&fixture.temporary, "tile-synced"), "1900\n", 5);
  write_file(path_of(&fixture, 0, 2, TILE_WIDTH), "wrong", 5);
  start(&fixture, 2000);
  assert_true(tiles_count(fixture.tiles) == 7 * TILE_WIDTH);
  grow(&fixture, 2000);
  struct stat about;
  assert_int_equal(stat(path_of(&fixture, 0, 2, TILE_WIDTH), &about), 0);
  assert_int_equal(about.st_size, 5);
  fixture.is_checked = true;
  tiles_close(fixture.tiles);
  open_tiles(&fixture);
  grow(&fixture, 2000);
  assert_int_equal(fixture.told[TILES_DIFFERENT], 1);
  assert_string_equal(fixture.last, "tile/0/002");
  check(&fixture, 2000);
  close_fixture(&fixture);
}

/* Each write of growing from 250 to 600 fails in turn; the next call goes on. */
static void a_full_disk_takes_nothing_back_and_the_next_call_goes_on(void **state) {
  (void)state;
  bool was_full = true;
  for (size_t budget = 0; was_full; budget += 7919) {
    struct fixture fixture;
    struct fault fault = {TAMIS_OK, ""};
    open_fixture(&fixture);
    grow(&fixture, 250);
    grow_tree(&fixture, ENTRIES);
    faults.write_budget = budget;
    faults.write_error = ENOSPC;
    enum tamis_status status = try_size(&fixture, ENTRIES, &fault);
    faults.write_error = 0;
    was_full = status != TAMIS_OK;
    if (was_full) assert_int_equal(status, TAMIS_DISK_FULL);
    check(&fixture, 250 < TILE_WIDTH * tile_full_count(0, tiles_count(fixture.tiles)) ? 0 : 250);
    grow(&fixture, ENTRIES);
    check(&fixture, ENTRIES);
    close_fixture(&fixture);
  }
}

static uint64_t synced(struct fixture *fixture) {
  unsigned long long size = 0;
  FILE *file = fopen(temporary_path(&fixture->temporary, "tile-synced"), "r");
  if (!file) return 0;
  assert_int_equal(fscanf(file, "%llu", &size), 1);
  fclose(file);
  return size;
}

/* A commit waits for no sync; what is said to be synced was written before it was said. */
static void full_tiles_are_synced_beside(void **state) {
  struct fixture fixture;
  (void)state;
  open_fixture(&fixture);
  unsigned before = faults.syncs;
  grow(&fixture, 4000);
  assert_int_equal(faults.syncs, before);
  assert_true(synced(&fixture) == 0);
  grow(&fixture, 4096); /* 16 full tiles of hashes, 16 bundles */
  grow(&fixture, 4500);
  tiles_close(fixture.tiles); /* waits for the thread */
  fixture.tiles = NULL;
  assert_true(synced(&fixture) == 4096);
  assert_int_equal(faults.syncs, before + 33); /* and the number itself */
  open_tiles(&fixture);
  tiles_resume(fixture.tiles, 4500);
  assert_true(tiles_count(fixture.tiles) == 4352); /* one more is right, synced or not */
  close_fixture(&fixture);
}

/* A number that was brought along with other files is believed no further than the tiles go. */
static void a_number_too_large_does_no_harm(void **state) {
  static const char *const said[] = {"99999999999999999\n", "-5\n", "junk", "", "600\n"};
  (void)state;
  for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
    struct fixture fixture;
    open_fixture(&fixture);
    grow(&fixture, 100);
    grow_tree(&fixture, ENTRIES);
    write_file(temporary_path(&fixture.temporary, "tile-synced"), said[i], strlen(said[i]));
    start(&fixture, ENTRIES);
    grow(&fixture, ENTRIES);
    check(&fixture, ENTRIES);
    close_fixture(&fixture);
  }
}

static void a_check_tells_each_flipped_byte_and_changes_nothing(void **state) {
  struct fixture fixture;
  static const struct tile tiles[] = {
      {0, 0, 256}, {0, 1, 44}, {1, 0, 1}, {-1, 0, 256}, {-1, 1, 44}};
  (void)state;
  open_fixture(&fixture);
  grow(&fixture, 300);
  fixture.is_checked = fixture.is_dry = true;
  for (size_t i = 0; i < sizeof tiles / sizeof *tiles; i++) {
    char path[PATH_MAX];
    uint8_t *bytes;
    size_t length;
    strcpy(path, path_of(&fixture, tiles[i].level, tiles[i].index, tiles[i].width));
    assert_int_equal(tiles_read(fixture.temporary.folder, &tiles[i], &bytes, &length, NULL),
                     TAMIS_OK);
    for (size_t at = 0; at < length; at += 1 + length / 50) {
      bytes[at] ^= 0x10;
      write_file(path, bytes, length);
      tiles_close(fixture.tiles);
      open_tiles(&fixture);
      grow(&fixture, 300);
      assert_int_equal(tiles_sweep(fixture.tiles, NULL), TAMIS_OK);
      assert_int_equal(fixture.told[TILES_DIFFERENT], 1);
      assert_int_equal(fixture.told[TILES_MISSING] + fixture.told[TILES_STRAY], 0);
      bytes[at] ^= 0x10;
    }
    write_file(path, bytes, length);
    free(bytes);
  }
  check(&fixture, 300);
  close_fixture(&fixture);
}

static void a_sweep_removes_what_is_no_tile_of_this_log(void **state) {
  struct fixture fixture;
  (void)state;
  open_fixture(&fixture);
  for (uint64_t size = 290; size <= 300; size++) grow(&fixture, size);
  write_file(temporary_path(&fixture.temporary, "tile/0/notes.txt"), "x", 1);
  write_file(temporary_path(&fixture.temporary, "tile/entries/002"), "x", 1); /* beyond the log */
  write_file(path_of(&fixture, 0, 1, 41), "x", 1); /* older, and not what it was */
  fixture.is_checked = true;
  tiles_close(fixture.tiles);
  open_tiles(&fixture);
  grow(&fixture, 300);
  assert_int_equal(tiles_sweep(fixture.tiles, NULL), TAMIS_OK);
  assert_int_equal(fixture.told[TILES_STRAY], 3);
  assert_int_equal(fixture.told[TILES_DIFFERENT] + fixture.told[TILES_MISSING], 0);
  assert_false(has(&fixture, 0, 1, 41));
  assert_true(has(&fixture, 0, 1, 40)); /* older and right */
  check(&fixture, 300);
  close_fixture(&fixture);
}

struct reading {
  uint64_t next;
};

static enum tamis_status compare(void *context, uint64_t index, const char *bytes, size_t length) {
  struct reading *reading = context;
  char entry[512];
  assert_true(index == reading->next++);
  assert_int_equal(length, entry_of(index, entry));
  assert_memory_equal(bytes, entry, length);
  return TAMIS_OK;
}

static void a_walk_gives_every_entry(void **state) {
  struct fixture fixture;
  struct fault fault;
  (void)state;
  open_fixture(&fixture);
  for (uint64_t size = 1; size <= ENTRIES; size++) {
    struct reading reading = {0};
    grow(&fixture, size);
    assert_int_equal(tiles_walk(fixture.temporary.folder, size, compare, &reading, NULL), TAMIS_OK);
    assert_true(reading.next == size);
  }
  /* Size 500 had a partial bundle, which the full one has replaced since. */
  struct reading reading = {0};
  assert_int_equal(tiles_walk(fixture.temporary.folder, 500, compare, &reading, NULL), TAMIS_OK);
  assert_true(reading.next == 500);
  assert_int_equal(truncate(path_of(&fixture, TILE_ENTRIES, 1, TILE_WIDTH), 1000), 0);
  reading.next = 0;
  assert_int_equal(tiles_walk(fixture.temporary.folder, 500, compare, &reading, &fault),
                   TAMIS_CORRUPT);
  assert_non_null(strstr(fault.text, "tile/entries/001"));
  close_fixture(&fixture);
}

#define CLAIM(claim) cmocka_unit_test(claim)

int main(void) {
  const struct CMUnitTest claims[] = {
      CLAIM(every_size_has_its_tiles),
      CLAIM(any_step_gives_the_same_tiles),
      CLAIM(the_second_level_comes_after_65536_entries),
      CLAIM(a_start_makes_the_unsynced_anew),
      CLAIM(a_start_after_the_folder_was_deleted_makes_it_again),
      CLAIM(a_start_goes_back_to_where_the_tiles_are_right),
      CLAIM(a_start_looks_only_at_the_last_full_tiles),
      CLAIM(a_full_disk_takes_nothing_back_and_the_next_call_goes_on),
      CLAIM(full_tiles_are_synced_beside),
      CLAIM(a_number_too_large_does_no_harm),
      CLAIM(a_check_tells_each_flipped_byte_and_changes_nothing),
      CLAIM(a_sweep_removes_what_is_no_tile_of_this_log),
      CLAIM(a_walk_gives_every_entry),
  };
  return cmocka_run_group_tests(claims, NULL, NULL);
}
