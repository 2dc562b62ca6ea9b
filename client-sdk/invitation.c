/* Base64 of canonical JSON: it survives mail, chat and a shell's quoting. */
#include "client-sdk/invitation.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "proto/canonical.h"

static const char prefix[] = "tamis-invite:v1:";

static enum tamis_status bad(struct fault *fault, const char *why) {
  return fault_set(fault, TAMIS_BAD_REQUEST,
                   "this is not an invitation: %s; paste the operator's whole line", why);
}

static bool address_is_fit(const char *address) {
  size_t length = strlen(address);
  if (length == 0 || length > INVITATION_ADDRESS_MAX || !strchr(address, ':')) return false;
  for (size_t i = 0; i < length; i++)
    if (address[i] <= ' ' || address[i] > '~') return false;
  return true;
}

static enum tamis_status fields_read(const json_t *object, struct invitation *invitation,
                                     struct fault *fault) {
  const char *address, *client, *log_key, *token;
  if (json_object_size(object) != 4 || !canonical_text(object, "address", &address) ||
      !canonical_text(object, "client", &client) || !canonical_text(object, "log_key", &log_key) ||
      !canonical_text(object, "token", &token))
    return bad(fault, "it does not hold address, client, log_key and token");
  if (!address_is_fit(address)) return bad(fault, "its address is not host:port or unix:/path");
  if (!text_is_name(client, strlen(client))) return bad(fault, "its client name is not a name");
  if (!text_hex_decode(token, strlen(token), invitation->token, sizeof invitation->token))
    return bad(fault, "its token is not 32 hex digits");
  if (key_vkey_read(log_key, strlen(log_key), &invitation->log_key, fault) != TAMIS_OK ||
      !text_is_origin(invitation->log_key.name, strlen(invitation->log_key.name)))
    return bad(fault, "its log key is not a verifier key");
  snprintf(invitation->address, sizeof invitation->address, "%s", address);
  snprintf(invitation->client, sizeof invitation->client, "%s", client);
  return TAMIS_OK;
}

enum tamis_status invitation_read(const char *line, struct invitation *invitation,
                                  struct fault *fault) {
  while (isspace((unsigned char)*line)) line++;
  size_t length = strnlen(line, INVITATION_LINE_MAX + 1);
  if (length > INVITATION_LINE_MAX) return bad(fault, "it is too long");
  while (length > 0 && isspace((unsigned char)line[length - 1])) length--;
  size_t skip = sizeof prefix - 1;
  if (length < skip || memcmp(line, prefix, skip) != 0)
    return bad(fault, "it does not begin with tamis-invite:v1:");
  uint8_t text[INVITATION_LINE_MAX];
  size_t text_length = sizeof text;
  if (!text_base64_decode(line + skip, length - skip, text, &text_length))
    return bad(fault, "it is not base64");
  json_t *object = NULL;
  if (canonical_decode((const char *)text, text_length, &object, fault) != TAMIS_OK)
    return bad(fault, "it is not canonical JSON");
  enum tamis_status status = fields_read(object, invitation, fault);
  json_decref(object);
  return status;
}

enum tamis_status invitation_write(const struct invitation *invitation, char **line,
                                   struct fault *fault) {
  char vkey[KEY_VKEY_SIZE], token[2 * INVITATION_TOKEN_SIZE + 1], *text = NULL;
  size_t length;
  if (!address_is_fit(invitation->address))
    return fault_set(fault, TAMIS_BAD_REQUEST, "the address is not host:port or unix:/path");
  key_vkey_write(&invitation->log_key, vkey);
  text_hex_encode(invitation->token, sizeof invitation->token, token);
  json_t *object = json_pack("{s:s, s:s, s:s, s:s}", "address", invitation->address, "client",
                             invitation->client, "log_key", vkey, "token", token);
  if (!object) return fault_plain(fault, TAMIS_NO_MEMORY);
  enum tamis_status status = canonical_encode(object, &text, &length, fault);
  json_decref(object);
  explicit_bzero(token, sizeof token);
  if (status != TAMIS_OK) return status;
  size_t skip = sizeof prefix - 1;
  char *out = malloc(skip + text_base64_size(length));
  if (out) {
    memcpy(out, prefix, skip);
    text_base64_encode((const uint8_t *)text, length, out + skip);
    *line = out;
  } else {
    status = fault_plain(fault, TAMIS_NO_MEMORY);
  }
  explicit_bzero(text, length);
  free(text);
  return status;
}
