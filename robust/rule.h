/* What a rule is to the rest of robust/: a row in the table of rules.c. Internal.
 *
 * To add a rule: 1. copy the nearest rule_*.c; 2. open it with the paper, what the rule withstands,
 * its cost and when it is a poor choice; 3. add its row to the lists in rules.c; 4. add its claims
 * to test_robust_rules.c and its name to the conformance adapter; 5. run `ctest -L
 * 'unit|conformance'` and bench-robust. Nothing else changes: the parser, the feasibility check,
 * the passes over the rows and the evidence all work from the row. */
#ifndef ROBUST_RULE_H
#define ROBUST_RULE_H

#include <stdbool.h>
#include <stddef.h>

#include "robust/rank.h"
#include "robust/robust.h"

enum { RULE_PARAMETERS_MAX = 6 };

/* RULE_BY_WEIGHTS decides a weight for each row, from the Gram matrix if it reads it; the output is
 * their sum. RULE_BY_COORDINATE looks at the values of one coordinate after the other. Mixers will
 * be a third kind: a matrix on the rows, applied to the Gram matrix for the first kind and to each
 * tile of rows for the second. */
enum rule_kind { RULE_BY_WEIGHTS, RULE_BY_COORDINATE };

struct rule_parameter {
  const char *name;
  bool is_number; /* a decimal; otherwise a whole number */
  bool is_required;
};

struct rule_value {
  bool is_given;
  size_t count;
  double number;
};

/* A rule depends on these alone: same input, same bytes. `work` holds what work_doubles(n) asked
 * for. */
struct rule_input {
  size_t n;
  const struct rule_value *value; /* in the order of the parameters */
  const double *gram;             /* n x n, or NULL when reads_gram is false */
  const size_t *order;            /* a permutation of 0..n-1, never NULL */
  double *work;
};

struct rule {
  const char *name;
  enum rule_kind kind;
  bool reads_gram;
  struct rule_parameter parameter[RULE_PARAMETERS_MAX + 1]; /* ends with a NULL name */
  /* The first requirement that n rows do not meet, in words ("2f < n"), or NULL. n is at least 1.
   */
  const char *(*unmet)(const struct rule_value *value, size_t n);
  size_t (*work_doubles)(size_t n); /* NULL: none */
  /* RULE_BY_WEIGHTS: fills every field of the evidence. */
  void (*weigh)(const struct rule_input *input, struct robust_evidence *evidence);
  /* RULE_BY_COORDINATE: out[k] for each coordinate of the tile. */
  void (*coordinates)(const struct rule_input *input, const struct rank_tile *tile, double *out);
};

/* NULL when there is none of that name. */
const struct rule *rule_find(const char *name, size_t length);

/* The i-th row of the table, NULL past its end. */
const struct rule *rule_at(size_t i);

/* Gives the m rows of lowest score the weight 1/m and the others 0, and fills the rest of the
 * evidence. Equal scores go to the row that comes first in the order. `work` holds n doubles. 1 <=
 * m <= n. */
void rule_select_lowest(const struct rule_input *input, const double *score, size_t m, double *work,
                        struct robust_evidence *evidence);

/* 2f < n without overflow: what every rule against f liars needs. */
bool rule_has_honest_majority(size_t f, size_t n);

#endif
