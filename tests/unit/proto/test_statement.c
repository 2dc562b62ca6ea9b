/* The rows of statements: PROTOCOL.md's table, a good statement of each kind, and each way to spoil
 * one. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "page.h"
#include "proto/canonical.h"
#include "proto/statement.h"

static const char origin[] = "fl.example/agg1";

static char vkey[KEY_VKEY_SIZE];

static json_t *good_value(const struct statement_field *field) {
  static const char zeros[] = "0000000000000000000000000000000000000000000000000000000000000000";
  switch (field->type) {
  case STATEMENT_NAME: return json_string("c1");
  case STATEMENT_TEXT: return json_string("a \"sentence\"");
  case STATEMENT_INTEGER: return json_integer(field->max);
  case STATEMENT_F64: return canonical_f64(-2.5);
  case STATEMENT_DIGEST: return json_string(zeros);
  case STATEMENT_HEX16: return json_stringn(zeros, 32);
  case STATEMENT_VKEY: return json_string(vkey);
  case STATEMENT_VKEYS: return json_pack("[s,s]", vkey, vkey);
  case STATEMENT_NAMES: return json_pack("[s,s]", "c1", "c2");
  case STATEMENT_POLICY: return json_pack("{s:o}", "threshold", canonical_f64(3));
  }
  return NULL;
}

static json_t *good_predicate(enum statement_kind kind) {
  json_t *predicate = json_object();
  const struct statement_field *field;
  for (size_t i = 0; (field = statement_kind_field(kind, i)); i++)
    json_object_set_new(predicate, field->name, good_value(field));
  return predicate;
}

static enum tamis_status write_of(enum statement_kind kind, const json_t *predicate, char **payload,
                                  size_t *length) {
  const char *names[STATEMENT_SUBJECTS_MAX];
  struct digest digests[STATEMENT_SUBJECTS_MAX];
  size_t count = 0;
  struct fault fault;
  for (; (names[count] = statement_kind_subject(kind, count)); count++) {
    digests[count] = digest_of(&count, sizeof count);
    if (count + 1 == STATEMENT_SUBJECTS_MAX) {
      count++;
      break;
    }
  }
  return statement_write(origin, kind, predicate, count, names, digests, payload, length, &fault);
}

static void every_kind_is_written_and_read_back(void **state) {
  (void)state;
  for (unsigned k = 0; k < STATEMENT_KIND_COUNT; k++) {
    enum statement_kind kind = (enum statement_kind)k;
    json_t *predicate = good_predicate(kind);
    struct statement statement;
    struct fault fault;
    char *payload = NULL;
    size_t length = 0;
    assert_int_equal(write_of(kind, predicate, &payload, &length), TAMIS_OK);
    assert_int_equal(statement_read(payload, length, origin, &statement, &fault), TAMIS_OK);
    assert_int_equal(statement.kind, kind);
    assert_true(json_equal((json_t *)(uintptr_t)statement.predicate, predicate));
    assert_int_equal(statement.subject_count, statement_kind_subject(kind, 1) ? 2 : 1);
    assert_string_equal(statement.subject_name[0], statement_kind_subject(kind, 0));
    statement_close(&statement);
    assert_int_equal(statement_read(payload, length, "fl.example/agg2", &statement, &fault),
                     TAMIS_WRONG_ORIGIN);
    assert_int_equal(statement_read(payload, length - 1, origin, &statement, &fault),
                     TAMIS_BAD_STATEMENT);
    free(payload);
    json_decref(predicate);
  }
}

static void assert_refused(enum statement_kind kind, const char *field, json_t *value) {
  json_t *predicate = good_predicate(kind);
  char *payload = NULL;
  size_t length = 0;
  if (value)
    json_object_set_new(predicate, field, value);
  else
    json_object_del(predicate, field);
  if (write_of(kind, predicate, &payload, &length) != TAMIS_BAD_STATEMENT)
    fail_msg("%s with another %s was written", statement_kind_name(kind), field);
  json_decref(predicate);
}

static void a_missing_a_strange_or_a_mistyped_field_is_refused(void **state) {
  (void)state;
  for (unsigned k = 0; k < STATEMENT_KIND_COUNT; k++) {
    enum statement_kind kind = (enum statement_kind)k;
    const struct statement_field *field;
    assert_refused(kind, "stranger", json_integer(1));
    for (size_t i = 0; (field = statement_kind_field(kind, i)); i++) {
      if (!field->is_optional) assert_refused(kind, field->name, NULL);
      assert_refused(kind, field->name, json_true());
      assert_refused(kind, field->name, json_string("\x7f"));
      if (field->type != STATEMENT_TEXT) assert_refused(kind, field->name, json_string(""));
      if (field->type != STATEMENT_INTEGER) assert_refused(kind, field->name, json_integer(1));
      if (field->type != STATEMENT_POLICY) assert_refused(kind, field->name, json_object());
    }
  }
}

static void what_is_optional_may_be_left_out(void **state) {
  (void)state;
  json_t *predicate = good_predicate(STATEMENT_FEDERATION_CREATE);
  for (int is_there = 1; is_there >= 0; is_there--) {
    struct statement statement;
    struct fault fault;
    char *payload = NULL;
    size_t length = 0;
    assert_int_equal(write_of(STATEMENT_FEDERATION_CREATE, predicate, &payload, &length), TAMIS_OK);
    assert_int_equal(strstr(payload, "optimiser") != NULL, is_there);
    assert_int_equal(statement_read(payload, length, origin, &statement, &fault), TAMIS_OK);
    assert_string_equal(statement_optional(&statement, "optimiser"),
                        is_there ? "a \"sentence\"" : "");
    statement_close(&statement);
    free(payload);
    json_object_del(predicate, "optimiser");
  }
  char *payload = NULL;
  size_t length = 0;
  json_object_set_new(predicate, "optimizer", json_string("sgd")); /* as many fields as with it */
  assert_int_equal(write_of(STATEMENT_FEDERATION_CREATE, predicate, &payload, &length),
                   TAMIS_BAD_STATEMENT);
  json_decref(predicate);
}

