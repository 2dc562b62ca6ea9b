/* The key is the enrolled one: what is signed here begins with "cosignature/v1", statements with
 * "DSSEv1" and sessions with "tamis-session/v1", so that no signature can be taken for another. */
#include "client-sdk/witness.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "tamis/v1/tamis.pb-c.h"

static enum tamis_status send_line(struct tamis_client *client, const char *line, size_t length,
                                   struct fault *fault) {
  Tamis__V1__CosignRequest request = TAMIS__V1__COSIGN_REQUEST__INIT;
  struct unpack_arena arena;
  void *message = NULL;
  uint32_t give_up_ms = client->session.give_up_ms;
  request.size = client->trust.kept.size;
  request.root = (ProtobufCBinaryData){DIGEST_SIZE, client->trust.kept.root.byte};
  request.line = (ProtobufCBinaryData){length, (uint8_t *)(uintptr_t)line};
  unpack_arena_open(&arena, CHANNEL_REPLY_BUDGET);
  client->session.give_up_ms = 0; /* one attempt: the next checkpoint brings the next */
  enum tamis_status status =
      session_call(&client->session, "/tamis.v1.Client/Cosign", &request.base, 0,
                   &tamis__v1__cosign_reply__descriptor, &arena, &message, fault);
  client->session.give_up_ms = give_up_ms;
  unpack_arena_close(&arena);
  return status;
}

enum tamis_status witness_disowned(struct tamis_client *client, enum tamis_status status) {
  struct fault said = client->fault;
  enum tamis_status found = trust_latest(&client->trust, &client->session, &client->fault);
  if (found == TAMIS_FORK || found == TAMIS_BAD_PROOF) return found;
  client->fault = said;
  return status;
}

static enum tamis_status cosign(struct tamis_client *client) {
  struct fault fault; /* of this, which is beside what the caller asked for */
  char *line = NULL;
  size_t length = 0;
  checkpoint_cosign(&client->trust.kept, (uint64_t)time(NULL), &client->key, &line, &length);
  enum tamis_status status = send_line(client, line, length, &fault);
  free(line);
  if (status == TAMIS_OK) client->cosigned = client->trust.kept;
  return status == TAMIS_NOT_FOUND ? witness_disowned(client, TAMIS_OK) : TAMIS_OK;
}

enum tamis_status witness_send(struct tamis_client *client) {
  const struct checkpoint *kept = &client->trust.kept;
  if (kept->size == 0 ||
      (kept->size == client->cosigned.size && digest_equal(&kept->root, &client->cosigned.root)))
    return TAMIS_OK;
  return cosign(client);
}

enum tamis_status witness_asked(struct tamis_client *client, const void *note, size_t length) {
  enum tamis_status status =
      trust_note(&client->trust, &client->session, note, length, &client->fault);
  return status == TAMIS_OK ? cosign(client) : status;
}

enum tamis_status witness_look(struct tamis_client *client) {
  uint64_t now_ms = retry_now_ms();
  if (client->looked_at_ms != 0 && now_ms - client->looked_at_ms < WITNESS_LOOK_MS) return TAMIS_OK;
  enum tamis_status status = trust_latest(&client->trust, &client->session, &client->fault);
  if (status == TAMIS_OK) client->looked_at_ms = now_ms ? now_ms : 1;
  if (status == TAMIS_OK) status = witness_send(client);
  return status == TAMIS_FORK || status == TAMIS_BAD_PROOF ? status : TAMIS_OK;
}
