/* The first allocation of the JSON library fails, then the second, and so on: the answer is a
 * refusal, never a crash, a leak or half a statement. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include "proto/canonical.h"
#include "proto/statement.h"
#include "proto/tensor.h"

static size_t allocations_left; /* jansson's hook has no context argument */

static void *failing_malloc(size_t size) {
  if (allocations_left == 0) return NULL;
  allocations_left--;
  return malloc(size);
}

enum { MANY = 100000 };

static void allow(size_t count) {
  allocations_left = count;
}

/* Runs `attempt` with 0, 1, 2... allocations until it succeeds; it must, and not at once. `blamed`
 * is what jansson's parser makes of an allocation that fails inside a token. */
static void starve(enum tamis_status (*attempt)(void *context), void *context,
                   enum tamis_status blamed) {
  size_t count = 0, said = 0;
  enum tamis_status status;
  for (;; count++) {
    allow(count);
    status = attempt(context);
    allow(MANY);
    if (status == TAMIS_OK) break;
    said += status == TAMIS_NO_MEMORY;
    if (status != TAMIS_NO_MEMORY && status != blamed)
      fail_msg("allocation %zu: %s", count, tamis_status_name(status));
    assert_true(count < MANY);
  }
  assert_true(count > 1 && said > count / 2);
}

struct signing {
  struct secret_key key;
  json_t *predicate;
  char *envelope;
  size_t length;
};

static enum tamis_status sign(void *context) {
  struct signing *signing = context;
  const char *const name[] = {"key"};
  struct digest digest = digest_of("", 0);
  struct fault fault;
  free(signing->envelope);
  signing->envelope = NULL;
  return statement_sign("fl.example/agg1", STATEMENT_KEY_REVOKE, signing->predicate, 1, name,
                        &digest, &signing->key, &signing->envelope, &signing->length, &fault);
}

static enum tamis_status open_and_read(void *context) {
  const struct signing *signing = context;
  struct envelope envelope;
  struct statement statement;
  struct fault fault;
  enum tamis_status status = envelope_open(signing->envelope, signing->length, &envelope, &fault);
  if (status != TAMIS_OK) return status;
  status = statement_read(envelope.payload, envelope.payload_length, "fl.example/agg1", &statement,
                          &fault);
  if (status == TAMIS_OK) statement_close(&statement);
  envelope_close(&envelope);
  return status;
}

static void statements_survive_a_lack_of_memory(void **state) {
  (void)state;
  struct signing signing = {.envelope = NULL};
  key_generate("operator/ada", &signing.key);
  signing.predicate = json_pack("{s:s,s:s,s:s}", "client", "c1", "reason", "left", "nonce",
                                "00112233445566778899aabbccddeeff");
  starve(sign, &signing, TAMIS_NO_MEMORY);
  struct envelope envelope;
  assert_int_equal(envelope_open(signing.envelope, signing.length, &envelope, NULL), TAMIS_OK);
  assert_int_equal(envelope_verify(&envelope, &signing.key.public, NULL), TAMIS_OK);
  envelope_close(&envelope);
  starve(open_and_read, &signing, TAMIS_BAD_STATEMENT);
  json_decref(signing.predicate);
  free(signing.envelope);
}

static enum tamis_status lay_out(void *context) {
  const struct tensor tensor = {.name = "a", .rank = 2, .shape = {2, 3}};
  struct layout layout;
  (void)context;
  enum tamis_status status = layout_make(&tensor, 1, &layout, NULL);
  if (status == TAMIS_OK) layout_close(&layout);
  return status;
}

static void layouts_survive_a_lack_of_memory(void **state) {
  (void)state;
  starve(lay_out, NULL, TAMIS_WRONG_LAYOUT);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(statements_survive_a_lack_of_memory),
      cmocka_unit_test(layouts_survive_a_lack_of_memory),
  };
  if (key_library_start() != TAMIS_OK) return 1;
  allow(MANY);
  json_set_alloc_funcs(failing_malloc, free);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
