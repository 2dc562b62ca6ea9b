/* What judging a round costs beside its rule, on the same rows in one run: everything of the
 * evidence beyond the Gram matrix, and the verdicts; against the Gram matrix and the rule. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "aggregator/judge.h"
#include "aggregator/measure.h"
#include "aggregator/sketches.h"
#include "robust/robust.h"

enum { TURNS = 5 };

struct bench {
  size_t n, d;
  int threads;
  struct layout layout;
  float *values; /* (2 n + 2) x d: rows, those before, base, base before */
  const void **row;
  const float **before;
  double *gram, *centre;
  bool *votes;
  struct evidence *evidence;
  struct measure *measure;
};

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void must(bool good, const char *what) {
  if (good) return;
  fprintf(stderr, "bench-judge: %s\n", what);
  exit(EXIT_FAILURE);
}

/* Ten layers, the last of ten classes, as a small network has. */
static void bench_open(struct bench *bench, size_t n, size_t d) {
  struct tensor tensor[10];
  uint64_t state = 1;
  *bench = (struct bench){.n = n, .d = d, .threads = (int)sysconf(_SC_NPROCESSORS_ONLN)};
  for (size_t t = 0; t < 10; t++) {
    tensor[t] = (struct tensor){.rank = 1, .shape = {d / 10}};
    snprintf(tensor[t].name, sizeof tensor[t].name, "layer%zu", t);
  }
  tensor[8] = (struct tensor){.name = "out.weight", .rank = 2, .shape = {10, d / 100}};
  tensor[9] = (struct tensor){.name = "out.bias", .rank = 1, .shape = {10}};
  must(layout_make(tensor, 10, &bench->layout, NULL) == TAMIS_OK, "no layout");
  bench->d = d = (size_t)bench->layout.parameters;
  bench->values = malloc((2 * n + 2) * d * sizeof *bench->values);
  bench->row = calloc(n, sizeof *bench->row);
  bench->before = calloc(n, sizeof *bench->before);
  bench->gram = calloc(n * n, sizeof *bench->gram);
  bench->centre = calloc(n, sizeof *bench->centre);
  bench->votes = calloc(n, sizeof *bench->votes);
  bench->evidence = calloc(n, sizeof *bench->evidence);
  must(bench->values && bench->row && bench->before && bench->gram && bench->centre &&
           bench->votes && bench->evidence,
       "out of memory");
  for (size_t k = 0; k < (2 * n + 2) * d; k++) {
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    bench->values[k] = (float)(int32_t)(state >> 32) * 0x1p-31F;
  }
  for (size_t i = 0; i < n; i++) {
    bench->row[i] = bench->values + i * d;
    bench->before[i] = bench->values + (n + i) * d;
    bench->votes[i] = true;
  }
}

static void bench_close(struct bench *bench) {
  free(bench->evidence);
  free(bench->votes);
  free(bench->centre);
  free(bench->gram);
  free(bench->before);
  free(bench->row);
  free(bench->values);
  layout_close(&bench->layout);
}

static struct robust_scratch scratch_of(const struct bench *bench, size_t bytes) {
  bytes = (bytes + 63) / 64 * 64;
  struct robust_scratch scratch = {
      .memory = aligned_alloc(64, bytes ? bytes : 64), .bytes = bytes, .threads = bench->threads};
  must(scratch.memory != NULL, "out of memory");
  return scratch;
}

static void look(void *context, size_t from, size_t to) {
  struct bench *bench = context;
  (void)from;
  if (bench->measure) measure_upto(bench->measure, to);
}

static double gram(struct bench *bench) {
  struct robust_rows rows = {
      .n = bench->n, .d = bench->d, .row = bench->row, .release = look, .context = bench};
  struct robust_scratch scratch =
      scratch_of(bench, robust_gram_scratch_bytes(bench->n, bench->d, bench->threads));
  double start = seconds();
  must(robust_gram(&rows, &scratch, bench->gram, NULL) == ROBUST_OK, "no Gram matrix");
  double took = seconds() - start;
  free(scratch.memory);
  return took;
}

