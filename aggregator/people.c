/* A name keeps its key while it holds any role, and somebody must always be left who can grant. */
#include "aggregator/people.h"

#include <inttypes.h>
#include <string.h>
#include "aggregator/duties.h"

static bool same(const struct public_key *a, const struct public_key *b) {
  return memcmp(a->byte, b->byte, KEY_PUBLIC_SIZE) == 0;
}

bool people_key_is_taken(const struct state *state, const struct public_key *key) {
  if (same(&state->log_key, key) || same(&state->aggregator, key)) return true;
  for (size_t i = 0; i < state->person_count; i++)
    if (same(&state->person[i].key, key)) return true;
  for (size_t i = 0; i < state->client_count; i++)
    if (same(&state->client[i].key, key)) return true;
  struct digest digest = digest_of(key->byte, sizeof key->byte);
  return digest_set_has(&state->spent, &digest);
}

void people_key_spend(struct state *state, const struct public_key *key) {
  struct digest digest = digest_of(key->byte, sizeof key->byte);
  digest_set_add(&state->spent, &digest);
}

static bool has_signed(const struct entry *entry, const char *name) {
  if (strcmp(entry->signer, name) == 0) return true;
  for (size_t i = 0; i < entry->cosigner_count; i++)
    if (strcmp(entry->cosigner[i], name) == 0) return true;
  return false;
}

enum tamis_status people_check_author(const struct state *state, const struct entry *entry,
                                      const char *author, struct fault *fault) {
  if (!state->is_separated || entry->cosigner_count == 0 || !has_signed(entry, author))
    return TAMIS_OK;
  return fault_set(fault, TAMIS_DENIED,
                   "%s wrote the policy that is in force: others have to move the head", author);
}

static bool holds_any(const struct person *person) {
  for (size_t i = 0; i < ROLE_COUNT; i++)
    if (person->grant[i].is_held) return true;
  return false;
}

/* "person/NAME", and which services there may be. */
static enum tamis_status check_name(const char *name, enum duty_role role, struct fault *fault) {
  static const char *const prefix[] = {"operator/", "person/", "service/"};
  for (size_t i = 0; i < sizeof prefix / sizeof *prefix; i++) {
    size_t length = strlen(prefix[i]);
    if (strncmp(name, prefix[i], length) != 0) continue;
    if (!text_is_name(name + length, strlen(name + length))) break;
    if (!duties_is_service(name)) return TAMIS_OK;
    if (role == ROLE_EVALUATOR && strcmp(name, "service/aggregator") != 0) return TAMIS_OK;
    return fault_set(fault, TAMIS_DENIED,
                     "%s is a service, not a person: it can be an evaluator and nothing else, and "
                     "the aggregator not even that",
                     name);
  }
  return fault_set(fault, TAMIS_BAD_STATEMENT,
                   "%s names no person: a person's key is called person/NAME or operator/NAME, a "
                   "service's service/NAME",
                   name);
}

static enum tamis_status check_role(const struct statement *statement, enum duty_role *role,
                                    struct fault *fault) {
  const char *name = statement_text(statement, "role");
  if (duties_role_from_name(name, role)) return TAMIS_OK;
  return fault_set(fault, TAMIS_BAD_STATEMENT,
                   "no role is called %s; there are operator, enroller, reviewer, "
                   "release-manager, evaluator and auditor",
                   name);
}

static enum tamis_status check_grant(const struct state *state, const struct statement *statement,
                                     struct public_key *key, enum duty_role *role,
                                     struct fault *fault) {
  const char *vkey = statement_text(statement, "key");
  enum tamis_status status = key_vkey_read(vkey, strlen(vkey), key, fault);
  if (status == TAMIS_OK) status = check_role(statement, role, fault);
  if (status == TAMIS_OK) status = check_name(key->name, *role, fault);
  if (status != TAMIS_OK) return status;
  struct digest digest = digest_of(key->byte, sizeof key->byte);
  if (!digest_equal(&digest, &statement->subject[0]))
    return fault_set(fault, TAMIS_BAD_STATEMENT, "subject and key do not go together");
  const struct person *person = state_person_find(state, key->name);
  if (person && same(&person->key, key)) return TAMIS_OK;
  if (people_key_is_taken(state, key))
    return fault_set(fault, TAMIS_CONFLICT, "this key is somebody else's; make a new one for %s",
                     key->name);
  if (person && holds_any(person))
    return fault_set(fault, TAMIS_CONFLICT,
                     "%s has roles under another key; rotate it, or revoke them first", key->name);
  if (!person && state->person_count == STATE_PERSONS_MAX)
    return fault_set(fault, TAMIS_CONFLICT, "there are %d persons", STATE_PERSONS_MAX);
  return TAMIS_OK;
}

