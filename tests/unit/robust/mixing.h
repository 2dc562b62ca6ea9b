/* What tests of mixers share: the matrix that a mixer makes of some rows. */
#ifndef TESTS_ROBUST_MIXING_H
#define TESTS_ROBUST_MIXING_H

#include "fixture.h"

enum { MIXING_ROWS_MAX = 250 };

/* Writes the m x n matrix of `text`, mixers and then a rule that asks for nothing ("nnm(f=1) |
 * mean"), and returns m. */
static inline size_t test_mixing(const char *text, const struct robust_rows *rows,
                                 const size_t *order, double *matrix) {
  static double gram[MIXING_ROWS_MAX * MIXING_ROWS_MAX];
  size_t m = 0;
  struct robust_error error = {""};
  struct robust_pipeline *pipeline = test_parse(text);
  assert_true(rows->n <= MIXING_ROWS_MAX);
  test_gram(rows, 2, ROBUST_ISA_BEST, gram);
  struct robust_input input = {.rows = *rows, .gram = gram, .order = order};
  struct robust_scratch scratch = test_scratch(robust_weigh_scratch_bytes(pipeline, &input, 2), 2);
  if (robust_mixing(pipeline, &input, &scratch, matrix, &m, &error) != ROBUST_OK)
    fail_msg("%s: %s", text, error.text);
  free(scratch.memory);
  robust_pipeline_free(pipeline);
  return m;
}

/* The refusal's sentence for n rows; the pipeline must be refused. */
static inline void test_refusal(const char *text, size_t n, const char *sentence) {
  struct robust_error error = {""};
  struct robust_pipeline *pipeline = test_parse(text);
  assert_int_equal(robust_pipeline_check(pipeline, n, &error), ROBUST_NOT_FEASIBLE);
  assert_string_equal(error.text, sentence);
  robust_pipeline_free(pipeline);
}

#endif
