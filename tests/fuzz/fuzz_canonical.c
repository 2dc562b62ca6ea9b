/* canonical_decode: what it accepts, canonical_encode writes back byte for byte. */
#include <string.h>
#include "fuzz.h"
#include "proto/canonical.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  json_t *value = NULL;
  char *text = NULL;
  size_t length = 0;
  struct fault fault;
  if (canonical_decode((const char *)data, size, &value, &fault) != TAMIS_OK) return 0;
  fuzz_must(canonical_encode(value, &text, &length, &fault) == TAMIS_OK, "it can be written");
  fuzz_must(length == size && memcmp(text, data, size) == 0, "one spelling");
  free(text);
  json_decref(value);
  return 0;
}
