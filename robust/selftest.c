/* Runs everything once on rows made from a seed and folds the bits of the results into one hash. */
#include "robust/selftest.h"

#include "robust/robust.h"
#include "robust/score.h"
#include "robust/splitmix.h"

#include <stdlib.h>
#include <string.h>

/* One shape of rows, and memory for what is computed from them. */
struct selftest {
  size_t n, d;
  enum robust_dtype dtype;
  struct robust_scratch scratch;
  unsigned char *values; /* n x d */
  const void **row;      /* n */
  float *scale;          /* n */
  double *counts;        /* n */
  size_t *order;         /* n */
  double *gram;          /* n x n */
  double *weights;       /* n */
  double *scores;        /* n */
  struct robust_score *score;
  void *reference; /* d floats or doubles */
  double *out;     /* d */
  uint64_t hash;
};

/* Every rule, every mixer, and each kind of rule after each kind of mixer. */
static const char *const pipelines[] = {
    "mean",
    "weighted_mean",
    "median",
    "trimmed_mean(f=2)",
    "meamed(f=2)",
    "krum(f=2)",
    "krum(f=1, power=4)",
    "multi_krum(f=2)",
    "multi_krum(f=1, selection=iterated)",
    "bulyan(f=1)",
    "geometric_median",
    "geometric_median(nu_rel=0.1, iterations=20)",
    "centered_clipping(tau=2.0, iterations=3)",
    "mda(f=2)",
    "monna(f=2, pivot=1)",
    "caf(f=2)",
    "caf(f=1, tau_max=active)",
    "smea(f=2)",
    "fltrust",
    "foolsgold",
    "flame(lambda=0.001, seed=5)",
    "dnc(f=2, size=300, seed=9)",
    "signguard",
    "norm_clip(c=0.5)",
    "cge(f=2)",
    "faba(f=2)",
    "clip(c=1.5) | nnm(f=2) | trimmed_mean(f=2)",
    "arc(f=2) | geometric_median",
    "bucketing(s=2, seed=3) | median",
    "nnm(f=1) | bulyan(f=0)",
    "sketch(size=200, seed=6) | clip(c=1.0) | multi_krum(f=2)",
    "bucketing(s=2) | nnm(f=1) | krum(f=0)",
    "nnm(f=2) | signguard",
    "nnm(f=2) | dnc(f=1, size=100, seed=4)",
};

static const size_t pipeline_count = sizeof pipelines / sizeof pipelines[0];

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

/* Rows of steps of 2^-24 within +-1; every fifth row is scaled far up or down, one is zero, two are
 * equal. */
static float next_value(uint64_t *seed, size_t row) {
  static const float scale[] = {1.0F, 1.0F, 1e-3F, 1.0F, 1e18F, 1.0F, 1e-40F, 0.5F, 0.0F, 1.0F};
  float unit = (float)((int32_t)(splitmix_next(seed) >> 39) - (1 << 24)) * 0x1p-24F;
  return unit * scale[row % 10];
}

/* Sixteen bits whose exponent (the bits of `exponent`) is not all ones: any finite number. */
static uint16_t next_half(uint64_t *seed, uint16_t exponent) {
  uint16_t bits = (uint16_t)(splitmix_next(seed) >> 48);
  return (bits & exponent) == exponent ? (uint16_t)(bits & ~(exponent & -exponent)) : bits;
}

static void put_value(struct selftest *test, uint64_t *seed, size_t i, size_t k) {
  unsigned char *to = test->values + (i * test->d + k) * robust_dtype_size(test->dtype);
  float narrow = next_value(seed, i);
  double wide = (double)narrow + (double)narrow * 0x1p-40 * (double)(splitmix_next(seed) >> 54);
  uint16_t half = 0;
  int8_t byte = (int8_t)(splitmix_next(seed) >> 56);
  switch (test->dtype) {
  case ROBUST_F32: memcpy(to, &narrow, sizeof narrow); break;
  case ROBUST_F64: memcpy(to, &wide, sizeof wide); break;
  case ROBUST_F16: half = next_half(seed, 0x7c00); break;
  case ROBUST_BF16: half = next_half(seed, 0x5f80); break; /* below 2^64 */
  case ROBUST_I8: memcpy(to, &byte, sizeof byte); break;
  }
  if (test->dtype == ROBUST_F16 || test->dtype == ROBUST_BF16) memcpy(to, &half, sizeof half);
}