/* Evidence from the sums, and the verdicts. */
static void judge(struct bench *bench) {
  struct sketches none = {.trail = 0}, now;
  struct policy policy;
  struct sketches_past *past = calloc(bench->n, sizeof *past);
  struct judged *judged = calloc(bench->n, sizeof *judged);
  must(past && judged && sketches_new(bench->n, 1, &now), "out of memory");
  must(
      evidence_measure(bench->n, bench->gram, bench->votes, 0.99, bench->centre, bench->evidence) &&
          measure_evidence(bench->measure, bench->gram, bench->votes, bench->evidence) &&
          measure_output(bench->measure, bench->centre, bench->evidence),
      "out of memory");
  for (size_t i = 0; i < bench->n; i++)
    measure_sketch(bench->measure, i, now.update + i * ROBUST_SKETCH_SIZE);
  must(sketches_compare(&none, past, bench->centre, bench->threads, &now, bench->evidence),
       "out of memory");
  policy_default(&policy);
  for (size_t i = 0; i < bench->n; i++) {
    judged[i].client = "somebody";
    judged[i].evidence = bench->evidence[i];
    judge_history_start(&judged[i].history);
  }
  judge_round(&policy, judged, bench->n);
  sketches_close(&now);
  free(judged);
  free(past);
}

static double measured(struct bench *bench, double *beyond) {
  struct measure_input input = {.n = bench->n,
                                .layout = &bench->layout,
                                .row = bench->row,
                                .before = bench->before,
                                .base = bench->values + 2 * bench->n * bench->d,
                                .base_before = bench->values + (2 * bench->n + 1) * bench->d,
                                .threads = bench->threads};
  bench->measure = measure_new(&input);
  must(bench->measure != NULL, "out of memory");
  double with = gram(bench), start = seconds();
  judge(bench);
  *beyond = seconds() - start;
  measure_free(bench->measure);
  bench->measure = NULL;
  return with;
}

/* The rule alone, the Gram matrix being there. */
static double rule(struct bench *bench, const char *text) {
  struct robust_pipeline *pipeline;
  struct robust_input input = {.rows = {.n = bench->n, .d = bench->d, .row = bench->row},
                               .gram = bench->gram};
  struct robust_evidence said = {.weights = calloc(bench->n, sizeof(double))};
  float *out = malloc(bench->d * sizeof *out);
  must(said.weights && out && robust_pipeline_parse(text, &pipeline, NULL) == ROBUST_OK, text);
  struct robust_scratch scratch =
      scratch_of(bench, robust_scratch_bytes(pipeline, &input, bench->threads));
  double start = seconds();
  must(robust_aggregate(pipeline, &input, &scratch, out, &said, NULL) == ROBUST_OK, text);
  double took = seconds() - start;
  free(scratch.memory);
  free(out);
  free(said.weights);
  robust_pipeline_free(pipeline);
  return took;
}

/* The least of several turns, which other programs disturb least. */
static void run(size_t n, size_t d) {
  struct bench bench;
  char krum[64], mean[64];
  double best[5] = {HUGE_VAL, HUGE_VAL, HUGE_VAL, HUGE_VAL, HUGE_VAL};
  bench_open(&bench, n, d);
  snprintf(krum, sizeof krum, "multi_krum(f=%zu)", n / 5);
  snprintf(mean, sizeof mean, "trimmed_mean(f=%zu)", n / 5);
  for (int turn = 0; turn < TURNS; turn++) {
    double now[5], beyond;
    now[0] = gram(&bench);
    now[1] = measured(&bench, &beyond);
    now[2] = beyond;
    now[3] = rule(&bench, krum);
    now[4] = rule(&bench, mean);
    for (size_t k = 0; k < 5; k++) best[k] = fmin(best[k], now[k]);
  }
  double judging = fmax(0, best[1] - best[0]) + best[2];
  printf("n=%zu d=%zu threads=%d\n", n, bench.d, bench.threads);
  printf("  Gram matrix                  %8.1f ms\n", 1e3 * best[0]);
  printf("  judging: beside the matrix   %8.1f ms\n", 1e3 * fmax(0, best[1] - best[0]));
  printf("  judging: after it            %8.1f ms\n", 1e3 * best[2]);
  printf("  judging                      %8.1f ms\n", 1e3 * judging);
  printf("  Gram + %-20s  %8.1f ms, judging is %.2f of it\n", krum, 1e3 * (best[0] + best[3]),
         judging / (best[0] + best[3]));
  printf("  Gram + %-20s  %8.1f ms, judging is %.2f of it\n", mean, 1e3 * (best[0] + best[4]),
         judging / (best[0] + best[4]));
  bench_close(&bench);
}

int main(void) {
  run(50, 100000);
  run(100, 1000000);
  return EXIT_SUCCESS;
}
