/* Evidence is what it shows, after any way of being touched too. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "proto/fork.h"

struct fixture {
  struct secret_key log, other;
  struct merkle_tree *tree, *twin; /* the same up to leaf 3 */
};

static struct merkle_tree *tree_of(int leaves, int differs_at) {
  struct merkle_tree *tree = merkle_tree_new();
  for (int i = 0; i < leaves; i++) {
    char text[32];
    int length = snprintf(text, sizeof text, "leaf-%d%s", i, i == differs_at ? "'" : "");
    struct digest leaf = merkle_leaf(text, (size_t)length);
    merkle_tree_append(tree, &leaf);
  }
  return tree;
}

static int set_up(void **state) {
  struct fixture *fixture = calloc(1, sizeof *fixture);
  uint8_t seed[KEY_SEED_SIZE] = {1};
  key_library_start();
  key_from_seed("fl.example/agg1", seed, &fixture->log);
  seed[0] = 2;
  key_from_seed("fl.example/agg1", seed, &fixture->other);
  fixture->tree = tree_of(9, -1);
  fixture->twin = tree_of(9, 3);
  *state = fixture;
  return 0;
}

static int tear_down(void **state) {
  struct fixture *fixture = *state;
  merkle_tree_free(fixture->tree);
  merkle_tree_free(fixture->twin);
  free(fixture);
  return 0;
}

static void note_of(const struct secret_key *key, const struct merkle_tree *tree, uint64_t size,
                    char **note, size_t *length) {
  struct checkpoint head = {"fl.example/agg1", size, merkle_tree_root(tree, size)};
  checkpoint_sign(&head, key, note, length);
}

/* Written, read back and judged. */
static enum tamis_status judged(struct fixture *fixture, const struct merkle_tree *left,
                                uint64_t left_size, const struct merkle_tree *right,
                                uint64_t right_size, enum tamis_status answer,
                                enum fork_finding *finding) {
  struct fork_evidence evidence = {.log_key = fixture->log.public, .answer = answer}, again;
  struct checkpoint kept, shown;
  struct fault fault;
  char *text;
  size_t length;
  note_of(&fixture->log, left, left_size, &evidence.kept, &evidence.kept_length);
  note_of(&fixture->log, right, right_size, &evidence.shown, &evidence.shown_length);
  if (answer == TAMIS_OK && left_size != right_size)
    merkle_tree_consistency(fixture->tree, left_size < right_size ? left_size : right_size,
                            left_size < right_size ? right_size : left_size, &evidence.proof);
  assert_int_equal(fork_write(&evidence, &text, &length, &fault), TAMIS_OK);
  free(evidence.kept);
  free(evidence.shown);
  assert_int_equal(fork_read(text, length, &again, &fault), TAMIS_OK);
  enum tamis_status status = fork_judge(&again, finding, &kept, &shown, &fault);
  assert_int_equal(kept.size, left_size);
  assert_int_equal(shown.size, right_size);
  fork_close(&again);
  for (size_t cut = 0; cut < length; cut++)
    assert_int_equal(fork_read(text, cut, &again, &fault), TAMIS_BAD_PROOF);
  free(text);
  return status;
}

static void two_roots_for_one_size_are_proof(void **state) {
  enum fork_finding finding;
  struct fixture *fixture = *state;
  assert_int_equal(judged(fixture, fixture->tree, 7, fixture->twin, 7, TAMIS_OK, &finding),
                   TAMIS_OK);
  assert_int_equal(finding, FORK_PROVED);
}

static void two_sizes_without_a_link_are_a_debt(void **state) {
  enum fork_finding finding;
  struct fixture *fixture = *state;
  judged(fixture, fixture->tree, 8, fixture->twin, 5, TAMIS_FORK, &finding);
  assert_int_equal(finding, FORK_UNLINKED);
  judged(fixture, fixture->tree, 5, fixture->twin, 8, TAMIS_OK, &finding); /* a proof that fails */
  assert_int_equal(finding, FORK_UNLINKED);
  judged(fixture, fixture->tree, 5, fixture->tree, 8, TAMIS_NOT_FOUND, &finding);
  assert_int_equal(finding, FORK_UNLINKED);
}

static void one_history_is_no_fork(void **state) {
  enum fork_finding finding;
  struct fixture *fixture = *state;
  judged(fixture, fixture->tree, 5, fixture->tree, 8, TAMIS_OK, &finding);
  assert_int_equal(finding, FORK_NONE);
  judged(fixture, fixture->tree, 8, fixture->tree, 5, TAMIS_OK, &finding);
  assert_int_equal(finding, FORK_NONE);
  judged(fixture, fixture->tree, 6, fixture->tree, 6, TAMIS_OK, &finding);
  assert_int_equal(finding, FORK_NONE);
}

static void a_note_by_another_key_is_no_evidence(void **state) {
  struct fixture *fixture = *state;
  struct fork_evidence evidence = {.log_key = fixture->log.public, .answer = TAMIS_FORK};
  struct checkpoint kept, shown;
  enum fork_finding finding;
  note_of(&fixture->log, fixture->tree, 7, &evidence.kept, &evidence.kept_length);
  note_of(&fixture->other, fixture->twin, 7, &evidence.shown, &evidence.shown_length);
  assert_int_equal(fork_judge(&evidence, &finding, &kept, &shown, NULL), TAMIS_BAD_PROOF);
  fork_close(&evidence);
}

/* Whatever byte is changed, it is refused or says the same: no touched file frames a log. */
static void no_touched_byte_makes_a_fork_of_one_history(void **state) {
  struct fixture *fixture = *state;
  struct fork_evidence evidence = {.log_key = fixture->log.public, .answer = TAMIS_OK}, again;
  struct checkpoint kept, shown;
  enum fork_finding finding;
  struct fault fault;
  char *text;
  size_t length;
  note_of(&fixture->log, fixture->tree, 7, &evidence.kept, &evidence.kept_length);
  note_of(&fixture->log, fixture->tree, 7, &evidence.shown, &evidence.shown_length);
  assert_int_equal(fork_write(&evidence, &text, &length, &fault), TAMIS_OK);
  fork_close(&evidence);
  for (size_t i = 0; i < length; i++)
    for (int bit = 0; bit < 8; bit++) {
      text[i] = (char)(text[i] ^ 1 << bit);
      if (fork_read(text, length, &again, &fault) == TAMIS_OK) {
        if (fork_judge(&again, &finding, &kept, &shown, &fault) == TAMIS_OK)
          assert_int_equal(finding, FORK_NONE);
        fork_close(&again);
      }
      text[i] = (char)(text[i] ^ 1 << bit);
    }
  free(text);
}

#define with_fixture(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      with_fixture(two_roots_for_one_size_are_proof),
      with_fixture(two_sizes_without_a_link_are_a_debt),
      with_fixture(one_history_is_no_fork),
      with_fixture(a_note_by_another_key_is_no_evidence),
      with_fixture(no_touched_byte_makes_a_fork_of_one_history),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
