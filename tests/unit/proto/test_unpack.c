/* Messages in a budget: honest ones fit, amplifying ones are refused, and nothing leaks. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "proto/unpack.h"
#include "tamis/v1/tamis.pb-c.h"

static void an_honest_message_fits(void **state) {
  (void)state;
  struct unpack_arena arena;
  Tamis__V1__OfferRequest request = TAMIS__V1__OFFER_REQUEST__INIT;
  uint8_t bytes[64];
  request.session = (ProtobufCBinaryData){3, (uint8_t *)"abc"};
  request.envelope = (ProtobufCBinaryData){5, (uint8_t *)"a\0b\0c"};
  size_t length = tamis__v1__offer_request__pack(&request, bytes);
  unpack_arena_open(&arena, 4096);
  Tamis__V1__OfferRequest *read =
      unpack_message(&arena, &tamis__v1__offer_request__descriptor, bytes, length);
  assert_non_null(read);
  assert_int_equal(read->envelope.len, 5);
  assert_memory_equal(read->envelope.data, "a\0b\0c", 5);
  assert_true(arena.used > 0 && arena.used <= arena.budget);
  unpack_arena_close(&arena);
}

static void every_smaller_budget_gives_null_or_the_message(void **state) {
  (void)state;
  Tamis__V1__QueryRequest request = TAMIS__V1__QUERY_REQUEST__INIT;
  ProtobufCBinaryData arguments[] = {{1, (uint8_t *)"a"}, {2, (uint8_t *)"bc"}};
  uint8_t bytes[64];
  request.n_arguments = 2;
  request.arguments = arguments;
  size_t length = tamis__v1__query_request__pack(&request, bytes);
  bool fitted = false;
  for (size_t budget = 0; budget < 1024; budget++) {
    struct unpack_arena arena;
    unpack_arena_open(&arena, budget);
    Tamis__V1__QueryRequest *read =
        unpack_message(&arena, &tamis__v1__query_request__descriptor, bytes, length);
    assert_true(read || !fitted);
    if (read) {
      fitted = true;
      assert_int_equal(read->n_arguments, 2);
      assert_memory_equal(read->arguments[1].data, "bc", 2);
    }
    unpack_arena_close(&arena);
  }
  assert_true(fitted);
}

/* grpc-c-core.md 8: empty repeated values and unknown fields cost tens of times their bytes. */
static void amplification_is_refused(void **state) {
  (void)state;
  enum { LENGTH = 128 << 10 };
  uint8_t *bytes = malloc(LENGTH);
  struct unpack_arena arena;
  for (size_t i = 0; i < LENGTH; i += 2) memcpy(bytes + i, "\x1a", 2); /* arguments: "" */
  unpack_arena_open(&arena, 512 << 10);
  assert_null(unpack_message(&arena, &tamis__v1__query_request__descriptor, bytes, LENGTH));
  unpack_arena_close(&arena);
  for (size_t i = 0; i < LENGTH; i += 2) memcpy(bytes + i, "\x78", 2); /* field 15: unknown */
  unpack_arena_open(&arena, 512 << 10);
  assert_null(unpack_message(&arena, &tamis__v1__query_request__descriptor, bytes, LENGTH));
  unpack_arena_close(&arena);
  free(bytes);
}

static void malformed_bytes_are_null(void **state) {
  (void)state;
  static const char *const bad[] = {"\x0a",     "\x0a\x05\x61\x62", "\x0a\xff\xff\xff\xff\x0f",
                                    "\x08\x01", "\x0b\x0c",         "\x02\x01"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    struct unpack_arena arena;
    unpack_arena_open(&arena, 4096);
    assert_null(unpack_message(&arena, &tamis__v1__offer_request__descriptor,
                               (const uint8_t *)bad[i], strlen(bad[i])));
    unpack_arena_close(&arena);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_honest_message_fits),
      cmocka_unit_test(every_smaller_budget_gives_null_or_the_message),
      cmocka_unit_test(amplification_is_refused),
      cmocka_unit_test(malformed_bytes_are_null),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
