/* Whose key must have signed it: one function a role. */
#include "aggregator/entry.h"

#include <string.h>
#include "proto/canonical.h"
#include "proto/envelope.h"

/* The first operators are those that the first entry names. */
static enum tamis_status genesis_key(const struct entry *entry, struct public_key *key,
                                     struct fault *fault) {
  json_t *vkey;
  size_t i;
  json_array_foreach(json_object_get(entry->statement.predicate, "operators"), i, vkey) {
    enum tamis_status status =
        key_vkey_read(json_string_value(vkey), json_string_length(vkey), key, fault);
    if (status != TAMIS_OK) return status;
    if (strcmp(key->name, entry->signer) == 0) return TAMIS_OK;
  }
  return fault_set(fault, TAMIS_DENIED, "%s is not among the operators of its own genesis",
                   entry->signer);
}

static enum tamis_status operator_key(const struct state *state, const struct entry *entry,
                                      struct public_key *key, struct fault *fault) {
  if (entry->statement.kind == STATEMENT_GENESIS) return genesis_key(entry, key, fault);
  int64_t i = state_operator_find(state, entry->signer);
  if (i == STATE_NOBODY)
    return fault_set(fault, TAMIS_DENIED, "%s is not an operator of this log", entry->signer);
  *key = state->operator[i];
  return TAMIS_OK;
}

/* A new key proves itself; an enrolled one is looked up. */
static enum tamis_status client_key(const struct state *state, const struct entry *entry,
                                    struct public_key *key, struct fault *fault) {
  const char *client = statement_text(&entry->statement, "client");
  if (strcmp(client, entry->signer) != 0)
    return fault_set(fault, TAMIS_DENIED, "%s signed a statement of client %s", entry->signer,
                     client);
  if (entry->statement.kind == STATEMENT_KEY_ENROL) {
    const char *vkey = statement_text(&entry->statement, "key");
    return key_vkey_read(vkey, strlen(vkey), key, fault);
  }
  int64_t i = state_client_find(state, client);
  if (i == STATE_NOBODY)
    return fault_set(fault, TAMIS_UNKNOWN_CLIENT, "no client %s is enrolled", client);
  *key = state->client[i].key;
  return TAMIS_OK;
}

static enum tamis_status signing_key(const struct state *state, const struct entry *entry,
                                     struct public_key *key, struct fault *fault) {
  const char *role = statement_kind_signer(entry->statement.kind);
  if (strcmp(role, "operator") == 0) return operator_key(state, entry, key, fault);
  if (strcmp(role, "client") == 0) return client_key(state, entry, key, fault);
  *key = state->aggregator;
  if (strcmp(key->name, entry->signer) == 0) return TAMIS_OK;
  return fault_set(fault, TAMIS_DENIED, "%s may not sign a %s", entry->signer,
                   statement_kind_name(entry->statement.kind));
}

/* A revoked key still verifies, so that its owner learns why it is refused. */
static enum tamis_status refuse_revoked(const struct state *state, const struct entry *entry,
                                        struct fault *fault) {
  int64_t i = state_client_find(state, entry->signer);
  bool revoked =
      entry->statement.kind == STATEMENT_UPDATE && i != STATE_NOBODY && state->client[i].revoked;
  return revoked ? fault_set(fault, TAMIS_KEY_REVOKED, "the key of %s was revoked", entry->signer)
                 : TAMIS_OK;
}

static enum tamis_status verify(const struct state *state, const struct envelope *envelope,
                                struct entry *entry, struct fault *fault) {
  struct public_key key;
  enum tamis_status status = signing_key(state, entry, &key, fault);
  if (status == TAMIS_OK) status = envelope_verify(envelope, &key, fault);
  if (status == TAMIS_OK) status = refuse_revoked(state, entry, fault);
  return status;
}

/* Exactly one signature: with a spare one, anybody could make a second envelope of the same
 * statement and have it acted on again. */
static enum tamis_status single_signature(const struct envelope *envelope, struct fault *fault) {
  if (envelope->signature_count == 1) return TAMIS_OK;
  return fault_set(fault, TAMIS_BAD_SIGNATURE, "the envelope has %zu signatures, not one",
                   envelope->signature_count);
}

enum tamis_status entry_open(const struct state *state, const char *bytes, size_t length,
                             struct entry *entry, struct fault *fault) {
  struct envelope envelope;
  memset(entry, 0, sizeof *entry);
  enum tamis_status status = envelope_open(bytes, length, &envelope, fault);
  if (status != TAMIS_OK) return status;
  status = single_signature(&envelope, fault);
  if (status != TAMIS_OK) goto out;
  status = statement_read(envelope.payload, envelope.payload_length, state_origin(state),
                          &entry->statement, fault);
  if (status != TAMIS_OK) goto out;
  memcpy(entry->signer, envelope.signature[0].keyid, sizeof entry->signer);
  entry->envelope = digest_of(bytes, length);
  status = verify(state, &envelope, entry, fault);
  if (status != TAMIS_OK) entry_close(entry);
out:
  envelope_close(&envelope);
  return status;
}

void entry_close(struct entry *entry) {
  statement_close(&entry->statement);
}
