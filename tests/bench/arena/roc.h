/* How well each single number of a verdict manifest tells liars from the others. */
#ifndef TAMIS_ARENA_ROC_H
#define TAMIS_ARENA_ROC_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct roc;

struct roc *roc_new(void);
void roc_free(struct roc *roc);
/* An element of `updates` in a verdict manifest: every f64 in it is a number. Rounds count up. */
void roc_add(struct roc *roc, const json_t *update, bool is_liar, size_t round);
/* {name: {"auc": .., "at_1": ..}}: the chance that a liar's number is larger than an honest one's
 * of the same round, ties half, mean over the rounds; and the share of liars' numbers beyond what
 * at most 1% of honest ones reach, over all rounds, on the side that `auc` says. */
json_t *roc_tell(const struct roc *roc);

#endif
