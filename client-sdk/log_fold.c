/* One function a kind: what must be true before, and what is true after. */
#include "client-sdk/log_fold.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "proto/canonical.h"

enum tamis_status fold_differs(struct log_report *report, const char *expected, const char *found,
                               ...) {
  va_list arguments;
  va_start(arguments, found);
  snprintf(report->expected, sizeof report->expected, "%s", expected);
  vsnprintf(report->found, sizeof report->found, found, arguments);
  va_end(arguments);
  return TAMIS_BAD_PROOF;
}

/* Memory for `count` elements and more, new ones zeroed; ends the process without it, as a log that
 * was half checked says nothing. */
static void *room(void *array, size_t count, size_t *capacity, size_t size) {
  if (count < *capacity) return array;
  size_t wanted = 2 * count + 16;
  char *grown = reallocarray(array, wanted, size);
  if (!grown) abort();
  memset(grown + *capacity * size, 0, (wanted - *capacity) * size);
  *capacity = wanted;
  return grown;
}

void fold_close(struct fold *fold) {
  for (size_t i = 0; i < fold->federation_count; i++) {
    free(fold->federation[i].update);
    free(fold->federation[i].model);
    free(fold->federation[i].excluded);
    free(fold->federation[i].review);
    free(fold->federation[i].base_round);
    free(fold->federation[i].rebuild.without);
  }
  log_people_close(&fold->people);
  free(fold->federation);
  free(fold->invitation);
  free(fold->client);
  free(fold->slot);
  memset(fold, 0, sizeof *fold);
}

/* ---- Looking up ---- */

static uint32_t name_hash(const char *name) { /* FNV-1a */
  uint32_t hash = 2166136261u;
  for (; *name; name++) hash = (hash ^ (uint8_t)*name) * 16777619u;
  return hash;
}

static size_t slot_start(const struct fold *fold, const char *name) {
  return name_hash(name) & (fold->slot_count - 1);
}

static struct fold_client *client_find(const struct fold *fold, const char *name) {
  if (fold->slot_count == 0) return NULL;
  for (size_t at = slot_start(fold, name); fold->slot[at]; at = (at + 1) & (fold->slot_count - 1)) {
    struct fold_client *client = &fold->client[fold->slot[at] - 1];
    if (strcmp(client->name, name) == 0) return client;
  }
  return NULL;
}

const struct fold_client *fold_client_of(const struct fold *fold, const char *name) {
  return client_find(fold, name);
}

static void slot_put(struct fold *fold, size_t position) {
  size_t at = slot_start(fold, fold->client[position].name);
  while (fold->slot[at]) at = (at + 1) & (fold->slot_count - 1);
  fold->slot[at] = (uint32_t)position + 1;
}

static struct fold_client *client_add(struct fold *fold, const char *name) {
  fold->client =
      room(fold->client, fold->client_count, &fold->client_capacity, sizeof *fold->client);
  struct fold_client *client = &fold->client[fold->client_count++];
  snprintf(client->name, sizeof client->name, "%s", name);
  if (2 * fold->client_count > fold->slot_count) { /* at most half full */
    free(fold->slot);
    fold->slot_count = fold->slot_count ? 2 * fold->slot_count : 64;
    fold->slot = calloc(fold->slot_count, sizeof *fold->slot);
    if (!fold->slot) abort();
    for (size_t i = 0; i + 1 < fold->client_count; i++) slot_put(fold, i);
  }
  slot_put(fold, fold->client_count - 1);
  return client;
}

static struct fold_federation *federation_find(const struct fold *fold, const char *name) {
  for (size_t i = 0; i < fold->federation_count; i++)
    if (strcmp(fold->federation[i].name, name) == 0) return &fold->federation[i];
  return NULL;
}

const struct fold_federation *fold_federation_of(const struct fold *fold,
                                                 const struct statement *statement) {
  return federation_find(fold, statement_text(statement, "federation"));
}

static bool *excluded_at(struct fold_federation *federation, size_t client) {
  federation->excluded = room(federation->excluded, client, &federation->excluded_capacity,
                              sizeof *federation->excluded);
  return &federation->excluded[client];
}

static bool text_is(const struct statement *statement, const char *field, const char *value) {
  return strcmp(statement_text(statement, field), value) == 0;
}

bool fold_is_without(const struct fold *fold, const struct fold_federation *federation,
                     const char *name) {
  const struct fold_client *client = client_find(fold, name);
  size_t position = client ? (size_t)(client - fold->client) : 0;
  return !client ||
         (position < federation->rebuild.without_capacity && federation->rebuild.without[position]);
}

/* ---- Who signs ---- */

static enum tamis_status client_signer(struct fold *fold, const struct statement *statement,
                                       const char *signer, struct public_key *key) {
  if (!text_is(statement, "client", signer))
    return fold_differs(fold->report, statement_text(statement, "client"), "signed by %s", signer);
  if (statement->kind == STATEMENT_KEY_ENROL) {
    const char *vkey = statement_text(statement, "key");
    return key_vkey_read(vkey, strlen(vkey), key, NULL) == TAMIS_OK
               ? TAMIS_OK
               : fold_differs(fold->report, "a verifier key", "%s", vkey);
  }
  const struct fold_client *client = client_find(fold, signer);
  if (!client) return fold_differs(fold->report, "a client that was enrolled before", "%s", signer);
  if (client->revoked)
    return fold_differs(fold->report, "a client whose key is good", "the revoked key of %s",
                        signer);
  *key = client->key;
  return TAMIS_OK;
}

/* The genesis is signed by one of the operators it names. */
static enum tamis_status person_signer(struct fold *fold, const struct statement *statement,
                                       const char *signer, struct public_key *key) {
  if (statement->kind == STATEMENT_GENESIS && fold->people.count == 0 &&
      !log_people_begin(&fold->people, statement))
    return fold_differs(fold->report, "operators with verifier keys", "another text");
  const struct log_person *person = log_people_find(&fold->people, signer);
  if (!person)
    return fold_differs(fold->report, statement_kind_signer(statement->kind), "signed by %s",
                        signer);
  *key = person->key;
  return TAMIS_OK;
}

static enum tamis_status key_of(struct fold *fold, const struct statement *statement,
                                const char *signer, struct public_key *key) {
  const char *role = statement_kind_signer(statement->kind);
  if (strcmp(role, "client") == 0) return client_signer(fold, statement, signer, key);
  if (strcmp(role, "operator") == 0) return person_signer(fold, statement, signer, key);
  if (strcmp(fold->aggregator.name, signer) != 0)
    return fold_differs(fold->report, role, "signed by %s", signer);
  *key = fold->aggregator;
  return TAMIS_OK;
}

