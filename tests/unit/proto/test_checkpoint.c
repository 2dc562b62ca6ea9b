/* The signed note and cosignature of trust.md 2.2 byte for byte, and notes and receipts that were
 * touched. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "proto/checkpoint.h"
#include "proto/text.h"

#define TEXT "fl.example/agg1\n5\nANIYKaVQMUU0irz3ElE+rPKidCEa2D6XAgK7W22AsoY=\n"
#define LOG_LINE                                                                                   \
  "— fl.example/agg1 "                                                                           \
  "qUS3kex1UEqYZ0/wLgF5JKjjfEn+9CMHUCWdsTrYym+AdFCwwTf5UCW6MhJbI0GGrXNCxFPMcSm3FpLd5xvgdD7Efwg=\n"
#define WITNESS_LINE                                                                               \
  "— fl.example/client/c1 "                                                                      \
  "qYry3gAAAABlU/EA/ro3c6zXqA2ITwrQxnMBHSkg/"                                                      \
  "aR2onmjzyYsop+VIoxmy4Es0TMiL7Z5OJXCEXOTrY0P9sE+7c8AC697"                                        \
  "IPdsAg==\n"

struct fixture {
  struct secret_key log, witness;
  struct merkle_tree *tree;
  struct checkpoint head;
};

static int set_up(void **state) {
  struct fixture *fixture = calloc(1, sizeof *fixture);
  uint8_t seed[KEY_SEED_SIZE];
  char text[16];
  memset(seed, 1, sizeof seed);
  key_from_seed("fl.example/agg1", seed, &fixture->log);
  memset(seed, 2, sizeof seed);
  key_from_seed("fl.example/client/c1", seed, &fixture->witness);
  fixture->tree = merkle_tree_new();
  for (int i = 0; i < 5; i++) {
    struct digest leaf = merkle_leaf(text, (size_t)snprintf(text, sizeof text, "leaf-%d", i));
    merkle_tree_append(fixture->tree, &leaf);
  }
  fixture->head = (struct checkpoint){"fl.example/agg1", 5, merkle_tree_root(fixture->tree, 5)};
  *state = fixture;
  return 0;
}

static int tear_down(void **state) {
  struct fixture *fixture = *state;
  merkle_tree_free(fixture->tree);
  free(fixture);
  return 0;
}

static enum tamis_status open_note(const struct fixture *fixture, const char *note,
                                   struct checkpoint *out) {
  struct fault fault;
  return checkpoint_open(note, strlen(note), &fixture->log.public, out, &fault);
}

static void the_note_is_that_of_trust_2_2(void **state) {
  struct fixture *fixture = *state;
  char *note = NULL;
  size_t length = 0;
  checkpoint_sign(&fixture->head, &fixture->log, &note, &length);
  assert_string_equal(note, TEXT "\n" LOG_LINE);
  assert_int_equal(length, strlen(note));
  free(note);
}

static void the_cosignature_is_that_of_trust_2_2(void **state) {
  struct fixture *fixture = *state;
  char *line = NULL;
  size_t length = 0;
  checkpoint_cosign(&fixture->head, 1700000000, &fixture->witness, &line, &length);
  assert_string_equal(line, WITNESS_LINE);
  assert_int_equal(length, strlen(line));
  free(line);
}

static void the_cosignature_of_trust_2_2_is_accepted_and_no_other(void **state) {
  struct fixture *fixture = *state;
  const struct public_key *witness = &fixture->witness.public;
  char line[] = WITNESS_LINE, text[COSIGNATURE_TEXT_SIZE], again[COSIGNATURE_LINE_SIZE];
  uint64_t unix_seconds = 0;
  size_t length = strlen(line);
  assert_int_equal(
      checkpoint_cosigned(&fixture->head, witness, line, length, &unix_seconds, text, NULL),
      TAMIS_OK);
  assert_int_equal(unix_seconds, 1700000000);
  assert_int_equal(checkpoint_cosignature_line(witness->name, text, again), length);
  assert_string_equal(again, line);
  for (size_t i = 0; i < length; i++)
    for (int bit = 0; bit < 8; bit++) {
      line[i] = (char)(line[i] ^ 1 << bit);
      assert_int_equal(
          checkpoint_cosigned(&fixture->head, witness, line, length, &unix_seconds, text, NULL),
          TAMIS_BAD_PROOF);
      line[i] = (char)(line[i] ^ 1 << bit);
    }
  struct checkpoint other = fixture->head;
  other.size++;
  assert_int_equal(checkpoint_cosigned(&other, witness, line, length, &unix_seconds, text, NULL),
                   TAMIS_BAD_PROOF);
  assert_int_equal(checkpoint_cosigned(&fixture->head, &fixture->log.public, line, length,
                                       &unix_seconds, text, NULL),
                   TAMIS_BAD_PROOF);
}

static void a_cosigned_note_opens(void **state) {
  struct fixture *fixture = *state;
  struct checkpoint head;
  assert_int_equal(open_note(fixture, TEXT "\n" LOG_LINE WITNESS_LINE, &head), TAMIS_OK);
  assert_string_equal(head.origin, "fl.example/agg1");
  assert_int_equal(head.size, 5);
  assert_true(digest_equal(&head.root, &fixture->head.root));
  assert_int_equal(open_note(fixture, TEXT "\n" WITNESS_LINE LOG_LINE, &head), TAMIS_OK);
  assert_int_equal(open_note(fixture, TEXT "\n" LOG_LINE "— stränger AAAAAAE=\n", &head), TAMIS_OK);
}

static void signature_lines_come_one_by_one(void **state) {
  (void)state;
  static const char note[] = TEXT "\n" LOG_LINE WITNESS_LINE,
                    lines[] = WITNESS_LINE LOG_LINE "x y\n";
  const char *line;
  char name[KEY_NAME_SIZE];
  size_t length, at = 0;
  assert_true(checkpoint_line_next(note, strlen(note), &at, &line, &length, name));
  assert_string_equal(name, "fl.example/agg1");
  assert_int_equal(length, strlen(LOG_LINE));
  assert_true(checkpoint_line_next(note, strlen(note), &at, &line, &length, name));
  assert_string_equal(name, "fl.example/client/c1");
  assert_memory_equal(line, WITNESS_LINE, strlen(WITNESS_LINE));
  assert_false(checkpoint_line_next(note, strlen(note), &at, &line, &length, name));
  at = 0;
  assert_true(checkpoint_line_next(lines, strlen(lines), &at, &line, &length, name));
  assert_string_equal(name, "fl.example/client/c1");
  assert_true(checkpoint_line_next(lines, strlen(lines), &at, &line, &length, name));
  assert_false(checkpoint_line_next(lines, strlen(lines), &at, &line, &length, name));
  at = 0; /* none, no whole one, no name, and a name that is too long */
  assert_false(checkpoint_line_next("", 0, &at, &line, &length, name));
  assert_false(checkpoint_line_next(lines, strlen(WITNESS_LINE) - 1, &at, &line, &length, name));
  assert_false(checkpoint_line_next("\xe2\x80\x94  x\n", 7, &at, &line, &length, name));
  char flood[2 * KEY_NAME_SIZE] = "\xe2\x80\x94 ";
  memset(flood + 4, 'a', sizeof flood - 4);
  flood[sizeof flood - 2] = ' ';
  flood[sizeof flood - 1] = '\n';
  assert_false(checkpoint_line_next(flood, sizeof flood, &at, &line, &length, name));
}

