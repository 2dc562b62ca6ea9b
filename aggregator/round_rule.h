/* Between a work and the mathematics: its rule, claims and Gram matrix in robust's terms, and
 * robust's refusals in ours. Internal to round.c and its twin that reads no update. */
#ifndef TAMIS_ROUND_RULE_H
#define TAMIS_ROUND_RULE_H

#include <stdbool.h>
#include <stddef.h>
#include "aggregator/blob.h"
#include "aggregator/federation.h"
#include "robust/robust.h"

/* The caller frees scratch->memory. False when out of memory. */
bool round_rule_scratch(struct robust_scratch *scratch, size_t bytes, int threads);
/* TAMIS_OK, RULE_NOT_FEASIBLE, NO_MEMORY, else INTERNAL. */
enum tamis_status round_rule_fault(enum robust_status status, const struct robust_error *error,
                                   struct fault *fault);

/* The work's rule; the plain mean goes by claimed examples only where the policy says so, and never
 * inside a robust rule, where a claim would be a weapon. The caller frees the pipeline. */
enum tamis_status round_rule_parse(const struct work *work, struct robust_pipeline **pipeline,
                                   struct fault *fault);
/* The claims of the rows that count, which admission has capped; only rules that are asked to weigh
 * by them read them. malloc'd, NULL when out of memory. */
double *round_rule_counts(const struct work *work);
/* Nobody was accepted: RULE_NOT_FEASIBLE whatever the rule. */
enum tamis_status round_rule_nobody(const struct work *work, struct fault *fault);

/* work->evidence: what the Gram matrix says, `centre` (one a row) being the weights of the robust
 * centre. NO_MEMORY. */
enum tamis_status round_rule_evidence(struct work *work, const double *gram, double *centre,
                                      struct fault *fault);

/* The Gram matrix of this digest, n x n, digest checked; malloc'd. */
enum tamis_status round_rule_gram(struct blob_store *blobs, const struct digest *digest, size_t n,
                                  double **gram, struct fault *fault);
/* Of the logged one, the rows and columns that count. */
enum tamis_status round_rule_counting_gram(struct blob_store *blobs, const struct work *work,
                                           double **gram, struct fault *fault);

/* Shadows and plan, side by side: shadow and weight of the work. What is decided by numbers alone
 * is compared by them, and no row is read for it; with `light` nothing else is, and `*is_whole`
 * says whether that was all. In round.c. */
enum tamis_status round_shadow(struct blob_store *blobs, int threads, bool light, struct work *work,
                               bool *is_whole, struct fault *fault);

/* What the work's rule decides from the Gram matrix of the rows that count; `said->weights` is
 * lent, one a row that counts. `*is_whole` false: it wants to see the rows. RULE_NOT_FEASIBLE. */
enum tamis_status round_rule_weigh(const struct work *work, const double *gram,
                                   struct robust_evidence *said, bool *is_whole,
                                   struct fault *fault);

#endif
