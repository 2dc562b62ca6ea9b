/* One row a threshold: the struct, the defaults, the reader and PROTOCOL.md's table are this list.
 */
#include "aggregator/policy.h"

#include <string.h>
#include "proto/canonical.h"

static const struct policy_row table[] = {
#define X(name, fallback, least, most, meaning)                                                    \
  {#name, fallback, least, most, meaning, offsetof(struct policy, name)},
    POLICY_MAP(X)
#undef X
};

enum { ROWS = sizeof table / sizeof *table };

const struct policy_row *policy_table(size_t *count) {
  *count = ROWS;
  return table;
}

static double *field(struct policy *policy, const struct policy_row *row) {
  return (double *)(void *)((char *)policy + row->offset);
}

void policy_default(struct policy *policy) {
  for (size_t i = 0; i < ROWS; i++) *field(policy, &table[i]) = table[i].fallback;
}

double policy_value(const struct policy *policy, const struct policy_row *row) {
  return *(const double *)(const void *)((const char *)policy + row->offset);
}

bool policy_equal(const struct policy *left, const struct policy *right) {
  for (size_t i = 0; i < ROWS; i++)
    if (policy_value(left, &table[i]) != policy_value(right, &table[i])) return false;
  return true;
}

static const struct policy_row *find(const char *name) {
  for (size_t i = 0; i < ROWS; i++)
    if (strcmp(table[i].name, name) == 0) return &table[i];
  return NULL;
}

enum tamis_status policy_read(const json_t *object, struct policy *policy, struct fault *fault) {
  const char *name;
  json_t *value;
  policy_default(policy);
  json_object_foreach((json_t *)(uintptr_t)object, name, value) {
    const struct policy_row *row = find(name);
    double number;
    if (!row) return fault_set(fault, TAMIS_BAD_STATEMENT, "the policy has no field \"%s\"", name);
    if (!canonical_f64_read(value, &number))
      return fault_set(fault, TAMIS_BAD_STATEMENT, "policy field \"%s\" is not an f64", name);
    if (!(number >= row->least && number <= row->most))
      return fault_set(fault, TAMIS_BAD_STATEMENT, "policy field \"%s\" is %g, not from %g to %g",
                       name, number, row->least, row->most);
    *field(policy, row) = number;
  }
  return TAMIS_OK;
}
