/* Every complete subtree's hash is kept, so that any earlier root or proof is a few look-ups and
 * not a walk over the leaves. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "proto/merkle.h"

struct level {
  struct digest *hash;
  uint64_t count, capacity;
};

/* level[k].hash[i] is the hash of the 2^k leaves from i * 2^k on. */
struct merkle_tree {
  struct level level[64];
};

struct digest merkle_leaf(const void *entry, size_t length) {
  struct digest digest;
  struct digest_stream *stream = digest_stream_new();
  digest_stream_add(stream, "\x00", 1);
  digest_stream_add(stream, entry, length);
  digest = digest_stream_finish(stream);
  digest_stream_free(stream);
  return digest;
}

struct digest merkle_node(const struct digest *left, const struct digest *right) {
  uint8_t bytes[1 + 2 * DIGEST_SIZE];
  bytes[0] = 0x01;
  memcpy(bytes + 1, left->byte, DIGEST_SIZE);
  memcpy(bytes + 1 + DIGEST_SIZE, right->byte, DIGEST_SIZE);
  return digest_of(bytes, sizeof bytes);
}

struct merkle_tree *merkle_tree_new(void) {
  struct merkle_tree *tree = calloc(1, sizeof *tree);
  if (!tree) abort();
  return tree;
}

void merkle_tree_free(struct merkle_tree *tree) {
  if (!tree) return;
  for (int k = 0; k < 64; k++) free(tree->level[k].hash);
  free(tree);
}

/* A log that cannot keep its own tree in memory cannot prove anything: it stops here. */
static void reserve(struct level *level, uint64_t capacity) {
  struct digest *grown = reallocarray(level->hash, capacity, sizeof *grown);
  if (!grown) {
    fputs("tamis: out of memory for the Merkle tree\n", stderr);
    abort();
  }
  level->hash = grown;
  level->capacity = capacity;
}

static void push(struct level *level, const struct digest *hash) {
  if (level->count == level->capacity)
    reserve(level, level->capacity ? level->capacity + level->capacity / 2 + 1 : 8);
  level->hash[level->count++] = *hash;
}

void merkle_tree_append(struct merkle_tree *tree, const struct digest *leaf) {
  struct digest hash = *leaf;
  push(&tree->level[0], &hash);
  for (int k = 0; tree->level[k].count % 2 == 0; k++) {
    const struct digest *pair = &tree->level[k].hash[tree->level[k].count - 2];
    hash = merkle_node(&pair[0], &pair[1]);
    push(&tree->level[k + 1], &hash);
  }
}

/* merkle_node with a stream that is used again and again. */
static struct digest node_of(struct digest_stream *stream, const struct digest *pair) {
  uint8_t bytes[1 + 2 * DIGEST_SIZE];
  bytes[0] = 0x01;
  memcpy(bytes + 1, pair[0].byte, DIGEST_SIZE);
  memcpy(bytes + 1 + DIGEST_SIZE, pair[1].byte, DIGEST_SIZE);
  digest_stream_restart(stream);
  digest_stream_add(stream, bytes, sizeof bytes);
  return digest_stream_finish(stream);
}

void merkle_tree_load(struct merkle_tree *tree, const void *leaf, size_t stride, uint64_t count) {
  struct digest_stream *stream = digest_stream_new();
  assert(merkle_tree_size(tree) == 0);
  if (count > 0) reserve(&tree->level[0], count);
  for (uint64_t i = 0; i < count; i++)
    memcpy(&tree->level[0].hash[i], (const uint8_t *)leaf + i * stride, DIGEST_SIZE);
  tree->level[0].count = count;
  for (int k = 0; tree->level[k].count > 1; k++) {
    struct level *above = &tree->level[k + 1];
    above->count = tree->level[k].count / 2;
    reserve(above, above->count);
    for (uint64_t i = 0; i < above->count; i++)
      above->hash[i] = node_of(stream, &tree->level[k].hash[2 * i]);
  }
  digest_stream_free(stream);
}

uint64_t merkle_tree_size(const struct merkle_tree *tree) {
  return tree->level[0].count;
}

/* The split of RFC 6962: the largest power of two below `size`, which is at least 2. */
static int split_level(uint64_t size) {
  return 63 - __builtin_clzll(size - 1);
}

/* MTH over [start, start + size); `start` is a multiple of the power of two that covers `size`.
 * Each turn of the loop cuts one complete subtree off the left; they are folded from the right. */
static struct digest range_hash(const struct merkle_tree *tree, uint64_t start, uint64_t size) {
  const struct digest *peak[64];
  int count = 0;
  while (size > 0) {
    int k = 63 - __builtin_clzll(size);
    peak[count++] = &tree->level[k].hash[start >> k];
    start += UINT64_C(1) << k;
    size -= UINT64_C(1) << k;
  }
  struct digest hash = *peak[count - 1];
  for (int i = count - 2; i >= 0; i--) hash = merkle_node(peak[i], &hash);
  return hash;
}

