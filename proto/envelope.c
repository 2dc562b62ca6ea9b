/* DSSE in canonical JSON: the bytes that are signed, and the line that carries them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "proto/canonical.h"
#include "proto/envelope.h"
#include "proto/text.h"

static const char payload_type[] = "application/vnd.in-toto+json";

/* "DSSEv1 28 application/vnd.in-toto+json LENGTH PAYLOAD", malloc'd; NULL without memory. */
static char *signed_bytes(const char *payload, size_t length, size_t *total) {
  char head[96];
  int head_length = snprintf(head, sizeof head, "DSSEv1 %zu %s %zu ", sizeof payload_type - 1,
                             payload_type, length);
  char *bytes = malloc((size_t)head_length + length + 1);
  if (!bytes) return NULL;
  memcpy(bytes, head, (size_t)head_length);
  if (length) memcpy(bytes + head_length, payload, length);
  *total = (size_t)head_length + length;
  return bytes;
}

static json_t *base64_of(const void *bytes, size_t length) {
  char *text = malloc(text_base64_size(length));
  if (!text) return NULL;
  text_base64_encode(bytes, length, text);
  json_t *value = json_string(text);
  free(text);
  return value;
}

static enum tamis_status too_large(struct fault *fault, size_t length, size_t size_max) {
  return fault_set(fault, TAMIS_TOO_LARGE, "an envelope of %zu bytes; at most %zu are allowed",
                   length, size_max);
}

static json_t *signatures_json(const struct envelope_signature *signature, size_t count) {
  json_t *list = json_array();
  for (size_t i = 0; list && i < count; i++) {
    json_t *one = json_pack("{s:s, s:o}", "keyid", signature[i].keyid, "sig",
                            base64_of(signature[i].signature, sizeof signature[i].signature));
    if (json_array_append_new(list, one) == 0) continue;
    json_decref(list);
    list = NULL;
  }
  return list;
}

static enum tamis_status envelope_write(size_t size_max, const char *payload, size_t length,
                                        const struct envelope_signature *signature, size_t count,
                                        char **text, size_t *text_length, struct fault *fault) {
  /* json_pack takes over both objects, also when it fails. */
  json_t *root = json_pack("{s:o, s:s, s:o}", "payload", base64_of(payload, length), "payloadType",
                           payload_type, "signatures", signatures_json(signature, count));
  if (!root) return fault_plain(fault, TAMIS_NO_MEMORY);
  enum tamis_status status = canonical_encode(root, text, text_length, fault);
  json_decref(root);
  if (status == TAMIS_OK && *text_length > size_max) {
    status = too_large(fault, *text_length, size_max);
    free(*text);
    *text = NULL;
  }
  return status;
}

static enum tamis_status sign(const char *payload, size_t length, const struct secret_key *key,
                              struct envelope_signature *signature, struct fault *fault) {
  size_t total = 0;
  char *bytes = signed_bytes(payload, length, &total);
  if (!bytes) return fault_plain(fault, TAMIS_NO_MEMORY);
  key_sign(key, bytes, total, signature->signature);
  memcpy(signature->keyid, key->public.name, sizeof signature->keyid);
  free(bytes);
  return TAMIS_OK;
}

enum tamis_status envelope_sign_within(size_t size_max, const char *payload, size_t length,
                                       const struct secret_key *key, char **text,
                                       size_t *text_length, struct fault *fault) {
  struct envelope_signature signature;
  if (length > size_max)
    return fault_set(fault, TAMIS_TOO_LARGE, "a statement of %zu bytes does not fit an envelope",
                     length);
  enum tamis_status status = sign(payload, length, key, &signature, fault);
  if (status != TAMIS_OK) return status;
  return envelope_write(size_max, payload, length, &signature, 1, text, text_length, fault);
}

enum tamis_status envelope_cosign(const struct envelope *envelope, const struct secret_key *key,
                                  char **text, size_t *text_length, struct fault *fault) {
  struct envelope_signature signature[ENVELOPE_SIGNATURES_MAX];
  size_t count = envelope->signature_count, at = count;
  if (count == ENVELOPE_SIGNATURES_MAX)
    return fault_set(fault, TAMIS_TOO_LARGE, "an envelope has room for %d signatures",
                     ENVELOPE_SIGNATURES_MAX);
  while (at > 0 && strcmp(envelope->signature[at - 1].keyid, key->public.name) > 0) at--;
  memcpy(signature, envelope->signature, at * sizeof *signature);
  memcpy(signature + at + 1, envelope->signature + at, (count - at) * sizeof *signature);
  enum tamis_status status =
      sign(envelope->payload, envelope->payload_length, key, &signature[at], fault);
  if (status != TAMIS_OK) return status;
  return envelope_write(ENVELOPE_SIZE_MAX, envelope->payload, envelope->payload_length, signature,
                        count + 1, text, text_length, fault);
}

enum tamis_status envelope_sign(const char *payload, size_t length, const struct secret_key *key,
                                char **text, size_t *text_length, struct fault *fault) {
  return envelope_sign_within(ENVELOPE_SIZE_MAX, payload, length, key, text, text_length, fault);
}

