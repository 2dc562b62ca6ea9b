/* What every row weighs, from the Gram matrix alone, is what the whole aggregation says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include "robust/robust.h"
#include "robust/splitmix.h"

enum { N = 11, D = 257 };

struct scene {
  float values[N][D];
  const void *row[N];
  double gram[N * N];
  size_t order[N];
};

static struct robust_scratch scratch_of(size_t bytes) {
  bytes = (bytes + 64) / 64 * 64;
  return (struct robust_scratch){.memory = aligned_alloc(64, bytes), .bytes = bytes, .threads = 1};
}

static void scene_make(struct scene *scene) {
  uint64_t seed = 11;
  for (size_t i = 0; i < N; i++) {
    scene->row[i] = scene->values[i];
    scene->order[i] = (i * 4 + 3) % N;
    for (size_t k = 0; k < D; k++)
      scene->values[i][k] = (float)(splitmix_next(&seed) >> 40) * (i == 2 ? 9e-6F : 1e-6F);
  }
  struct robust_rows rows = {.n = N, .d = D, .row = scene->row};
  struct robust_scratch scratch = scratch_of(robust_gram_scratch_bytes(N, D, 1));
  assert_int_equal(robust_gram(&rows, &scratch, scene->gram, NULL), ROBUST_OK);
  free(scratch.memory);
}

/* Shares without rows against weights with them; the status of the shares. */
static enum robust_status compare(struct scene *scene, const char *text) {
  double with[N], without[N];
  float out[D];
  struct robust_pipeline *pipeline;
  struct robust_error error;
  struct robust_evidence whole = {.weights = with}, said = {.weights = without};
  struct robust_input input = {
      .rows = {.n = N, .d = D, .row = scene->row}, .gram = scene->gram, .order = scene->order};
  assert_int_equal(robust_pipeline_parse(text, &pipeline, &error), ROBUST_OK);
  struct robust_scratch scratch = scratch_of(robust_scratch_bytes(pipeline, &input, 1));
  assert_int_equal(robust_aggregate(pipeline, &input, &scratch, out, &whole, &error), ROBUST_OK);
  free(scratch.memory);
  input.rows = (struct robust_rows){.n = N};
  scratch = scratch_of(robust_weigh_scratch_bytes(pipeline, &input, 1));
  enum robust_status status = robust_shares(pipeline, &input, &scratch, &said, &error);
  free(scratch.memory);
  robust_pipeline_free(pipeline);
  if (status != ROBUST_OK) return status;
  assert_memory_equal(with, without, sizeof with);
  assert_memory_equal(&whole.margin, &said.margin, sizeof said.margin);
  return ROBUST_OK;
}

static void shares_are_the_weights_of_the_aggregation(void **unused) {
  static const char *const rules[] = {"mean",
                                      "median",
                                      "trimmed_mean(f=3)",
                                      "meamed(f=3)",
                                      "krum(f=3)",
                                      "bulyan(f=1)",
                                      "nnm(f=3) | trimmed_mean(f=3)",
                                      "geometric_median",
                                      "multi_krum(f=3)",
                                      "clip(2.0) | median",
                                      "bucketing(s=2) | median"};
  struct scene *scene = calloc(1, sizeof *scene);
  (void)unused;
  scene_make(scene);
  for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
    assert_int_equal(compare(scene, rules[i]), ROBUST_OK);
  free(scene);
}

static void rules_that_look_into_rows_need_them(void **unused) {
  struct scene *scene = calloc(1, sizeof *scene);
  (void)unused;
  scene_make(scene);
  assert_int_equal(compare(scene, "signguard"), ROBUST_NEEDS_ROWS);
  assert_int_equal(compare(scene, "dnc(f=2)"), ROBUST_NEEDS_ROWS);
  free(scene);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(shares_are_the_weights_of_the_aggregation),
      cmocka_unit_test(rules_that_look_into_rows_need_them),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
