/* How well each single number of a verdict manifest tells liars from the others. */
#ifndef TAMIS_ARENA_ROC_H
#define TAMIS_ARENA_ROC_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct roc;

struct roc *roc_new(void);
void roc_free(struct roc *roc);
/* Every f64 and every whole number of an object in a verdict manifest is a number, `prefix` before
 * its name. Rounds count up. */
void roc_add(struct roc *roc, const char *prefix, const json_t *object, bool is_liar, size_t round);
/* {name: {"auc": .., "at": [[false, threshold, caught], ..]}}: the chance that a liar's number is
 * larger than an honest one's of the same round, ties half, mean over the rounds; and the share of
 * liars' numbers beyond the threshold that at most this share of honest ones are beyond, over all
 * rounds, on the side that `auc` says. Numbers that are the same for all are left out. */
json_t *roc_tell(const struct roc *roc);

#endif
