/* The DSSE vector of trust.md 2.2, and envelopes that were touched. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "proto/envelope.h"
#include "proto/merkle.h"
#include "proto/text.h"

static const char vector_statement[] =
    "{\"_type\":\"https://in-toto.io/Statement/"
    "v1\",\"predicate\":{\"base\":\"sha256:aa\",\"client\":"
    "\"c1\",\"n\":512,\"nonce\":\"00112233445566778899aabbccddeeff\",\"round\":7},"
    "\"predicateType\":"
    "\"https://fl.example/update/v1\",\"subject\":[{\"digest\":{\"sha256\":"
    "\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"},\"name\":\"update\"}]}";

static void sign_vector(struct secret_key *key, char **text, size_t *length) {
  uint8_t seed[KEY_SEED_SIZE];
  memset(seed, 2, sizeof seed);
  key_from_seed("c1", seed, key);
  assert_int_equal(
      envelope_sign(vector_statement, strlen(vector_statement), key, text, length, NULL), TAMIS_OK);
}

static void the_vector_is_reproduced(void **state) {
  (void)state;
  struct secret_key key;
  char *text = NULL, hash[64];
  size_t length = 0;
  assert_int_equal(strlen(vector_statement), 315);
  sign_vector(&key, &text, &length);
  assert_int_equal(length, 606);
  assert_non_null(strstr(text, "\"sig\":\"X3eIsvPHBUak5f2K"));
  assert_non_null(strstr(text, "JPMHBw==\"}]}"));
  struct digest leaf = merkle_leaf(text, length);
  text_base64_encode(leaf.byte, DIGEST_SIZE, hash);
  assert_string_equal(hash, "hgHJX8ewMS0nLSdxau75vWmUxu8pvipWpfBNvbWpflY=");
  free(text);
}

static void it_opens_and_verifies(void **state) {
  (void)state;
  struct secret_key key, stranger;
  struct envelope envelope;
  struct fault fault;
  char *text = NULL;
  size_t length = 0;
  sign_vector(&key, &text, &length);
  assert_int_equal(envelope_open(text, length, &envelope, &fault), TAMIS_OK);
  assert_string_equal(envelope.payload, vector_statement);
  assert_int_equal(envelope.payload_length, strlen(vector_statement));
  assert_int_equal(envelope.signature_count, 1);
  assert_int_equal(envelope_verify(&envelope, &key.public, &fault), TAMIS_OK);
  key_generate("c1", &stranger);
  assert_int_equal(envelope_verify(&envelope, &stranger.public, &fault), TAMIS_BAD_SIGNATURE);
  strcpy(key.public.name, "c2");
  assert_int_equal(envelope_verify(&envelope, &key.public, &fault), TAMIS_BAD_SIGNATURE);
  envelope_close(&envelope);
  free(text);
}

/* Every change of one character either stops the parse or the verification. */
static void no_byte_can_change(void **state) {
  (void)state;
  struct secret_key key;
  struct envelope envelope;
  struct fault fault;
  char *text = NULL;
  size_t length = 0;
  sign_vector(&key, &text, &length);
  for (size_t i = 0; i < length; i++) {
    char kept = text[i];
    for (int bit = 0; bit < 7; bit++) {
      text[i] = (char)(kept ^ (1 << bit));
      if (envelope_open(text, length, &envelope, &fault) != TAMIS_OK) continue;
      assert_int_equal(envelope_verify(&envelope, &key.public, &fault), TAMIS_BAD_SIGNATURE);
      envelope_close(&envelope);
    }
    text[i] = kept;
    assert_int_not_equal(envelope_open(text, i, &envelope, &fault), TAMIS_OK);
  }
  free(text);
}