static void malformed_notes_are_refused(void **state) {
  static const char *const bad[] = {
      "",
      "\n",
      "\n\n",
      TEXT,
      TEXT "\n",
      TEXT LOG_LINE,
      TEXT "\n" WITNESS_LINE,
      TEXT "extension\n\n" LOG_LINE,
      TEXT "\n" LOG_LINE "\n",
      TEXT "\n" LOG_LINE "trailing",
      TEXT "\n" LOG_LINE "— nobody\n",
      TEXT "\n" LOG_LINE "— nobody AAAA\n",
      TEXT "\n" LOG_LINE "— no+body AAAAAAE=\n",
      TEXT "\n" LOG_LINE "- nobody AAAAAAE=\n",
      TEXT "\n" LOG_LINE "— \xff AAAAAAE=\n",
      TEXT "\n" LOG_LINE "— \xed\xa0\x80 AAAAAAE=\n",
      TEXT "\n" LOG_LINE "— \xc0\xaf AAAAAAE=\n",
      TEXT "\n" LOG_LINE "— a\tb AAAAAAE=\n",
      "fl.example/agg1\n05\nANIYKaVQMUU0irz3ElE+rPKidCEa2D6XAgK7W22AsoY=\n\n" LOG_LINE,
      "fl.example/agg1\n+5\nANIYKaVQMUU0irz3ElE+rPKidCEa2D6XAgK7W22AsoY=\n\n" LOG_LINE,
      "fl.example/agg1\n\nANIYKaVQMUU0irz3ElE+rPKidCEa2D6XAgK7W22AsoY=\n\n" LOG_LINE,
      "fl.example/"
      "agg1\n99999999999999999999\nANIYKaVQMUU0irz3ElE+rPKidCEa2D6XAgK7W22AsoY=\n\n" LOG_LINE,
      "fl.example/agg1\n5\nANIYKaVQMUU0irz3ElE+rPKidCEa2D6XAgK7W22Aso==\n\n" LOG_LINE,
      "fl.example/agg2\n5\nANIYKaVQMUU0irz3ElE+rPKidCEa2D6XAgK7W22AsoY=\n\n" LOG_LINE,
  };
  struct fixture *fixture = *state;
  struct checkpoint head;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    if (open_note(fixture, bad[i], &head) != TAMIS_BAD_PROOF) fail_msg("accepted: %s", bad[i]);
}