static void make_rows(struct selftest *test, uint64_t seed) {
  size_t size = robust_dtype_size(test->dtype);
  for (size_t i = 0; i < test->n; i++) {
    for (size_t k = 0; k < test->d; k++) put_value(test, &seed, i, k);
    test->row[i] = test->values + i * test->d * size;
    test->order[i] = test->n - 1 - i;
    test->scale[i] = (float)(1 + i % 3) * 0.01F;
    test->counts[i] = (double)(10 + i % 7);
  }
  if (test->n > 5) test->row[5] = test->row[1];
  for (size_t k = 0; k < test->d; k++) {
    float narrow = next_value(&seed, 0);
    double wide = (double)narrow;
    if (test->dtype == ROBUST_F64)
      memcpy((unsigned char *)test->reference + k * sizeof wide, &wide, sizeof wide);
    else
      memcpy((unsigned char *)test->reference + k * sizeof narrow, &narrow, sizeof narrow);
  }
}

static struct robust_input make_input(const struct selftest *test) {
  struct robust_rows rows = {
      .n = test->n, .d = test->d, .row = test->row, .dtype = test->dtype, .scale = test->scale};
  return (struct robust_input){
      .rows = rows, .order = test->order, .counts = test->counts, .reference = test->reference};
}

static void hash_evidence(struct selftest *test, const struct robust_evidence *evidence) {
  hash_doubles(test, test->out, test->d);
  hash_doubles(test, test->weights, test->n);
  hash_doubles(test, test->scores, test->n);
  hash_doubles(test, &evidence->margin, 1);
  hash_doubles(test, &evidence->reference_weight, 1);
  hash_bits(test, evidence->iterations);
  hash_bits(test, evidence->is_capped);
}

/* A pipeline that these rows are too few for adds its refusal to the hash. */
static enum robust_status run_pipeline(struct selftest *test, const char *text,
                                       struct robust_error *error) {
  struct robust_pipeline *pipeline;
  struct robust_input input = make_input(test);
  struct robust_evidence evidence = {.weights = test->weights, .scores = test->scores};
  enum robust_status status = robust_pipeline_parse(text, &pipeline, error);
  if (status != ROBUST_OK) return status;
  status = robust_aggregate_f64(pipeline, &input, &test->scratch, test->out, &evidence, error);
  robust_pipeline_free(pipeline);
  hash_bits(test, status);
  if (status == ROBUST_NOT_FEASIBLE) {
    robust_error_set(error, "%s", "");
    return ROBUST_OK;
  }
  if (status == ROBUST_OK) hash_evidence(test, &evidence);
  return status;
}

static enum robust_status run_scores(struct selftest *test, struct robust_error *error) {
  static const struct robust_score_options options = {3, 0.1, 8};
  enum robust_status status = robust_score(test->n, test->gram, test->order, &options,
                                           &test->scratch, test->score, test->weights, error);
  if (status != ROBUST_OK) return status;
  hash_doubles(test, test->weights, test->n);
  for (size_t i = 0; i < test->n; i++) {
    hash_doubles(test, &test->score[i].krum, 1);
    hash_doubles(test, &test->score[i].cosine_others, 1);
    if (test->dtype != ROBUST_F32) continue;
    double product = robust_dot(test->row[i], test->row[0], test->d);
    hash_doubles(test, &product, 1);
  }
  return ROBUST_OK;
}

static enum robust_status run_all(struct selftest *test, struct robust_error *error) {
  struct robust_input input = make_input(test);
  enum robust_status status = robust_gram(&input.rows, &test->scratch, test->gram, error);
  if (status == ROBUST_OK) hash_doubles(test, test->gram, test->n * test->n);
  for (size_t i = 0; i < pipeline_count && status == ROBUST_OK; i++)
    status = run_pipeline(test, pipelines[i], error);
  return status == ROBUST_OK ? run_scores(test, error) : status;
}

