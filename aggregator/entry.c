/* Whose key must have signed it: one function for clients, one for ourselves, one for people. */
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

/* Of what one key signs: the genesis, a client's words, our own. */
static enum tamis_status signing_key(const struct state *state, const struct entry *entry,
                                     struct public_key *key, struct fault *fault) {
  if (entry->statement.kind == STATEMENT_GENESIS) return genesis_key(entry, key, fault);
  if (strcmp(statement_kind_signer(entry->statement.kind), "aggregator") != 0)
    return client_key(state, entry, key, fault);
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

/* Exactly one signature: with a spare one, anybody could make a second envelope of the same
 * statement and have it acted on again. */
static enum tamis_status verify_one(const struct state *state, const struct envelope *envelope,
                                    struct entry *entry, struct fault *fault) {
  struct public_key key;
  if (envelope->signature_count != 1)
    return fault_set(fault, TAMIS_BAD_SIGNATURE, "the envelope has %zu signatures, not one",
                     envelope->signature_count);
  memcpy(entry->signer, envelope->signature[0].keyid, sizeof entry->signer);
  enum tamis_status status = signing_key(state, entry, &key, fault);
  if (status == TAMIS_OK) status = envelope_verify(envelope, &key, fault);
  if (status == TAMIS_OK) status = refuse_revoked(state, entry, fault);
  return status;
}

static enum tamis_status verify_person(const struct state *state, const struct envelope *envelope,
                                       size_t i, struct fault *fault) {
  const char *name = envelope->signature[i].keyid;
  const struct person *person = state_person_find(state, name);
  int order = i > 0 ? strcmp(envelope->signature[i - 1].keyid, name) : -1;
  if (order == 0)
    return fault_set(fault, TAMIS_DENIED, "%s has signed twice: that is one person", name);
  if (order > 0)
    return fault_set(fault, TAMIS_BAD_SIGNATURE, "the signatures are not in the order of keyids");
  if (!person)
    return fault_set(fault, TAMIS_DENIED, "%s is not an operator of this log, nor has it a role",
                     name);
  return envelope_verify(envelope, &person->key, fault);
}

/* The old key and then the new one, both under the name that they share. */
static enum tamis_status verify_rotation(const struct state *state, const struct envelope *envelope,
                                         struct entry *entry, struct fault *fault) {
  const char *name = statement_text(&entry->statement, "name");
  const char *vkey = statement_text(&entry->statement, "key");
  const struct person *person = state_person_find(state, name);
  int64_t client = state_client_find(state, name);
  struct public_key next;
  if (!person && client == STATE_NOBODY)
    return fault_set(fault, TAMIS_UNKNOWN_CLIENT, "nobody called %.64s has a key here", name);
  const struct public_key *now = person ? &person->key : &state->client[client].key;
  if (envelope->signature_count != 2)
    return fault_set(fault, TAMIS_BAD_SIGNATURE,
                     "a key is rotated by two signatures, of the old and of the new");
  enum tamis_status status = key_vkey_read(vkey, strlen(vkey), &next, fault);
  if (status == TAMIS_OK) status = envelope_verify_at(envelope, 0, now, fault);
  if (status == TAMIS_OK) status = envelope_verify_at(envelope, 1, &next, fault);
  memcpy(entry->signer, envelope->signature[0].keyid, sizeof entry->signer);
  return status;
}

/* One spelling of an envelope here too: sorted, each person once, not one more than are needed. */
static enum tamis_status verify_people(const struct state *state, const struct envelope *envelope,
                                       struct entry *entry, struct fault *fault) {
  const char *name[ENVELOPE_SIGNATURES_MAX];
  size_t count = envelope->signature_count, first;
  enum tamis_status status = TAMIS_OK;
  for (size_t i = 0; i < count && status == TAMIS_OK; i++) {
    name[i] = envelope->signature[i].keyid;
    status = verify_person(state, envelope, i, fault);
  }
  if (status == TAMIS_OK)
    status = duties_check(state, &entry->statement, count, name, state->latest_ms, &first, fault);
  if (status != TAMIS_OK) return status;
  entry->is_of_people = true;
  memcpy(entry->signer, name[first], sizeof entry->signer);
  for (size_t i = 0; i < count; i++)
    if (i != first) memcpy(entry->cosigner[entry->cosigner_count++], name[i], KEY_NAME_SIZE);
  return TAMIS_OK;
}

/* A client may give its own key up. No person has a client's name: theirs have a slash. */
static bool is_own_revocation(const struct envelope *envelope, const struct entry *entry) {
  return entry->statement.kind == STATEMENT_KEY_REVOKE &&
         strcmp(envelope->signature[0].keyid, statement_text(&entry->statement, "client")) == 0;
}

static enum tamis_status verify(const struct state *state, const struct envelope *envelope,
                                struct entry *entry, struct fault *fault) {
  enum statement_kind kind = entry->statement.kind;
  bool is_peoples =
      kind != STATEMENT_GENESIS && strcmp(statement_kind_signer(kind), "operator") == 0;
  envelope_signers(envelope, entry->signers);
  if (kind == STATEMENT_KEY_ROTATE) return verify_rotation(state, envelope, entry, fault);
  return is_peoples && !is_own_revocation(envelope, entry)
             ? verify_people(state, envelope, entry, fault)
             : verify_one(state, envelope, entry, fault);
}

enum tamis_status entry_open(const struct state *state, const char *bytes, size_t length,
                             struct entry *entry, struct fault *fault) {
  struct envelope envelope;
  memset(entry, 0, sizeof *entry);
  enum tamis_status status = envelope_open(bytes, length, &envelope, fault);
  if (status != TAMIS_OK) return status;
  status = statement_read(envelope.payload, envelope.payload_length, state_origin(state),
                          &entry->statement, fault);
  if (status != TAMIS_OK) goto out;
  entry->envelope = digest_of(bytes, length);
  status = verify(state, &envelope, entry, fault);
  if (status != TAMIS_OK) entry_close(entry);
out:
  envelope_close(&envelope);
  return status;
}

const char *entry_cosigner(const struct entry *entry, size_t index) {
  return index < entry->cosigner_count ? entry->cosigner[index] : NULL;
}

void entry_close(struct entry *entry) {
  statement_close(&entry->statement);
}
