/* Persons are counted by the name of their key, each once; that the key is theirs was checked when
 * their envelope was opened. */
#include "aggregator/gate_approval.h"

#include <stdio.h>
#include <string.h>
#include "aggregator/duties.h"

enum { PERSONS = 2, PERSONS_MAX = 8 };

static const struct rule_parameter parameters[] = {
    {"persons", PARAMETER_COUNT, false, NULL},
    {"minutes", PARAMETER_NUMBER, false, NULL},
    {0},
};

const struct approval *gate_approval_of(const struct federation *federation, const char *person) {
  for (size_t i = 0; i < federation->approval_count; i++)
    if (strcmp(federation->approval[i].person, person) == 0) return &federation->approval[i];
  return NULL;
}

enum tamis_status gate_approval_may(const struct state *state, const struct federation *federation,
                                    const char *person, int64_t now_ms, struct fault *fault) {
  enum duty_role role = federation->approval_count == 0 ? ROLE_RELEASE_MANAGER : ROLE_REVIEWER;
  if (duties_may(state, person, role, now_ms)) return TAMIS_OK;
  return fault_set(fault, TAMIS_DENIED,
                   "%s is no %s: a candidate is approved by a release-manager "
                   "first and by a reviewer then",
                   person, duties_role_name(role));
}

static enum tamis_status check(const struct gate_stage *stage, struct fault *fault) {
  size_t persons = gates_count(stage, "persons", PERSONS);
  if (persons >= 1 && persons <= PERSONS_MAX) return TAMIS_OK;
  return fault_set(fault, TAMIS_BAD_STATEMENT, "gates: approval: persons must be 1 to %d",
                   PERSONS_MAX);
}

static enum gate_colour look(const struct state *state, const struct federation *federation,
                             const struct gate_stage *stage, char sentence[GATES_SENTENCE_SIZE]) {
  size_t wanted = gates_count(stage, "persons", PERSONS), approved = 0, used = 0;
  char names[200] = "";
  (void)state;
  for (size_t i = 0; i < federation->approval_count; i++) {
    const struct approval *approval = &federation->approval[i];
    if (!approval->approves) {
      snprintf(sentence, GATES_SENTENCE_SIZE, "rejected by %.80s: %.200s", approval->person,
               approval->reason);
      return GATE_RED;
    }
    if (used < sizeof names)
      used += (size_t)snprintf(names + used, sizeof names - used, "%s%.64s", used ? ", " : "",
                               approval->person);
    approved++;
  }
  snprintf(sentence, GATES_SENTENCE_SIZE, "%zu of %zu person%s approved%s%s%s", approved, wanted,
           wanted == 1 ? "" : "s", approved ? " (" : "", names, approved ? ")" : "");
  return approved >= wanted ? GATE_GREEN : GATE_WAITING;
}

const struct gate gate_approval = {"approval", parameters, 1440, check, look};
