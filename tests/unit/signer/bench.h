/* A log key in a temporary folder, a tree to sign, and a signer of it: what the signer's tests
 * stand on. */
#ifndef TAMIS_TEST_BENCH_H
#define TAMIS_TEST_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "proto/checkpoint.h"
#include "proto/merkle.h"
#include "signer/mark.h"

#define BENCH_ORIGIN "test.example/log"
#define assert_status(found, wanted)                                                               \
  assert_string_equal(tamis_status_name(found), tamis_status_name(wanted))

struct bench {
  char folder[64], key_path[96], mark_path[128];
  struct secret_key key;
  struct merkle_tree *tree, *other; /* the same first 5 leaves, then others */
};

static inline struct digest bench_leaf(uint64_t i) {
  return merkle_leaf(&i, sizeof i);
}

static inline void bench_open(struct bench *bench) {
  uint8_t seed[KEY_SEED_SIZE] = {9};
  memset(bench, 0, sizeof *bench);
  snprintf(bench->folder, sizeof bench->folder, "%s/tamis-signer-XXXXXX",
           access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"); /* no power cut here */
  assert_non_null(mkdtemp(bench->folder));
  snprintf(bench->key_path, sizeof bench->key_path, "%s/log.key", bench->folder);
  snprintf(bench->mark_path, sizeof bench->mark_path, "%s.signed", bench->key_path);
  assert_status(key_library_start(), TAMIS_OK);
  key_from_seed(BENCH_ORIGIN, seed, &bench->key);
  assert_status(key_file_write(bench->key_path, &bench->key, NULL), TAMIS_OK);
  bench->tree = merkle_tree_new();
  bench->other = merkle_tree_new();
  for (uint64_t i = 0; i < 40; i++) {
    struct digest leaf = bench_leaf(i), odd = bench_leaf(i < 5 ? i : i + 1000);
    merkle_tree_append(bench->tree, &leaf);
    merkle_tree_append(bench->other, &odd);
  }
}

static inline void bench_close(struct bench *bench) {
  char command[128];
  merkle_tree_free(bench->tree);
  merkle_tree_free(bench->other);
  snprintf(command, sizeof command, "rm -rf %s", bench->folder);
  assert_int_equal(system(command), 0);
}

static inline struct checkpoint bench_checkpoint(const struct merkle_tree *tree, uint64_t size) {
  return (struct checkpoint){BENCH_ORIGIN, size, merkle_tree_root(tree, size)};
}

static inline struct merkle_proof bench_proof(const struct merkle_tree *tree, uint64_t from,
                                              uint64_t size) {
  struct merkle_proof proof = {.count = 0};
  if (from > 0 && from < size) merkle_tree_consistency(tree, from, size, &proof);
  return proof;
}

#endif
