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
    [STATEMENT_POLICY_SET] = {3, {OF(OPERATOR), OF(REVIEWER), OF(REVIEWER)}},
    [STATEMENT_EVALUATION] = {1, {OF(EVALUATOR)}},
    [STATEMENT_APPROVAL] = {1, {OF(RELEASE_MANAGER) | OF(REVIEWER)}},
    [STATEMENT_FREEZE] = {1, {OF(OPERATOR) | OF(REVIEWER) | OF(RELEASE_MANAGER)}},
    [STATEMENT_UNFREEZE] = {2, {OF(OPERATOR), OF(REVIEWER)}},
    [STATEMENT_ROLE_GRANT] = {2, {OF(OPERATOR), OF(OPERATOR)}},
    [STATEMENT_ROLE_REVOKE] = {2, {OF(OPERATOR), OF(OPERATOR)}},
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

/* "an operator or a reviewer" */
static size_t place_words(unsigned roles, char *words, size_t size) {
  size_t used = 0;
  for (unsigned i = 0; i < ROLE_COUNT && used < size; i++) {
    if ((roles & 1u << i) == 0) continue;
    const char *article = strchr("aeiou", role_names[i][0]) ? "an" : "a";
    used += (size_t)snprintf(words + used, size - used, "%s%s %s", used ? " or " : "", article,
                             role_names[i]);
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

/* Can the persons that are left fill the places from `place` on, each one of them? */
static bool fills(const struct state *state, const struct duty *duty, const char *const *person,
                  unsigned left, size_t place, int64_t now_ms) {
  if (place == duty->persons || place == DUTIES_SIGNERS_MAX) return true;
  for (size_t i = 0; i < duty->persons; i++)
    if ((left & 1u << i) != 0 && may_any(state, person[i], duty->role[place], now_ms) &&
        fills(state, duty, person, left & ~(1u << i), place + 1, now_ms))
      return true;
  return false;
}

static enum tamis_status refuse(const struct statement *statement, const struct duty *duty,
                                const char *person, struct fault *fault) {
  char words[DUTIES_WORDS_SIZE];
  duties_words(duty, words);
  return fault_set(fault, TAMIS_DENIED, "%s may not sign a %s: that takes %s", person,
                   statement_kind_name(statement->kind), words);
}

static enum tamis_status check_solo(const struct state *state, const struct statement *statement,
                                    size_t count, const char *const *person, int64_t now_ms,
                                    struct fault *fault) {
  static const struct duty operator= {1, {OF(OPERATOR)}};
  const struct duty *duty = &duties[statement->kind];
  bool is_open_to_others = duty->persons == 1 && may_any(state, person[0], duty->role[0], now_ms);
  if (count != 1)
    return fault_set(fault, TAMIS_BAD_SIGNATURE, "the envelope has %zu signatures, not one", count);
  if (is_open_to_others || duties_may(state, person[0], ROLE_OPERATOR, now_ms)) return TAMIS_OK;
  return refuse(statement, &operator, person[0], fault);
}

enum tamis_status duties_check(const struct state *state, const struct statement *statement,
                               size_t count, const char *const *person, int64_t now_ms,
                               size_t *first, struct fault *fault) {
  const struct duty *duty = &duties[statement->kind];
  char words[DUTIES_WORDS_SIZE];
  *first = 0;
  if (!state->is_separated) return check_solo(state, statement, count, person, now_ms, fault);
  if (duty->persons == 0)
    return fault_set(fault, TAMIS_DENIED, "a %s is no person's to sign",
                     statement_kind_name(statement->kind));
  duties_words(duty, words);
  if (count != duty->persons)
    return fault_set(fault, count < duty->persons ? TAMIS_DENIED : TAMIS_BAD_SIGNATURE,
                     "a %s takes %s: %zu different persons in one envelope, not %zu",
                     statement_kind_name(statement->kind), words, duty->persons, count);
  for (size_t i = 0; i < count; i++)
    if (may_any(state, person[i], duty->role[0], now_ms) &&
        fills(state, duty, person, ((1u << count) - 1) & ~(1u << i), 1, now_ms)) {
      *first = i;
      return TAMIS_OK;
    }
  return refuse(statement, duty, person[count - 1], fault);
}