static void bounds_are_kept(void **state) {
  (void)state;
  static char long_text[402];
  memset(long_text, 'x', 401);
  for (unsigned k = 0; k < STATEMENT_KIND_COUNT; k++) {
    enum statement_kind kind = (enum statement_kind)k;
    const struct statement_field *field;
    for (size_t i = 0; (field = statement_kind_field(kind, i)); i++) {
      if (field->type == STATEMENT_INTEGER) {
        assert_refused(kind, field->name, json_integer(field->max + 1));
        assert_refused(kind, field->name, json_integer(field->min - 1));
      }
      if (field->type == STATEMENT_F64) {
        assert_refused(kind, field->name, canonical_f64(NAN));
        assert_refused(kind, field->name, canonical_f64(INFINITY));
      }
      if (field->type == STATEMENT_TEXT) assert_refused(kind, field->name, json_string(long_text));
      if (field->type == STATEMENT_NAME) assert_refused(kind, field->name, json_string("a/b"));
    }
  }
  json_t *policy = json_object(), *keys = json_array();
  char key[16];
  for (int i = 0; i < 65; i++) {
    snprintf(key, sizeof key, "k%d", i);
    json_object_set_new(policy, key, canonical_f64(1));
  }
  for (int i = 0; i < 9; i++) json_array_append_new(keys, json_string(vkey));
  assert_refused(STATEMENT_FEDERATION_CREATE, "policy", policy);
  assert_refused(STATEMENT_FEDERATION_CREATE, "policy", json_pack("{s:i}", "k", 1));
  assert_refused(STATEMENT_GENESIS, "operators", keys);
  assert_refused(STATEMENT_GENESIS, "operators", json_array());
  assert_refused(STATEMENT_REBUILD, "without", json_array());
  assert_refused(STATEMENT_REBUILD, "without", json_pack("[s,s]", "c1", "c1"));
  assert_refused(STATEMENT_REBUILD, "without", json_pack("[s,s]", "c2", "c1"));
  assert_refused(STATEMENT_REBUILD, "without", json_pack("[s,s]", "c1", "C2"));
  assert_refused(STATEMENT_REBUILD, "without", json_pack("[i]", 1));
  json_t *names = json_array();
  for (int i = 0; i < 65; i++) {
    snprintf(key, sizeof key, "c%02d", i);
    json_array_append_new(names, json_string(key));
  }
  assert_refused(STATEMENT_REBUILD, "without", names);
}

