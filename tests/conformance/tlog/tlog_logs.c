/* A log of 600 entries as the server writes it, tiles and signed checkpoints at every size, for a
 * reader that is not ours. usage: tlog_logs FOLDER > proofs
 *
 * FOLDER gets log.vkey, tile/, and checkpoints/0 to checkpoints/600. To standard output go our own
 * proofs of all of it: for each size n from 1 on, the inclusion of 0 to n - 1 and then the
 * consistency of 1 to n with n; each proof a byte that counts its hashes, and the hashes. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "aggregator/tiles.h"
#include "proto/checkpoint.h"

enum { ENTRIES = 600, LONGEST = 300 /* the entry of 65,535 bytes */ };

static void must(bool holds, const char *what) {
  if (holds) return;
  fprintf(stderr, "tlog_logs: %s\n", what);
  exit(1);
}

/* Entry i: (131 i) mod 1500 bytes of a sequence of its own; one as long as an entry may be. */
static size_t entry_of(uint64_t i, char out[TILE_ENTRY_MAX]) {
  size_t length = i == LONGEST ? (size_t)TILE_ENTRY_MAX : (size_t)(131 * i % 1500);
  uint32_t state = (uint32_t)i * 2654435761u + 1;
  for (size_t at = 0; at < length; at++) {
    state = state * 1664525u + 1013904223u;
    out[at] = (char)(state >> 24);
  }
  return length;
}

static void write_text(const char *folder, const char *name, const char *text, size_t length) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *file = fopen(path, "w");
  must(file != NULL && fwrite(text, 1, length, file) == length && fclose(file) == 0, path);
}

static void sign(const char *folder, const struct merkle_tree *tree, const struct secret_key *key) {
  struct checkpoint checkpoint = {.size = merkle_tree_size(tree)};
  char name[64], *note;
  size_t length;
  snprintf(checkpoint.origin, sizeof checkpoint.origin, "%s", key->public.name);
  checkpoint.root = merkle_tree_root(tree, checkpoint.size);
  checkpoint_sign(&checkpoint, key, &note, &length);
  snprintf(name, sizeof name, "checkpoints/%" PRIu64, checkpoint.size);
  write_text(folder, name, note, length);
  free(note);
}

static void print_proof(const struct merkle_proof *proof) {
  putchar((int)proof->count);
  fwrite(proof->hash, DIGEST_SIZE, proof->count, stdout);
}

static void print_proofs(const struct merkle_tree *tree) {
  struct merkle_proof proof;
  uint64_t size = merkle_tree_size(tree);
  for (uint64_t i = 0; i < size; i++) {
    merkle_tree_inclusion(tree, i, size, &proof);
    print_proof(&proof);
  }
  for (uint64_t old = 1; old <= size; old++) {
    merkle_tree_consistency(tree, old, size, &proof);
    print_proof(&proof);
  }
}

static void grow(struct tiles *tiles, struct merkle_tree *tree) {
  static char entry[TILE_ENTRY_MAX];
  size_t length = entry_of(merkle_tree_size(tree), entry);
  struct digest leaf = merkle_leaf(entry, length);
  struct fault fault = {TAMIS_OK, ""};
  merkle_tree_append(tree, &leaf);
  must(tiles_add(tiles, entry, length, &fault) == TAMIS_OK &&
           tiles_write(tiles, &fault) == TAMIS_OK,
       fault.text);
}

int main(int argc, char **argv) {
  static const uint8_t seed[KEY_SEED_SIZE] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                                              1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
  char path[4096], vkey[KEY_VKEY_SIZE];
  struct secret_key key;
  struct tiles *tiles;
  must(argc == 2, "usage: tlog_logs FOLDER > proofs");
  snprintf(path, sizeof path, "%s/checkpoints", argv[1]);
  must(mkdir(argv[1], 0777) == 0 && mkdir(path, 0777) == 0, "FOLDER is to be made anew");
  must(key_library_start() == TAMIS_OK, "libsodium does not start");
  key_from_seed("fl.example/agg1", seed, &key);
  key_vkey_write(&key.public, vkey);
  write_text(argv[1], "log.vkey", vkey, strlen(vkey));
  struct merkle_tree *tree = merkle_tree_new();
  struct tiles_options options = {.folder = argv[1], .tree = tree};
  must(tiles_open(&options, &tiles, NULL) == TAMIS_OK, "the folder of tiles");
  sign(argv[1], tree, &key);
  while (merkle_tree_size(tree) < ENTRIES) {
    grow(tiles, tree);
    sign(argv[1], tree, &key);
    print_proofs(tree);
  }
  tiles_close(tiles);
  merkle_tree_free(tree);
  return fflush(stdout) == 0 && !ferror(stdout) ? 0 : 1;
}