/* Also a second, false line of the known key after a good one. */
static void a_known_key_that_fails_refuses_the_note(void **state) {
  struct fixture *fixture = *state;
  struct checkpoint head;
  char false_line[256];
  snprintf(false_line, sizeof false_line, "%s", LOG_LINE);
  char *last = strstr(false_line, "Efwg=");
  assert_non_null(last);
  *last = 'F';
  char note[1024];
  snprintf(note, sizeof note, "%s\n%s%s", TEXT, LOG_LINE, false_line);
  assert_int_equal(open_note(fixture, note, &head), TAMIS_BAD_PROOF);
}

static void no_bit_of_the_text_can_change(void **state) {
  struct fixture *fixture = *state;
  struct checkpoint head;
  char note[] = TEXT "\n" LOG_LINE;
  for (size_t i = 0; i < sizeof TEXT; i++)
    for (int bit = 0; bit < 8; bit++) {
      note[i] = (char)(note[i] ^ (1 << bit));
      assert_int_equal(open_note(fixture, note, &head), TAMIS_BAD_PROOF);
      note[i] = (char)(note[i] ^ (1 << bit));
    }
}

static void too_many_signatures_are_refused(void **state) {
  struct fixture *fixture = *state;
  struct checkpoint head;
  char note[8192] = TEXT "\n" LOG_LINE;
  for (int i = 1; i < CHECKPOINT_SIGNATURES_MAX; i++) strcat(note, "— nobody AAAAAAE=\n");
  assert_int_equal(open_note(fixture, note, &head), TAMIS_OK);
  strcat(note, "— nobody AAAAAAE=\n");
  assert_int_equal(open_note(fixture, note, &head), TAMIS_BAD_PROOF);
}

static char *receipt_of(const struct fixture *fixture, uint64_t index, size_t *length) {
  struct merkle_proof proof;
  char *note = NULL, *receipt = NULL;
  size_t note_length = 0;
  merkle_tree_inclusion(fixture->tree, index, 5, &proof);
  checkpoint_sign(&fixture->head, &fixture->log, &note, &note_length);
  receipt_write(index, &proof, note, note_length, &receipt, length);
  free(note);
  return receipt;
}