static bool is_own_revocation(const struct statement *statement, const struct envelope *envelope) {
  return statement->kind == STATEMENT_KEY_REVOKE &&
         text_is(statement, "client", envelope->signature[0].keyid);
}

static bool is_of_people(const struct statement *statement, const struct envelope *envelope) {
  return strcmp(statement_kind_signer(statement->kind), "operator") == 0 &&
         statement->kind != STATEMENT_GENESIS && !is_own_revocation(statement, envelope);
}

/* One signature, but of what people sign: there it is for their roles to say. */
static enum tamis_status signers_check(struct fold *fold, const struct statement *statement,
                                       const struct envelope *envelope) {
  size_t due = statement->kind == STATEMENT_KEY_ROTATE ? 2 : 1;
  bool is_known_client = statement->kind == STATEMENT_CLIENT_INVITE &&
                         client_find(fold, statement_text(statement, "client")) != NULL;
  if (!is_of_people(statement, envelope))
    return envelope->signature_count == due
               ? TAMIS_OK
               : fold_differs(fold->report, due == 1 ? "one signature" : "two signatures", "%zu",
                              envelope->signature_count);
  const char *fault = log_people_fault(&fold->people, statement, envelope, is_known_client);
  if (!fault) fault = log_people_own(&fold->people, statement, envelope);
  if (!fault) return TAMIS_OK;
  return fold_differs(fold->report, "the persons who may say that", "a %s signed by %s: %s",
                      statement_kind_name(statement->kind), envelope->signature[0].keyid, fault);
}

/* The old key signs, and then the new one. */
static enum tamis_status holder_key(struct fold *fold, const struct statement *statement,
                                    const struct envelope *envelope, size_t i,
                                    struct public_key *key) {
  const char *name = statement_text(statement, "name"), *vkey = statement_text(statement, "key");
  const struct log_person *person = log_people_find(&fold->people, name);
  const struct fold_client *client = client_find(fold, name);
  if (strcmp(envelope->signature[i].keyid, name) != 0 || (!person && !client) ||
      (client && client->revoked))
    return fold_differs(fold->report, "somebody whose key is good", "%s", name);
  if (i == 0) {
    *key = person ? person->key : client->key;
    return TAMIS_OK;
  }
  return key_vkey_read(vkey, strlen(vkey), key, NULL) == TAMIS_OK
             ? TAMIS_OK
             : fold_differs(fold->report, "a verifier key", "%s", vkey);
}

enum tamis_status fold_signatures(struct fold *fold, const struct statement *statement,
                                  const struct envelope *envelope) {
  enum tamis_status status = signers_check(fold, statement, envelope);
  for (size_t i = 0; i < envelope->signature_count && status == TAMIS_OK; i++) {
    const char *signer = envelope->signature[i].keyid;
    struct public_key key;
    status = statement->kind == STATEMENT_KEY_ROTATE
                 ? holder_key(fold, statement, envelope, i, &key)
             : is_own_revocation(statement, envelope) ? client_signer(fold, statement, signer, &key)
                                                      : key_of(fold, statement, signer, &key);
    if (status == TAMIS_OK && envelope_verify_at(envelope, i, &key, NULL) != TAMIS_OK)
      status = fold_differs(fold->report, "a signature that verifies under the signer's key",
                            "a %s signed as %s that does not", statement_kind_name(statement->kind),
                            signer);
  }
  return status;
}

/* ---- What may follow what ---- */

struct folding {
  struct fold *fold;
  uint64_t index;
  const struct statement *statement;
  const char *signer;
};

static enum tamis_status differs(const struct folding *f, const char *expected, const char *found) {
  return fold_differs(f->fold->report, expected, "%s", found);
}

static enum tamis_status digests_agree(const struct folding *f, const char *expected,
                                       const struct digest *want, const struct digest *have) {
  char want_hex[DIGEST_HEX_SIZE], have_hex[DIGEST_HEX_SIZE], text[200];
  if (digest_equal(want, have)) return TAMIS_OK;
  digest_to_hex(want, want_hex);
  digest_to_hex(have, have_hex);
  snprintf(text, sizeof text, "%s %s", expected, want_hex);
  return differs(f, text, have_hex);
}

static enum tamis_status fold_genesis(const struct folding *f) {
  char vkey[KEY_VKEY_SIZE];
  if (f->index != 0) return differs(f, "one genesis, at entry 0", "another");
  key_vkey_write(&f->fold->log_key, vkey);
  if (!text_is(f->statement, "log_key", vkey))
    return differs(f, vkey, statement_text(f->statement, "log_key"));
  struct digest digest = digest_of(vkey, strlen(vkey));
  const char *text = statement_text(f->statement, "aggregator_key");
  if (key_vkey_read(text, strlen(text), &f->fold->aggregator, NULL) != TAMIS_OK)
    return differs(f, "the aggregator's verifier key", text);
  return digests_agree(f, "the log key's digest", &digest, &f->statement->subject[0]);
}

static enum tamis_status fold_create(const struct folding *f) {
  struct fold *fold = f->fold;
  const char *name = statement_text(f->statement, "federation");
  if (federation_find(fold, name)) return differs(f, "a federation of a new name", name);
  fold->federation = room(fold->federation, fold->federation_count, &fold->federation_capacity,
                          sizeof *fold->federation);
  struct fold_federation *federation = &fold->federation[fold->federation_count++];
  snprintf(federation->name, sizeof federation->name, "%s", name);
  snprintf(federation->rule, sizeof federation->rule, "%s", statement_text(f->statement, "rule"));
  snprintf(federation->optimiser, sizeof federation->optimiser, "%s",
           statement_optional(f->statement, "optimiser"));
  const char *shadows = statement_optional(f->statement, "shadows");
  federation->shadows = shadows[0] != '\0';
  for (; *shadows; shadows++) federation->shadows += *shadows == ';';
  federation->layout = statement_digest(f->statement, "layout");
  federation->parameters = statement_integer(f->statement, "parameters");
  federation->witness_organisations =
      statement_optional_integer(f->statement, "witness_organisations", 0);
  federation->witness_per_organisation =
      statement_optional_integer(f->statement, "witness_per_organisation", 1);
  snprintf(federation->gates, sizeof federation->gates, "%s",
           statement_optional(f->statement, "gates"));
  federation->head = f->statement->subject[0];
  federation->keep_rounds = statement_optional_integer(f->statement, "keep_rounds", 0);
  federation->policy_version = 1;
  federation->model = room(NULL, 0, &federation->model_capacity, sizeof *federation->model);
  federation->model[0] = federation->head;
  federation->base_round =
      room(NULL, 0, &federation->base_round_capacity, sizeof *federation->base_round);
  fold->report->federations++;
  return TAMIS_OK;
}

