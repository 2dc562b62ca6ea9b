/* Runs everything once on rows made from a seed and folds the bits of the results into one hash. */
#include "robust/selftest.h"

#include "robust/robust.h"
#include "robust/score.h"

#include <stdlib.h>
#include <string.h>

struct selftest {
  size_t n, d;
  struct robust_scratch scratch;
  float *values;    /* n x d */
  const void **row; /* n */
  size_t *order;    /* n */
  double *gram;     /* n x n */
  double *weights;  /* n */
  struct robust_score *score;
  float *out; /* d */
  uint64_t hash;
};

/* splitmix64: integers only, so that the rows themselves are the same everywhere. */
static uint64_t next(uint64_t *state) {
  uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  return z ^ (z >> 31);
}

static void hash_bits(struct selftest *test, uint64_t bits) {
  for (int shift = 0; shift < 64; shift += 8) {
    test->hash ^= (bits >> shift) & 0xff;
    test->hash *= UINT64_C(0x100000001b3);
  }
}

static void hash_doubles(struct selftest *test, const double *values, size_t count) {
  for (size_t i = 0; i < count; i++) {
    uint64_t bits;
    memcpy(&bits, values + i, sizeof bits);
    hash_bits(test, bits);
  }
}

static void hash_floats(struct selftest *test, const float *values, size_t count) {
  for (size_t i = 0; i < count; i++) {
    uint32_t bits;
    memcpy(&bits, values + i, sizeof bits);
    hash_bits(test, bits);
  }
}

/* Rows of steps of 2^-24 within +-1; every fifth row is scaled far up or down, one is zero, two are
 * equal. */
static void make_rows(struct selftest *test, uint64_t seed) {
  static const float scale[] = {1.0F, 1.0F, 1e-3F, 1.0F, 1e18F, 1.0F, 1e-40F, 0.5F, 0.0F, 1.0F};
  for (size_t i = 0; i < test->n; i++) {
    for (size_t k = 0; k < test->d; k++) {
      float unit = (float)(int32_t)((next(&seed) >> 39) - (1 << 24)) * 0x1p-24F;
      test->values[i * test->d + k] = unit * scale[i % 10];
    }
    test->row[i] = test->values + i * test->d;
    test->order[i] = test->n - 1 - i;
  }
  if (test->n > 5) test->row[5] = test->row[1];
}

static enum robust_status run_rule(struct selftest *test, const struct robust_rows *rows,
                                   const char *text, struct robust_error *error) {
  struct robust_pipeline *pipeline;
  struct robust_evidence evidence = {.weights = test->weights};
  enum robust_status status = robust_pipeline_parse(text, &pipeline, error);
  if (status != ROBUST_OK) return status;
  struct robust_input input = {.rows = *rows, .gram = test->gram, .order = test->order};
  status = robust_aggregate(pipeline, &input, &test->scratch, test->out, &evidence, error);
  robust_pipeline_free(pipeline);
  hash_floats(test, test->out, test->d);
  hash_doubles(test, test->weights, test->n);
  hash_doubles(test, &evidence.margin, 1);
  return status;
}

static const char *const pipelines[] = {"mean", "median", "trimmed_mean(f=2)", "krum(f=2)",
                                        "multi_krum(f=2)"};

static const size_t pipeline_count = sizeof pipelines / sizeof pipelines[0];

static enum robust_status run_all(struct selftest *test, struct robust_error *error) {
  static const struct robust_score_options options = {3, 0.1, 8};
  struct robust_rows rows = {.n = test->n, .d = test->d, .row = test->row};
  enum robust_status status = robust_gram(&rows, &test->scratch, test->gram, error);
  if (status == ROBUST_OK) hash_doubles(test, test->gram, test->n * test->n);
  for (size_t i = 0; i < pipeline_count && status == ROBUST_OK; i++)
    status = run_rule(test, &rows, pipelines[i], error);
  if (status == ROBUST_OK)
    status = robust_score(test->n, test->gram, test->order, &options, &test->scratch, test->score,
                          test->weights, error);
  if (status != ROBUST_OK) return status;
  hash_doubles(test, test->weights, test->n);
  for (size_t i = 0; i < test->n; i++) {
    double product = robust_dot(test->row[i], test->row[0], test->d);
    hash_doubles(test, &product, 1);
    hash_doubles(test, &test->score[i].krum, 1);
    hash_doubles(test, &test->score[i].cosine_others, 1);
  }
  return ROBUST_OK;
}

static size_t larger(size_t a, size_t b) {
  return a > b ? a : b;
}

static enum robust_status scratch_for(struct selftest *test, struct robust_error *error) {
  struct robust_input shape = {.rows = {.n = test->n, .d = test->d}};
  int threads = test->scratch.threads;
  size_t bytes = larger(robust_score_scratch_bytes(test->n),
                        robust_gram_scratch_bytes(test->n, test->d, threads));
  for (size_t i = 0; i < pipeline_count; i++) {
    struct robust_pipeline *pipeline;
    enum robust_status status = robust_pipeline_parse(pipelines[i], &pipeline, error);
    if (status != ROBUST_OK) return status;
    bytes = larger(bytes, robust_scratch_bytes(pipeline, &shape, threads));
    robust_pipeline_free(pipeline);
  }
  test->scratch.bytes = bytes;
  test->scratch.memory = aligned_alloc(64, bytes);
  return test->scratch.memory != NULL ? ROBUST_OK : ROBUST_NO_MEMORY;
}

static enum robust_status run_shape(struct selftest *test, uint64_t seed,
                                    struct robust_error *error) {
  enum robust_status status = scratch_for(test, error);
  test->values = calloc(test->n * test->d, sizeof *test->values);
  test->row = calloc(test->n, sizeof *test->row);
  test->order = calloc(test->n, sizeof *test->order);
  test->gram = calloc(test->n * test->n, sizeof *test->gram);
  test->weights = calloc(test->n, sizeof *test->weights);
  test->score = calloc(test->n, sizeof *test->score);
  test->out = calloc(test->d, sizeof *test->out);
  if (test->values == NULL || test->row == NULL || test->order == NULL || test->gram == NULL ||
      test->weights == NULL || test->score == NULL || test->out == NULL)
    status = ROBUST_NO_MEMORY;
  if (status == ROBUST_OK) {
    make_rows(test, seed);
    status = run_all(test, error);
  } else {
    robust_error_set(error, "no memory for the self-test");
  }
  free(test->out);
  free(test->score);
  free(test->weights);
  free(test->gram);
  free(test->order);
  free(test->row);
  free(test->values);
  free(test->scratch.memory);
  return status;
}

enum robust_status robust_selftest(int threads, enum robust_isa isa, uint64_t *hash,
                                   struct robust_error *error) {
  static const size_t shapes[][2] = {{5, 1}, {12, 511}, {31, 2050}, {77, 5003}, {150, 1537}};
  enum robust_status status = ROBUST_OK;
  *hash = UINT64_C(0xcbf29ce484222325);
  for (size_t i = 0; i < sizeof shapes / sizeof shapes[0] && status == ROBUST_OK; i++) {
    struct selftest test = {.n = shapes[i][0],
                            .d = shapes[i][1],
                            .scratch = {.threads = threads, .isa = isa},
                            .hash = *hash};
    status = run_shape(&test, 2 + i, error);
    *hash = test.hash;
  }
  return status;
}
