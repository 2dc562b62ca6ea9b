/* The whole of `tamis` but for the process around it, so that tests can run it. */
#ifndef TAMIS_CLI_TOOL_H
#define TAMIS_CLI_TOOL_H

#include <stdio.h>

/* Reads the line, runs the command, reports; the process's exit code. `argv` is reordered. */
int tool_run(int argc, char **argv, FILE *out, FILE *err);

#endif
