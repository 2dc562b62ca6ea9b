/* What bench_robust.py calls: Tamis's passes, and the machine's limits, over rows that Python owns.
 */
#include "robust/robust.h"

#include <cblas.h>
#include <omp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { READ_LANES = 64 };

/* The tree is compiled with hidden symbols; these are for ctypes. */
#pragma GCC visibility push(default)
double bench_seconds(void);
int bench_read(const float *x, size_t n, size_t d, double *seconds);
int bench_ssyrk(const float *x, size_t n, size_t d, float *gram, double *seconds);
int bench_dsyrk(size_t n, size_t d, double *seconds);
int bench_gram(const float *x, size_t n, size_t d, double *gram, double *seconds);
int bench_aggregate(const char *text, const float *x, size_t n, size_t d, float *out,
                    double *seconds);
size_t bench_scratch(const char *text, size_t n, size_t d);
#pragma GCC visibility pop

double bench_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static const void **make_rows(const float *x, size_t n, size_t d) {
  const void **row = malloc(n * sizeof *row);
  for (size_t i = 0; row != NULL && i < n; i++) row[i] = x + i * d;
  return row;
}

/* Memory that has been touched before the clock starts, as a server's has. */
static struct robust_scratch make_scratch(size_t bytes) {
  struct robust_scratch scratch = {.bytes = bytes, .threads = omp_get_max_threads()};
  scratch.memory = aligned_alloc(64, bytes);
  if (scratch.memory != NULL) memset(scratch.memory, 1, bytes);
  return scratch;
}

/* The floor of any aggregation: every input byte looked at once (as integers, so that nothing waits
 * for an adder). */
int bench_read(const float *x, size_t n, size_t d, double *seconds) {
  const uint32_t *words = (const uint32_t *)(const void *)x;
  size_t count = n * d / READ_LANES * READ_LANES;
  uint32_t total = 0;
  double start = bench_seconds();
#pragma omp parallel for schedule(static) reduction(^ : total)
  for (size_t k = 0; k < count; k += READ_LANES) {
    uint32_t mixed = 0;
    for (size_t i = 0; i < READ_LANES; i++) mixed ^= words[k + i];
    total ^= mixed;
  }
  *seconds = bench_seconds() - start;
  return (int)(total & 1);
}

int bench_ssyrk(const float *x, size_t n, size_t d, float *gram, double *seconds) {
  double start = bench_seconds();
  cblas_ssyrk(CblasRowMajor, CblasLower, CblasNoTrans, (blasint)n, (blasint)d, 1.0F, x, (blasint)d,
              0.0F, gram, (blasint)n);
  *seconds = bench_seconds() - start;
  return 0;
}

/* What dsyrk does with a tile that stays in the cache, as often as the rows have tiles: the
 * machine's limit for products, where reading is free. */
int bench_dsyrk(size_t n, size_t d, double *seconds) {
  enum { TILE = 512 };
  size_t tiles = (d + TILE - 1) / TILE;
  int failed = 0;
  double start = bench_seconds();
#pragma omp parallel reduction(| : failed)
  {
    double *tile = calloc(n * TILE, sizeof *tile);
    double *product = calloc(n * n, sizeof *product);
    failed = tile == NULL || product == NULL;
#pragma omp for schedule(static)
    for (size_t t = 0; t < tiles; t++)
      if (!failed)
        cblas_dsyrk(CblasRowMajor, CblasLower, CblasNoTrans, (blasint)n, TILE, 1.0, tile, TILE, 0.0,
                    product, (blasint)n);
    free(product);
    free(tile);
  }
  *seconds = bench_seconds() - start;
  return failed;
}

int bench_gram(const float *x, size_t n, size_t d, double *gram, double *seconds) {
  const void **row = make_rows(x, n, d);
  struct robust_scratch scratch =
      make_scratch(robust_gram_scratch_bytes(n, d, omp_get_max_threads()));
  struct robust_rows rows = {.n = n, .d = d, .row = row};
  int failed = row == NULL || scratch.memory == NULL;
  if (!failed) {
    double start = bench_seconds();
    failed = robust_gram(&rows, &scratch, gram, NULL) != ROBUST_OK;
    *seconds = bench_seconds() - start;
  }
  free(scratch.memory);
  free(row);
  return failed;
}

int bench_aggregate(const char *text, const float *x, size_t n, size_t d, float *out,
                    double *seconds) {
  struct robust_pipeline *pipeline;
  if (robust_pipeline_parse(text, &pipeline, NULL) != ROBUST_OK) return 1;
  const void **row = make_rows(x, n, d);
  double *weights = malloc(n * sizeof *weights);
  struct robust_input input = {.rows = {.n = n, .d = d, .row = row}};
  struct robust_scratch scratch =
      make_scratch(robust_scratch_bytes(pipeline, &input, omp_get_max_threads()));
  struct robust_evidence evidence = {.weights = weights};
  int failed = row == NULL || weights == NULL || scratch.memory == NULL;
  if (!failed) {
    double start = bench_seconds();
    failed = robust_aggregate(pipeline, &input, &scratch, out, &evidence, NULL) != ROBUST_OK;
    *seconds = bench_seconds() - start;
  }
  free(scratch.memory);
  free(weights);
  free(row);
  robust_pipeline_free(pipeline);
  return failed;
}

/* All the memory a call takes beside its rows and its output. */
size_t bench_scratch(const char *text, size_t n, size_t d) {
  struct robust_pipeline *pipeline;
  if (robust_pipeline_parse(text, &pipeline, NULL) != ROBUST_OK) return 0;
  struct robust_input input = {.rows = {.n = n, .d = d}};
  size_t bytes = robust_scratch_bytes(pipeline, &input, omp_get_max_threads());
  robust_pipeline_free(pipeline);
  return bytes;
}
