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

/* Everything a call reads. `rows` is required; the rest may be NULL. Arrays over rows are in the
 * rows' own order. */
struct robust_input {
  struct robust_rows rows;
  const double *gram;   /* n x n: robust_gram's result for these rows; NULL: computed when a stage
                           reads it */
  const size_t *order;  /* a permutation of 0..n-1, NULL: identity. Breaks ties, and is the order of
                           sums: permuting the rows and the order together changes no bit */
  const double *counts; /* n: each client's examples, finite and >= 0, capped by the caller; NULL: 1
                           each */
  const void *reference;            /* d floats (doubles when the rows are ROBUST_F64), finite: what
                                       centered_clipping gave last, fltrust's own update, flame's global model,
                                       signguard's last aggregate. NULL: zeros, which fltrust refuses */
  const double *reference_products; /* n + 1: <x_i, reference>, then <reference, reference>; NULL:
                                       computed */
  const struct robust_rows *history; /* foolsgold: n rows, the sum of each client's updates up to
                                        and with this one; NULL: this round's rows */
  const double *history_gram;        /* n x n; NULL: computed */
  const size_t *coordinates; /* dnc: all its draws, one after the other, instead of those of the
                                seed; for replaying others */
};

/* Why the result is what it is. The caller lends the arrays before the call; the rest is filled.
 * Arrays are in the rows' own order, whatever was mixed. */
struct robust_evidence {
  double *weights; /* n. When weights_are_exact, the output is exactly the sum of the rows with
                      these weights, of reference_weight times the reference, and of the noise.
                      Otherwise every coordinate chose for itself among the rows of weight other
                      than zero, and each has its nominal share. 0: dropped */
  double *scores; /* n doubles or NULL: what the rule ranked the (mixed) rows by, low is good; zeros
                     when it did not rank */
  double reference_weight;
  size_t selected; /* rows of weight other than zero */
  double margin; /* (first score left out - last score taken) / first score left out; 1 when nobody
                    was left out. Below about 1e-6 the choice is numerically arbitrary */
  double noise;  /* standard deviation of the noise added to every coordinate */
  size_t iterations; /* of rules that iterate */
  bool weights_are_exact;
  bool is_capped;      /* a search or iteration hit its limit; the rule's file says what then */
  bool is_approximate; /* asked for by name: rows were judged together, in buckets */
};

/* Scratch for robust_weigh and robust_mixing with this pipeline and input. Of the input, n, d,
 * dtype and which pointers are NULL count. */
size_t robust_weigh_scratch_bytes(const struct robust_pipeline *pipeline,
                                  const struct robust_input *input, int threads);

/* Decides the weights from numbers alone: this is how an auditor rechecks a round in about n^2
 * steps. Of input->rows only n is read; the Gram matrix, the products with the reference and the
 * history's Gram matrix must be given if the pipeline reads them. Answers ROBUST_NEEDS_ROWS for
 * pipelines that look at single coordinates or when a number is missing, ROBUST_NOT_FEASIBLE as
 * robust_pipeline_check does. */
enum robust_status robust_weigh(const struct robust_pipeline *pipeline,
                                const struct robust_input *input,
                                const struct robust_scratch *scratch,
                                struct robust_evidence *evidence, struct robust_error *error);

/* As robust_weigh, and also for rules by coordinate: who takes part, each with its nominal share,
 * is decided from the same numbers, and is what robust_aggregate writes into evidence->weights.
 * Only what every coordinate chose then needs the rows. */
enum robust_status robust_shares(const struct robust_pipeline *pipeline,
                                 const struct robust_input *input,
                                 const struct robust_scratch *scratch,
                                 struct robust_evidence *evidence, struct robust_error *error);

/* What the pipeline's mixers do: matrix[b * n + j] is the weight of row j in mixed row b, for *m
 * mixed rows. `matrix` has room for n x n. Reads input as robust_weigh does. */
enum robust_status robust_mixing(const struct robust_pipeline *pipeline,
                                 const struct robust_input *input,
                                 const struct robust_scratch *scratch, double *matrix, size_t *m,
                                 struct robust_error *error);

/* The mixed rows themselves, for looking at: row b at out + b d, as floats (doubles when the rows
 * are ROBUST_F64), rounded once. The one call whose output is of the size of its input. `out` has
 * room for n rows; *m are written. Measures what the mixers read, as robust_aggregate does. */
size_t robust_mix_scratch_bytes(const struct robust_pipeline *pipeline,
                                const struct robust_input *input, int threads);
enum robust_status robust_mix(const struct robust_pipeline *pipeline,
                              const struct robust_input *input,
                              const struct robust_scratch *scratch, void *out, size_t *m,
                              struct robust_error *error);

/* Scratch for robust_aggregate, the Gram matrix included. */
size_t robust_scratch_bytes(const struct robust_pipeline *pipeline,
                            const struct robust_input *input, int threads);

/* Runs the pipeline: out[0..d) is the aggregate, each coordinate computed in double and rounded
 * once to float. Mixed rows that a coordinate-wise rule looks at are rounded to float too, unless
 * the rows are ROBUST_F64. `out` must not overlap the rows. */
enum robust_status robust_aggregate(const struct robust_pipeline *pipeline,
                                    const struct robust_input *input,
                                    const struct robust_scratch *scratch, float *out,
                                    struct robust_evidence *evidence, struct robust_error *error);

/* The same before the last rounding. */
enum robust_status robust_aggregate_f64(const struct robust_pipeline *pipeline,
                                        const struct robust_input *input,
                                        const struct robust_scratch *scratch, double *out,
                                        struct robust_evidence *evidence,
                                        struct robust_error *error);

#endif
