/* Robust aggregation: from n rows of d floats, some of them lies, one row worth training on.
 *
 * A library of its own: no I/O, no logging, no global state, no allocation but in
 * robust_pipeline_parse. Same rows, same pipeline, same order: the same bytes, on any processor,
 * with any BLAS and any number of threads. Calls may run at once from several threads if each has
 * its own scratch and output. */
#ifndef ROBUST_ROBUST_H
#define ROBUST_ROBUST_H

#include <stdbool.h>
#include <stddef.h>

#include "robust/gram.h"
#include "robust/kernel.h"
#include "robust/pipeline.h"
#include "robust/rows.h"
#include "robust/scratch.h"
#include "robust/status.h"

/* Why the result is what it is. The caller lends the two arrays before the call; the rest is
 * filled. */
struct robust_evidence {
  /* n doubles. When weights_are_exact, the output is exactly the weighted sum of the rows, and
   * weight 0 means dropped. Otherwise (median, trimmed mean) every coordinate chose among the rows
   * for itself, and each row has its nominal 1/n. */
  double *weights;
  double *scores; /* n doubles or NULL: what the rule ranked the rows by, low is good; zeros when it
                     did not rank */
  size_t selected; /* rows of weight other than zero */
  double margin; /* (first score left out - last score taken) / first score left out; 1 when nobody
                    was left out */
  bool weights_are_exact;
};

/* Scratch for robust_weigh with this pipeline and n. */
size_t robust_weigh_scratch_bytes(const struct robust_pipeline *pipeline, size_t n);

/* Decides the weights from the Gram matrix, without the rows: this is how an auditor rechecks a
 * round in about n^2 steps. `order` is a permutation of 0..n-1 (NULL: identity); ties go to the row
 * that stands first in it. Answers ROBUST_NEEDS_ROWS for pipelines that look at single coordinates,
 * ROBUST_NOT_FEASIBLE as robust_pipeline_check does. `gram` may be NULL for the mean. */
enum robust_status robust_weigh(const struct robust_pipeline *pipeline, size_t n,
                                const double *gram, const size_t *order,
                                const struct robust_scratch *scratch,
                                struct robust_evidence *evidence, struct robust_error *error);

/* Scratch for robust_aggregate, the Gram matrix included. */
size_t robust_scratch_bytes(const struct robust_pipeline *pipeline, size_t n, size_t d,
                            int threads);

/* Runs the pipeline: out[0..d) is the aggregate, each coordinate computed in double and rounded
 * once to float. `gram` is robust_gram's result for these rows, or NULL to have it computed when
 * the rule reads it. `order` breaks ties and is the order of sums: permuting the rows and the order
 * together changes no bit. `out` must not overlap the rows. */
enum robust_status robust_aggregate(const struct robust_pipeline *pipeline,
                                    const struct robust_rows *rows, const double *gram,
                                    const size_t *order, const struct robust_scratch *scratch,
                                    float *out, struct robust_evidence *evidence,
                                    struct robust_error *error);

/* The same before the rounding to float; what the golden vectors are compared with. */
enum robust_status robust_aggregate_f64(const struct robust_pipeline *pipeline,
                                        const struct robust_rows *rows, const double *gram,
                                        const size_t *order, const struct robust_scratch *scratch,
                                        double *out, struct robust_evidence *evidence,
                                        struct robust_error *error);

#endif