static size_t larger(size_t a, size_t b) {
  return a > b ? a : b;
}

static enum robust_status scratch_for(struct selftest *test, struct robust_error *error) {
  struct robust_input input = make_input(test);
  int threads = test->scratch.threads;
  size_t bytes = larger(robust_score_scratch_bytes(test->n),
                        robust_gram_scratch_bytes(test->n, test->d, threads));
  for (size_t i = 0; i < pipeline_count; i++) {
    struct robust_pipeline *pipeline;
    enum robust_status status = robust_pipeline_parse(pipelines[i], &pipeline, error);
    if (status != ROBUST_OK) return status;
    if (robust_pipeline_check(pipeline, test->n, NULL) == ROBUST_OK)
      bytes = larger(bytes, robust_scratch_bytes(pipeline, &input, threads));
    robust_pipeline_free(pipeline);
  }
  test->scratch.bytes = (bytes + 63) / 64 * 64;
  test->scratch.memory = aligned_alloc(64, test->scratch.bytes);
  return test->scratch.memory != NULL ? ROBUST_OK : ROBUST_NO_MEMORY;
}

static bool allocate(struct selftest *test) {
  test->values = calloc(test->n * test->d, robust_dtype_size(test->dtype));
  test->row = calloc(test->n, sizeof *test->row);
  test->scale = calloc(test->n, sizeof *test->scale);
  test->counts = calloc(test->n, sizeof *test->counts);
  test->order = calloc(test->n, sizeof *test->order);
  test->gram = calloc(test->n * test->n, sizeof *test->gram);
  test->weights = calloc(test->n, sizeof *test->weights);
  test->scores = calloc(test->n, sizeof *test->scores);
  test->score = calloc(test->n, sizeof *test->score);
  test->reference = calloc(test->d, sizeof(double));
  test->out = calloc(test->d, sizeof *test->out);
  return test->values != NULL && test->row != NULL && test->scale != NULL && test->counts != NULL &&
         test->order != NULL && test->gram != NULL && test->weights != NULL &&
         test->scores != NULL && test->score != NULL && test->reference != NULL &&
         test->out != NULL;
}

static void release(struct selftest *test) {
  free(test->out);
  free(test->reference);
  free(test->score);
  free(test->scores);
  free(test->weights);
  free(test->gram);
  free(test->order);
  free(test->counts);
  free(test->scale);
  free(test->row);
  free(test->values);
  free(test->scratch.memory);
}

static enum robust_status run_shape(struct selftest *test, uint64_t seed,
                                    struct robust_error *error) {
  enum robust_status status = ROBUST_NO_MEMORY;
  if (allocate(test)) {
    make_rows(test, seed);
    status = scratch_for(test, error);
  }
  if (status == ROBUST_OK)
    status = run_all(test, error);
  else if (status == ROBUST_NO_MEMORY)
    robust_error_set(error, "no memory for the self-test");
  release(test);
  return status;
}

enum robust_status robust_selftest(int threads, enum robust_isa isa, uint64_t *hash,
                                   struct robust_error *error) {
  static const struct {
    size_t n, d;
    enum robust_dtype dtype;
  } shapes[] = {
      {5, 1, ROBUST_F32},     {12, 511, ROBUST_F32},   {31, 2050, ROBUST_F32},
      {77, 5003, ROBUST_F32}, {150, 1537, ROBUST_F32}, {14, 1030, ROBUST_F64},
      {131, 700, ROBUST_F64}, {13, 1029, ROBUST_F16},  {13, 1029, ROBUST_BF16},
      {13, 1029, ROBUST_I8},
  };
  enum robust_status status = ROBUST_OK;
  *hash = UINT64_C(0xcbf29ce484222325);
  for (size_t i = 0; i < sizeof shapes / sizeof shapes[0] && status == ROBUST_OK; i++) {
    struct selftest test = {.n = shapes[i].n,
                            .d = shapes[i].d,
                            .dtype = shapes[i].dtype,
                            .scratch = {.threads = threads, .isa = isa},
                            .hash = *hash};
    status = run_shape(&test, 2 + i, error);
    *hash = test.hash;
  }
  return status;
}