/* BAD_EXAMPLES is the decider's answer, so the statement itself must be readable. */
static void absurd_examples_can_be_read(void **state) {
  (void)state;
  const int64_t claims[] = {0, -1, INT64_C(-9007199254740991), INT64_C(9007199254740991)};
  for (size_t i = 0; i < sizeof claims / sizeof *claims; i++) {
    json_t *predicate = good_predicate(STATEMENT_UPDATE);
    struct statement statement;
    char *payload = NULL;
    size_t length = 0;
    json_object_set_new(predicate, "examples", json_integer(claims[i]));
    assert_int_equal(write_of(STATEMENT_UPDATE, predicate, &payload, &length), TAMIS_OK);
    assert_int_equal(statement_read(payload, length, origin, &statement, NULL), TAMIS_OK);
    assert_int_equal(statement_integer(&statement, "examples"), claims[i]);
    assert_string_equal(statement_text(&statement, "client"), "c1");
    assert_true(statement_f64(&statement, "loss") == -2.5);
    struct digest base = statement_digest(&statement, "base");
    assert_true(digest_is_zero(&base));
    statement_close(&statement);
    free(payload);
    json_decref(predicate);
  }
}

/* One good payload with one part replaced by another of any length. */
static enum tamis_status read_with(const char *part, const char *other) {
  json_t *predicate = good_predicate(STATEMENT_KEY_REVOKE);
  struct statement statement;
  char *payload = NULL, *spoilt = NULL;
  size_t length = 0;
  assert_int_equal(write_of(STATEMENT_KEY_REVOKE, predicate, &payload, &length), TAMIS_OK);
  char *at = strstr(payload, part);
  assert_non_null(at);
  int n = asprintf(&spoilt, "%.*s%s%s", (int)(at - payload), payload, other, at + strlen(part));
  enum tamis_status status = statement_read(spoilt, (size_t)n, origin, &statement, NULL);
  if (status == TAMIS_OK) statement_close(&statement);
  free(spoilt);
  free(payload);
  json_decref(predicate);
  return status;
}

static void the_frame_is_exact(void **state) {
  (void)state;
  assert_int_equal(read_with("Statement/v1", "Statement/v1"), TAMIS_OK);
  assert_int_equal(read_with("Statement/v1", "Statement/v2"), TAMIS_BAD_STATEMENT);
  assert_int_equal(read_with("/key-revoke", "/key-revoked"), TAMIS_BAD_STATEMENT);
  assert_int_equal(read_with("/v1/key-revoke", "/v2/key-revoke"), TAMIS_BAD_STATEMENT);
  assert_int_equal(read_with("https://fl.example/agg1/v1/key-revoke", "https://v1/key-revoke"),
                   TAMIS_BAD_STATEMENT);
  assert_int_equal(read_with("https://fl.example/agg1/v1/key-revoke", "https://"),
                   TAMIS_BAD_STATEMENT);
  assert_int_equal(read_with("https://fl.example/agg1/v1/key-revoke", "https:///v1/key-revoke"),
                   TAMIS_WRONG_ORIGIN);
  assert_int_equal(read_with("https://fl.example/agg1/v1/key-revoke", "/v1/x"),
                   TAMIS_BAD_STATEMENT);
  assert_int_equal(read_with("https://fl.example", "http://fl.example"), TAMIS_BAD_STATEMENT);
  assert_int_equal(read_with("fl.example/agg1", "fl.example/agg"), TAMIS_WRONG_ORIGIN);
  assert_int_equal(read_with("fl.example/agg1", "fl.example/agg1/v1/x"), TAMIS_WRONG_ORIGIN);
  assert_int_equal(read_with("\"name\":\"key\"", "\"name\":\"kez\""), TAMIS_BAD_STATEMENT);
  assert_int_equal(read_with("\"name\":\"key\"}]", "\"name\":\"key\"},{}]"), TAMIS_BAD_STATEMENT);
  assert_int_equal(read_with("sha256", "sha512"), TAMIS_BAD_STATEMENT);
  assert_int_equal(read_with("\"subject\":[", "\"subject\":[1,"), TAMIS_BAD_STATEMENT);
  assert_int_equal(read_with("\"name\":\"key\"}]}", "\"name\":\"key\"}],\"x\":1}"),
                   TAMIS_BAD_STATEMENT);
}

