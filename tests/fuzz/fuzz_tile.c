/* Paths and bundles of tiles: a path has one spelling, and what a bundle gives makes it again. */
#include <string.h>
#include "fuzz.h"
#include "proto/tile.h"

static void check_path(const char *path, size_t length) {
  struct tile tile;
  char again[TILE_PATH_SIZE];
  if (!tile_path_read(path, length, &tile)) return;
  fuzz_must(tile.level >= TILE_ENTRIES && tile.level < TILE_LEVELS, "a level there is");
  fuzz_must(tile.width >= 1 && tile.width <= TILE_WIDTH, "a width there is");
  fuzz_must(tile_is_within(&tile, INT64_MAX), "a tile that a log can have");
  fuzz_must(tile_path_write(&tile, again) == length && memcmp(again, path, length) == 0,
            "one spelling");
  fuzz_must(memchr(path, 0, length) == NULL && !strstr(again, "..") && again[0] != '/',
            "a path below its folder");
}

static void check_bundle(const uint8_t *bytes, size_t size) {
  uint8_t *again = malloc(size + 1);
  const uint8_t *entry;
  size_t offset = 0, length, used = 0;
  unsigned count = 0;
  fuzz_must(again != NULL, "memory");
  while (tile_bundle_next(bytes, size, &offset, &entry, &length)) {
    used += tile_bundle_put(entry, length, again + used);
    count++;
    if (count <= TILE_WIDTH)
      fuzz_must(tile_bundle_prefix(bytes, size, count) == offset, "a prefix ends with its entry");
  }
  fuzz_must(used == offset && memcmp(again, bytes, used) == 0, "the same bytes");
  fuzz_must(tile_bundle_prefix(bytes, size, count + 1) == 0, "no entry that is not there");
  free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  /* Of exactly their size, so that a sanitizer sees a step beyond. */
  char *copy = malloc(size ? size : 1);
  fuzz_must(copy != NULL, "memory");
  if (size > 0) memcpy(copy, data, size);
  check_path(copy, size);
  check_bundle((const uint8_t *)copy, size);
  free(copy);
  return 0;
}
