/* Places as words: what PROTOCOL.md's matrix says, row by row. */
#include "client-sdk/log_people.h"

#include <stdlib.h>
#include <string.h>

enum { PLACES = 3 };

static const char *const role_names[LOG_ROLES] = {"operator",        "enroller",  "reviewer",
                                                  "release-manager", "evaluator", "auditor"};

/* Who signs once duties are separated; "a|b" is either. */
static const struct row {
  enum statement_kind kind;
  const char *place[PLACES];
} rows[] = {
    {STATEMENT_FEDERATION_CREATE, {"operator", "reviewer"}},
    {STATEMENT_CLIENT_INVITE, {"enroller"}},
    {STATEMENT_KEY_REVOKE, {"enroller"}},
    {STATEMENT_EXCLUSION, {"operator", "reviewer"}},
    {STATEMENT_REINSTATEMENT, {"operator", "reviewer"}},
    {STATEMENT_ROLLBACK, {"release-manager", "reviewer"}},
    {STATEMENT_REBUILD, {"release-manager", "reviewer"}},
    {STATEMENT_RETENTION, {"operator", "reviewer|auditor"}},
    {STATEMENT_REVIEW, {"reviewer"}},
    {STATEMENT_EVALUATION, {"evaluator"}},
    {STATEMENT_DISPUTE, {"operator|reviewer|auditor"}},
    {STATEMENT_POLICY_SET, {"operator", "reviewer", "reviewer"}},
    {STATEMENT_KNOWN_BAD, {"operator", "reviewer"}},
    {STATEMENT_APPROVAL, {"release-manager|reviewer"}},
    {STATEMENT_FREEZE, {"operator|reviewer|release-manager"}},
    {STATEMENT_UNFREEZE, {"operator", "reviewer"}},
    {STATEMENT_ROLE_GRANT, {"operator", "operator"}},
    {STATEMENT_ROLE_REVOKE, {"operator", "operator"}},
    {STATEMENT_SEPARATION, {"operator"}},
    {STATEMENT_PROPOSAL, {"operator|enroller|reviewer|release-manager"}},
};

void log_people_close(struct log_people *people) {
  free(people->person);
  memset(people, 0, sizeof *people);
}

static struct log_person *find(const struct log_people *people, const char *name) {
  for (size_t i = 0; i < people->count; i++)
    if (strcmp(people->person[i].key.name, name) == 0) return &people->person[i];
  return NULL;
}

const struct log_person *log_people_find(const struct log_people *people, const char *name) {
  return find(people, name);
}

/* Ends the process without memory, as log_fold.c does. */
static struct log_person *add(struct log_people *people, const struct public_key *key) {
  if (people->count == people->capacity) {
    people->capacity = 2 * people->capacity + 8;
    people->person = reallocarray(people->person, people->capacity, sizeof *people->person);
    if (!people->person) abort();
  }
  struct log_person *person = &people->person[people->count++];
  memset(person, 0, sizeof *person);
  person->key = *key;
  return person;
}

bool log_people_begin(struct log_people *people, const struct statement *genesis) {
  const json_t *list = json_object_get(genesis->predicate, "operators");
  people->count = 0;
  for (size_t i = 0; i < json_array_size(list); i++) {
    const json_t *vkey = json_array_get(list, i);
    struct public_key key;
    if (key_vkey_read(json_string_value(vkey), json_string_length(vkey), &key, NULL) != TAMIS_OK)
      return false;
    add(people, &key)->holds[0] = true;
  }
  return true;
}

void log_people_hear(struct log_people *people, const struct statement *statement) {
  static const char *const field[] = {"opened_at_ms", "at_ms"};
  if (strcmp(statement_kind_signer(statement->kind), "aggregator") != 0) return;
  for (size_t i = 0; i < 2; i++) {
    int64_t told_ms = statement_optional_integer(statement, field[i], 0);
    if (told_ms > people->latest_ms) people->latest_ms = told_ms;
  }
}