static enum tamis_status refuse(struct fault *fault, const char *why) {
  return fault_set(fault, TAMIS_BAD_STATEMENT, "envelope: %s", why);
}

static bool read_signature(const json_t *object, struct envelope_signature *out) {
  const char *keyid, *sig;
  if (!json_is_object(object) || json_object_size(object) != 2 ||
      !canonical_text(object, "keyid", &keyid) || !canonical_text(object, "sig", &sig))
    return false;
  size_t length = strlen(keyid), count = KEY_SIGNATURE_SIZE;
  if (length >= sizeof out->keyid || !text_is_key_name(keyid, length)) return false;
  memcpy(out->keyid, keyid, length + 1);
  return text_base64_decode(sig, strlen(sig), out->signature, &count) &&
         count == KEY_SIGNATURE_SIZE;
}

static enum tamis_status read_signatures(const json_t *list, struct envelope *envelope,
                                         struct fault *fault) {
  size_t count = json_array_size(list);
  if (count < 1 || count > ENVELOPE_SIGNATURES_MAX)
    return refuse(fault, "signatures is not a list of 1 to 8");
  for (size_t i = 0; i < count; i++)
    if (!read_signature(json_array_get(list, i), &envelope->signature[i]))
      return refuse(fault, "a signature is not keyid and sig of 64 bytes in base64");
  envelope->signature_count = count;
  return TAMIS_OK;
}

static enum tamis_status read_payload(const char *base64, struct envelope *envelope,
                                      struct fault *fault) {
  size_t length = strlen(base64), count = length / 4 * 3;
  envelope->payload = malloc(count + 1);
  if (!envelope->payload) return fault_plain(fault, TAMIS_NO_MEMORY);
  if (!text_base64_decode(base64, length, (uint8_t *)envelope->payload, &count))
    return refuse(fault, "payload is not base64");
  envelope->payload[count] = '\0';
  envelope->payload_length = count;
  return TAMIS_OK;
}

static enum tamis_status read_root(const json_t *root, struct envelope *envelope,
                                   struct fault *fault) {
  const char *type, *payload;
  if (!json_is_object(root) || json_object_size(root) != 3 ||
      !canonical_text(root, "payload", &payload) || !canonical_text(root, "payloadType", &type))
    return refuse(fault, "it must have payload, payloadType and signatures, and nothing else");
  if (strcmp(type, payload_type) != 0) return refuse(fault, "payloadType is not in-toto's");
  enum tamis_status status = read_signatures(json_object_get(root, "signatures"), envelope, fault);
  if (status != TAMIS_OK) return status;
  return read_payload(payload, envelope, fault);
}

enum tamis_status envelope_open_within(size_t size_max, const char *text, size_t length,
                                       struct envelope *envelope, struct fault *fault) {
  json_t *root = NULL;
  memset(envelope, 0, sizeof *envelope);
  if (length > size_max) return too_large(fault, length, size_max);
  enum tamis_status status = canonical_decode(text, length, &root, fault);
  if (status != TAMIS_OK) return status;
  status = read_root(root, envelope, fault);
  json_decref(root);
  if (status != TAMIS_OK) envelope_close(envelope);
  return status;
}

enum tamis_status envelope_open(const char *text, size_t length, struct envelope *envelope,
                                struct fault *fault) {
  return envelope_open_within(ENVELOPE_SIZE_MAX, text, length, envelope, fault);
}

void envelope_close(struct envelope *envelope) {
  free(envelope->payload);
  memset(envelope, 0, sizeof *envelope);
}

enum tamis_status envelope_verify_at(const struct envelope *envelope, size_t index,
                                     const struct public_key *key, struct fault *fault) {
  const struct envelope_signature *one = &envelope->signature[index];
  size_t total = 0;
  if (index >= envelope->signature_count || strcmp(one->keyid, key->name) != 0)
    return fault_set(fault, TAMIS_BAD_SIGNATURE, "no signature by %s", key->name);
  char *bytes = signed_bytes(envelope->payload, envelope->payload_length, &total);
  if (!bytes) return fault_plain(fault, TAMIS_NO_MEMORY);
  bool good = key_verify(key, bytes, total, one->signature);
  free(bytes);
  if (good) return TAMIS_OK;
  return fault_set(fault, TAMIS_BAD_SIGNATURE, "the signature of %s does not verify", key->name);
}

enum tamis_status envelope_verify(const struct envelope *envelope, const struct public_key *key,
                                  struct fault *fault) {
  enum tamis_status status = fault_set(fault, TAMIS_BAD_SIGNATURE, "no signature by %s", key->name);
  for (size_t i = 0; i < envelope->signature_count && status == TAMIS_BAD_SIGNATURE; i++)
    if (strcmp(envelope->signature[i].keyid, key->name) == 0)
      status = envelope_verify_at(envelope, i, key, fault);
  return status;
}

void envelope_signers(const struct envelope *envelope, char out[ENVELOPE_SIGNERS_SIZE]) {
  size_t used = 0;
  out[0] = '\0';
  for (size_t i = 0; i < envelope->signature_count; i++)
    used += (size_t)snprintf(out + used, ENVELOPE_SIGNERS_SIZE - used, "%s%s", i ? ", " : "",
                             envelope->signature[i].keyid);
}