struct digest merkle_tree_root(const struct merkle_tree *tree, uint64_t size) {
  assert(size <= merkle_tree_size(tree));
  return size == 0 ? digest_of("", 0) : range_hash(tree, 0, size);
}

struct digest merkle_tree_leaf(const struct merkle_tree *tree, uint64_t index) {
  assert(index < merkle_tree_size(tree));
  return tree->level[0].hash[index];
}

struct digest merkle_tree_node(const struct merkle_tree *tree, int level, uint64_t index) {
  assert(level >= 0 && level < 64 && index < tree->level[level].count);
  return tree->level[level].hash[index];
}

static void reverse(struct merkle_proof *proof) {
  for (size_t i = 0; i < proof->count / 2; i++) {
    struct digest kept = proof->hash[i];
    proof->hash[i] = proof->hash[proof->count - 1 - i];
    proof->hash[proof->count - 1 - i] = kept;
  }
}

/* PATH of RFC 6962 2.1.1 from the root down; a proof is written from the leaf up. */
void merkle_tree_inclusion(const struct merkle_tree *tree, uint64_t index, uint64_t size,
                           struct merkle_proof *proof) {
  uint64_t start = 0;
  assert(index < size && size <= merkle_tree_size(tree));
  proof->count = 0;
  while (size > 1) {
    uint64_t left = UINT64_C(1) << split_level(size);
    if (index - start < left) {
      proof->hash[proof->count++] = range_hash(tree, start + left, size - left);
      size = left;
    } else {
      proof->hash[proof->count++] = range_hash(tree, start, left);
      start += left;
      size -= left;
    }
  }
  reverse(proof);
}

/* SUBPROOF of RFC 6962 2.1.2 from the root down. `whole` says that what is left of the old tree is
 * the old tree itself, whose root the verifier has. */
void merkle_tree_consistency(const struct merkle_tree *tree, uint64_t old_size, uint64_t size,
                             struct merkle_proof *proof) {
  uint64_t start = 0;
  bool whole = true;
  assert(old_size <= size && size <= merkle_tree_size(tree));
  proof->count = 0;
  if (old_size == 0) return;
  while (old_size < size) {
    uint64_t left = UINT64_C(1) << split_level(size);
    if (old_size <= left) {
      proof->hash[proof->count++] = range_hash(tree, start + left, size - left);
      size = left;
    } else {
      proof->hash[proof->count++] = range_hash(tree, start, left);
      whole = false;
      start += left;
      old_size -= left;
      size -= left;
    }
  }
  if (!whole) proof->hash[proof->count++] = range_hash(tree, start, size);
  reverse(proof);
}

/* RFC 9162 2.1.3.2. `position` is the node's place in its level, `last` that level's last place. */
bool merkle_verify_inclusion(uint64_t index, uint64_t size, const struct digest *leaf,
                             const struct digest *root, const struct merkle_proof *proof) {
  if (index >= size || proof->count > MERKLE_PROOF_MAX) return false;
  uint64_t position = index, last = size - 1;
  struct digest hash = *leaf;
  for (size_t i = 0; i < proof->count; i++) {
    if (last == 0) return false;
    if (position % 2 == 1 || position == last) {
      hash = merkle_node(&proof->hash[i], &hash);
      while (position % 2 == 0 && position != 0) {
        position >>= 1;
        last >>= 1;
      }
    } else {
      hash = merkle_node(&hash, &proof->hash[i]);
    }
    position >>= 1;
    last >>= 1;
  }
  return last == 0 && digest_equal(&hash, root);
}

/* RFC 9162 2.1.4.2 for 0 < old_size < size. When the old tree is complete its root starts both
 * chains, and the proof leaves it out. */
static bool verify_growth(uint64_t old_size, uint64_t size, const struct digest *old_root,
                          const struct digest *root, const struct merkle_proof *proof) {
  bool complete = (old_size & (old_size - 1)) == 0;
  uint64_t position = old_size - 1, last = size - 1;
  if (proof->count == 0) return false;
  while (position % 2 == 1) {
    position >>= 1;
    last >>= 1;
  }
  struct digest before = complete ? *old_root : proof->hash[0], after = before;
  for (size_t i = complete ? 0 : 1; i < proof->count; i++) {
    const struct digest *hash = &proof->hash[i];
    if (last == 0) return false;
    if (position % 2 == 1 || position == last) {
      before = merkle_node(hash, &before);
      after = merkle_node(hash, &after);
      while (position % 2 == 0 && position != 0) {
        position >>= 1;
        last >>= 1;
      }
    } else {
      after = merkle_node(&after, hash);
    }
    position >>= 1;
    last >>= 1;
  }
  return last == 0 && digest_equal(&before, old_root) && digest_equal(&after, root);
}

bool merkle_verify_consistency(uint64_t old_size, uint64_t size, const struct digest *old_root,
                               const struct digest *root, const struct merkle_proof *proof) {
  if (old_size > size || proof->count > MERKLE_PROOF_MAX) return false;
  if (old_size == 0) return proof->count == 0;
  if (old_size == size) return proof->count == 0 && digest_equal(old_root, root);
  return verify_growth(old_size, size, old_root, root, proof);
}