static struct fold_invitation *invitation_find(const struct fold *fold,
                                               const struct digest *token) {
  for (size_t i = fold->invitation_count; i-- > 0;)
    if (digest_equal(&fold->invitation[i].token, token)) return &fold->invitation[i];
  return NULL;
}

static enum tamis_status fold_invite(const struct folding *f) {
  struct fold *fold = f->fold;
  if (invitation_find(fold, &f->statement->subject[0]))
    return differs(f, "a token that was not there before", "the same token again");
  fold->invitation = room(fold->invitation, fold->invitation_count, &fold->invitation_capacity,
                          sizeof *fold->invitation);
  struct fold_invitation *invitation = &fold->invitation[fold->invitation_count++];
  invitation->token = f->statement->subject[0];
  snprintf(invitation->client, sizeof invitation->client, "%s",
           statement_text(f->statement, "client"));
  snprintf(invitation->organisation, sizeof invitation->organisation, "%s",
           statement_text(f->statement, "organisation"));
  return TAMIS_OK;
}

static enum tamis_status fold_enrol(const struct folding *f) {
  const char *name = statement_text(f->statement, "client");
  const char *vkey = statement_text(f->statement, "key");
  struct digest token = statement_digest(f->statement, "token");
  struct fold_invitation *invitation = invitation_find(f->fold, &token);
  struct fold_client *client = client_find(f->fold, name);
  struct public_key key;
  if (!invitation || invitation->used || strcmp(invitation->client, name) != 0)
    return differs(f, "an unused invitation for this client", name);
  if (client && !client->revoked) return differs(f, "a client that has no good key", name);
  if (key_vkey_read(vkey, strlen(vkey), &key, NULL) != TAMIS_OK || strcmp(key.name, name) != 0)
    return differs(f, "a key of the client's name", vkey);
  struct digest digest = digest_of(key.byte, sizeof key.byte);
  invitation->used = true;
  if (!client) {
    client = client_add(f->fold, name);
    f->fold->report->clients++;
  }
  client->key = key;
  client->revoked = false;
  memcpy(client->organisation, invitation->organisation, sizeof client->organisation);
  return digests_agree(f, "the key's digest", &digest, &f->statement->subject[0]);
}

/* The client that an operator's statement names, by name and by key. */
static enum tamis_status named_client(const struct folding *f, struct fold_client **client) {
  const char *name = statement_text(f->statement, "client");
  *client = client_find(f->fold, name);
  if (!*client) return differs(f, "a client that was enrolled before", name);
  struct digest digest = digest_of((*client)->key.byte, KEY_PUBLIC_SIZE);
  return digests_agree(f, "the key's digest", &digest, &f->statement->subject[0]);
}

static enum tamis_status fold_revoke(const struct folding *f) {
  struct fold_client *client;
  enum tamis_status status = named_client(f, &client);
  if (status != TAMIS_OK) return status;
  client->revoked = true;
  for (size_t i = 0; i < f->fold->invitation_count; i++) /* the way back is by a new one */
    if (strcmp(f->fold->invitation[i].client, client->name) == 0)
      f->fold->invitation[i].used = true;
  return TAMIS_OK;
}

static enum tamis_status fold_role_grant(const struct folding *f) {
  const char *fault = log_people_grant(&f->fold->people, f->statement);
  return fault ? differs(f, "a grant that may be", fault) : TAMIS_OK;
}

static enum tamis_status fold_role_revoke(const struct folding *f) {
  const char *fault = log_people_revoke(&f->fold->people, f->statement);
  return fault ? differs(f, "a role taken from who holds it", fault) : TAMIS_OK;
}

static enum tamis_status fold_separation(const struct folding *f) {
  char vkey[KEY_VKEY_SIZE];
  key_vkey_write(&f->fold->log_key, vkey);
  struct digest digest = digest_of(vkey, strlen(vkey));
  enum tamis_status status =
      digests_agree(f, "the log key's digest", &digest, &f->statement->subject[0]);
  const char *fault = status == TAMIS_OK ? log_people_separate(&f->fold->people) : NULL;
  return fault ? differs(f, "duties that can be separated", fault) : status;
}

static enum tamis_status fold_proposal(const struct folding *f) {
  return f->fold->people.is_separated ? TAMIS_OK
                                      : differs(f, "duties that are separated", "a proposal");
}

/* Both signatures were checked. */
static enum tamis_status fold_rotate(const struct folding *f) {
  const char *vkey = statement_text(f->statement, "key");
  struct digest old = statement_digest(f->statement, "old");
  struct public_key key;
  if (key_vkey_read(vkey, strlen(vkey), &key, NULL) != TAMIS_OK ||
      !text_is(f->statement, "name", key.name))
    return differs(f, "a key of the same name", vkey);
  struct fold_client *client = client_find(f->fold, key.name);
  const struct log_person *person = log_people_find(&f->fold->people, key.name);
  if (!client && !person) return differs(f, "somebody who has a key", key.name);
  struct digest held = digest_of(person ? person->key.byte : client->key.byte, KEY_PUBLIC_SIZE);
  struct digest digest = digest_of(key.byte, sizeof key.byte);
  enum tamis_status status = digests_agree(f, "the key before", &held, &old);
  if (status == TAMIS_OK)
    status = digests_agree(f, "the key's digest", &digest, &f->statement->subject[0]);
  if (status == TAMIS_OK && !log_people_rotate(&f->fold->people, &key)) client->key = key;
  return status;
}

static enum tamis_status named_federation(const struct folding *f,
                                          struct fold_federation **federation) {
  const char *name = statement_text(f->statement, "federation");
  *federation = federation_find(f->fold, name);
  return *federation ? TAMIS_OK : differs(f, "a federation that was created before", name);
}

static const char *const phase_names[] = {"no round under way", "a round collecting updates",
                                          "a round whose verdicts are logged",
                                          "a round whose aggregate is logged"};

/* The federation, if its round is the one spoken of and in `phase`. */
static enum tamis_status current(const struct folding *f, enum fold_phase phase,
                                 struct fold_federation **out) {
  enum tamis_status status = named_federation(f, out);
  if (status != TAMIS_OK) return status;
  const struct fold_federation *federation = *out;
  int64_t round = statement_integer(f->statement, "round");
  if (federation->phase == phase && federation->round == round) return TAMIS_OK;
  return fold_differs(f->fold->report, phase_names[phase],
                      "%s of round %lld, with %s in round %lld",
                      statement_kind_name(f->statement->kind), (long long)round,
                      phase_names[federation->phase], (long long)federation->round);
}