static enum tamis_status verify(const struct fixture *fixture, const char *receipt, size_t length,
                                const char *entry, uint64_t *index) {
  struct checkpoint head;
  struct fault fault;
  return receipt_verify(receipt, length, entry, strlen(entry), &fixture->log.public, index, &head,
                        &fault);
}

static void a_receipt_is_lines_of_text(void **state) {
  struct fixture *fixture = *state;
  uint64_t index = 99;
  size_t length = 0;
  char *receipt = receipt_of(fixture, 2, &length);
  assert_string_equal(receipt, "c2sp.org/tlog-proof@v1\nindex 2\n"
                               "92g2MlrsVpnY1x+OQunUfFwpsIBZuiljhPfKQK06QK4=\n"
                               "YKU+7Q3oepDI5ZQnxZxGJTwzp2oJUCpRgBMAknt+a9w=\n"
                               "6p/BobbhkbRg0NYwbj6HDBc/OTMPE82htwz8cr3DmLo=\n"
                               "\n" TEXT "\n" LOG_LINE);
  assert_int_equal(verify(fixture, receipt, length, "leaf-2", &index), TAMIS_OK);
  assert_int_equal(index, 2);
  assert_int_equal(verify(fixture, receipt, length, "leaf-3", &index), TAMIS_BAD_PROOF);
  free(receipt);
}

static void an_extra_line_is_skipped(void **state) {
  struct fixture *fixture = *state;
  uint64_t index = 0;
  size_t length = 0;
  char with_extra[2048];
  char *receipt = receipt_of(fixture, 4, &length);
  size_t head = strlen("c2sp.org/tlog-proof@v1\n");
  snprintf(with_extra, sizeof with_extra, "c2sp.org/tlog-proof@v1\nextra AAAA\n%s", receipt + head);
  assert_int_equal(verify(fixture, with_extra, strlen(with_extra), "leaf-4", &index), TAMIS_OK);
  snprintf(with_extra, sizeof with_extra, "c2sp.org/tlog-proof@v1\nextra A\n%s", receipt + head);
  assert_int_equal(verify(fixture, with_extra, strlen(with_extra), "leaf-4", &index),
                   TAMIS_BAD_PROOF);
  free(receipt);
}

static void no_bit_of_a_receipt_can_change(void **state) {
  struct fixture *fixture = *state;
  uint64_t index = 0;
  for (uint64_t i = 0; i < 5; i++) {
    size_t length = 0;
    char entry[16];
    snprintf(entry, sizeof entry, "leaf-%d", (int)i);
    char *receipt = receipt_of(fixture, i, &length);
    for (size_t at = 0; at < length; at++) {
      receipt[at] = (char)(receipt[at] ^ 1);
      assert_int_equal(verify(fixture, receipt, length, entry, &index), TAMIS_BAD_PROOF);
      receipt[at] = (char)(receipt[at] ^ 1);
      assert_int_equal(verify(fixture, receipt, at, entry, &index), TAMIS_BAD_PROOF);
    }
    free(receipt);
  }
}

int main(void) {
#define with_fixture(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      with_fixture(the_note_is_that_of_trust_2_2),
      with_fixture(the_cosignature_is_that_of_trust_2_2),
      with_fixture(the_cosignature_of_trust_2_2_is_accepted_and_no_other),
      with_fixture(a_cosigned_note_opens),
      cmocka_unit_test(signature_lines_come_one_by_one),
      with_fixture(malformed_notes_are_refused),
      with_fixture(a_known_key_that_fails_refuses_the_note),
      with_fixture(no_bit_of_the_text_can_change),
      with_fixture(too_many_signatures_are_refused),
      with_fixture(a_receipt_is_lines_of_text),
      with_fixture(an_extra_line_is_skipped),
      with_fixture(no_bit_of_a_receipt_can_change),
  };
  if (key_library_start() != TAMIS_OK) return 1;
  return cmocka_run_group_tests(tests, NULL, NULL);
}