/* Whoever could still grant roles with no end to it, if this grant were taken away or bounded. */
static bool leaves_an_operator(const struct state *state, const char *without) {
  for (size_t i = 0; i < state->person_count; i++) {
    const struct grant *grant = &state->person[i].grant[ROLE_OPERATOR];
    if (grant->is_held && grant->not_after == 0 && strcmp(state->person[i].key.name, without) != 0)
      return true;
  }
  return false;
}

static enum tamis_status last_operator(const char *name, struct fault *fault) {
  return fault_set(fault, TAMIS_CONFLICT,
                   "%s is the last operator without an end: make another one first, or nobody can "
                   "grant a role any more",
                   name);
}

static enum tamis_status check_bounds(const struct state *state, const struct statement *statement,
                                      const struct public_key *key, enum duty_role role,
                                      struct fault *fault) {
  const struct person *person = state_person_find(state, key->name);
  const struct grant *grant = person ? &person->grant[role] : NULL;
  int64_t not_after = statement_optional_integer(statement, "not_after", 0);
  if (grant && grant->is_held && grant->not_after == not_after)
    return fault_set(fault, TAMIS_CONFLICT, "%s holds the role %s already, and until then",
                     key->name, duties_role_name(role));
  if (role == ROLE_OPERATOR && not_after != 0 && grant && grant->is_held && grant->not_after == 0 &&
      !leaves_an_operator(state, key->name))
    return last_operator(key->name, fault);
  return TAMIS_OK;
}

static enum tamis_status check_whole_grant(const struct state *state, const struct entry *entry,
                                           struct public_key *key, enum duty_role *role,
                                           struct fault *fault) {
  const struct statement *statement = &entry->statement;
  enum tamis_status status = check_grant(state, statement, key, role, fault);
  return status == TAMIS_OK ? check_bounds(state, statement, key, *role, fault) : status;
}

enum tamis_status people_admit_grant(const struct state *state, const struct entry *entry,
                                     int64_t now_ms, struct fault *fault) {
  const struct statement *statement = &entry->statement;
  struct public_key key;
  enum duty_role role;
  int64_t not_after = statement_optional_integer(statement, "not_after", 0);
  if (not_after != 0 && not_after <= now_ms / 1000)
    return fault_set(fault, TAMIS_BAD_STATEMENT, "the grant would be past its date");
  return check_whole_grant(state, entry, &key, &role, fault);
}

/* Neither for a role that is not held nor for another key than was meant. */
static enum tamis_status check_revoke(const struct state *state, const struct statement *statement,
                                      enum duty_role *role, struct fault *fault) {
  const char *name = statement_text(statement, "person");
  const struct person *person = state_person_find(state, name);
  enum tamis_status status = check_role(statement, role, fault);
  if (status != TAMIS_OK) return status;
  if (!person || !person->grant[*role].is_held)
    return fault_set(fault, TAMIS_CONFLICT, "%s does not hold the role %s", name,
                     duties_role_name(*role));
  struct digest digest = digest_of(person->key.byte, KEY_PUBLIC_SIZE);
  if (!digest_equal(&digest, &statement->subject[0]))
    return fault_set(fault, TAMIS_CONFLICT, "%s has another key than the statement names", name);
  if (*role == ROLE_OPERATOR && !leaves_an_operator(state, name)) return last_operator(name, fault);
  return TAMIS_OK;
}

enum tamis_status people_admit_revoke(const struct state *state, const struct statement *statement,
                                      struct fault *fault) {
  enum duty_role role;
  return check_revoke(state, statement, &role, fault);
}

enum tamis_status people_apply_grant(struct applying *a, struct fault *fault) {
  struct public_key key;
  enum duty_role role;
  struct fault why;
  if (check_whole_grant(a->state, a->entry, &key, &role, &why) != TAMIS_OK)
    return undo_contradiction(a, fault, why.text);
  struct person *person = state_person_find(a->state, key.name);
  if (!person) person = state_person_add(a->state, &key);
  if (!same(&person->key, &key)) people_key_spend(a->state, &person->key);
  person->key = key;
  person->grant[role] =
      (struct grant){.is_held = true,
                     .not_after = statement_optional_integer(a->statement, "not_after", 0),
                     .index = a->index};
  return TAMIS_OK;
}

enum tamis_status people_apply_revoke(struct applying *a, struct fault *fault) {
  enum duty_role role;
  struct fault why;
  if (check_revoke(a->state, a->statement, &role, &why) != TAMIS_OK)
    return undo_contradiction(a, fault, why.text);
  struct person *person = state_person_find(a->state, statement_text(a->statement, "person"));
  person->grant[role] = (struct grant){.index = a->index};
  return TAMIS_OK;
}

