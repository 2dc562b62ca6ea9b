/* Pipelines as text: `trimmed_mean(f=4)`, `clip(2.0) | nnm(f=4) | median`; read, checked, printed.
 */
#ifndef ROBUST_PIPELINE_H
#define ROBUST_PIPELINE_H

#include <stddef.h>

#include "robust/status.h"

/* Zero or more mixers and then one rule, each with its parameters. Never changes after parsing, so
 * threads may share it. */
struct robust_pipeline;

enum { ROBUST_PIPELINE_TEXT_MAX = 512 };

/* Grammar:  pipeline = stage { "|" stage }    stage = name [ "(" [ argument { "," argument } ] ")"
 * ] argument = [ name "=" ] value    a bare value is the next parameter in the rule's own order.
 * All stages but the last are mixers, the last is a rule. Counts (f, m, neighbours) are whole
 * numbers; 4.0 is refused. Some values are words (tau_max=active). Blanks are free. `text` may come
 * from outside. On ROBUST_OK the caller owns *pipeline and frees it. Otherwise *pipeline is NULL
 * and `error` tells the column. */
enum robust_status robust_pipeline_parse(const char *text, struct robust_pipeline **pipeline,
                                         struct robust_error *error);

/* Whether every stage keeps its promise with the rows that reach it when n come in; the refusal
 * reads like "multi_krum(f=4) needs 2f < n; n is 8". */
enum robust_status robust_pipeline_check(const struct robust_pipeline *pipeline, size_t n,
                                         struct robust_error *error);

/* Whether the weights follow from the Gram matrix alone, so that robust_weigh can recheck a
 * decision without rows. */
int robust_pipeline_is_gram_only(const struct robust_pipeline *pipeline);

/* What a rule reads beside the rows (robust_input). Its reference may be what it put out last,
 * which is then state and goes back with the model; or it may be refused without one. Its history
 * is the sums of the clients' updates over all rounds. */
int robust_pipeline_remembers_output(const struct robust_pipeline *pipeline);
int robust_pipeline_needs_reference(const struct robust_pipeline *pipeline);
int robust_pipeline_reads_history(const struct robust_pipeline *pipeline);

/* The canonical spelling: parsing it gives the same pipeline, and equal pipelines print alike.
 * Writes at most `size` bytes with the closing zero, returns the length of the whole text as
 * snprintf does. */
size_t robust_pipeline_print(const struct robust_pipeline *pipeline, char *text, size_t size);

/* NULL is allowed. */
void robust_pipeline_free(struct robust_pipeline *pipeline);

#endif
