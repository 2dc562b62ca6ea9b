/* A log written by hand for tests: say what matters of each statement, the rest is filled in. */
#ifndef TAMIS_TEST_SCRIPT_H
#define TAMIS_TEST_SCRIPT_H

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "proto/canonical.h"
#include "proto/key.h"
#include "proto/statement.h"

#define SCRIPT_ORIGIN "fl.example/agg1"

struct script_line {
  struct statement statement;
  const char *signer;
  json_t *manifest;
};

struct script {
  struct script_line line[256];
  size_t count;
};

static inline json_t *script_value(const struct statement_field *field) {
  char hex[DIGEST_HEX_SIZE], vkey[KEY_VKEY_SIZE];
  struct digest digest = digest_of(field->name, strlen(field->name));
  struct secret_key key;
  key_from_seed(SCRIPT_ORIGIN, digest.byte, &key);
  key_vkey_write(&key.public, vkey);
  digest_to_hex(&digest, hex);
  switch (field->type) {
  case STATEMENT_NAME: return json_string("somebody");
  case STATEMENT_TEXT: return json_string("some text");
  case STATEMENT_INTEGER: return json_integer(field->min > 1 ? field->min : 1);
  case STATEMENT_F64: return canonical_f64(0.5);
  case STATEMENT_DIGEST: return json_string(hex);
  case STATEMENT_HEX16: return json_string("00112233445566778899aabbccddeeff");
  case STATEMENT_VKEY: return json_string(vkey);
  case STATEMENT_VKEYS: return json_pack("[s]", vkey);
  default: return json_object();
  }
}

static inline struct digest script_digest(const char *words) {
  return digest_of(words, strlen(words));
}

static inline json_t *script_hex(const char *words) {
  char hex[DIGEST_HEX_SIZE];
  struct digest digest = script_digest(words);
  digest_to_hex(&digest, hex);
  return json_string(hex);
}

/* `predicate` and `manifest` (may be NULL) are taken over; the digest of `words` is the first
 * subject. */
static inline void script_say(struct script *script, enum statement_kind kind, const char *signer,
                              const char *words, json_t *predicate, json_t *manifest) {
  const char *names[2] = {statement_kind_subject(kind, 0), statement_kind_subject(kind, 1)};
  struct digest subjects[2] = {script_digest(words), script_digest("manifest")};
  struct script_line *line = &script->line[script->count++];
  struct fault fault = {.status = TAMIS_OK};
  char *payload;
  size_t length;
  assert_true(script->count <= sizeof script->line / sizeof script->line[0]);
  assert_non_null(predicate);
  for (size_t i = 0; statement_kind_field(kind, i); i++) {
    const struct statement_field *field = statement_kind_field(kind, i);
    if (!field->is_optional && !json_object_get(predicate, field->name))
      json_object_set_new(predicate, field->name, script_value(field));
  }
  statement_write(SCRIPT_ORIGIN, kind, predicate, names[1] ? 2 : 1, names, subjects, &payload,
                  &length, &fault);
  if (fault.status == TAMIS_OK)
    statement_read(payload, length, SCRIPT_ORIGIN, &line->statement, &fault);
  if (fault.status != TAMIS_OK) fail_msg("%s: %s", statement_kind_name(kind), fault.text);
  line->signer = signer;
  line->manifest = manifest;
  json_decref(predicate);
  free(payload);
}

static inline void script_close(struct script *script) {
  for (size_t i = 0; i < script->count; i++) {
    statement_close(&script->line[i].statement);
    json_decref(script->line[i].manifest);
  }
}

#endif
