/* The log as static files: C2SP tlog-tiles coordinates and paths, the hashes of a tile, and the
 * bundles that hold the entries themselves (trust.md 2.2).
 *
 *   tile/<L>/<N>[.p/<W>]        up to 256 hashes; at level L each is the root of 256^L entries
 *   tile/entries/<N>[.p/<W>]    up to 256 entries, each u16be length and bytes
 *
 * N is written in groups of three digits, all but the last behind an x: 1234067 is x001/x234/067.
 * A tile of fewer than 256 is partial and says so by its width W. */
#ifndef TAMIS_TILE_H
#define TAMIS_TILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "proto/digest.h"
#include "proto/merkle.h"

enum {
  TILE_WIDTH = 256,      /* hashes or entries of a full one */
  TILE_LEVELS = 8,       /* a log is smaller than 2^63 = 128 * 256^7 */
  TILE_ENTRIES = -1,     /* in place of a level: the bundle of entries */
  TILE_PATH_SIZE = 64,   /* with the terminator */
  TILE_ENTRY_MAX = 65535 /* what u16be can say */
};

struct tile {
  int level; /* 0 to TILE_LEVELS - 1, or TILE_ENTRIES */
  uint64_t index;
  unsigned width; /* 1 to TILE_WIDTH */
};

/* How many full tiles a log of `size` entries has at `level`, and how wide the partial one after
 * them is: 0 for none. */
uint64_t tile_full_count(int level, uint64_t size);
unsigned tile_partial_width(int level, uint64_t size);
/* Does a log of `size` entries, or did it when it was smaller, have this tile? */
bool tile_is_within(const struct tile *tile, uint64_t size);

/* Gives the length. */
size_t tile_path_write(const struct tile *tile, char path[TILE_PATH_SIZE]);
/* Outside bytes: true only for exactly what tile_path_write writes of a tile that can be. */
bool tile_path_read(const char *path, size_t length, struct tile *tile);

/* The tile's `width` * DIGEST_SIZE bytes from a tree that has them; not for TILE_ENTRIES. */
void tile_hashes(const struct merkle_tree *tree, const struct tile *tile, uint8_t *bytes);

/* One entry's place in a bundle: 2 + `length` bytes to `out`. `length` is at most TILE_ENTRY_MAX.
 */
size_t tile_bundle_put(const void *entry, size_t length, uint8_t *out);
/* Outside bytes. Lends the entry at `*offset` and moves past it; false at the end and where the
 * bytes do not add up, which leaves `*offset` short of `length`. */
bool tile_bundle_next(const uint8_t *bytes, size_t length, size_t *offset, const uint8_t **entry,
                      size_t *entry_length);
/* Where the first `count` entries end; 0 when the bundle has not so many whole ones (or `count` is
 * 0). A bundle of `count` is right when that is its length. */
size_t tile_bundle_prefix(const uint8_t *bytes, size_t length, unsigned count);

#endif
