/* A session is only a convenience of the server's: losing it costs two calls and no right. */
#include "client-sdk/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "proto/text.h"
#include "tamis/v1/tamis.pb-c.h"

enum { NONCE_SIZE_MAX = 128 };

/* Every request that wants a session calls the field that, and it is `bytes`. */
static ProtobufCBinaryData *session_field(ProtobufCMessage *request) {
  const ProtobufCFieldDescriptor *field =
      protobuf_c_message_descriptor_get_field_by_name(request->descriptor, "session");
  return field ? (ProtobufCBinaryData *)(void *)((char *)request + field->offset) : NULL;
}

static enum tamis_status answer(const struct session *session, const uint8_t *nonce, size_t length,
                                uint8_t signature[KEY_SIGNATURE_SIZE], struct fault *fault) {
  if (length == 0 || length > NONCE_SIZE_MAX)
    return fault_set(fault, TAMIS_BAD_REQUEST, "the server's challenge has %zu bytes", length);
  char hex[2 * NONCE_SIZE_MAX + 1];
  char text[2 * KEY_NAME_SIZE + sizeof hex + 32];
  text_hex_encode(nonce, length, hex);
  int written = snprintf(text, sizeof text, "tamis-session/v1\n%s\n%s\n%s\n", session->origin,
                         session->key->public.name, hex);
  key_sign(session->key, text, (size_t)written, signature);
  return TAMIS_OK;
}

/* Challenge and OpenSession, once each. */
static enum tamis_status session_open(struct session *session, struct fault *fault) {
  Tamis__V1__ChallengeRequest ask = TAMIS__V1__CHALLENGE_REQUEST__INIT;
  Tamis__V1__OpenSessionRequest open = TAMIS__V1__OPEN_SESSION_REQUEST__INIT;
  uint8_t signature[KEY_SIGNATURE_SIZE];
  struct unpack_arena arena;
  void *reply = NULL;
  unpack_arena_open(&arena, CHANNEL_REPLY_BUDGET);
  enum tamis_status status =
      channel_unary(session->channel, "/tamis.v1.Client/Challenge", &ask.base, session->deadline_ms,
                    &tamis__v1__challenge_reply__descriptor, &arena, &reply, fault);
  if (status != TAMIS_OK) goto out;
  const Tamis__V1__ChallengeReply *challenge = reply;
  status = answer(session, challenge->nonce.data, challenge->nonce.len, signature, fault);
  if (status != TAMIS_OK) goto out;
  const char *principal = session->key->public.name;
  open.principal = (ProtobufCBinaryData){strlen(principal), (uint8_t *)(uintptr_t)principal};
  open.nonce = challenge->nonce;
  open.signature = (ProtobufCBinaryData){sizeof signature, signature};
  status = channel_unary(session->channel, "/tamis.v1.Client/OpenSession", &open.base,
                         session->deadline_ms, &tamis__v1__open_session_reply__descriptor, &arena,
                         &reply, fault);
  if (status != TAMIS_OK) goto out;
  const Tamis__V1__OpenSessionReply *opened = reply;
  if (opened->session.len == 0 || opened->session.len > sizeof session->token) {
    status = fault_set(fault, TAMIS_BAD_REQUEST, "the server's session token has %zu bytes",
                       opened->session.len);
    goto out;
  }
  memcpy(session->token, opened->session.data, opened->session.len);
  session->token_length = opened->session.len;
out:
  unpack_arena_close(&arena);
  return status;
}

enum tamis_status session_authorise(struct session *session, ProtobufCMessage *request,
                                    struct fault *fault) {
  ProtobufCBinaryData *field = session_field(request);
  if (!field || !session->key)
    return TAMIS_OK; /* without a key the server decides what a stranger may see */
  if (session->token_length == 0) {
    enum tamis_status status = session_open(session, fault);
    if (status != TAMIS_OK) return status;
  }
  *field = (ProtobufCBinaryData){session->token_length, session->token};
  return TAMIS_OK;
}

bool session_recover(struct session *session, struct retry *retry, enum tamis_status status) {
  if (status == TAMIS_NO_SESSION) {
    if (!session->key) return false;
    session->token_length = 0;
  }
  return retry_wait(retry, status);
}

enum tamis_status session_call(struct session *session, const char *method,
                               ProtobufCMessage *request, uint32_t wait_ms,
                               const ProtobufCMessageDescriptor *type, struct unpack_arena *arena,
                               void **reply, struct fault *fault) {
  struct retry retry;
  retry_start(&retry, session->give_up_ms);
  for (;;) {
    enum tamis_status status = session_authorise(session, request, fault);
    if (status == TAMIS_OK)
      status = channel_unary(session->channel, method, request, session->deadline_ms + wait_ms,
                             type, arena, reply, fault);
    if (status == TAMIS_OK || !session_recover(session, &retry, status)) return status;
  }
}
