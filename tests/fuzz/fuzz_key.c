/* Vkeys and the text forms under them: what is read is written back character for character. */
#include <string.h>
#include "fuzz.h"
#include "proto/key.h"
#include "proto/text.h"

static void vkey(const char *text, size_t size) {
  struct public_key key;
  struct fault fault;
  char again[KEY_VKEY_SIZE];
  if (key_vkey_read(text, size, &key, &fault) != TAMIS_OK) return;
  key_vkey_write(&key, again);
  fuzz_must(strlen(again) == size && memcmp(again, text, size) == 0, "one spelling of a vkey");
  fuzz_must(key_is_acceptable(key.byte), "no weak point");
}

static void base64(const char *text, size_t size) {
  size_t count = size / 4 * 3;
  uint8_t *bytes = malloc(count + 1);
  char *again = malloc(text_base64_size(count));
  fuzz_must(bytes && again, "memory");
  if (text_base64_decode(text, size, bytes, &count)) {
    text_base64_encode(bytes, count, again);
    fuzz_must(strlen(again) == size && memcmp(again, text, size) == 0, "one spelling of base64");
  }
  free(again);
  free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const char *text = (const char *)data;
  fuzz_must(key_library_start() == TAMIS_OK, "libsodium starts");
  vkey(text, size);
  base64(text, size);
  if (text_is_name(text, size)) fuzz_must(text_is_origin(text, size), "a name is printable");
  return 0;
}
