/* The command line after reading: which row, its words, its options, every value already checked.
 */
#ifndef TAMIS_CLI_ARGUMENTS_H
#define TAMIS_CLI_ARGUMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "cli/command.h"
#include "proto/fault.h"

enum { ARGUMENTS_WORDS_MAX = 4, ARGUMENTS_VALUES_MAX = 64 };

struct arguments {
  const struct command *command; /* NULL: none named */
  const char *noun;              /* named without a verb, when `command` is NULL */
  size_t word_count;
  const char *word[ARGUMENTS_WORDS_MAX]; /* the first of them; NULL where left out */
  const char *const *words;              /* all of them */
  size_t value_count;
  struct {
    const struct option_row *row;
    const char *text; /* NULL for a flag */
  } value[ARGUMENTS_VALUES_MAX];
};

/* Everything points into `argv`, which is reordered. BAD_REQUEST with a sentence that names the
 * slip and, where there is one, the nearest right word; `arguments` then holds what was understood
 * so far, so that the fault can be told in the form asked for. With --help only what stands before
 * it has been checked. Not for two threads at once (getopt_long). */
enum tamis_status arguments_parse(int argc, char **argv, struct arguments *arguments,
                                  struct fault *fault);

bool arguments_has(const struct arguments *arguments, const char *option);
/* The last one given; `otherwise` when none is. */
const char *arguments_text(const struct arguments *arguments, const char *option,
                           const char *otherwise);
uint64_t arguments_count(const struct arguments *arguments, const char *option, uint64_t otherwise);
double arguments_real(const struct arguments *arguments, const char *option, double otherwise);
uint64_t arguments_duration_ms(const struct arguments *arguments, const char *option,
                               uint64_t otherwise);
/* A word that must be a whole number, such as a round. */
enum tamis_status arguments_word_count(const struct arguments *arguments, size_t index,
                                       uint64_t *count, struct fault *fault);

#endif