/* The next number, with room for what becomes of it. */
static void round_number(struct fold_federation *federation, int64_t base_round) {
  size_t round = (size_t)++federation->round;
  federation->model =
      room(federation->model, round, &federation->model_capacity, sizeof *federation->model);
  federation->base_round = room(federation->base_round, round, &federation->base_round_capacity,
                                sizeof *federation->base_round);
  federation->base_round[round] = base_round;
}

static enum tamis_status fold_open(const struct folding *f) {
  struct fold_federation *federation;
  enum tamis_status status = named_federation(f, &federation);
  if (status != TAMIS_OK) return status;
  if (federation->rebuild.is_under_way)
    return differs(f, "no round while the head is rebuilt", "a plan");
  struct digest layout = statement_digest(f->statement, "layout");
  if (federation->phase != FOLD_WAITING)
    return differs(f, phase_names[FOLD_WAITING], phase_names[federation->phase]);
  if (statement_integer(f->statement, "round") != federation->round + 1)
    return fold_differs(f->fold->report, "the next round", "round %lld after %lld",
                        (long long)statement_integer(f->statement, "round"),
                        (long long)federation->round);
  if (!text_is(f->statement, "rule", federation->rule))
    return differs(f, federation->rule, statement_text(f->statement, "rule"));
  if (strcmp(statement_optional(f->statement, "optimiser"), federation->optimiser) != 0)
    return differs(f, federation->optimiser, statement_optional(f->statement, "optimiser"));
  if (strcmp(statement_optional(f->statement, "gates"), federation->gates) != 0)
    return differs(f, federation->gates, statement_optional(f->statement, "gates"));
  if (federation->is_frozen) return differs(f, "no round while the federation is frozen", "a plan");
  if (statement_integer(f->statement, "parameters") != federation->parameters)
    return differs(f, "the federation's number of parameters", "another number");
  int64_t version = statement_optional_integer(f->statement, "policy_version", 1);
  if (version != federation->policy_version)
    return fold_differs(f->fold->report, "the policy in force", "version %lld when %lld is",
                        (long long)version, (long long)federation->policy_version);
  status = digests_agree(f, "the federation's layout", &federation->layout, &layout);
  if (status == TAMIS_OK)
    status = digests_agree(f, "the head", &federation->head, &f->statement->subject[0]);
  if (status != TAMIS_OK) return status;
  round_number(federation, federation->head_round);
  federation->phase = FOLD_COLLECTING;
  federation->base = federation->head;
  federation->update_count = 0;
  f->fold->report->rounds++;
  return TAMIS_OK;
}

static enum tamis_status fold_update(const struct folding *f) {
  struct fold_federation *federation;
  const struct fold_client *client = client_find(f->fold, statement_text(f->statement, "client"));
  struct digest base = statement_digest(f->statement, "base");
  enum tamis_status status = current(f, FOLD_COLLECTING, &federation);
  if (status == TAMIS_OK) status = digests_agree(f, "the round's base", &federation->base, &base);
  if (status != TAMIS_OK) return status;
  assert(client); /* its signature was checked */
  size_t position = (size_t)(client - f->fold->client);
  if (*excluded_at(federation, position))
    return differs(f, "no update of an excluded client", client->name);
  for (size_t i = 0; i < federation->update_count; i++)
    if (federation->update[i].client == position)
      return differs(f, "one update of a client in a round", client->name);
  federation->update = room(federation->update, federation->update_count,
                            &federation->update_capacity, sizeof *federation->update);
  federation->update[federation->update_count++] =
      (struct fold_update){position, f->index, f->statement->subject[0]};
  f->fold->report->updates++;
  return TAMIS_OK;
}

static enum tamis_status fold_refusal(const struct folding *f) {
  struct fold_federation *federation;
  const char *name = statement_text(f->statement, "client");
  enum tamis_status status = named_federation(f, &federation);
  if (status == TAMIS_OK && !client_find(f->fold, name))
    status = differs(f, "a client that was enrolled before", name);
  return status;
}

static enum tamis_status fold_verdicts(const struct folding *f) {
  static const char *const verdict[] = {"accepted", "clipped", "held", "rejected"};
  struct fold_federation *federation;
  enum tamis_status status = current(f, FOLD_COLLECTING, &federation);
  if (status != TAMIS_OK) return status;
  uint64_t count = 0;
  for (size_t i = 0; i < 4; i++) {
    int64_t part = statement_integer(f->statement, verdict[i]);
    count += part > 0 ? (uint64_t)part : 0;
  }
  if (count != federation->update_count)
    return fold_differs(f->fold->report, "one verdict for each update", "%llu for %zu updates",
                        (unsigned long long)count, federation->update_count);
  federation->phase = FOLD_JUDGED;
  federation->verdicts = f->statement->subject[0];
  return TAMIS_OK;
}

static enum tamis_status fold_state(const struct folding *f) {
  struct fold_federation *federation;
  const char *name = statement_text(f->statement, "client");
  const struct fold_client *client = client_find(f->fold, name);
  enum tamis_status status = current(f, FOLD_JUDGED, &federation);
  if (status == TAMIS_OK)
    status =
        digests_agree(f, "the round's verdicts", &federation->verdicts, &f->statement->subject[0]);
  if (status != TAMIS_OK) return status;
  if (!client) return differs(f, "a client that was enrolled before", name);
  *excluded_at(federation, (size_t)(client - f->fold->client)) =
      text_is(f->statement, "to", "excluded");
  return TAMIS_OK;
}

/* ---- Gates ---- */

/* What is left of "evaluator(drop_max=0.01) | approval(persons=2)" for the candidate. */
static const char *gate_text(const struct fold_federation *federation) {
  return federation->gates + federation->gate_at;
}

static size_t gate_length(const struct fold_federation *federation) {
  return strspn(gate_text(federation), "abcdefghijklmnopqrstuvwxyz_");
}

static bool gate_is(const struct fold_federation *federation, const char *name) {
  size_t length = gate_length(federation);
  return strlen(name) == length && memcmp(name, gate_text(federation), length) == 0;
}

/* The field says whose turn it is, or is not there when it is nobody's. */
static enum tamis_status gate_named(const struct folding *f,
                                    const struct fold_federation *federation, const char *field) {
  const char *found = statement_optional(f->statement, field);
  if (gate_is(federation, found)) return TAMIS_OK;
  return differs(f, gate_length(federation) ? gate_text(federation) : "no gate", found);
}

