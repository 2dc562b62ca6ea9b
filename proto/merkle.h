/* The RFC 6962 tree over SHA-256: hashes, the growing tree, and proofs checked the way RFC 9162 2.1
 * writes them. */
#ifndef TAMIS_MERKLE_H
#define TAMIS_MERKLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "proto/digest.h"

enum { MERKLE_PROOF_MAX = 64 };

struct merkle_proof {
  size_t count;
  struct digest hash[MERKLE_PROOF_MAX];
};

struct digest merkle_leaf(const void *entry, size_t length); /* H(0x00 || entry) */
struct digest merkle_node(const struct digest *left,
                          const struct digest *right); /* H(0x01 || l || r) */

/* A tree that only grows; 64 to 96 bytes of memory a leaf. Root and proofs for any earlier size
 * too. */
struct merkle_tree;
struct merkle_tree *merkle_tree_new(void);
void merkle_tree_free(struct merkle_tree *tree);
void merkle_tree_append(struct merkle_tree *tree, const struct digest *leaf);
/* Into an empty tree, `count` leaves at once, the first at `leaf` and each `stride` bytes after the
 * one before: a fifth of the time of as many appends. */
void merkle_tree_load(struct merkle_tree *tree, const void *leaf, size_t stride, uint64_t count);
uint64_t merkle_tree_size(const struct merkle_tree *tree);
struct digest merkle_tree_root(const struct merkle_tree *tree, uint64_t size);
struct digest merkle_tree_leaf(const struct merkle_tree *tree, uint64_t index);
/* Root of the complete subtree of 2^level leaves from index * 2^level on, which must be there. */
struct digest merkle_tree_node(const struct merkle_tree *tree, int level, uint64_t index);
void merkle_tree_inclusion(const struct merkle_tree *tree, uint64_t index, uint64_t size,
                           struct merkle_proof *proof);
void merkle_tree_consistency(const struct merkle_tree *tree, uint64_t old_size, uint64_t size,
                             struct merkle_proof *proof);

bool merkle_verify_inclusion(uint64_t index, uint64_t size, const struct digest *leaf,
                             const struct digest *root, const struct merkle_proof *proof);
/* old_size 0 is consistent with everything by an empty proof. */
bool merkle_verify_consistency(uint64_t old_size, uint64_t size, const struct digest *old_root,
                               const struct digest *root, const struct merkle_proof *proof);

#endif
