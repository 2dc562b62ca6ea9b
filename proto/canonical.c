/* jansson reads and writes; this file keeps it inside the subset in which that spelling is the only
 * one, and equal to RFC 8785. */
#include <stdlib.h>
#include <string.h>
#include "proto/canonical.h"
#include "proto/text.h"

#define INTEGER_MAX INT64_C(9007199254740991) /* 2^53 - 1: what every JSON reader keeps exactly */

static enum tamis_status refuse(struct fault *fault, const char *why) {
  return fault_set(fault, TAMIS_BAD_STATEMENT, "not canonical JSON: %s", why);
}

static enum tamis_status check_value(const json_t *value, int depth, struct fault *fault);

static enum tamis_status check_string(const char *text, size_t length, struct fault *fault) {
  if (!text_is_printable(text, length)) return refuse(fault, "a string is not printable ASCII");
  return TAMIS_OK;
}

/* jansson's iteration wants a pointer it may write through, though it does not; a const walk keeps
 * the caller's promise visible everywhere else. */
static enum tamis_status check_object(json_t *object, int depth, struct fault *fault) {
  const char *key;
  size_t length;
  json_t *value;
  json_object_keylen_foreach(object, key, length, value) {
    enum tamis_status status = check_string(key, length, fault);
    if (status == TAMIS_OK) status = check_value(value, depth, fault);
    if (status != TAMIS_OK) return status;
  }
  return TAMIS_OK;
}

static enum tamis_status check_array(const json_t *array, int depth, struct fault *fault) {
  for (size_t i = 0; i < json_array_size(array); i++) {
    enum tamis_status status = check_value(json_array_get(array, i), depth, fault);
    if (status != TAMIS_OK) return status;
  }
  return TAMIS_OK;
}

static enum tamis_status check_value(const json_t *value, int depth, struct fault *fault) {
  json_int_t integer;
  switch (json_typeof(value)) {
  case JSON_OBJECT:
  case JSON_ARRAY:
    if (depth >= CANONICAL_DEPTH_MAX) return refuse(fault, "nested too deeply");
    return json_is_object(value) ? check_object((json_t *)(uintptr_t)value, depth + 1, fault)
                                 : check_array(value, depth + 1, fault);
  case JSON_STRING: return check_string(json_string_value(value), json_string_length(value), fault);
  case JSON_INTEGER:
    integer = json_integer_value(value);
    if (integer < -INTEGER_MAX || integer > INTEGER_MAX)
      return refuse(fault, "an integer is beyond 2^53 - 1");
    return TAMIS_OK;
  case JSON_TRUE:
  case JSON_FALSE: return TAMIS_OK;
  case JSON_REAL: return refuse(fault, "floats travel as \"f64:\" and sixteen hex digits");
  case JSON_NULL: return refuse(fault, "null");
  }
  return refuse(fault, "an unknown type");
}

/* For printable ASCII, jansson's compact form with sorted keys is that of RFC 8785: it escapes only
 * '"' and '\', and compares keys byte by byte. test_canonical.c holds it to that. */
enum tamis_status canonical_encode(const json_t *value, char **text, size_t *length,
                                   struct fault *fault) {
  if (!json_is_object(value) && !json_is_array(value))
    return refuse(fault, "neither an object nor an array");
  enum tamis_status status = check_value(value, 0, fault);
  if (status != TAMIS_OK) return status;
  *text = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS);
  if (!*text) return fault_plain(fault, TAMIS_NO_MEMORY);
  *length = strlen(*text);
  return TAMIS_OK;
}

enum tamis_status canonical_digest(const json_t *value, struct digest *digest,
                                   struct fault *fault) {
  char *text = NULL;
  size_t length = 0;
  enum tamis_status status = canonical_encode(value, &text, &length, fault);
  if (status != TAMIS_OK) return status;
  *digest = digest_of(text, length);
  free(text);
  return TAMIS_OK;
}

/* Whatever jansson finds wrong it has words for; it is silent when its allocator fails. Where that
 * happens inside a token it does blame the token, which cannot be told apart here. */
bool canonical_is_out_of_memory(const json_error_t *error) {
  return error->text[0] == '\0';
}

enum tamis_status canonical_decode(const char *text, size_t length, json_t **value,
                                   struct fault *fault) {
  char *again = NULL;
  size_t again_length = 0;
  json_error_t error;
  if (length > CANONICAL_SIZE_MAX)
    return fault_set(fault, TAMIS_TOO_LARGE, "JSON of %zu bytes; at most %d are read", length,
                     CANONICAL_SIZE_MAX);
  json_t *read = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
  if (!read && canonical_is_out_of_memory(&error)) return fault_plain(fault, TAMIS_NO_MEMORY);
  if (!read)
    return fault_set(fault, TAMIS_BAD_STATEMENT, "not JSON at byte %d: %s", error.position,
                     error.text);
  enum tamis_status status = canonical_encode(read, &again, &again_length, fault);
  if (status == TAMIS_OK && (again_length != length || memcmp(again, text, length) != 0))
    status = refuse(fault, "spaces, key order, escapes or numbers are not the canonical ones");
  free(again);
  if (status == TAMIS_OK)
    *value = read;
  else
    json_decref(read);
  return status;
}

static const char f64_prefix[] = "f64:";
enum { F64_PREFIX = sizeof f64_prefix - 1, F64_LENGTH = F64_PREFIX + 16 };

json_t *canonical_f64(double value) {
  uint64_t bits;
  uint8_t bytes[8];
  char text[F64_LENGTH + 1];
  memcpy(&bits, &value, sizeof bits);
  for (int i = 0; i < 8; i++) bytes[i] = (uint8_t)(bits >> (56 - 8 * i));
  memcpy(text, f64_prefix, F64_PREFIX);
  text_hex_encode(bytes, sizeof bytes, text + F64_PREFIX);
  return json_string(text);
}

bool canonical_f64_read(const json_t *value, double *out) {
  uint8_t bytes[8];
  uint64_t bits = 0;
  const char *text = json_string_value(value);
  if (!text || json_string_length(value) != F64_LENGTH ||
      memcmp(text, f64_prefix, F64_PREFIX) != 0 ||
      !text_hex_decode(text + F64_PREFIX, 16, bytes, sizeof bytes))
    return false;
  for (int i = 0; i < 8; i++) bits = bits << 8 | bytes[i];
  memcpy(out, &bits, sizeof *out);
  return true;
}

bool canonical_text(const json_t *object, const char *key, const char **text) {
  *text = json_string_value(json_object_get(object, key));
  return *text != NULL;
}

bool canonical_integer(const json_t *object, const char *key, int64_t *integer) {
  const json_t *value = json_object_get(object, key);
  if (!json_is_integer(value)) return false;
  *integer = json_integer_value(value);
  return true;
}

bool canonical_double(const json_t *object, const char *key, double *number) {
  return canonical_f64_read(json_object_get(object, key), number);
}
