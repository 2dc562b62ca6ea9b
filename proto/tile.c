/* A path is read by guessing the tile and writing its path again: what differs is no path of ours.
 */
#include "proto/tile.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* log2 of how many entries one hash of the level stands for; an entry stands for itself. */
static int level_shift(int level) {
  return level == TILE_ENTRIES ? 0 : 8 * level;
}

uint64_t tile_full_count(int level, uint64_t size) {
  int shift = level_shift(level) + 8;
  return shift < 64 ? size >> shift : 0;
}

unsigned tile_partial_width(int level, uint64_t size) {
  return (unsigned)(size >> level_shift(level)) % TILE_WIDTH;
}

bool tile_is_within(const struct tile *tile, uint64_t size) {
  uint64_t full = tile_full_count(tile->level, size);
  return tile->index < full ||
         (tile->index == full && tile->width <= tile_partial_width(tile->level, size));
}

/* ---- paths ---- */

static int write_index(uint64_t index, char *out, size_t size) {
  char digits[32];
  int count = snprintf(digits, sizeof digits, "%03" PRIu64, index), used = 0;
  int first = count % 3 ? count % 3 : 3;
  /* Groups of three from the right; the first is filled up with zeros. */
  for (int at = first; at <= count; at += 3) {
    char group[4] = "000";
    int length = at < 3 ? at : 3;
    memcpy(group + 3 - length, digits + at - length, (size_t)length);
    used += snprintf(out + used, size - (size_t)used, at < count ? "x%s/" : "%s", group);
  }
  return used;
}

size_t tile_path_write(const struct tile *tile, char path[TILE_PATH_SIZE]) {
  assert(tile->width >= 1 && tile->width <= TILE_WIDTH);
  int used = tile->level == TILE_ENTRIES ? snprintf(path, TILE_PATH_SIZE, "tile/entries/")
                                         : snprintf(path, TILE_PATH_SIZE, "tile/%d/", tile->level);
  used += write_index(tile->index, path + used, TILE_PATH_SIZE - (size_t)used);
  if (tile->width < TILE_WIDTH)
    used += snprintf(path + used, TILE_PATH_SIZE - (size_t)used, ".p/%u", tile->width);
  assert(used < TILE_PATH_SIZE);
  return (size_t)used;
}

static bool skip(const char **at, const char *end, const char *word) {
  size_t length = strlen(word);
  if ((size_t)(end - *at) < length || memcmp(*at, word, length) != 0) return false;
  *at += length;
  return true;
}

/* At most 18 digits in all, so that nothing overflows. */
static bool read_number(const char **at, const char *end, int *room, uint64_t *number) {
  const char *start = *at;
  while (*at < end && **at >= '0' && **at <= '9') {
    if (--*room < 0) return false;
    *number = 10 * *number + (uint64_t)(*(*at)++ - '0');
  }
  return *at > start;
}

bool tile_path_read(const char *path, size_t length, struct tile *tile) {
  const char *at = path, *end = path + length;
  char again[TILE_PATH_SIZE];
  struct tile read = {.level = TILE_ENTRIES, .width = TILE_WIDTH};
  int room = 18;
  if (length >= TILE_PATH_SIZE || !skip(&at, end, "tile/")) return false;
  if (!skip(&at, end, "entries/")) {
    uint64_t level = 0;
    int digits = 1;
    if (!read_number(&at, end, &digits, &level) || level >= TILE_LEVELS || !skip(&at, end, "/"))
      return false;
    read.level = (int)level;
  }
  while (skip(&at, end, "x"))
    if (!read_number(&at, end, &room, &read.index) || !skip(&at, end, "/")) return false;
  if (!read_number(&at, end, &room, &read.index)) return false;
  if (skip(&at, end, ".p/")) {
    uint64_t width = 0;
    int digits = 3;
    if (!read_number(&at, end, &digits, &width) || width == 0 || width >= TILE_WIDTH) return false;
    read.width = (unsigned)width;
  }
  if (!tile_is_within(&read, INT64_MAX)) return false;
  if (tile_path_write(&read, again) != length || memcmp(again, path, length) != 0) return false;
  *tile = read;
  return true;
}

/* ---- what is in them ---- */

void tile_hashes(const struct merkle_tree *tree, const struct tile *tile, uint8_t *bytes) {
  assert(tile->level != TILE_ENTRIES);
  for (unsigned i = 0; i < tile->width; i++) {
    struct digest hash =
        merkle_tree_node(tree, level_shift(tile->level), TILE_WIDTH * tile->index + i);
    memcpy(bytes + (size_t)i * DIGEST_SIZE, hash.byte, DIGEST_SIZE);
  }
}

size_t tile_bundle_put(const void *entry, size_t length, uint8_t *out) {
  assert(length <= TILE_ENTRY_MAX);
  out[0] = (uint8_t)(length >> 8);
  out[1] = (uint8_t)length;
  memcpy(out + 2, entry, length);
  return 2 + length;
}

bool tile_bundle_next(const uint8_t *bytes, size_t length, size_t *offset, const uint8_t **entry,
                      size_t *entry_length) {
  size_t rest = length - *offset;
  if (rest < 2) return false;
  size_t said = (size_t)bytes[*offset] << 8 | bytes[*offset + 1];
  if (said > rest - 2) return false;
  *entry = bytes + *offset + 2;
  *entry_length = said;
  *offset += 2 + said;
  return true;
}

size_t tile_bundle_prefix(const uint8_t *bytes, size_t length, unsigned count) {
  const uint8_t *entry;
  size_t entry_length, offset = 0;
  for (unsigned i = 0; i < count; i++)
    if (!tile_bundle_next(bytes, length, &offset, &entry, &entry_length)) return 0;
  return offset;
}
