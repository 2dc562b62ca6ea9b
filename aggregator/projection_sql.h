/* The SQL of the projection, apart from the code that runs it: what the tables are, what each kind
 * of entry does to them, what each question asks of them. */
#ifndef TAMIS_PROJECTION_SQL_H
#define TAMIS_PROJECTION_SQL_H

#include <stddef.h>
#include "proto/statement.h"

extern const char *const projection_schema[]; /* in parts, NULL at the end */

/* One thing that an entry of a kind does, in the order of the table. Parameters name what is bound:
 *   :field   text or integer of the row: the statement's predicate, or, when `each` is set, one
 *            element after the other of that list in the entry's manifest; an object of f64 becomes
 *            the text of a JSON object of numbers
 *   $field   the same for an f64
 *   @fact    of the entry around the row: index, kind, signer, size; subject (the first) or a
 *            subject by its name, as hex; else text or integer of the predicate, NULL when the kind
 *            has no such field */
struct projection_step {
  enum statement_kind kind; /* STATEMENT_KIND_COUNT: every kind */
  const char *each;
  const char *sql;
};
extern const struct projection_step projection_steps[];
extern const size_t projection_step_count;

/* A query gives rows of a cursor above ?1, ascending, and a JSON object; at most ?2 of them. The
 * arguments are ?3 and on; those that were left out are NULL. */
struct projection_question {
  const char *name;
  size_t arguments_min, arguments_max;
  const char *sql;
};
extern const struct projection_question projection_questions[];
extern const size_t projection_question_count;

#endif