/* How many persons must approve: 2, unless the text says another number. */
static size_t persons_wanted(const struct fold_federation *federation) {
  const char *gate = gate_text(federation);
  size_t length = strcspn(gate, "|");
  const char *end = gate + length, *at = strstr(gate, "persons");
  if (at && at < end) return (size_t)strtoul(at + 7 + strspn(at + 7, " \t="), NULL, 10);
  at = strchr(gate, '(');
  if (!at || at >= end) return 2;
  at += 1 + strspn(at + 1, " \t");
  return *at >= '0' && *at <= '9' ? (size_t)strtoul(at, NULL, 10) : 2;
}

static enum tamis_status waiting_candidate(const struct folding *f,
                                           struct fold_federation **federation) {
  enum tamis_status status = current(f, FOLD_AGGREGATED, federation);
  if (status == TAMIS_OK)
    status =
        digests_agree(f, "the candidate", &(*federation)->candidate, &f->statement->subject[0]);
  return status;
}

static enum tamis_status fold_gate(const struct folding *f) {
  struct fold_federation *federation;
  enum tamis_status status = waiting_candidate(f, &federation);
  if (status == TAMIS_OK) status = gate_named(f, federation, "gate");
  if (status != TAMIS_OK) return status;
  if (gate_length(federation) == 0 || federation->is_rejected)
    return differs(f, "a candidate that waits for a gate", "one that does not");
  if (gate_is(federation, "evaluator") && federation->evaluation_count == 0)
    return differs(f, "an evaluation of the candidate", "none");
  if (gate_is(federation, "approval") && federation->person_count < persons_wanted(federation))
    return fold_differs(f->fold->report, "the approvals that the gate requires", "%zu of %zu",
                        federation->person_count, persons_wanted(federation));
  federation->gate_at += strcspn(gate_text(federation), "|");
  federation->gate_at += strspn(gate_text(federation), "| \t");
  return gate_named(f, federation, "next");
}

/* Each person once; who rejects closes the gate, and nothing can open it again. */
static enum tamis_status fold_approval(const struct folding *f) {
  struct fold_federation *federation;
  enum tamis_status status = waiting_candidate(f, &federation);
  if (status != TAMIS_OK) return status;
  if (!gate_is(federation, "approval"))
    return differs(f, "a candidate that waits for approval", "one that does not");
  for (size_t i = 0; i < federation->person_count; i++)
    if (strcmp(federation->person[i], f->signer) == 0)
      return differs(f, "each person once", f->signer);
  federation->is_rejected |= statement_integer(f->statement, "approve") == 0;
  if (federation->person_count == FOLD_PERSONS_MAX) return differs(f, "fewer persons", "one more");
  snprintf(federation->person[federation->person_count++], sizeof federation->person[0], "%s",
           f->signer);
  return TAMIS_OK;
}

/* What the numbers open is for a fold that reads the manifests (`tamis audit`); here it is that
 * there are some, by enough persons, of this very candidate. */
static enum tamis_status fold_evaluation(const struct folding *f) {
  struct fold_federation *federation;
  int64_t round = statement_integer(f->statement, "round");
  enum tamis_status status = named_federation(f, &federation);
  if (status != TAMIS_OK) return status;
  if (round == federation->head_round)
    return digests_agree(f, "the head", &federation->head, &f->statement->subject[0]);
  status = waiting_candidate(f, &federation);
  if (status == TAMIS_OK) federation->evaluation_count++;
  return status;
}

static enum tamis_status freeze(const struct folding *f, bool is_frozen) {
  struct fold_federation *federation;
  enum tamis_status status = named_federation(f, &federation);
  if (status != TAMIS_OK) return status;
  if (federation->is_frozen == is_frozen)
    return differs(f, is_frozen ? "a federation that is not frozen" : "a frozen federation",
                   statement_kind_name(f->statement->kind));
  federation->is_frozen = is_frozen;
  federation->frozen_before_rebuild = is_frozen && !federation->rebuild.is_under_way;
  return TAMIS_OK;
}

static enum tamis_status fold_freeze(const struct folding *f) {
  return freeze(f, true);
}

static enum tamis_status fold_unfreeze(const struct folding *f) {
  return freeze(f, false);
}

static enum tamis_status fold_aggregate(const struct folding *f) {
  struct fold_federation *federation;
  enum tamis_status status = current(f, FOLD_JUDGED, &federation);
  if (status != TAMIS_OK) return status;
  int64_t used = statement_integer(f->statement, "updates");
  if (!text_is(f->statement, "rule", federation->rule))
    return differs(f, federation->rule, statement_text(f->statement, "rule"));
  if (used < 0 || (uint64_t)used > federation->update_count)
    return fold_differs(f->fold->report, "an aggregate of the round's updates", "%lld of %zu",
                        (long long)used, federation->update_count);
  federation->phase = FOLD_AGGREGATED;
  federation->candidate = f->statement->subject[0];
  federation->aggregate_index = f->index;
  federation->is_witnessed = false;
  federation->gate_at = strspn(federation->gates, " \t");
  federation->person_count = federation->evaluation_count = 0;
  federation->is_rejected = false;
  return gate_named(f, federation, "gate");
}

static bool waits_for_witnesses(const struct fold_federation *federation) {
  return federation->phase == FOLD_AGGREGATED && federation->witness_organisations > 0 &&
         !federation->is_witnessed;
}

/* Who they are is in the manifest, and what the root is only the tree knows: log_verify.c. */
static enum tamis_status fold_witnessed(const struct folding *f) {
  struct fold_federation *federation;
  enum tamis_status status = current(f, FOLD_AGGREGATED, &federation);
  if (status != TAMIS_OK) return status;
  int64_t size = statement_integer(f->statement, "size");
  if (!waits_for_witnesses(federation))
    return differs(f, "a round that waits for witnesses", "one that does not");
  if (size <= (int64_t)federation->aggregate_index || (uint64_t)size > f->index)
    return fold_differs(f->fold->report, "a tree that holds the aggregate", "one of %lld entries",
                        (long long)size);
  if (statement_integer(f->statement, "organisations") < federation->witness_organisations)
    return fold_differs(f->fold->report, "witnesses of enough organisations", "%lld, not %lld",
                        (long long)statement_integer(f->statement, "organisations"),
                        (long long)federation->witness_organisations);
  federation->is_witnessed = true;
  return TAMIS_OK;
}

/* The federation, when a promote, hold or abandon is about its rebuild and no opened round. */
static struct fold_federation *rebuilding(const struct folding *f) {
  struct fold_federation *federation =
      federation_find(f->fold, statement_text(f->statement, "federation"));
  bool is_rebuilding =
      federation && federation->rebuild.is_under_way && federation->phase == FOLD_WAITING;
  return is_rebuilding ? federation : NULL;
}