/* Is `word` one of those in "a|b|c"? */
static bool is_among(const char *word, const char *words) {
  size_t length = strlen(word);
  while (*words) {
    size_t next = strcspn(words, "|");
    if (next == length && memcmp(words, word, length) == 0) return true;
    words += next + (words[next] == '|');
  }
  return false;
}

static bool holds(const struct log_people *people, const char *name, const char *words) {
  const struct log_person *person = find(people, name);
  for (size_t i = 0; person && i < LOG_ROLES; i++) {
    bool is_over = person->not_after[i] != 0 && person->not_after[i] <= people->latest_ms / 1000;
    if (person->holds[i] && !is_over && is_among(role_names[i], words)) return true;
  }
  return false;
}

static const struct row *row_of(const struct statement *statement, bool is_known_client) {
  static const struct row again = {STATEMENT_CLIENT_INVITE, {"enroller", "enroller"}};
  if (statement->kind == STATEMENT_CLIENT_INVITE && is_known_client) return &again;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    if (rows[i].kind == statement->kind) return &rows[i];
  return NULL;
}

/* Some order of the signers must fit the places one by one. */
static bool fits(const struct log_people *people, const struct row *row,
                 const struct envelope *envelope) {
  static const size_t order[6][PLACES] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                          {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
  for (size_t i = 0; i < 6; i++) {
    bool good = true;
    for (size_t j = 0; j < PLACES && row->place[j]; j++)
      good = good && order[i][j] < envelope->signature_count &&
             holds(people, envelope->signature[order[i][j]].keyid, row->place[j]);
    if (good) return true;
  }
  return false;
}

static size_t places_of(const struct row *row) {
  size_t count = 0;
  while (count < PLACES && row->place[count]) count++;
  return count;
}

const char *log_people_fault(const struct log_people *people, const struct statement *statement,
                             const struct envelope *envelope, bool is_known_client) {
  const struct row *row = row_of(statement, is_known_client);
  const char *glass = statement_optional(statement, "break_glass");
  const char *first = envelope->signature[0].keyid;
  for (size_t i = 0; i < envelope->signature_count; i++) {
    if (!find(people, envelope->signature[i].keyid)) return "somebody who never had a role";
    if (i > 0 && strcmp(envelope->signature[i - 1].keyid, envelope->signature[i].keyid) >= 0)
      return "signatures that are not sorted, each person once";
  }
  if (!people->is_separated) {
    if (envelope->signature_count != 1) return "more than one signature";
    if (glass[0] != '\0') return "no glass to break";
    bool is_open = row && places_of(row) == 1 && holds(people, first, row->place[0]);
    return is_open || holds(people, first, "operator") ? NULL : "somebody without the role";
  }
  if (!row) return "a kind that no person signs";
  if (glass[0] != '\0') {
    bool is_alone = places_of(row) > 1 && envelope->signature_count == 1;
    return is_alone && holds(people, first, "operator") ? NULL : "glass that was not theirs";
  }
  for (size_t i = 0; places_of(row) > 1 && i < envelope->signature_count; i++)
    if (strncmp(envelope->signature[i].keyid, "service/", 8) == 0) return "a service for a person";
  if (envelope->signature_count != places_of(row)) return "another number of persons";
  return fits(people, row, envelope) ? NULL : "somebody without the role";
}

static bool role_read(const struct statement *statement, size_t *role) {
  for (*role = 0; *role < LOG_ROLES; (*role)++)
    if (strcmp(role_names[*role], statement_text(statement, "role")) == 0) return true;
  return false;
}

static bool is_about(const struct statement *statement, const struct public_key *key) {
  struct digest digest = digest_of(key->byte, sizeof key->byte);
  return digest_equal(&digest, &statement->subject[0]);
}

static bool is_left_without_operator(const struct log_people *people) {
  for (size_t i = 0; i < people->count; i++)
    if (people->person[i].holds[0] && people->person[i].not_after[0] == 0) return false;
  return true;
}

static bool has_signed(const struct envelope *envelope, const char *name) {
  for (size_t i = 0; i < envelope->signature_count; i++)
    if (strcmp(envelope->signature[i].keyid, name) == 0) return true;
  return false;
}

const char *log_people_own(const struct log_people *people, const struct statement *statement,
                           const struct envelope *envelope) {
  char name[KEY_NAME_SIZE];
  if (!people->is_separated || statement->kind != STATEMENT_ROLE_GRANT) return NULL;
  const char *vkey = statement_text(statement, "key");
  size_t length = strcspn(vkey, "+");
  if (length >= sizeof name) return "a name that is too long";
  memcpy(name, vkey, length);
  name[length] = '\0';
  return has_signed(envelope, name) ? "whom it is granted to" : NULL;
}

/* Could `count` places of these roles be filled by as many persons? */
static bool can_fill(const struct log_people *people, const struct row *row, size_t place,
                     const char **taken) {
  size_t tried = 0;
  if (place >= PLACES || !row->place[place]) return true;
  for (size_t i = 0; i < people->count && tried < PLACES; i++) {
    const char *name = people->person[i].key.name;
    bool is_free = strncmp(name, "service/", 8) != 0 && holds(people, name, row->place[place]);
    for (size_t j = 0; j < place; j++) is_free = is_free && strcmp(taken[j], name) != 0;
    if (!is_free) continue;
    tried++;
    taken[place] = name;
    if (can_fill(people, row, place + 1, taken)) return true;
  }
  return false;
}

const char *log_people_separate(struct log_people *people) {
  static const struct row again = {STATEMENT_CLIENT_INVITE, {"enroller", "enroller"}};
  const char *taken[PLACES];
  if (people->is_separated) return "a second time";
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    if (rows[i].kind != STATEMENT_EVALUATION && !can_fill(people, &rows[i], 0, taken))
      return "too few persons for what takes several";
  if (!can_fill(people, &again, 0, taken)) return "too few enrollers";
  people->is_separated = true;
  return NULL;
}

bool log_people_rotate(struct log_people *people, const struct public_key *key) {
  struct log_person *person = find(people, key->name);
  if (person) person->key = *key;
  return person != NULL;
}

const char *log_people_grant(struct log_people *people, const struct statement *statement) {
  const char *vkey = statement_text(statement, "key");
  struct public_key key;
  size_t role;
  if (key_vkey_read(vkey, strlen(vkey), &key, NULL) != TAMIS_OK || !is_about(statement, &key))
    return "a key that is not the subject";
  if (!role_read(statement, &role)) return "a role that there is not";
  bool is_service = strncmp(key.name, "service/", 8) == 0;
  if ((is_service && strcmp(role_names[role], "evaluator") != 0) ||
      strcmp(key.name, "service/aggregator") == 0)
    return "a service in a person's role";
  if (!is_service && strncmp(key.name, "person/", 7) != 0 && strncmp(key.name, "operator/", 9) != 0)
    return "a name that is no person's";
  struct log_person *person = find(people, key.name);
  if (person && memcmp(person->key.byte, key.byte, sizeof key.byte) != 0)
    for (size_t i = 0; i < LOG_ROLES; i++)
      if (person->holds[i]) return "another key of somebody who has roles";
  if (!person) person = add(people, &key);
  person->key = key;
  person->holds[role] = true;
  person->not_after[role] = statement_optional_integer(statement, "not_after", 0);
  return is_left_without_operator(people) ? "a log without an operator" : NULL;
}

const char *log_people_revoke(struct log_people *people, const struct statement *statement) {
  struct log_person *person = find(people, statement_text(statement, "person"));
  size_t role;
  if (!person || !role_read(statement, &role) || !person->holds[role])
    return "a role that is not held";
  if (!is_about(statement, &person->key)) return "another key";
  person->holds[role] = false;
  return is_left_without_operator(people) ? "a log without an operator" : NULL;
}
