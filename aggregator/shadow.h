/* Rules that run beside the plan's on the same updates: to be compared with it, never to be used.
 * What is found here has no model in it, so that there is nothing to promote. */
#ifndef TAMIS_SHADOW_H
#define TAMIS_SHADOW_H

#include "aggregator/federation.h"

enum { SHADOW_RULES_MAX = 8 };

/* Rules in a text of them, with `;` between. */
size_t shadow_count(const char *shadows);
/* The rule of that position, without the blanks around it. */
void shadow_rule(const char *shadows, size_t position, char rule[STATE_RULE_SIZE]);

/* May the round have a `shadow` entry now: was it promoted, with a rule and not by a rebuild, and
 * is it later than the last that has one? */
bool shadow_may(const struct federation *federation, int64_t round);
/* The latest such round; 0: none. Rounds that are overtaken are passed over. */
int64_t shadow_due(const struct federation *federation);
/* How many rounds the last `shadow` lies behind the latest that was promoted; 0 without shadows. */
int64_t shadow_age(const struct federation *federation);

/* WORK_SHADOW for a round that shadow_may; the caller owns it. Its rows are in the manifests. */
struct work *shadow_work(const struct federation *federation, int64_t round);
/* The `shadow` entry. False when the round may have none any more, or the work came to nothing
 * (work->status): that is no fault of the log. */
bool shadow_worked(const struct federation *federation, const struct work *work,
                   const struct moment *moment, struct decision *decision);

#endif