/* The oldest round on the head's line after `after`; 0: none. */
static int64_t line_next(const struct fold_federation *federation, int64_t after) {
  int64_t next = 0;
  for (int64_t i = federation->head_round; i > after; i = federation->base_round[i]) next = i;
  return next;
}

static int64_t rebuild_next(const struct fold_federation *federation) {
  const struct fold_rebuild *rebuild = &federation->rebuild;
  return line_next(federation, rebuild->last_of ? rebuild->last_of : rebuild->since - 1);
}

/* The last rebuilt round ends the rebuild: by a promote if it came to anything, else by a hold. */
static enum tamis_status rebuild_end(const struct folding *f, struct fold_federation *federation,
                                     bool moves_head) {
  int64_t round = statement_integer(f->statement, "round");
  if (rebuild_next(federation) != 0 || federation->rebuild.last_of == 0)
    return differs(f, "a rebuild that has redone its rounds", "its end");
  if (round != federation->round || federation->rebuild.is_useful != moves_head)
    return fold_differs(f->fold->report, moves_head ? "a rebuild without a new model" : "a promote",
                        "%s of round %lld", statement_kind_name(f->statement->kind),
                        (long long)round);
  enum tamis_status status = digests_agree(f, "the last rebuilt model", &federation->model[round],
                                           &f->statement->subject[0]);
  if (status == TAMIS_OK) federation->rebuild.is_under_way = false;
  return status;
}

static enum tamis_status fold_promote(const struct folding *f) {
  struct fold_federation *federation = rebuilding(f);
  struct digest from = statement_digest(f->statement, "from");
  if (federation) {
    enum tamis_status end = digests_agree(f, "the head", &federation->head, &from);
    if (end == TAMIS_OK && federation->is_frozen && !federation->frozen_before_rebuild)
      end = differs(f, "no end of a rebuild that was frozen", "a promotion");
    if (end == TAMIS_OK) end = rebuild_end(f, federation, true);
    if (end != TAMIS_OK) return end;
    federation->head = f->statement->subject[0];
    federation->head_round = federation->round;
    return TAMIS_OK;
  }
  enum tamis_status status = current(f, FOLD_AGGREGATED, &federation);
  if (status == TAMIS_OK && waits_for_witnesses(federation))
    status = differs(f, "the witnesses that the federation requires", "none");
  if (status == TAMIS_OK && gate_length(federation) > 0)
    status = differs(f, "a candidate that has passed its gates", gate_text(federation));
  if (status == TAMIS_OK && federation->is_frozen)
    status = differs(f, "no promotion while the federation is frozen", "a promotion");
  if (status == TAMIS_OK)
    status = digests_agree(f, "the candidate", &federation->candidate, &f->statement->subject[0]);
  if (status == TAMIS_OK) status = digests_agree(f, "the head", &federation->head, &from);
  if (status != TAMIS_OK) return status;
  federation->head = federation->candidate;
  federation->head_round = federation->round;
  federation->model[federation->round] = federation->head;
  federation->phase = FOLD_WAITING;
  return TAMIS_OK;
}

/* Beside the line: nothing of the round changes. Numbers and weights are for an audit. */
static enum tamis_status fold_shadow(const struct folding *f) {
  struct fold_federation *federation;
  int64_t round = statement_integer(f->statement, "round");
  enum tamis_status status = named_federation(f, &federation);
  if (status != TAMIS_OK) return status;
  if (round > federation->round || digest_is_zero(&federation->model[round]) ||
      round <= federation->shadowed_round)
    return fold_differs(f->fold->report, "shadows of a later round that promoted a model",
                        "those of round %lld after %lld", (long long)round,
                        (long long)federation->shadowed_round);
  if (statement_integer(f->statement, "rules") != (int64_t)federation->shadows ||
      statement_integer(f->statement, "feasible") > (int64_t)federation->shadows)
    return fold_differs(f->fold->report, "the shadows that the federation was created with",
                        "%lld of %lld", (long long)statement_integer(f->statement, "feasible"),
                        (long long)statement_integer(f->statement, "rules"));
  federation->shadowed_round = round;
  return TAMIS_OK;
}

/* A round is held when its rule is not feasible, or when its candidate does not pass. */
static enum tamis_status fold_hold(const struct folding *f) {
  struct fold_federation *federation = rebuilding(f);
  if (federation) return rebuild_end(f, federation, false);
  enum tamis_status status = named_federation(f, &federation);
  if (status == TAMIS_OK)
    status = current(f, federation->phase == FOLD_AGGREGATED ? FOLD_AGGREGATED : FOLD_JUDGED,
                     &federation);
  if (status == TAMIS_OK) federation->phase = FOLD_WAITING;
  return status;
}

/* A rebuild that cannot go on: the number of the round that failed is used up. */
static enum tamis_status rebuild_abandon(const struct folding *f,
                                         struct fold_federation *federation) {
  int64_t round = statement_integer(f->statement, "round");
  if (rebuild_next(federation) == 0 || round != federation->round + 1)
    return fold_differs(f->fold->report, "the next round of a rebuild", "round %lld",
                        (long long)round);
  enum tamis_status status =
      digests_agree(f, "the model before it", &federation->model[federation->rebuild.base_round],
                    &f->statement->subject[0]);
  if (status != TAMIS_OK) return status;
  round_number(federation, federation->rebuild.base_round);
  federation->rebuild.is_under_way = false;
  return TAMIS_OK;
}

static enum tamis_status fold_abandon(const struct folding *f) {
  struct fold_federation *federation = rebuilding(f);
  if (federation) return rebuild_abandon(f, federation);
  enum tamis_status status = named_federation(f, &federation);
  if (status == TAMIS_OK && federation->phase == FOLD_WAITING)
    status = differs(f, "a round under way", phase_names[FOLD_WAITING]);
  if (status == TAMIS_OK) status = current(f, federation->phase, &federation);
  if (status == TAMIS_OK)
    status = digests_agree(f, "the round's base", &federation->base, &f->statement->subject[0]);
  if (status == TAMIS_OK) federation->phase = FOLD_WAITING;
  return status;
}

static enum tamis_status standing_set(const struct folding *f, bool excluded) {
  struct fold_federation *federation;
  struct fold_client *client;
  enum tamis_status status = named_federation(f, &federation);
  if (status == TAMIS_OK) status = named_client(f, &client);
  if (status == TAMIS_OK) *excluded_at(federation, (size_t)(client - f->fold->client)) = excluded;
  return status;
}

static enum tamis_status fold_exclusion(const struct folding *f) {
  return standing_set(f, true);
}

