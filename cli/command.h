/* One row says everything about a command: dispatch, help, suggestions and completion read it. */
#ifndef TAMIS_CLI_COMMAND_H
#define TAMIS_CLI_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "proto/status.h"

struct arguments;
struct context;

enum value_kind {
  VALUE_FLAG, /* takes none */
  VALUE_TEXT,
  VALUE_NAME, /* as in PROTOCOL.md 1 */
  VALUE_FILE,
  VALUE_COUNT,
  VALUE_REAL,
  VALUE_DURATION,
  VALUE_FORM,   /* of the output */
  VALUE_SETTING /* name=number; may be given again */
};

struct option_row {
  const char *name;  /* NULL ends a list */
  char letter;       /* 0: none; a command's own comes before a global one */
  const char *value; /* what to call its value; NULL for a flag */
  enum value_kind kind;
  bool required;
  const char *words;
};

struct command {
  const char *noun, *verb; /* verb NULL: the noun is all there is */
  const char *words; /* "CLIENT", "FEDERATION [ROUND]", "IN..."; brackets: may be left out; dots:
                        one or more */
  const struct option_row *options;
  const char *summary;  /* one line */
  const char *detail;   /* what a first user asks next; may be NULL */
  const char *examples; /* lines, each ending in \n */
  enum tamis_status (*run)(struct context *context, const struct arguments *arguments);
};

/* All of them, in the order of help. */
const struct command *command_rows(size_t *count);
/* Options of every command, ended by a row without a name. */
const struct option_row *command_globals(void);
/* NULL when there is none. `verb` may be NULL. */
const struct command *command_find(const char *noun, const char *verb);
bool command_is_noun(const char *noun);

/* How many words the row's `words` want. */
void command_word_bounds(const struct command *command, size_t *least, size_t *most);

#endif
