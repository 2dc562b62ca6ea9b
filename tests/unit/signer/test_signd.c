/* Every pair of trees that can be asked for one after the other: signed when the second grew from
 * the first and the proof says so, refused else; and what is no request is told so. */
#include "bench.h"
#include "signer/signd.h"

enum { SIZES = 12 };

static struct signd *open_signd(const struct bench *bench) {
  struct signd *signd;
  struct fault fault;
  enum tamis_status status = signd_open(bench->key_path, true, &signd, &fault);
  if (status != TAMIS_OK) print_message("%s\n", fault.text);
  assert_status(status, TAMIS_OK);
  return signd;
}

static enum tamis_status ask(struct signd *signd, const struct wire_request *request,
                             struct wire_answer *answer) {
  uint8_t bytes[WIRE_REQUEST_MAX];
  signd_answer(signd, bytes, wire_request_encode(request, bytes), answer);
  return answer->fault.status;
}

static struct wire_request request_of(const struct merkle_tree *tree, uint64_t from,
                                      uint64_t size) {
  return (struct wire_request){WIRE_SIGN, bench_checkpoint(tree, size),
                               bench_proof(tree, from, size)};
}

static void assert_note(const struct bench *bench, const struct wire_answer *answer,
                        const struct checkpoint *wanted) {
  struct checkpoint given;
  assert_status(
      checkpoint_open(answer->note, answer->note_length, &bench->key.public, &given, NULL),
      TAMIS_OK);
  assert_int_equal(given.size, wanted->size);
  assert_true(digest_equal(&given.root, &wanted->root));
}

/* signed first, asked second, on the same branch or the other, with the right proof, none, one of
 * another size, one hash too few, a flipped bit */
static void the_whole_matrix(void **unused) {
  struct bench bench;
  struct wire_answer answer;
  size_t granted = 0, refused = 0;
  (void)unused;
  for (uint64_t first = 1; first <= SIZES; first++) {
    for (uint64_t second = 1; second <= SIZES; second++) {
      for (int branch = 0; branch < 2; branch++) {
        for (int spoilt = 0; spoilt < 5; spoilt++) {
          bench_open(&bench);
          struct signd *signd = open_signd(&bench);
          struct wire_request one = request_of(bench.tree, 0, first);
          assert_status(ask(signd, &one, &answer), TAMIS_OK);
          const struct merkle_tree *tree = branch ? bench.other : bench.tree;
          struct wire_request two = request_of(tree, first, second);
          size_t count = two.proof.count;
          if (spoilt == 1) two.proof.count = 0;
          if (spoilt == 2) two.proof = bench_proof(tree, first + 1, second + 2);
          if (spoilt == 3 && count > 0) two.proof.count--;
          if (spoilt == 4 && count > 0) two.proof.hash[count - 1].byte[7] ^= 4;
          bool is_whole =
              two.proof.count == count && (spoilt < 2 || (spoilt > 2 && count == 0) ||
                                           (spoilt == 2 && second <= first && count == 0));
          bool is_same_tree = branch == 0 || (first <= 5 && second <= 5);
          bool is_grown = second >= first && (is_same_tree || (first <= 5 && second > 5));
          bool is_right = is_grown && is_whole;
          enum tamis_status status = ask(signd, &two, &answer);
          if (spoilt != 2) assert_status(status, is_right ? TAMIS_OK : TAMIS_FORK);
          if (!is_grown) assert_status(status, TAMIS_FORK);
          if (status == TAMIS_OK) assert_note(&bench, &answer, &two.checkpoint);
          assert_int_equal(answer.note_length > 0, status == TAMIS_OK);
          assert_int_equal(signd_mark(signd)->size, status == TAMIS_OK ? second : first);
          granted += status == TAMIS_OK;
          refused += status != TAMIS_OK;
          signd_close(signd);
          bench_close(&bench);
        }
      }
    }
  }
  assert_true(granted > 100 && refused > 100);
}

static void the_same_tree_again_is_the_same_note(void **unused) {
  struct bench bench;
  struct wire_answer first, again;
  (void)unused;
  bench_open(&bench);
  struct signd *signd = open_signd(&bench);
  struct wire_request request = request_of(bench.tree, 0, 7);
  assert_status(ask(signd, &request, &first), TAMIS_OK);
  signd_close(signd); /* a tamisd that died before it could store the note */
  signd = open_signd(&bench);
  struct wire_request last = {.kind = WIRE_LAST};
  assert_status(ask(signd, &last, &again), TAMIS_OK);
  assert_int_equal(again.size, 7);
  assert_true(digest_equal(&again.root, &request.checkpoint.root));
  request.proof.count = 0;
  assert_status(ask(signd, &request, &again), TAMIS_OK);
  assert_int_equal(first.note_length, again.note_length);
  assert_memory_equal(first.note, again.note, first.note_length);
  signd_close(signd);
  bench_close(&bench);
}

