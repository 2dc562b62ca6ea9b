/* What is wrong with a policy that is well formed: thresholds that contradict each other, and what
 * a departure from the defaults costs. */
#ifndef TAMIS_POLICY_LINT_H
#define TAMIS_POLICY_LINT_H

#include <stdbool.h>
#include <stddef.h>
#include "aggregator/policy.h"

enum policy_level {
  POLICY_ERROR,   /* it contradicts itself: no server takes it */
  POLICY_WARNING, /* it lets attackers do more than the default does */
  POLICY_NOTE,    /* it is harder on honest clients than the default, or only looks elsewhere */
};

struct policy_finding {
  enum policy_level level;
  const char *name; /* of the threshold */
  char sentence[256];
};

enum { POLICY_FINDINGS_MAX = 128 };

/* "error", "warning" or "note". */
const char *policy_level_name(enum policy_level level);
/* Errors first, then in the order of policy_table. How many were written. */
size_t policy_lint(const struct policy *policy, struct policy_finding finding[POLICY_FINDINGS_MAX]);
/* BAD_STATEMENT with the first error. */
enum tamis_status policy_check(const struct policy *policy, struct fault *fault);

/* What more and what less than the default do, in words for docs and lint; each threshold has a
 * row. Which of the two weakens the defence is `weaker`: 1 more, -1 less, 0 neither. */
struct policy_effect {
  const char *name;
  int weaker;
  const char *more, *less;
};
/* NULL for a name without one. */
const struct policy_effect *policy_effect_of(const char *name);

#endif