static enum tamis_status fold_reinstatement(const struct folding *f) {
  return standing_set(f, false);
}

static enum tamis_status fold_rollback(const struct folding *f) {
  struct fold_federation *federation;
  int64_t to = statement_integer(f->statement, "to_round");
  enum tamis_status status = named_federation(f, &federation);
  if (status != TAMIS_OK) return status;
  if (to < 0 || to > federation->round || digest_is_zero(&federation->model[to]))
    return fold_differs(f->fold->report, "a round that promoted a model", "round %lld",
                        (long long)to);
  status = digests_agree(f, "the model of that round", &federation->model[to],
                         &f->statement->subject[0]);
  if (status != TAMIS_OK) return status;
  federation->head = federation->model[to];
  federation->head_round = to;
  federation->rebuild.is_under_way = false;
  return TAMIS_OK;
}

static bool *without_at(struct fold_federation *federation, size_t client) {
  struct fold_rebuild *rebuild = &federation->rebuild;
  rebuild->without =
      room(rebuild->without, client, &rebuild->without_capacity, sizeof *rebuild->without);
  return &rebuild->without[client];
}

static enum tamis_status without_read(const struct folding *f, struct fold_federation *federation) {
  const json_t *names = json_object_get(f->statement->predicate, "without");
  for (size_t i = 0; i < f->fold->client_count; i++) *without_at(federation, i) = false;
  for (size_t i = 0; i < json_array_size(names); i++) {
    const char *name = json_string_value(json_array_get(names, i));
    const struct fold_client *client = client_find(f->fold, name);
    if (!client) return differs(f, "a client that was enrolled before", name);
    *without_at(federation, (size_t)(client - f->fold->client)) = true;
  }
  return TAMIS_OK;
}

static enum tamis_status fold_rebuild(const struct folding *f) {
  struct fold_federation *federation;
  enum tamis_status status = named_federation(f, &federation);
  if (status == TAMIS_OK)
    status = digests_agree(f, "the head", &federation->head, &f->statement->subject[0]);
  if (status != TAMIS_OK) return status;
  if (federation->rebuild.is_under_way)
    return differs(f, "one rebuild at a time", "another under way");
  int64_t since = statement_integer(f->statement, "since"),
          first = line_next(federation, since - 1);
  if (first == 0)
    return fold_differs(f->fold->report, "a round on the head's line", "none from %lld on",
                        (long long)since);
  struct fold_rebuild *rebuild = &federation->rebuild;
  federation->frozen_before_rebuild = federation->is_frozen;
  rebuild->is_under_way = true;
  rebuild->is_useful = false;
  rebuild->since = since;
  rebuild->last_of = 0;
  rebuild->base_round = federation->base_round[first];
  return without_read(f, federation);
}

static enum tamis_status fold_rebuilt(const struct folding *f) {
  struct fold_federation *federation;
  enum tamis_status status = named_federation(f, &federation);
  if (status != TAMIS_OK) return status;
  struct fold_rebuild *rebuild = &federation->rebuild;
  int64_t round = statement_integer(f->statement, "round"),
          of = statement_integer(f->statement, "of");
  if (!rebuild->is_under_way || federation->phase != FOLD_WAITING)
    return differs(f, "a rebuild under way, and no round", "a rebuilt round");
  if (round != federation->round + 1 || of != rebuild_next(federation))
    return fold_differs(f->fold->report, "the next round on the line that is rebuilt",
                        "round %lld of %lld", (long long)round, (long long)of);
  if (!text_is(f->statement, "rule", federation->rule))
    return differs(f, federation->rule, statement_text(f->statement, "rule"));
  bool is_useful = statement_integer(f->statement, "updates") > 0;
  if (!is_useful)
    status = digests_agree(f, "the model before it", &federation->model[rebuild->base_round],
                           &f->statement->subject[0]);
  if (status != TAMIS_OK) return status;
  round_number(federation, rebuild->base_round);
  federation->model[round] = f->statement->subject[0];
  rebuild->base_round = round;
  rebuild->last_of = of;
  rebuild->is_useful |= is_useful;
  f->fold->report->rounds++;
  return TAMIS_OK;
}

/* The state that it names is the server's own, in more detail than this fold keeps: whether the
 * digest is the right one only a fold by the server's rules can tell (`tamis audit`). */
static enum tamis_status fold_snapshot(const struct folding *f) {
  int64_t size = statement_integer(f->statement, "size");
  if (size == (int64_t)f->index) return TAMIS_OK;
  return fold_differs(f->fold->report, "a snapshot of the entries before it", "one of %lld entries",
                      (long long)size);
}

static enum tamis_status fold_retention(const struct folding *f) {
  struct fold_federation *federation;
  enum tamis_status status = named_federation(f, &federation);
  if (status == TAMIS_OK)
    status = digests_agree(f, "the federation's first model", &federation->model[0],
                           &f->statement->subject[0]);
  if (status == TAMIS_OK) federation->keep_rounds = statement_integer(f->statement, "keep_rounds");
  return status;
}

/* What its thresholds mean is more than this fold knows; that they are those it is known by, and
 * that no version was left out, is not. */
static enum tamis_status fold_policy(const struct folding *f) {
  struct fold_federation *federation;
  struct digest digest;
  enum tamis_status status = named_federation(f, &federation);
  if (status != TAMIS_OK) return status;
  int64_t version = statement_integer(f->statement, "version");
  if (version != federation->policy_version + 1)
    return fold_differs(f->fold->report, "the next version of the policy", "%lld after %lld",
                        (long long)version, (long long)federation->policy_version);
  status = canonical_digest(json_object_get(f->statement->predicate, "policy"), &digest, NULL);
  if (status != TAMIS_OK) return status;
  federation->policy_version = version;
  return digests_agree(f, "the policy's digest", &digest, &f->statement->subject[0]);
}

/* Its lists are in the manifest. */
static enum tamis_status fold_known_bad(const struct folding *f) {
  int64_t version = statement_integer(f->statement, "version");
  if (version == f->fold->feed_version + 1) {
    f->fold->feed_version = version;
    return TAMIS_OK;
  }
  return fold_differs(f->fold->report, "the next version of the known-bad feed", "%lld after %lld",
                      (long long)version, (long long)f->fold->feed_version);
}

static enum tamis_status fold_dispute(const struct folding *f) {
  struct fold_federation *federation;
  enum tamis_status status = named_federation(f, &federation);
  if (status != TAMIS_OK) return status;
  if (!client_find(f->fold, statement_text(f->statement, "client")))
    return differs(f, "a client that was enrolled before", statement_text(f->statement, "client"));
  if (statement_integer(f->statement, "round") <= federation->round) return TAMIS_OK;
  return differs(f, "a dispute about a round that was opened", "one to come");
}

