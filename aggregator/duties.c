/* A table of kinds, and the small search for who of two or three fills which place. */
#include "aggregator/duties.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define OF(role) (1u << ROLE_##role)

/* Stopping is one person's to do, and what lets go, lets back in or moves the head is two's. */
static const struct duty duties[STATEMENT_KIND_COUNT] = {
    [STATEMENT_FEDERATION_CREATE] = {2, {OF(OPERATOR), OF(REVIEWER)}},
    [STATEMENT_CLIENT_INVITE] = {1, {OF(ENROLLER)}},
    [STATEMENT_KEY_REVOKE] = {1, {OF(ENROLLER)}},
    [STATEMENT_EXCLUSION] = {2, {OF(OPERATOR), OF(REVIEWER)}},
    [STATEMENT_REINSTATEMENT] = {2, {OF(OPERATOR), OF(REVIEWER)}},
    [STATEMENT_ROLLBACK] = {2, {OF(RELEASE_MANAGER), OF(REVIEWER)}},
    [STATEMENT_REBUILD] = {2, {OF(RELEASE_MANAGER), OF(REVIEWER)}},
    [STATEMENT_RETENTION] = {2, {OF(OPERATOR), OF(REVIEWER) | OF(AUDITOR)}},
    [STATEMENT_REVIEW] = {1, {OF(REVIEWER)}},
    [STATEMENT_DISPUTE] = {1, {OF(OPERATOR) | OF(REVIEWER) | OF(AUDITOR)}},
    [STATEMENT_KNOWN_BAD] = {2, {OF(OPERATOR), OF(REVIEWER)}},
    [STATEMENT_POLICY_SET] = {3, {OF(OPERATOR), OF(REVIEWER), OF(REVIEWER)}},
    [STATEMENT_EVALUATION] = {1, {OF(EVALUATOR)}},
    [STATEMENT_APPROVAL] = {1, {OF(RELEASE_MANAGER) | OF(REVIEWER)}},
    [STATEMENT_FREEZE] = {1, {OF(OPERATOR) | OF(REVIEWER) | OF(RELEASE_MANAGER)}},
    [STATEMENT_UNFREEZE] = {2, {OF(OPERATOR), OF(REVIEWER)}},
    [STATEMENT_ROLE_GRANT] = {2, {OF(OPERATOR), OF(OPERATOR)}},
    [STATEMENT_ROLE_REVOKE] = {2, {OF(OPERATOR), OF(OPERATOR)}},
    [STATEMENT_SEPARATION] = {1, {OF(OPERATOR)}},
    [STATEMENT_PROPOSAL] = {1, {OF(OPERATOR) | OF(ENROLLER) | OF(REVIEWER) | OF(RELEASE_MANAGER)}},
};

static const char *const role_names[] = {
#define X(name, text) text,
    STATE_ROLE_MAP(X)
#undef X
};

const char *duties_role_name(enum duty_role role) {
  assert((unsigned)role < ROLE_COUNT);
  return role_names[role];
}

bool duties_role_from_name(const char *name, enum duty_role *role) {
  for (unsigned i = 0; i < ROLE_COUNT; i++) {
    if (strcmp(role_names[i], name) != 0) continue;
    *role = (enum duty_role)i;
    return true;
  }
  return false;
}

bool duties_is_service(const char *name) {
  return strncmp(name, "service/", 8) == 0;
}

const struct duty *duties_of(enum statement_kind kind) {
  assert((unsigned)kind < STATEMENT_KIND_COUNT);
  return &duties[kind];
}

static const char *article(const char *noun) {
  return strchr("aeiou", noun[0]) ? "an" : "a";
}

/* "an operator or a reviewer" */
static size_t place_words(unsigned roles, char *words, size_t size) {
  size_t used = 0;
  for (unsigned i = 0; i < ROLE_COUNT && used < size; i++) {
    if ((roles & 1u << i) == 0) continue;
    used += (size_t)snprintf(words + used, size - used, "%s%s %s", used ? " or " : "",
                             article(role_names[i]), role_names[i]);
  }
  return used;
}

void duties_words(const struct duty *duty, char words[DUTIES_WORDS_SIZE]) {
  size_t used = 0;
  words[0] = '\0';
  for (size_t i = 0; i < duty->persons && used < DUTIES_WORDS_SIZE; i++) {
    if (i > 0)
      used += (size_t)snprintf(words + used, DUTIES_WORDS_SIZE - used,
                               duty->role[i] == duty->role[i - 1] ? " and another" : " and ");
    if (used >= DUTIES_WORDS_SIZE || (i > 0 && duty->role[i] == duty->role[i - 1])) continue;
    used += place_words(duty->role[i], words + used, DUTIES_WORDS_SIZE - used);
  }
}

