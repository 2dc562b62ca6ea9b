/* Roots and proofs of trust.md 2.2, and the iterative checks held against the recursive definitions
 * of RFC 6962. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "proto/merkle.h"
#include "proto/text.h"

enum { LEAVES = 300, SMALL = 70 };

static struct digest leaf_of(unsigned i) {
  char text[16];
  return merkle_leaf(text, (size_t)snprintf(text, sizeof text, "leaf-%u", i));
}

static struct merkle_tree *grown(unsigned size) {
  struct merkle_tree *tree = merkle_tree_new();
  for (unsigned i = 0; i < size; i++) {
    struct digest leaf = leaf_of(i);
    merkle_tree_append(tree, &leaf);
  }
  return tree;
}

static void assert_hash(struct digest hash, const char *expected) {
  char text[64];
  text_base64_encode(hash.byte, DIGEST_SIZE, text);
  assert_string_equal(text, expected);
}

static void roots_are_those_of_trust_2_2(void **state) {
  (void)state;
  struct merkle_tree *tree = grown(LEAVES);
  assert_hash(merkle_tree_root(tree, 0), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
  assert_hash(merkle_tree_root(tree, 1), "MF31n5WQw8msY9KydDw4jjeSRJB4zr9/s9vmRxZDsrc=");
  assert_hash(merkle_tree_root(tree, 3), "z3Y6BByBzu8VeKYIP3XGG+8uABTyo+aDqX/Pylvn8Zo=");
  assert_hash(merkle_tree_root(tree, 5), "ANIYKaVQMUU0irz3ElE+rPKidCEa2D6XAgK7W22AsoY=");
  assert_hash(merkle_tree_root(tree, 257), "RdfiB7m9lIoLHlUWLtw4ZFPIqYU7XzxFfiVxbAvpjsI=");
  assert_hash(merkle_tree_root(tree, 300), "YIKAzr3eSMKJmenLg58DmAo+Yui5VQqih1jpEnnr1lc=");
  merkle_tree_free(tree);
}

static void proofs_are_those_of_trust_2_2(void **state) {
  (void)state;
  static const char *const expected[] = {"/KifV8n4yOtAR6f/nTM6z54PM4SyCyVbzqsPIW3Momc=",
                                         "92g2MlrsVpnY1x+OQunUfFwpsIBZuiljhPfKQK06QK4=",
                                         "YKU+7Q3oepDI5ZQnxZxGJTwzp2oJUCpRgBMAknt+a9w=",
                                         "6p/BobbhkbRg0NYwbj6HDBc/OTMPE82htwz8cr3DmLo="};
  struct merkle_tree *tree = grown(5);
  struct merkle_proof proof;
  merkle_tree_inclusion(tree, 2, 5, &proof);
  assert_int_equal(proof.count, 3);
  for (size_t i = 0; i < 3; i++) assert_hash(proof.hash[i], expected[i + 1]);
  merkle_tree_consistency(tree, 3, 5, &proof);
  assert_int_equal(proof.count, 4);
  for (size_t i = 0; i < 4; i++) assert_hash(proof.hash[i], expected[i]);
  merkle_tree_free(tree);
}

/* RFC 6962 2.1: MTH, PATH and SUBPROOF as they are written there. */
static unsigned split_of(unsigned n) {
  unsigned k = 1;
  while (2 * k < n) k *= 2;
  return k;
}

static struct digest mth(unsigned start, unsigned n) {
  if (n == 1) return leaf_of(start);
  unsigned k = split_of(n);
  struct digest left = mth(start, k), right = mth(start + k, n - k);
  return merkle_node(&left, &right);
}

static void path(unsigned m, unsigned start, unsigned n, struct merkle_proof *proof) {
  if (n == 1) return;
  unsigned k = split_of(n);
  if (m < k) {
    path(m, start, k, proof);
    proof->hash[proof->count++] = mth(start + k, n - k);
  } else {
    path(m - k, start + k, n - k, proof);
    proof->hash[proof->count++] = mth(start, k);
  }
}

static void subproof(unsigned m, unsigned start, unsigned n, bool whole,
                     struct merkle_proof *proof) {
  if (m == n) {
    if (!whole) proof->hash[proof->count++] = mth(start, n);
    return;
  }
  unsigned k = split_of(n);
  if (m <= k) {
    subproof(m, start, k, whole, proof);
    proof->hash[proof->count++] = mth(start + k, n - k);
  } else {
    subproof(m - k, start + k, n - k, false, proof);
    proof->hash[proof->count++] = mth(start, k);
  }
}

static void assert_same_proof(const struct merkle_proof *a, const struct merkle_proof *b) {
  assert_int_equal(a->count, b->count);
  for (size_t i = 0; i < a->count; i++) assert_true(digest_equal(&a->hash[i], &b->hash[i]));
}

typedef bool accepts(unsigned m, unsigned n, const struct digest *a, const struct digest *b,
                     const struct merkle_proof *proof);

static bool inclusion(unsigned m, unsigned n, const struct digest *leaf, const struct digest *root,
                      const struct merkle_proof *proof) {
  return merkle_verify_inclusion(m, n, leaf, root, proof);
}

static bool consistency(unsigned m, unsigned n, const struct digest *old, const struct digest *root,
                        const struct merkle_proof *proof) {
  return merkle_verify_consistency(m, n, old, root, proof);
}