static const struct fold_review *review_find(const struct fold_federation *federation,
                                             size_t client, int64_t round) {
  for (size_t i = federation->review_count; i-- > 0;)
    if (federation->review[i].client == client && federation->review[i].round == round)
      return &federation->review[i];
  return NULL;
}

/* What the round's verdicts said of the update is in their manifest: log_verify.c. */
static enum tamis_status fold_review(const struct folding *f) {
  struct fold_federation *federation;
  const struct fold_client *client = client_find(f->fold, statement_text(f->statement, "client"));
  int64_t round = statement_integer(f->statement, "round");
  bool is_opinion = statement_integer(f->statement, "opinion") == 1;
  enum tamis_status status = named_federation(f, &federation);
  if (status == TAMIS_OK && !client)
    status =
        differs(f, "a client that was enrolled before", statement_text(f->statement, "client"));
  if (status != TAMIS_OK) return status;
  size_t position = (size_t)(client - f->fold->client);
  const struct fold_review *first = review_find(federation, position, round);
  if (round > federation->round)
    return differs(f, "a review of a round that was opened", "one to come");
  if (!text_is(f->statement, "decision", "release") && !text_is(f->statement, "decision", "reject"))
    return differs(f, "release or reject", statement_text(f->statement, "decision"));
  if (is_opinion) return first ? TAMIS_OK : differs(f, "a decision before opinions", "an opinion");
  if (first) return differs(f, "one decision about an update", "another");
  federation->review = room(federation->review, federation->review_count,
                            &federation->review_capacity, sizeof *federation->review);
  federation->review[federation->review_count++] = (struct fold_review){position, round, f->index};
  return TAMIS_OK;
}

static enum tamis_status fold_amended(const struct folding *f) {
  struct fold_federation *federation;
  const struct fold_client *client = client_find(f->fold, statement_text(f->statement, "client"));
  enum tamis_status status = named_federation(f, &federation);
  if (status == TAMIS_OK && !client)
    status =
        differs(f, "a client that was enrolled before", statement_text(f->statement, "client"));
  if (status != TAMIS_OK) return status;
  const struct fold_review *review = review_find(federation, (size_t)(client - f->fold->client),
                                                 statement_integer(f->statement, "round"));
  if (review && (int64_t)review->index == statement_integer(f->statement, "review"))
    return TAMIS_OK;
  return differs(f, "a decision of a person that is carried out", "none about that update");
}

/* Which updates of the round were held, disputed or are compared with is more than this fold knows;
 * that the round was old enough is not. */
static enum tamis_status fold_tombstone(const struct folding *f) {
  struct fold_federation *federation;
  int64_t round = statement_integer(f->statement, "round");
  enum tamis_status status = named_federation(f, &federation);
  if (status != TAMIS_OK) return status;
  if (federation->rebuild.is_under_way)
    return differs(f, "every update kept while the head is rebuilt", "a tombstone");
  if (federation->keep_rounds > 0 && round <= federation->round - federation->keep_rounds)
    return TAMIS_OK;
  return fold_differs(f->fold->report, "updates dropped that the policy lets go",
                      "some of round %lld, in round %lld, when %lld are kept", (long long)round,
                      (long long)federation->round, (long long)federation->keep_rounds);
}

static enum tamis_status (*const folders[STATEMENT_KIND_COUNT])(const struct folding *) = {
    [STATEMENT_GENESIS] = fold_genesis,
    [STATEMENT_FEDERATION_CREATE] = fold_create,
    [STATEMENT_CLIENT_INVITE] = fold_invite,
    [STATEMENT_KEY_ENROL] = fold_enrol,
    [STATEMENT_KEY_REVOKE] = fold_revoke,
    [STATEMENT_ROLE_GRANT] = fold_role_grant,
    [STATEMENT_ROLE_REVOKE] = fold_role_revoke,
    [STATEMENT_SEPARATION] = fold_separation,
    [STATEMENT_PROPOSAL] = fold_proposal,
    [STATEMENT_KEY_ROTATE] = fold_rotate,
    [STATEMENT_ROUND_OPEN] = fold_open,
    [STATEMENT_UPDATE] = fold_update,
    [STATEMENT_REFUSAL] = fold_refusal,
    [STATEMENT_VERDICTS] = fold_verdicts,
    [STATEMENT_CLIENT_STATE] = fold_state,
    [STATEMENT_AGGREGATE] = fold_aggregate,
    [STATEMENT_WITNESSED] = fold_witnessed,
    [STATEMENT_PROMOTE] = fold_promote,
    [STATEMENT_SHADOW] = fold_shadow,
    [STATEMENT_HOLD] = fold_hold,
    [STATEMENT_ABANDON] = fold_abandon,
    [STATEMENT_EXCLUSION] = fold_exclusion,
    [STATEMENT_REINSTATEMENT] = fold_reinstatement,
    [STATEMENT_ROLLBACK] = fold_rollback,
    [STATEMENT_REBUILD] = fold_rebuild,
    [STATEMENT_REBUILT] = fold_rebuilt,
    [STATEMENT_SNAPSHOT] = fold_snapshot,
    [STATEMENT_RETENTION] = fold_retention,
    [STATEMENT_DISPUTE] = fold_dispute,
    [STATEMENT_REVIEW] = fold_review,
    [STATEMENT_AMENDED] = fold_amended,
    [STATEMENT_TOMBSTONE] = fold_tombstone,
    [STATEMENT_POLICY_SET] = fold_policy,
    [STATEMENT_KNOWN_BAD] = fold_known_bad,
    [STATEMENT_GATE] = fold_gate,
    [STATEMENT_APPROVAL] = fold_approval,
    [STATEMENT_FREEZE] = fold_freeze,
    [STATEMENT_UNFREEZE] = fold_unfreeze,
    [STATEMENT_AUTO_FREEZE] = fold_freeze,
    [STATEMENT_EVALUATION] = fold_evaluation,
    [STATEMENT_AUTO_ROLLBACK] = fold_rollback,
};

enum tamis_status fold_entry(struct fold *fold, uint64_t index, const struct statement *statement,
                             const char *signer) {
  struct folding folding = {fold, index, statement, signer};
  if (index == 0 && statement->kind != STATEMENT_GENESIS)
    return fold_differs(fold->report, "a genesis as the first entry", "%s",
                        statement_kind_name(statement->kind));
  enum tamis_status status = folders[statement->kind](&folding);
  if (status == TAMIS_OK) log_people_hear(&fold->people, statement);
  return status;
}
