/* What replay, blame and bisect begin with: the history of one federation read from its state
 * folder, an evaluator if one was named, and a bar for the wait. */
#ifndef TAMIS_CLI_WHATIF_H
#define TAMIS_CLI_WHATIF_H

#include "audit/archive.h"
#include "audit/evaluator.h"
#include "cli/context.h"
#include "cli/progress.h"

struct whatif {
  struct context *context;
  struct archive *archive;
  struct evaluator *evaluator; /* NULL: --evaluate was not given */
  int threads;                 /* --threads */
  struct progress progress;
};

/* --state, --log-key, --evaluate, --evaluate-timeout, --threads. The command's first word is the
 * federation. Close it also after a refusal. */
enum tamis_status whatif_open(struct context *context, const struct arguments *arguments,
                              struct whatif *whatif);
void whatif_close(struct whatif *whatif);

/* The bar of a question; `whatif_step` is its callback, with the whatif as context. */
void whatif_begin(struct whatif *whatif, const char *doing, const char *things);
void whatif_step(void *whatif, size_t done, size_t total);
/* Takes the bar away; adds what may help to a refusal, which it returns. */
enum tamis_status whatif_end(struct whatif *whatif, enum tamis_status status);

/* An option that must be a round; `otherwise` when it is not given. */
int64_t whatif_round(const struct arguments *arguments, const char *option, int64_t otherwise);

/* For tables: `key` of the row again as text of four digits, under `text_key`; with a sign when
 * `is_signed`. */
void whatif_digits(json_t *row, const char *key, const char *text_key, bool is_signed);
#endif
