/* The line that people paste: whole it goes through unchanged, anything else is said to be none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "client-sdk/invitation.h"

static struct invitation example(void) {
  struct invitation invitation = {
      .address = "fl.example:7443", .client = "clinic-7", .token = "0123456789abcde"};
  struct secret_key key;
  key_generate("fl.example/agg1", &key);
  invitation.log_key = key.public;
  return invitation;
}

static void it_comes_back_as_it_was_written(void **state) {
  struct invitation in = example(), out;
  struct fault fault;
  char *line, padded[INVITATION_LINE_MAX];
  (void)state;
  assert_int_equal(invitation_write(&in, &line, &fault), TAMIS_OK);
  snprintf(padded, sizeof padded, "  \t%s \r\n", line);
  assert_int_equal(invitation_read(padded, &out, &fault), TAMIS_OK);
  assert_string_equal(out.address, in.address);
  assert_string_equal(out.client, in.client);
  assert_string_equal(out.log_key.name, in.log_key.name);
  assert_memory_equal(out.log_key.byte, in.log_key.byte, KEY_PUBLIC_SIZE);
  assert_memory_equal(out.token, in.token, INVITATION_TOKEN_SIZE);
  free(line);
}

static void every_cut_of_it_is_refused(void **state) {
  struct invitation in = example(), out;
  struct fault fault;
  char *line;
  (void)state;
  assert_int_equal(invitation_write(&in, &line, &fault), TAMIS_OK);
  for (size_t length = strlen(line); length-- > 0;) {
    line[length] = '\0';
    assert_int_equal(invitation_read(line, &out, &fault), TAMIS_BAD_REQUEST);
    assert_true(fault.text[0] != '\0');
  }
  free(line);
}

/* A changed character is found, or changes a field: never two lines for one invitation. */
static void every_changed_byte_matters(void **state) {
  struct invitation in = example(), out;
  struct fault fault;
  char *line;
  (void)state;
  assert_int_equal(invitation_write(&in, &line, &fault), TAMIS_OK);
  size_t length = strlen(line);
  for (size_t i = 0; i < length; i++) {
    for (int bit = 0; bit < 7; bit++) {
      line[i] = (char)(line[i] ^ 1 << bit);
      memset(&out, 0, sizeof out);
      if (invitation_read(line, &out, &fault) == TAMIS_OK)
        assert_true(strcmp(out.address, in.address) != 0 || strcmp(out.client, in.client) != 0 ||
                    strcmp(out.log_key.name, in.log_key.name) != 0 ||
                    memcmp(out.log_key.byte, in.log_key.byte, KEY_PUBLIC_SIZE) != 0 ||
                    memcmp(out.token, in.token, INVITATION_TOKEN_SIZE) != 0);
      line[i] = (char)(line[i] ^ 1 << bit);
    }
  }
  free(line);
}

static void assert_json_refused(const char *json) {
  char line[INVITATION_LINE_MAX] = "tamis-invite:v1:";
  struct invitation out;
  struct fault fault;
  text_base64_encode((const uint8_t *)json, strlen(json), line + strlen(line));
  if (invitation_read(line, &out, &fault) != TAMIS_BAD_REQUEST) fail_msg("accepted: %s", json);
}

static void what_is_not_these_four_fields_is_refused(void **state) {
  struct invitation in = example();
  char key[KEY_VKEY_SIZE], json[2048];
  const char *token = "00112233445566778899aabbccddeeff";
  (void)state;
  key_vkey_write(&in.log_key, key);
#define TRY(address, client, log_key, token_text)                                                  \
  (snprintf(json, sizeof json,                                                                     \
            "{\"address\":\"%s\",\"client\":\"%s\",\"log_key\":\"%s\",\"token\":\"%s\"}", address, \
            client, log_key, token_text),                                                          \
   assert_json_refused(json))
  TRY("no-port", "c", key, token);
  TRY("", "c", key, token);
  TRY("a b:1", "c", key, token);
  TRY("a:1", "Upper", key, token);
  TRY("a:1", "", key, token);
  TRY("a:1", "c", "a+b+c", token);
  TRY("a:1", "c", key, "00");
  TRY("a:1", "c", key, "00112233445566778899AABBCCDDEEFF");
#undef TRY
  assert_json_refused("{}");
  assert_json_refused("[]");
  assert_json_refused("{\"address\":1,\"client\":2,\"log_key\":3,\"token\":4}");
  snprintf(
      json, sizeof json,
      "{\"address\":\"a:1\",\"client\":\"c\",\"extra\":\"x\",\"log_key\":\"%s\",\"token\":\"%s\"}",
      key, token);
  assert_json_refused(json);
  snprintf(json, sizeof json,
           "{\"client\":\"c\",\"address\":\"a:1\",\"log_key\":\"%s\",\"token\":\"%s\"}", key,
           token); /* not canonical: the order */
  assert_json_refused(json);
}

static void a_line_without_end_is_not_read_to_its_end(void **state) {
  char *line = malloc(1 << 20);
  struct invitation out;
  struct fault fault;
  (void)state;
  memset(line, 'A', 1 << 20); /* and no terminator */
  assert_int_equal(invitation_read(line, &out, &fault), TAMIS_BAD_REQUEST);
  free(line);
}

static int start(void **state) {
  (void)state;
  return key_library_start() == TAMIS_OK ? 0 : 1;
}

int main(void) {
  const struct CMUnitTest claims[] = {
      cmocka_unit_test(it_comes_back_as_it_was_written),
      cmocka_unit_test(every_cut_of_it_is_refused),
      cmocka_unit_test(every_changed_byte_matters),
      cmocka_unit_test(what_is_not_these_four_fields_is_refused),
      cmocka_unit_test(a_line_without_end_is_not_read_to_its_end),
  };
  return cmocka_run_group_tests(claims, start, NULL);
}