static void another_origin_is_refused(void **unused) {
  static const char *const origins[] = {"test.example/log2", "test.example/lo", "other"};
  struct bench bench;
  struct wire_answer answer;
  (void)unused;
  bench_open(&bench);
  struct signd *signd = open_signd(&bench);
  for (size_t i = 0; i < 3; i++) {
    struct wire_request request = request_of(bench.tree, 0, 3);
    snprintf(request.checkpoint.origin, sizeof request.checkpoint.origin, "%s", origins[i]);
    assert_status(ask(signd, &request, &answer), TAMIS_WRONG_ORIGIN);
  }
  assert_int_equal(signd_mark(signd)->size, 0);
  signd_close(signd);
  bench_close(&bench);
}

static enum tamis_status ask_bytes(struct signd *signd, const uint8_t *bytes, size_t length) {
  struct wire_answer answer;
  signd_answer(signd, bytes, length, &answer);
  return answer.fault.status;
}

static void what_is_no_request_is_refused(void **unused) {
  struct bench bench;
  uint8_t bytes[2 * WIRE_REQUEST_MAX] = {0};
  (void)unused;
  bench_open(&bench);
  struct signd *signd = open_signd(&bench);
  struct wire_request request = request_of(bench.tree, 0, 3);
  for (size_t i = 0; i < 64; i++) request.proof.hash[i] = bench_leaf(i);
  request.proof.count = 64;
  size_t length = wire_request_encode(&request, bytes);
  for (size_t cut = 0; cut < length; cut++)
    assert_status(ask_bytes(signd, bytes, cut), TAMIS_BAD_REQUEST);
  for (size_t more = 1; more < WIRE_REQUEST_MAX; more += 97) /* and oversized */
    assert_status(ask_bytes(signd, bytes, length + more), TAMIS_BAD_REQUEST);
  uint8_t at_count = (uint8_t)(4 + 1 + 1 + strlen(BENCH_ORIGIN) + 8 + DIGEST_SIZE);
  bytes[at_count] = 65;
  assert_status(ask_bytes(signd, bytes, length), TAMIS_BAD_REQUEST);
  request.proof.count = 0;
  for (int kind = 0; kind < 256; kind++) {
    length = wire_request_encode(&request, bytes);
    bytes[4] = (uint8_t)kind;
    enum tamis_status status = ask_bytes(signd, bytes, length);
    if (kind == WIRE_SIGN) assert_status(status, TAMIS_OK);
    if (kind != WIRE_SIGN) assert_status(status, TAMIS_BAD_REQUEST);
  }
  const uint64_t sizes[] = {0, (uint64_t)INT64_MAX + 1, UINT64_MAX};
  for (size_t i = 0; i < 3; i++) {
    request.checkpoint.size = sizes[i];
    assert_status(ask_bytes(signd, bytes, wire_request_encode(&request, bytes)), TAMIS_BAD_REQUEST);
  }
  assert_int_equal(signd_mark(signd)->size, 3);
  signd_close(signd);
  bench_close(&bench);
}

static void a_key_without_mark_begins_only_when_told(void **unused) {
  struct bench bench;
  struct signd *signd, *second;
  struct fault fault;
  (void)unused;
  bench_open(&bench);
  assert_status(signd_open(bench.key_path, false, &signd, &fault), TAMIS_NOT_FOUND);
  assert_non_null(strstr(fault.text, "--adopt"));
  assert_status(signd_open(bench.key_path, true, &signd, &fault), TAMIS_OK);
  signd_close(signd);
  assert_status(signd_open(bench.key_path, false, &signd, &fault), TAMIS_OK);
  signd_close(signd);
  assert_int_equal(unlink(bench.key_path), 0);
  assert_status(signd_open(bench.key_path, true, &second, &fault), TAMIS_NOT_FOUND);
  bench_close(&bench);
}

static void an_answer_is_read_strictly(void **unused) {
  struct wire_answer answer = {.size = 9, .vkey = "v", .note = "note\n", .note_length = 5}, back;
  uint8_t bytes[WIRE_ANSWER_MAX + 1] = {0};
  (void)unused;
  size_t length = wire_answer_encode(&answer, bytes);
  assert_status(wire_answer_decode(bytes, length, &back, NULL), TAMIS_OK);
  assert_string_equal(back.note, "note\n");
  assert_int_equal(back.size, 9);
  for (size_t cut = 0; cut < length; cut++)
    assert_status(wire_answer_decode(bytes, cut, &back, NULL), TAMIS_BAD_REQUEST);
  assert_status(wire_answer_decode(bytes, length + 1, &back, NULL), TAMIS_BAD_REQUEST);
  fault_set(&answer.fault, TAMIS_FORK, "no\x01 %d", 7);
  length = wire_answer_encode(&answer, bytes);
  assert_status(wire_answer_decode(bytes, length, &back, NULL), TAMIS_OK);
  assert_status(back.fault.status, TAMIS_FORK);
  assert_string_equal(back.fault.text, "no? 7");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_whole_matrix),
      cmocka_unit_test(the_same_tree_again_is_the_same_note),
      cmocka_unit_test(another_origin_is_refused),
      cmocka_unit_test(what_is_no_request_is_refused),
      cmocka_unit_test(a_key_without_mark_begins_only_when_told),
      cmocka_unit_test(an_answer_is_read_strictly),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
