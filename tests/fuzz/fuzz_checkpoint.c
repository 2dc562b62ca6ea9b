/* Signed notes and receipts, as a client gets them from a server it does not trust. */
#include <string.h>
#include "fuzz.h"
#include "proto/checkpoint.h"

/* The log key of PROTOCOL.md 8, so that the corpus gets past the signature. */
static void log_key_of(struct public_key *key) {
  struct secret_key secret;
  uint8_t seed[KEY_SEED_SIZE];
  memset(seed, 1, sizeof seed);
  key_from_seed("fl.example/agg1", seed, &secret);
  *key = secret.public;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct public_key key;
  struct checkpoint head;
  struct fault fault;
  uint64_t index = 0;
  const char *text = (const char *)data;
  fuzz_must(key_library_start() == TAMIS_OK, "libsodium starts");
  log_key_of(&key);
  if (checkpoint_open(text, size, &key, &head, &fault) == TAMIS_OK)
    fuzz_must(strcmp(head.origin, key.name) == 0, "the origin is the key's");
  if (receipt_verify(text, size, "leaf-2", 6, &key, &index, &head, &fault) == TAMIS_OK)
    fuzz_must(index == 2 && head.size == 5, "only that entry of that tree");
  return 0;
}
