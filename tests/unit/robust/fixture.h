/* What every test of robust/ needs: seeded rows, scratch of the right size, and one call that runs
 * a pipeline. */
#ifndef TESTS_ROBUST_FIXTURE_H
#define TESTS_ROBUST_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "robust/robust.h"

enum { TEST_ROWS_MAX = 400 };

/* splitmix64; a test prints its seed by having it in the source. */
static inline uint64_t test_next(uint64_t *state) {
  uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  return z ^ (z >> 31);
}

/* In [-1, 1), a step of 2^-24. */
static inline float test_unit(uint64_t *state) {
  return (float)((int32_t)(test_next(state) >> 39) - (1 << 24)) * 0x1p-24F;
}

/* n rows of d values each, in one block that ends at the last value, so that ASan sees a read past
 * it. */
struct test_rows {
  float *values;
  const void *row[TEST_ROWS_MAX];
  struct robust_rows rows;
};

static inline void test_rows_new(struct test_rows *t, size_t n, size_t d, uint64_t seed) {
  assert_true(n <= TEST_ROWS_MAX);
  memset(t, 0, sizeof *t);
  t->values = malloc((n * d > 0 ? n * d : 1) * sizeof *t->values);
  assert_non_null(t->values);
  for (size_t k = 0; k < n * d; k++) t->values[k] = test_unit(&seed);
  for (size_t i = 0; i < n; i++) t->row[i] = t->values + i * d;
  t->rows = (struct robust_rows){.n = n, .d = d, .row = t->row};
}

static inline float test_at(const struct robust_rows *rows, size_t i, size_t k) {
  const float *row = rows->row[i];
  return row[k];
}

static inline void test_rows_free(struct test_rows *t) {
  free(t->values);
}

static inline struct robust_scratch test_scratch(size_t bytes, int threads) {
  struct robust_scratch scratch = {.bytes = bytes, .threads = threads};
  scratch.memory = aligned_alloc(64, bytes > 0 ? bytes : 64);
  assert_non_null(scratch.memory);
  memset(scratch.memory, 0xa5, bytes); /* whoever reads before writing finds nonsense */
  return scratch;
}

static inline struct robust_pipeline *test_parse(const char *text) {
  struct robust_pipeline *pipeline;
  struct robust_error error = {""};
  enum robust_status status = robust_pipeline_parse(text, &pipeline, &error);
  if (status != ROBUST_OK) fail_msg("%s: %s", text, error.text);
  return pipeline;
}

struct test_result {
  double weights[TEST_ROWS_MAX];
  double scores[TEST_ROWS_MAX];
  struct robust_evidence evidence;
  struct robust_error error;
};

static inline enum robust_status test_run(const char *text, const struct robust_rows *rows,
                                          const size_t *order, int threads, enum robust_isa isa,
                                          float *out, struct test_result *result) {
  struct robust_pipeline *pipeline = test_parse(text);
  struct robust_input input = {.rows = *rows, .order = order};
  struct robust_scratch scratch =
      test_scratch(robust_scratch_bytes(pipeline, &input, threads), threads);
  scratch.isa = isa;
  memset(result, 0, sizeof *result);
  result->evidence.weights = result->weights;
  result->evidence.scores = result->scores;
  enum robust_status status =
      robust_aggregate(pipeline, &input, &scratch, out, &result->evidence, &result->error);
  free(scratch.memory);
  robust_pipeline_free(pipeline);
  return status;
}

/* The usual call: identity order, two threads, best instructions, must succeed. */
static inline void test_aggregate(const char *text, const struct robust_rows *rows, float *out,
                                  struct test_result *result) {
  enum robust_status status = test_run(text, rows, NULL, 2, ROBUST_ISA_BEST, out, result);
  if (status != ROBUST_OK) fail_msg("%s: %s", text, result->error.text);
}

static inline void test_gram(const struct robust_rows *rows, int threads, enum robust_isa isa,
                             double *gram) {
  struct robust_scratch scratch =
      test_scratch(robust_gram_scratch_bytes(rows->n, rows->d, threads), threads);
  scratch.isa = isa;
  assert_int_equal(robust_gram(rows, &scratch, gram, NULL), ROBUST_OK);
  free(scratch.memory);
}

#endif