static void shape_is_exact(void **state) {
  (void)state;
#define SIG                                                                                        \
  "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="
#define TYPE "\"payloadType\":\"application/vnd.in-toto+json\""
  static const char *const bad[] = {
      "{}",
      "[]",
      "{\"payload\":\"\"," TYPE ",\"signatures\":[]}",
      "{\"payload\":\"\"," TYPE ",\"signatures\":{}}",
      "{\"payload\":1," TYPE ",\"signatures\":[{\"keyid\":\"a\",\"sig\":\"" SIG "\"}]}",
      "{\"payload\":\"*\"," TYPE ",\"signatures\":[{\"keyid\":\"a\",\"sig\":\"" SIG "\"}]}",
      "{\"payload\":\"\",\"payloadType\":\"text/"
      "plain\",\"signatures\":[{\"keyid\":\"a\",\"sig\":\"" SIG "\"}]}",
      "{\"payload\":\"\"," TYPE ",\"signatures\":[{\"keyid\":\"\",\"sig\":\"" SIG "\"}]}",
      "{\"payload\":\"\"," TYPE ",\"signatures\":[{\"keyid\":\"a b\",\"sig\":\"" SIG "\"}]}",
      "{\"payload\":\"\"," TYPE ",\"signatures\":[{\"keyid\":\"a\",\"sig\":\"AAAA\"}]}",
      "{\"payload\":\"\"," TYPE ",\"signatures\":[{\"keyid\":\"a\",\"sig\":\"" SIG "\",\"x\":1}]}",
      "{\"payload\":\"\"," TYPE ",\"signatures\":[\"a\"]}",
      "{\"payload\":\"\"," TYPE ",\"signatures\":[{\"keyid\":\"a\",\"sig\":\"" SIG "\"}],\"x\":1}",
  };
  static const char good[] =
      "{\"payload\":\"\"," TYPE ",\"signatures\":[{\"keyid\":\"a\",\"sig\":\"" SIG "\"}]}";
  struct envelope envelope;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    if (envelope_open(bad[i], strlen(bad[i]), &envelope, NULL) != TAMIS_BAD_STATEMENT)
      fail_msg("accepted: %s", bad[i]);
  assert_int_equal(envelope_open(good, strlen(good), &envelope, NULL), TAMIS_OK);
  envelope_close(&envelope);
}

static void nine_signatures_are_too_many(void **state) {
  (void)state;
  char text[2048];
  struct envelope envelope;
  int n = snprintf(text, sizeof text, "{\"payload\":\"\"," TYPE ",\"signatures\":[");
  for (int i = 0; i < 9; i++)
    n += snprintf(text + n, sizeof text - (size_t)n, "%s{\"keyid\":\"a\",\"sig\":\"" SIG "\"}",
                  i ? "," : "");
  n += snprintf(text + n, sizeof text - (size_t)n, "]}");
  assert_int_equal(envelope_open(text, (size_t)n, &envelope, NULL), TAMIS_BAD_STATEMENT);
}

static void an_envelope_fits_an_entry_bundle(void **state) {
  (void)state;
  struct secret_key key;
  struct envelope envelope;
  struct fault fault;
  char *text = NULL;
  size_t length = 0;
  char *payload = malloc(ENVELOPE_SIZE_MAX + 1);
  memset(payload, 'x', ENVELOPE_SIZE_MAX + 1);
  key_generate("c1", &key);
  assert_int_equal(envelope_sign(payload, 40000, &key, &text, &length, &fault), TAMIS_OK);
  free(text);
  text = NULL;
  assert_int_equal(envelope_sign(payload, 49100, &key, &text, &length, &fault), TAMIS_TOO_LARGE);
  assert_null(text);
  assert_int_equal(envelope_open(payload, ENVELOPE_SIZE_MAX + 1, &envelope, &fault),
                   TAMIS_TOO_LARGE);
  free(payload);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_vector_is_reproduced),
      cmocka_unit_test(it_opens_and_verifies),
      cmocka_unit_test(no_byte_can_change),
      cmocka_unit_test(shape_is_exact),
      cmocka_unit_test(nine_signatures_are_too_many),
      cmocka_unit_test(an_envelope_fits_an_entry_bundle),
  };
  if (key_library_start() != TAMIS_OK) return 1;
  return cmocka_run_group_tests(tests, NULL, NULL);
}
