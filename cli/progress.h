/* How far a long walk is, for somebody who waits: a bar on a terminal, a line now and then
 * elsewhere.
 */
#ifndef TAMIS_CLI_PROGRESS_H
#define TAMIS_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct context;

struct progress {
  struct context *context;
  const char *doing, *things; /* "verifying", "entries" */
  uint64_t total;             /* 0: unknown */
  int64_t told_ms;
  bool is_drawn;
};

/* Says nothing yet: what is done at once needs no line. */
void progress_begin(struct progress *progress, struct context *context, const char *doing,
                    const char *things, uint64_t total);
void progress_step(struct progress *progress, uint64_t done);
/* Takes the bar away. */
void progress_end(struct progress *progress);

#endif
