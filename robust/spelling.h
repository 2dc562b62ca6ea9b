/* How rules, mixers and optimisers are spelled: name(value, parameter=value). Internal. */
#ifndef ROBUST_SPELLING_H
#define ROBUST_SPELLING_H

#include <stdbool.h>
#include <stddef.h>

#include "robust/rule.h"

/* A row of a table of names. */
struct spelling {
  const char *name; /* NULL past the end of the table; at most 31 characters */
  const struct rule_parameter *parameter; /* ends with a NULL name */
};

/* A text that may come from outside, and how far it was read. */
struct spelling_reader {
  const char *text;
  size_t length;
  size_t at;
  struct robust_error *error;
};

/* Says where and what, and is false, so that a parser can return it. Columns count from 1. */
__attribute__((format(printf, 3, 4))) bool spelling_fail(struct spelling_reader *reader,
                                                         size_t column, const char *format, ...);

/* The next character that is no blank, '\0' at the end; accept takes it if it is `c`. */
char spelling_peek(struct spelling_reader *reader);
bool spelling_accept(struct spelling_reader *reader, char c);

/* What stands at the reader, for an error message. */
const char *spelling_found(struct spelling_reader *reader, char buffer[static 8]);

/* Reads one name of the table and its values, which must be cleared, in the order of its
 * parameters. `noun` says what the table holds ("rule or mixer"). False after spelling_fail. */
bool spelling_read(struct spelling_reader *reader, const char *noun,
                   struct spelling (*at)(size_t i), size_t *index, struct rule_value *values);

size_t spelling_parameters(const struct rule_parameter *parameter);

/* Appends at text + used, as far as `size` goes; returns the length that the whole would have. */
__attribute__((format(printf, 4, 5))) size_t spelling_append(char *text, size_t size, size_t used,
                                                             const char *format, ...);

/* Appends the canonical spelling: what was given, by name. */
size_t spelling_print(const struct spelling *spelling, const struct rule_value *values, char *text,
                      size_t size, size_t used);

#endif