static bool holds(const struct person *person, enum duty_role role, int64_t now_ms) {
  const struct grant *grant = &person->grant[role];
  return grant->is_held && (grant->not_after == 0 || grant->not_after > now_ms / 1000);
}

bool duties_may(const struct state *state, const char *name, enum duty_role role, int64_t now_ms) {
  const struct person *person = state_person_find(state, name);
  if (!person) return false;
  return holds(person, role, now_ms) ||
         (!state->is_separated && holds(person, ROLE_OPERATOR, now_ms));
}

static bool may_any(const struct state *state, const char *person, unsigned roles, int64_t now_ms) {
  for (unsigned i = 0; i < ROLE_COUNT; i++)
    if ((roles & 1u << i) != 0 && duties_may(state, person, (enum duty_role)i, now_ms)) return true;
  return false;
}

struct duty duties_for(const struct state *state, const struct statement *statement) {
  struct duty duty = duties[statement->kind];
  if (statement->kind == STATEMENT_CLIENT_INVITE &&
      state_client_find(state, statement_text(statement, "client")) != STATE_NOBODY)
    duty = (struct duty){2, {OF(ENROLLER), OF(ENROLLER)}};
  return duty;
}

struct seating { /* who fills which place */
  const struct state *state;
  const struct duty *duty;
  const char *const *person;
  size_t count, first;
  int64_t now_ms;
};

/* Seats `who` and all after it on the places that are `free`; the first person is tried on the
 * first place first, so that of several ways one is the one. */
static bool seat(struct seating *seating, size_t who, unsigned free) {
  if (who == seating->count) return true;
  if (duties_is_service(seating->person[who]) && seating->duty->persons > 1) return false;
  for (size_t place = 0; place < DUTIES_SIGNERS_MAX && place < seating->duty->persons; place++) {
    if ((free & 1u << place) == 0 ||
        !may_any(seating->state, seating->person[who], seating->duty->role[place], seating->now_ms))
      continue;
    if (place == 0) seating->first = who;
    if (seat(seating, who + 1, free & ~(1u << place))) return true;
  }
  return false;
}

static enum tamis_status refuse(const struct statement *statement, const struct duty *duty,
                                size_t count, const char *const *person, struct fault *fault) {
  char words[DUTIES_WORDS_SIZE];
  duties_words(duty, words);
  return fault_set(fault, TAMIS_DENIED, "%s%s%s may not sign %s %s: that takes %s", person[0],
                   count > 1 ? " and " : "", count > 1 ? person[1] : "",
                   article(statement_kind_name(statement->kind)),
                   statement_kind_name(statement->kind), words);
}

static enum tamis_status check_solo(const struct state *state, const struct statement *statement,
                                    size_t count, const char *const *person, int64_t now_ms,
                                    struct fault *fault) {
  static const struct duty operators = {1, {OF(OPERATOR)}};
  const struct duty *duty = &duties[statement->kind];
  if (count != 1)
    return fault_set(fault, TAMIS_BAD_SIGNATURE, "the envelope has %zu signatures, not one", count);
  if (statement_optional(statement, "break_glass")[0] != '\0')
    return fault_set(fault, TAMIS_DENIED,
                     "duties are not separated in this log: there is no glass to break");
  if (duties_may(state, person[0], ROLE_OPERATOR, now_ms)) return TAMIS_OK;
  if (duty->persons == 1 && may_any(state, person[0], duty->role[0], now_ms)) return TAMIS_OK;
  return refuse(statement, duty->persons == 1 ? duty : &operators, 1, person, fault);
}

static enum tamis_status check_glass(const struct state *state, const struct statement *statement,
                                     const struct duty *duty, size_t count,
                                     const char *const *person, int64_t now_ms,
                                     struct fault *fault) {
  if (duty->persons < 2)
    return fault_set(fault, TAMIS_DENIED, "one person may sign this %s: there is no glass to break",
                     statement_kind_name(statement->kind));
  if (count != 1) return fault_set(fault, TAMIS_BAD_SIGNATURE, "who breaks the glass signs alone");
  if (duties_may(state, person[0], ROLE_OPERATOR, now_ms)) return TAMIS_OK;
  return fault_set(fault, TAMIS_DENIED, "%s is no operator: only operators may break the glass",
                   person[0]);
}