/* The good proof passes; with any hash changed, dropped, doubled or swapped, or any end changed, it
 * does not. */
static void assert_only_this(accepts *verify, unsigned m, unsigned n, struct digest *a,
                             struct digest *b, struct merkle_proof *proof) {
  assert_true(verify(m, n, a, b, proof));
  struct digest *ends[] = {a, b};
  for (int i = 0; i < 2; i++) {
    ends[i]->byte[i] ^= 1;
    assert_false(verify(m, n, a, b, proof));
    ends[i]->byte[i] ^= 1;
  }
  for (size_t i = 0; i < proof->count; i++) {
    proof->hash[i].byte[31] ^= 0x80;
    assert_false(verify(m, n, a, b, proof));
    proof->hash[i].byte[31] ^= 0x80;
    struct merkle_proof other = *proof;
    memmove(&other.hash[i], &other.hash[i + 1], (other.count - i - 1) * sizeof *other.hash);
    other.count--;
    assert_false(verify(m, n, a, b, &other));
  }
  proof->hash[proof->count++] = *a;
  assert_false(verify(m, n, a, b, proof));
  proof->count--;
}

static void inclusion_is_path_for_all_small_trees(void **state) {
  (void)state;
  struct merkle_tree *tree = grown(SMALL);
  for (unsigned n = 1; n <= SMALL; n++) {
    struct digest root = merkle_tree_root(tree, n), expected = mth(0, n);
    assert_true(digest_equal(&root, &expected));
    for (unsigned i = 0; i < n; i++) {
      struct merkle_proof proof, recursive = {0};
      struct digest leaf = leaf_of(i);
      merkle_tree_inclusion(tree, i, n, &proof);
      path(i, 0, n, &recursive);
      assert_same_proof(&proof, &recursive);
      assert_only_this(inclusion, i, n, &leaf, &root, &proof);
      for (unsigned other = 0; other < n + 2; other++)
        if (other != i) assert_false(inclusion(other, n, &leaf, &root, &proof));
    }
  }
  merkle_tree_free(tree);
}

static void consistency_is_subproof_for_all_small_trees(void **state) {
  (void)state;
  struct merkle_tree *tree = grown(SMALL);
  for (unsigned n = 1; n <= SMALL; n++) {
    struct digest root = merkle_tree_root(tree, n);
    for (unsigned m = 1; m <= n; m++) {
      struct merkle_proof proof, recursive = {0};
      struct digest old = merkle_tree_root(tree, m);
      merkle_tree_consistency(tree, m, n, &proof);
      subproof(m, 0, n, true, &recursive);
      assert_same_proof(&proof, &recursive);
      assert_only_this(consistency, m, n, &old, &root, &proof);
    }
  }
  merkle_tree_free(tree);
}

static void the_edges(void **state) {
  (void)state;
  struct merkle_tree *tree = grown(8);
  struct merkle_proof empty = {0}, one = {.count = 1}, absurd = {.count = SIZE_MAX};
  struct digest root = merkle_tree_root(tree, 8), old = merkle_tree_root(tree, 4);
  assert_true(merkle_verify_consistency(0, 8, &old, &root, &empty));
  assert_false(merkle_verify_consistency(0, 8, &old, &root, &one));
  assert_false(merkle_verify_consistency(8, 4, &root, &old, &empty));
  assert_false(merkle_verify_consistency(4, 8, &old, &root, &empty));
  assert_false(merkle_verify_inclusion(0, 0, &old, &root, &empty));
  assert_false(merkle_verify_inclusion(0, 8, &old, &root, &absurd));
  assert_false(merkle_verify_consistency(4, 8, &old, &root, &absurd));
  assert_false(merkle_verify_inclusion(UINT64_MAX - 1, UINT64_MAX, &old, &root, &one));
  assert_int_equal(merkle_tree_size(tree), 8);
  struct digest leaf = merkle_tree_leaf(tree, 7), expected = leaf_of(7);
  assert_true(digest_equal(&leaf, &expected));
  merkle_tree_free(tree);
  merkle_tree_free(NULL);
}

static void a_larger_tree_answers_for_every_earlier_size(void **state) {
  (void)state;
  struct merkle_tree *tree = grown(5000);
  for (unsigned n = 71; n <= 5000; n += 37) {
    struct merkle_proof proof;
    struct digest root = merkle_tree_root(tree, n);
    for (unsigned m = 1; m <= n; m += 211) {
      struct digest old = merkle_tree_root(tree, m), leaf = merkle_tree_leaf(tree, m - 1);
      merkle_tree_consistency(tree, m, n, &proof);
      assert_true(merkle_verify_consistency(m, n, &old, &root, &proof));
      merkle_tree_inclusion(tree, m - 1, n, &proof);
      assert_true(merkle_verify_inclusion(m - 1, n, &leaf, &root, &proof));
    }
  }
  merkle_tree_free(tree);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(roots_are_those_of_trust_2_2),
      cmocka_unit_test(proofs_are_those_of_trust_2_2),
      cmocka_unit_test(inclusion_is_path_for_all_small_trees),
      cmocka_unit_test(consistency_is_subproof_for_all_small_trees),
      cmocka_unit_test(the_edges),
      cmocka_unit_test(a_larger_tree_answers_for_every_earlier_size),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
