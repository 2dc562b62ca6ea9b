/* The n x n numbers that rules decide from, in canonical order: given by the caller or measured in
 * passes over the rows. Internal. */
#ifndef ROBUST_NUMBERS_H
#define ROBUST_NUMBERS_H

#include "robust/pipeline_stages.h"
#include "robust/scratch.h"

/* What the pipeline does not read is NULL. */
struct numbers {
  size_t n;
  double *gram;         /* n x n */
  double *square;       /* n: its diagonal */
  double *products;     /* n + 1: with the reference, and its own square last */
  double *history_gram; /* n x n */
  double *counts;       /* n */
  double *sample_gram;  /* draws.draws x n x n */
  struct rule_draws draws;
  struct rule_draws sketch; /* of one draw, when the Gram matrix is not to be of all coordinates */
  size_t *coordinates;      /* those of one draw */
  const void **history_row; /* n */
  float *history_scale;     /* n */
};

/* Lays out what this pipeline reads of n rows. */
void numbers_lay_out(struct numbers *numbers, struct scratch_cursor *cursor,
                     const struct robust_pipeline *pipeline, const struct robust_input *input);

/* Copies what the caller gave into canonical order: position p is the caller's row order[p]. What
 * the pipeline reads but nobody gave is answered with ROBUST_NEEDS_ROWS. */
enum robust_status numbers_given(struct numbers *numbers, const struct robust_pipeline *pipeline,
                                 const struct robust_input *input, const size_t *order,
                                 struct robust_error *error);

/* The same, and measures the rest from `rows`, which are in canonical order already. `rest` holds
 * numbers_scratch_bytes. */
enum robust_status numbers_measure(struct numbers *numbers, const struct robust_pipeline *pipeline,
                                   const struct robust_input *input, const struct robust_rows *rows,
                                   const size_t *order, const struct robust_scratch *rest,
                                   struct robust_error *error);

size_t numbers_scratch_bytes(const struct robust_pipeline *pipeline,
                             const struct robust_input *input, int threads);

#endif
