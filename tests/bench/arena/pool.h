/* Matches played by several processes, each result a line of JSON in a file that a stopped run goes
 * on from. */
#ifndef TAMIS_ARENA_POOL_H
#define TAMIS_ARENA_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include "match.h"

struct pool_job {
  struct cell cell;
  json_t *result; /* owned; filled by pool_play */
};

struct pool_options {
  const char *results; /* the file; NULL: one that is forgotten */
  const char *updates; /* a file for a line for each update, one process then; NULL: none */
  size_t processes;
  bool only_known; /* play nothing: results that are not in the file stay NULL */
};

/* Plays every job whose result is not in the file yet. Results there count when they are of the
 * same cell and were made by the same program, byte for byte; equal jobs are played once. Lower
 * seeds come first, so that a run that is stopped has the same seeds of every row. Progress goes to
 * stderr. */
void pool_play(struct pool_job *job, size_t count, const struct field_data *data,
               const struct pool_options *options);

#endif
