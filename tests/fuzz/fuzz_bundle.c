/* Bundles: a file that is taken apart is put together again to the same bytes, and what it claims
 * is believed of its own log only. The key is the one in the file, so that the fuzzer gets past it.
 */
#include <stdlib.h>
#include <string.h>
#include "fuzz.h"
#include "client-sdk/bundle.h"
#include "tests/tools/bundle_check.h"

static void written_again(const struct bundle *bundle, const uint8_t *data, size_t size) {
  struct fault fault;
  uint64_t length;
  fuzz_must(bundle_size(bundle, &length, &fault) == TAMIS_OK && length == size, "as long");
  uint8_t *again = calloc(1, size);
  fuzz_must(bundle_write(bundle, again, &fault) == TAMIS_OK, "written");
  fuzz_must(memcmp(again, data, size) == 0, "the same bytes");
  free(again);
}

static enum tamis_status check(const struct bundle *bundle, struct fault *fault) {
  struct public_key log_key;
  size_t length = bundle->log_vkey.length - 1; /* without the newline */
  enum tamis_status status = key_vkey_read(bundle->log_vkey.bytes, length, &log_key, fault);
  return status == TAMIS_OK ? bundle_check(bundle, &log_key, fault) : status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct bundle bundle;
  struct fault fault = {.text = ""};
  if (key_library_start() != TAMIS_OK) return 0;
  if (bundle_read(data, size, &bundle, &fault) != TAMIS_OK) {
    fuzz_must(fault.text[0] != '\0', "a refusal says why");
    return 0;
  }
  written_again(&bundle, data, size);
  if (check(&bundle, &fault) != TAMIS_OK) fuzz_must(fault.text[0] != '\0', "a refusal says why");
  bundle_close(&bundle);
  return 0;
}
