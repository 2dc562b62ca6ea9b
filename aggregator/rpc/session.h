/* Challenges and session tokens that the server need not remember: it made them, and its MAC says
 * so. */
#ifndef TAMIS_SESSION_H
#define TAMIS_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "proto/fault.h"
#include "proto/key.h"

enum {
  SESSION_CHALLENGE_SIZE = 56, /* made at (8), random (16), MAC (32) */
  SESSION_TOKEN_MAX = 11 + KEY_NAME_SIZE + 32,
  SESSION_CHALLENGE_MS = 60000, /* how long a challenge may be answered */
};

/* The secret lives as long as the process: a restart ends all sessions, and clients begin again at
 * Challenge. */
struct session_secret {
  uint8_t key[32];
  uint64_t lifetime_ms;
};

struct session {
  char principal[KEY_NAME_SIZE];
  bool is_operator;
};

void session_secret_make(uint64_t lifetime_ms, struct session_secret *secret);

void session_challenge(const struct session_secret *secret, uint64_t now_ms,
                       uint8_t challenge[SESSION_CHALLENGE_SIZE]);
/* Did we make it, and lately? */
bool session_challenge_holds(const struct session_secret *secret, uint64_t now_ms,
                             const uint8_t *challenge, size_t length);
/* Was the text of PROTOCOL.md 3.3 signed by `key`? `challenge` is SESSION_CHALLENGE_SIZE bytes. */
bool session_answer_holds(const char *origin, const struct public_key *key,
                          const uint8_t *challenge, const uint8_t *signature, size_t length);

/* Gives back the token's length. */
size_t session_token(const struct session_secret *secret, uint64_t now_ms,
                     const struct session *session, uint8_t token[SESSION_TOKEN_MAX]);
/* NO_SESSION for a token that is not ours or too old. */
enum tamis_status session_open(const struct session_secret *secret, uint64_t now_ms,
                               const uint8_t *token, size_t length, struct session *session,
                               struct fault *fault);

#endif
