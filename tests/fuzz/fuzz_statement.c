/* Envelopes and the statements in them, as the server gets them from strangers. */
#include <string.h>
#include "fuzz.h"
#include "proto/envelope.h"
#include "proto/statement.h"

static const char origin[] = "fl.example/agg1";

/* A statement that was read is one that our writer would have written. */
static void read_statement(const char *payload, size_t length) {
  struct statement statement;
  struct fault fault;
  char *again = NULL;
  size_t again_length = 0;
  if (statement_read(payload, length, origin, &statement, &fault) != TAMIS_OK) return;
  fuzz_must(statement_write(origin, statement.kind, statement.predicate, statement.subject_count,
                            statement.subject_name, statement.subject, &again, &again_length,
                            &fault) == TAMIS_OK,
            "it can be written");
  fuzz_must(again_length == length && memcmp(again, payload, length) == 0, "one spelling");
  free(again);
  statement_close(&statement);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const uint8_t seed[KEY_SEED_SIZE] = {2};
  struct envelope envelope;
  struct secret_key key;
  struct fault fault;
  fuzz_must(key_library_start() == TAMIS_OK, "libsodium starts");
  key_from_seed("c1", seed, &key);
  read_statement((const char *)data, size);
  if (envelope_open((const char *)data, size, &envelope, &fault) != TAMIS_OK) return 0;
  fuzz_must(envelope_verify(&envelope, &key.public, &fault) != TAMIS_OK, "nobody signed this");
  read_statement(envelope.payload, envelope.payload_length);
  envelope_close(&envelope);
  return 0;
}
