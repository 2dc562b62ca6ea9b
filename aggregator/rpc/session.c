/* Both forms are `body, MAC of body` under the process's secret; a byte that tells them apart is
 * part of the body's MAC. */
#include "aggregator/rpc/session.h"

#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include "proto/text.h"

/* Session token: 1 kind, 1 operator, 8 ends_at_ms, 1 length, name, MAC. Challenge: 8 made_at_ms, 16
 * random, MAC. */
enum { MAC_SIZE = crypto_auth_BYTES, TOKEN_HEAD = 11, TOKEN_KIND = 'S', CHALLENGE_BODY = 24 };
static_assert(MAC_SIZE == 32, "the sizes in session.h count on it");
static_assert(crypto_auth_KEYBYTES == 32, "struct session_secret counts on it");

static void put_u64(uint8_t *to, uint64_t value) {
  for (int i = 0; i < 8; i++) to[i] = (uint8_t)(value >> (56 - 8 * i));
}

static uint64_t get_u64(const uint8_t *from) {
  uint64_t value = 0;
  for (int i = 0; i < 8; i++) value = value << 8 | from[i];
  return value;
}

void session_secret_make(uint64_t lifetime_ms, struct session_secret *secret) {
  crypto_auth_keygen(secret->key);
  secret->lifetime_ms = lifetime_ms;
}

void session_challenge(const struct session_secret *secret, uint64_t now_ms,
                       uint8_t challenge[SESSION_CHALLENGE_SIZE]) {
  put_u64(challenge, now_ms);
  randombytes_buf(challenge + 8, CHALLENGE_BODY - 8);
  crypto_auth(challenge + CHALLENGE_BODY, challenge, CHALLENGE_BODY, secret->key);
}

bool session_challenge_holds(const struct session_secret *secret, uint64_t now_ms,
                             const uint8_t *challenge, size_t length) {
  if (length != SESSION_CHALLENGE_SIZE) return false;
  if (crypto_auth_verify(challenge + CHALLENGE_BODY, challenge, CHALLENGE_BODY, secret->key))
    return false;
  return now_ms < get_u64(challenge) + SESSION_CHALLENGE_MS;
}

bool session_answer_holds(const char *origin, const struct public_key *key,
                          const uint8_t *challenge, const uint8_t *signature, size_t length) {
  char hex[2 * SESSION_CHALLENGE_SIZE + 1], text[1024];
  if (length != KEY_SIGNATURE_SIZE) return false;
  text_hex_encode(challenge, SESSION_CHALLENGE_SIZE, hex);
  int size = snprintf(text, sizeof text, "tamis-session/v1\n%s\n%s\n%s\n", origin, key->name, hex);
  return size > 0 && (size_t)size < sizeof text && key_verify(key, text, (size_t)size, signature);
}

size_t session_token(const struct session_secret *secret, uint64_t now_ms,
                     const struct session *session, uint8_t token[SESSION_TOKEN_MAX]) {
  size_t name = strlen(session->principal);
  token[0] = TOKEN_KIND;
  token[1] = session->is_operator;
  put_u64(token + 2, now_ms + secret->lifetime_ms);
  token[10] = (uint8_t)name;
  memcpy(token + TOKEN_HEAD, session->principal, name);
  crypto_auth(token + TOKEN_HEAD + name, token, TOKEN_HEAD + name, secret->key);
  return TOKEN_HEAD + name + MAC_SIZE;
}

enum tamis_status session_open(const struct session_secret *secret, uint64_t now_ms,
                               const uint8_t *token, size_t length, struct session *session,
                               struct fault *fault) {
  size_t name = length > TOKEN_HEAD ? token[10] : 0;
  bool is_whole = length > TOKEN_HEAD && token[0] == TOKEN_KIND &&
                  length == TOKEN_HEAD + name + MAC_SIZE && name < sizeof session->principal;
  if (!is_whole ||
      crypto_auth_verify(token + TOKEN_HEAD + name, token, TOKEN_HEAD + name, secret->key))
    return fault_set(fault, TAMIS_NO_SESSION,
                     "this is no session of this server; begin at Challenge");
  if (now_ms >= get_u64(token + 2))
    return fault_set(fault, TAMIS_NO_SESSION, "the session has ended; begin at Challenge");
  memcpy(session->principal, token + TOKEN_HEAD, name);
  session->principal[name] = '\0';
  session->is_operator = token[1];
  return TAMIS_OK;
}
