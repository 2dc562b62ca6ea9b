/* Calls in the name of a key: opens a session when one is needed, opens another when it has ended,
 * and tries again what may be tried again. */
#ifndef TAMIS_SESSION_H
#define TAMIS_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "client-sdk/channel.h"
#include "client-sdk/retry.h"
#include "proto/key.h"

enum { SESSION_TOKEN_MAX = 256, SESSION_DEADLINE_MS = 30000, SESSION_GIVE_UP_MS = 300000 };

struct session {
  struct channel *channel;      /* borrowed */
  const struct secret_key *key; /* borrowed; its name is the principal. NULL: no sessions */
  const char *origin;           /* borrowed */
  uint32_t deadline_ms;         /* of one call without its waiting */
  uint32_t give_up_ms;
  uint8_t token[SESSION_TOKEN_MAX];
  size_t token_length; /* 0: none open */
};

/* One unary call with retries. Sets the request's `session` field if it has one. `wait_ms` is how
 * long the server may hold the call by agreement, beyond the deadline. */
enum tamis_status session_call(struct session *session, const char *method,
                               ProtobufCMessage *request, uint32_t wait_ms,
                               const ProtobufCMessageDescriptor *type, struct unpack_arena *arena,
                               void **reply, struct fault *fault);

/* For streams, which their callers retry: fills the `session` field, opening a session if needed;
 * the field borrows from `session`. */
enum tamis_status session_authorise(struct session *session, ProtobufCMessage *request,
                                    struct fault *fault);
/* After a failure: forgets an ended session, waits, and says whether to try again. */
bool session_recover(struct session *session, struct retry *retry, enum tamis_status status);

#endif
