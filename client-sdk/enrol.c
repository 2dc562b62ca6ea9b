/* Possession is proved by the statement itself: the new key signs the statement that names it. */
#include <stdlib.h>
#include <string.h>
#include "client-sdk/client.h"
#include "client-sdk/invitation.h"
#include "proto/statement.h"
#include "tamis/v1/tamis.pb-c.h"

/* The key of an enrolment that was interrupted is used again: the same statement comes of it. */
static enum tamis_status key_make(struct tamis_client *client, const char *name) {
  char path[2 * STATE_DIR_PATH_MAX];
  state_dir_path(&client->dir, "identity.key", path);
  if (!state_dir_has(&client->dir, "identity.key")) {
    key_generate(name, &client->key);
    return key_file_write(path, &client->key, &client->fault);
  }
  enum tamis_status status = key_file_read(path, &client->key, &client->fault);
  if (status == TAMIS_OK && strcmp(client->key.public.name, name) != 0)
    status = fault_set(&client->fault, TAMIS_CONFLICT,
                       "%s belongs to %s, the invitation is for %s: use another state folder", path,
                       client->key.public.name, name);
  return status;
}

static enum tamis_status statement_make(struct tamis_client *client,
                                        const struct invitation *invitation, char **envelope,
                                        size_t *length) {
  char vkey[KEY_VKEY_SIZE], token[DIGEST_HEX_SIZE];
  const char *subject_name = "key";
  struct digest subject = digest_of(client->key.public.byte, KEY_PUBLIC_SIZE);
  struct digest digest = digest_of(invitation->token, sizeof invitation->token);
  digest_to_hex(&digest, token);
  key_vkey_write(&client->key.public, vkey);
  json_t *predicate =
      json_pack("{s:s, s:s, s:s}", "client", invitation->client, "key", vkey, "token", token);
  if (!predicate) return fault_plain(&client->fault, TAMIS_NO_MEMORY);
  enum tamis_status status =
      statement_sign(invitation->log_key.name, STATEMENT_KEY_ENROL, predicate, 1, &subject_name,
                     &subject, &client->key, envelope, length, &client->fault);
  json_decref(predicate);
  return status;
}

static enum tamis_status send(struct tamis_client *client, struct invitation *invitation,
                              char *envelope, size_t length) {
  Tamis__V1__EnrolRequest request = TAMIS__V1__ENROL_REQUEST__INIT;
  struct unpack_arena arena;
  struct checkpoint checkpoint;
  void *message = NULL;
  uint64_t index;
  request.token = (ProtobufCBinaryData){sizeof invitation->token, invitation->token};
  request.envelope = (ProtobufCBinaryData){length, (uint8_t *)envelope};
  unpack_arena_open(&arena, CHANNEL_REPLY_BUDGET);
  enum tamis_status status =
      session_call(&client->session, "/tamis.v1.Client/Enrol", &request.base, 0,
                   &tamis__v1__enrol_reply__descriptor, &arena, &message, &client->fault);
  if (status == TAMIS_OK) {
    const Tamis__V1__EnrolReply *reply = message;
    status =
        trust_receipt(&client->trust, &client->session, reply->receipt.data, reply->receipt.len,
                      envelope, length, &index, &checkpoint, &client->fault);
  }
  unpack_arena_close(&arena);
  return status;
}

enum tamis_status enrol_run(struct tamis_client *client, const char *line) {
  struct invitation invitation;
  char *envelope = NULL;
  size_t length;
  if (client->enrolled)
    return fault_set(&client->fault, TAMIS_CONFLICT, "%s is enrolled already, as %s",
                     client->dir.path, client->key.public.name);
  enum tamis_status status = invitation_read(line, &invitation, &client->fault);
  if (status != TAMIS_OK) return status;
  if (!client->address_given) {
    free((char *)(uintptr_t)client->where.address);
    client->where.address = strdup(invitation.address);
    channel_close(client->channel); /* of an earlier attempt with another invitation */
    client->channel = NULL;
  }
  trust_close(&client->trust);
  status = trust_open(&client->trust, &invitation.log_key, &client->dir, &client->fault);
  if (status == TAMIS_OK) status = client_connect(client);
  if (status == TAMIS_OK) status = key_make(client, invitation.client);
  if (status == TAMIS_OK) status = statement_make(client, &invitation, &envelope, &length);
  if (status == TAMIS_OK) status = send(client, &invitation, envelope, length);
  if (status == TAMIS_OK) status = client_pin(client);
  client->enrolled = status == TAMIS_OK;
  explicit_bzero(&invitation, sizeof invitation);
  free(envelope);
  return status;
}