static bool is_own_grant(const struct statement *statement, size_t count,
                         const char *const *person) {
  const char *vkey = statement_text(statement, "key");
  size_t length = strcspn(vkey, "+");
  for (size_t i = 0; i < count; i++)
    if (strlen(person[i]) == length && memcmp(person[i], vkey, length) == 0) return true;
  return false;
}

enum tamis_status duties_check(const struct state *state, const struct statement *statement,
                               size_t count, const char *const *person, int64_t now_ms,
                               size_t *first, struct fault *fault) {
  const struct duty duty = duties_for(state, statement);
  struct seating seating = {state, &duty, person, count, 0, now_ms};
  char words[DUTIES_WORDS_SIZE];
  *first = 0;
  if (!state->is_separated) return check_solo(state, statement, count, person, now_ms, fault);
  if (duty.persons == 0)
    return fault_set(fault, TAMIS_DENIED, "a %s is no person's to sign",
                     statement_kind_name(statement->kind));
  if (statement->kind == STATEMENT_ROLE_GRANT && is_own_grant(statement, count, person))
    return fault_set(fault, TAMIS_DENIED, "nobody signs a grant to themselves: others have to");
  if (statement_optional(statement, "break_glass")[0] != '\0')
    return check_glass(state, statement, &duty, count, person, now_ms, fault);
  duties_words(&duty, words);
  if (count > duty.persons)
    return fault_set(fault, TAMIS_BAD_SIGNATURE, "%s %s takes %s: %zu signatures, not %zu",
                     article(statement_kind_name(statement->kind)),
                     statement_kind_name(statement->kind), words, duty.persons, count);
  if (!seat(&seating, 0, (1u << duty.persons) - 1))
    return refuse(statement, &duty, count, person, fault);
  if (count < duty.persons)
    return fault_set(fault, TAMIS_COSIGNER_MISSING,
                     "%s %s takes %s, %zu different persons: only %s%s%s signed this one",
                     article(statement_kind_name(statement->kind)),
                     statement_kind_name(statement->kind), words, duty.persons, person[0],
                     count > 1 ? " and " : "", count > 1 ? person[1] : "");
  *first = seating.first;
  return TAMIS_OK;
}

/* Three candidates for a place are as good as a thousand: two at most are taken by the others. */
static bool can_seat(const struct state *state, const struct duty *duty, size_t place,
                     const char *const *taken, int64_t now_ms) {
  const char *person[DUTIES_SIGNERS_MAX];
  size_t candidates = 0;
  if (place == duty->persons || place == DUTIES_SIGNERS_MAX) return true;
  memcpy(person, taken, place * sizeof *person);
  for (size_t i = 0; i < state->person_count && candidates < DUTIES_SIGNERS_MAX; i++) {
    const struct person *each = &state->person[i];
    bool is_free = !duties_is_service(each->key.name);
    for (size_t j = 0; j < place; j++) is_free = is_free && strcmp(taken[j], each->key.name) != 0;
    unsigned held = 0;
    for (unsigned j = 0; j < ROLE_COUNT; j++)
      if (holds(each, (enum duty_role)j, now_ms)) held |= 1u << j;
    if (!is_free || (held & duty->role[place]) == 0) continue;
    candidates++;
    person[place] = each->key.name;
    if (can_seat(state, duty, place + 1, person, now_ms)) return true;
  }
  return false;
}

enum tamis_status duties_workable(const struct state *state, int64_t now_ms, struct fault *fault) {
  static const struct duty lost_key = {2, {OF(ENROLLER), OF(ENROLLER)}};
  const char *nobody[DUTIES_SIGNERS_MAX] = {""};
  char words[DUTIES_WORDS_SIZE];
  for (unsigned kind = 0; kind < STATEMENT_KIND_COUNT; kind++) {
    const struct duty *duty = &duties[kind];
    if (duty->persons == 0 || kind == STATEMENT_EVALUATION ||
        can_seat(state, duty, 0, nobody, now_ms))
      continue;
    duties_words(duty, words);
    return fault_set(fault, TAMIS_CONFLICT,
                     "nobody could sign %s %s any more: that takes %s, %zu different persons; "
                     "grant the roles first",
                     article(statement_kind_name((enum statement_kind)kind)),
                     statement_kind_name((enum statement_kind)kind), words, duty->persons);
  }
  if (can_seat(state, &lost_key, 0, nobody, now_ms)) return TAMIS_OK;
  return fault_set(fault, TAMIS_CONFLICT,
                   "nobody could let a client in again that lost its key: that takes two "
                   "enrollers; grant the role first");
}