/* ---- another key for the same person or client ---- */

static struct public_key *key_of(const struct state *state, const char *name) {
  struct person *person = state_person_find(state, name);
  int64_t client = state_client_find(state, name);
  if (person) return &person->key;
  return client == STATE_NOBODY ? NULL : &state->client[client].key;
}

static enum tamis_status check_rotate(const struct state *state, const struct statement *statement,
                                      struct public_key *next, struct fault *fault) {
  const char *name = statement_text(statement, "name"), *vkey = statement_text(statement, "key");
  const struct public_key *now = key_of(state, name);
  int64_t client = state_client_find(state, name);
  struct digest old = statement_digest(statement, "old");
  enum tamis_status status = key_vkey_read(vkey, strlen(vkey), next, fault);
  if (status != TAMIS_OK) return status;
  struct digest digest = digest_of(next->byte, sizeof next->byte);
  if (strcmp(next->name, name) != 0 || !digest_equal(&digest, &statement->subject[0]))
    return fault_set(fault, TAMIS_BAD_STATEMENT, "subject, key and name do not go together");
  if (!now) return fault_set(fault, TAMIS_UNKNOWN_CLIENT, "nobody called %.64s is here", name);
  struct digest held = digest_of(now->byte, KEY_PUBLIC_SIZE);
  if (!digest_equal(&held, &old))
    return fault_set(fault, TAMIS_CONFLICT, "%s has another key than the statement names", name);
  if (client != STATE_NOBODY && state->client[client].revoked)
    return fault_set(fault, TAMIS_KEY_REVOKED, "the key of %s was revoked", name);
  if (people_key_is_taken(state, next))
    return fault_set(fault, TAMIS_CONFLICT, "this key is or was somebody's; make a new one");
  /* Who has a stolen key must not get away from the list by it. */
  const struct feed_item *bad = feed_find(&state->feed, FEED_KEYS, &held);
  if (!bad) bad = feed_find(&state->feed, FEED_KEYS, &digest);
  if (bad)
    return fault_set(fault, TAMIS_KNOWN_BAD,
                     "a key of %.64s is on the known-bad feed, version %" PRId64 ": %s", name,
                     state->feed.version, bad->reason);
  return TAMIS_OK;
}

enum tamis_status people_admit_rotate(const struct state *state, const struct statement *statement,
                                      struct fault *fault) {
  struct public_key next;
  return check_rotate(state, statement, &next, fault);
}

/* What was signed before keeps its place in the log; its signer's name and history stay. */
enum tamis_status people_apply_rotate(struct applying *a, struct fault *fault) {
  struct public_key next;
  struct fault why;
  if (check_rotate(a->state, a->statement, &next, &why) != TAMIS_OK)
    return undo_contradiction(a, fault, why.text);
  struct public_key *key = key_of(a->state, next.name);
  people_key_spend(a->state, key);
  *key = next;
  return TAMIS_OK;
}

/* ---- two persons for what one did ---- */

static enum tamis_status check_separation(const struct state *state,
                                          const struct statement *statement, int64_t now_ms,
                                          struct fault *fault) {
  char vkey[KEY_VKEY_SIZE];
  key_vkey_write(&state->log_key, vkey);
  struct digest digest = digest_of(vkey, strlen(vkey));
  if (state->is_separated)
    return fault_set(fault, TAMIS_CONFLICT, "duties are separated here already");
  if (!digest_equal(&digest, &statement->subject[0]))
    return fault_set(fault, TAMIS_BAD_STATEMENT, "the subject is not this log's key");
  return duties_workable(state, now_ms, fault);
}

enum tamis_status people_admit_separation(const struct state *state,
                                          const struct statement *statement, int64_t now_ms,
                                          struct fault *fault) {
  return check_separation(state, statement, now_ms, fault);
}

enum tamis_status people_apply_separation(struct applying *a, struct fault *fault) {
  struct fault why;
  if (check_separation(a->state, a->statement, a->state->latest_ms, &why) != TAMIS_OK)
    return undo_contradiction(a, fault, why.text);
  a->state->is_separated = true;
  return TAMIS_OK;
}

/* It does nothing but to be there, for others to find. */
enum tamis_status people_apply_proposal(struct applying *a, struct fault *fault) {
  struct digest envelope = statement_digest(a->statement, "envelope");
  if (!a->state->is_separated)
    return undo_contradiction(a, fault, "nothing takes a second person here");
  state_readable_add(a->state, &envelope);
  return TAMIS_OK;
}
