/* What the shell is told, and what the person should try: one row for each status. */
#ifndef TAMIS_CLI_EXIT_CODE_H
#define TAMIS_CLI_EXIT_CODE_H

#include <stddef.h>
#include "proto/status.h"

enum exit_code {
  EXIT_CODE_OK = 0,
  EXIT_CODE_FAILED = 1,
  EXIT_CODE_USAGE = 2,
  EXIT_CODE_TIMED_OUT = 3,
  EXIT_CODE_AUTH = 4,
  EXIT_CODE_NOT_FOUND = 5,
  EXIT_CODE_CONFLICT = 6,
  EXIT_CODE_UNREACHABLE = 7,
  EXIT_CODE_PENDING = 8,
  EXIT_CODE_THRESHOLD = 10,
  EXIT_CODE_INTERRUPTED = 130,
};

enum exit_code exit_code_of(enum tamis_status status);
/* What to do about it; "" when there is nothing general to say. */
const char *exit_code_hint(enum tamis_status status);

struct exit_code_row {
  enum exit_code code;
  const char *meaning;
};
/* For `tamis help exit-codes`, in ascending order. */
const struct exit_code_row *exit_code_rows(size_t *count);

#endif