static void a_signed_statement_opens(void **state) {
  (void)state;
  struct secret_key key;
  struct envelope envelope;
  struct statement statement;
  struct fault fault;
  char *text = NULL;
  size_t length = 0;
  const char *const names[] = {"update"};
  struct digest digest = digest_of("x", 1);
  json_t *predicate = good_predicate(STATEMENT_UPDATE);
  key_generate("c1", &key);
  assert_int_equal(statement_sign(origin, STATEMENT_UPDATE, predicate, 1, names, &digest, &key,
                                  &text, &length, &fault),
                   TAMIS_OK);
  assert_int_equal(envelope_open(text, length, &envelope, &fault), TAMIS_OK);
  assert_int_equal(envelope_verify(&envelope, &key.public, &fault), TAMIS_OK);
  assert_int_equal(
      statement_read(envelope.payload, envelope.payload_length, origin, &statement, &fault),
      TAMIS_OK);
  assert_true(digest_equal(&statement.subject[0], &digest));
  statement_close(&statement);
  envelope_close(&envelope);
  assert_int_equal(statement_sign(origin, STATEMENT_UPDATE, predicate, 0, names, &digest, &key,
                                  &text, &length, &fault),
                   TAMIS_BAD_STATEMENT);
  assert_int_equal(statement_sign("not an origin", STATEMENT_UPDATE, predicate, 1, names, &digest,
                                  &key, &text, &length, &fault),
                   TAMIS_BAD_STATEMENT);
  json_decref(predicate);
  free(text);
}

/* "`round` int 1 to 1000000000": a field as PROTOCOL.md writes it. */
static int print_field(char *out, size_t size, const struct statement_field *field) {
  const int64_t any = INT64_C(9007199254740991);
  const char *type = statement_type_name(field->type);
  const char *may_lack = field->is_optional ? " (optional)" : "";
  char bounds[64] = "";
  if (field->max == any && field->min != -any)
    snprintf(bounds, sizeof bounds, " from %lld", (long long)field->min);
  else if (field->max != any && (field->min != 0 || field->max != 0))
    snprintf(bounds, sizeof bounds, " %lld to %lld", (long long)field->min, (long long)field->max);
  return snprintf(out, size, "`%s` %s%s%s", field->name, type, bounds, may_lack);
}

static void print_row(enum statement_kind kind, char row[2048]) {
  const struct statement_field *field;
  const char *subject;
  int n =
      snprintf(row, 2048, "| `%s` | %s | ", statement_kind_name(kind), statement_kind_signer(kind));
  for (size_t i = 0; (subject = statement_kind_subject(kind, i)); i++)
    n += snprintf(row + n, 2048 - (size_t)n, "%s`%s`", i ? ", " : "", subject);
  n += snprintf(row + n, 2048 - (size_t)n, " | ");
  for (size_t i = 0; (field = statement_kind_field(kind, i)); i++) {
    n += snprintf(row + n, 2048 - (size_t)n, "%s", i ? ", " : "");
    n += print_field(row + n, 2048 - (size_t)n, field);
  }
  snprintf(row + n, 2048 - (size_t)n, " |\n");
}

static void the_page_has_every_row_and_no_other(void **state) {
  (void)state;
  char row[2048];
  char *page = page_read();
  char *section = strstr(page, "\n## 2. Statements"), *end = strstr(section, "\n### Manifests");
  assert_non_null(end);
  *end = '\0';
  unsigned rows = 0;
  for (char *at = section; (at = strstr(at, "\n| `")); at++) rows++;
  assert_int_equal(rows, STATEMENT_KIND_COUNT);
  for (unsigned k = 0; k < STATEMENT_KIND_COUNT; k++) {
    print_row((enum statement_kind)k, row);
    if (!strstr(section, row)) fail_msg("PROTOCOL.md section 2 lacks the row %s", row);
  }
  free(page);
}

/* With --print, the rows for PROTOCOL.md. */
int main(int argc, char **argv) {
  struct secret_key key;
  char row[2048];
  if (argc == 2 && strcmp(argv[1], "--print") == 0) {
    for (unsigned k = 0; k < STATEMENT_KIND_COUNT; k++) {
      print_row((enum statement_kind)k, row);
      fputs(row, stdout);
    }
    return 0;
  }
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_kind_is_written_and_read_back),
      cmocka_unit_test(a_missing_a_strange_or_a_mistyped_field_is_refused),
      cmocka_unit_test(what_is_optional_may_be_left_out),
      cmocka_unit_test(bounds_are_kept),
      cmocka_unit_test(absurd_examples_can_be_read),
      cmocka_unit_test(the_frame_is_exact),
      cmocka_unit_test(a_signed_statement_opens),
      cmocka_unit_test(the_page_has_every_row_and_no_other),
  };
  if (key_library_start() != TAMIS_OK) return 1;
  key_generate("operator/ada", &key);
  key_vkey_write(&key.public, vkey);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
