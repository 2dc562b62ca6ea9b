/* Help made from the rows: the same words that the parser and the completion use. */
#ifndef TAMIS_CLI_HELP_H
#define TAMIS_CLI_HELP_H

#include <stdio.h>
#include "cli/command.h"

void help_overview(FILE *out);
/* The verbs of a noun. */
void help_noun(FILE *out, const char *noun);
void help_command(FILE *out, const struct command *command);
/* A bash script that completes nouns, verbs and options. */
void help_completion(FILE *out);

#endif
