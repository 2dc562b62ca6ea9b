/* Runs a pipeline: weights from the Gram matrix and then one sum, or one coordinate-wise pass, tile
 * by tile. */
#include "robust/pipeline_stages.h"
#include "robust/sink.h"

#include <omp.h>

/* What the rule itself needs beside its input. */
struct rule_work {
  size_t *order;
  double *work;
};

static void lay_out_rule(struct rule_work *work, struct scratch_cursor *cursor,
                         const struct rule *rule, size_t n) {
  work->order = scratch_take(cursor, n, sizeof *work->order);
  work->work = scratch_take(cursor, rule->work_doubles != NULL ? rule->work_doubles(n) : 0,
                            sizeof *work->work);
}

static enum robust_status bad_scratch(const struct scratch_cursor *cursor,
                                      struct robust_error *error) {
  robust_error_set(error, "the pipeline needs %zu bytes of scratch aligned to 64", cursor->used);
  return ROBUST_BAD_SCRATCH;
}

static struct rule_input make_input(const struct pipeline_stage *stage, size_t n,
                                    const double *gram, const size_t *order,
                                    const struct rule_work *work) {
  for (size_t i = 0; i < n; i++) work->order[i] = order != NULL ? order[i] : i;
  return (struct rule_input){n, stage->value, gram, work->order, work->work};
}

size_t robust_weigh_scratch_bytes(const struct robust_pipeline *pipeline, size_t n) {
  struct rule_work work;
  struct scratch_cursor cursor = scratch_open(NULL);
  lay_out_rule(&work, &cursor, pipeline_rule(pipeline)->rule, n);
  return cursor.used;
}

enum robust_status robust_weigh(const struct robust_pipeline *pipeline, size_t n,
                                const double *gram, const size_t *order,
                                const struct robust_scratch *scratch,
                                struct robust_evidence *evidence, struct robust_error *error) {
  const struct pipeline_stage *stage = pipeline_rule(pipeline);
  enum robust_status status = robust_pipeline_check(pipeline, n, error);
  if (status != ROBUST_OK) return status;
  if (stage->rule->kind != RULE_BY_WEIGHTS) {
    robust_error_set(error, "%s looks at single coordinates: recheck it with the rows",
                     stage->rule->name);
    return ROBUST_NEEDS_ROWS;
  }
  struct rule_work work;
  struct scratch_cursor cursor = scratch_open(scratch);
  lay_out_rule(&work, &cursor, stage->rule, n);
  if (!scratch_fits(&cursor)) return bad_scratch(&cursor, error);
  struct rule_input input = make_input(stage, n, gram, order, &work);
  stage->rule->weigh(&input, evidence);
  return ROBUST_OK;
}

/* Memory for ranking in each thread, and a tile of results. */
struct pass_work {
  struct rule_work rule;
  const float **row;   /* threads x n: at the tile's first coordinate */
  unsigned char *rank; /* threads x rank_bytes */
  size_t rank_bytes;
  double *out; /* threads x RANK_TILE */
};

static void lay_out_pass(struct pass_work *work, struct scratch_cursor *cursor,
                         const struct rule *rule, size_t n, int threads) {
  lay_out_rule(&work->rule, cursor, rule, n);
  work->rank_bytes = rank_work_bytes(n, false);
  work->row = scratch_take(cursor, n * (size_t)threads, sizeof *work->row);
  work->rank = scratch_take(cursor, (size_t)threads, work->rank_bytes);
  work->out = scratch_take(cursor, (size_t)threads, RANK_TILE * sizeof(double));
}

static struct rank_tile thread_tile(const struct pass_work *work, const struct lanes *lanes,
                                    const struct robust_rows *rows, size_t thread, size_t at,
                                    size_t count) {
  const float **row = work->row + thread * rows->n;
  for (size_t i = 0; i < rows->n; i++) row[i] = (const float *)rows->row[i] + at;
  return (struct rank_tile){.lanes = lanes,
                            .n = rows->n,
                            .count = count,
                            .narrow = row,
                            .is_followed = at + count < rows->d,
                            .work = work->rank + thread * work->rank_bytes};
}

/* What the evidence of a coordinate-wise rule can say without a second pass: everybody had the same
 * say. */
static void fill_nominal(size_t n, struct robust_evidence *evidence) {
  for (size_t i = 0; i < n; i++) {
    evidence->weights[i] = 1.0 / (double)n;
    if (evidence->scores != NULL) evidence->scores[i] = 0.0;
  }
  evidence->selected = n;
  evidence->margin = 1.0;
  evidence->weights_are_exact = false;
}

static enum robust_status run_coordinates(const struct pipeline_stage *stage,
                                          const struct robust_rows *rows, const double *gram,
                                          const size_t *order, const struct robust_scratch *scratch,
                                          struct sink sink, struct robust_evidence *evidence,
                                          struct robust_error *error) {
  const struct lanes *lanes = lanes_choose(scratch->isa);
  struct pass_work work;
  struct scratch_cursor cursor = scratch_open(scratch);
  lay_out_pass(&work, &cursor, stage->rule, rows->n, scratch->threads);
  if (!scratch_fits(&cursor)) return bad_scratch(&cursor, error);
  struct rule_input input = make_input(stage, rows->n, gram, order, &work.rule);
  size_t block = robust_rows_block(rows, RANK_TILE);
  for (size_t from = 0; from < rows->d; from += block) {
    size_t to = rows->d - from < block ? rows->d : from + block;
#pragma omp parallel for schedule(dynamic, 8) num_threads(scratch->threads)
    for (size_t at = from; at < to; at += RANK_TILE) {
      size_t thread = (size_t)omp_get_thread_num();
      double *out = work.out + thread * RANK_TILE;
      size_t count = to - at < RANK_TILE ? to - at : RANK_TILE;
      struct rank_tile tile = thread_tile(&work, lanes, rows, thread, at, count);
      stage->rule->coordinates(&input, &tile, out);
      sink_put(sink, at, out, count);
    }
    if (rows->release != NULL) rows->release(rows->context, from, to);
  }
  fill_nominal(rows->n, evidence);
  return ROBUST_OK;
}

static size_t larger(size_t a, size_t b) {
  return a > b ? a : b;
}

/* The Gram matrix first, then memory that its making, the rule and the sum use one after the other.
 */
static void lay_out_weights(double **gram, struct robust_scratch *rest,
                            struct scratch_cursor *cursor, const struct robust_pipeline *pipeline,
                            size_t n, size_t d, int threads) {
  rest->bytes = larger(robust_weigh_scratch_bytes(pipeline, n),
                       robust_weighted_sum_scratch_bytes(n, threads));
  rest->threads = threads;
  *gram = NULL;
  if (pipeline_rule(pipeline)->rule->reads_gram) {
    *gram = scratch_take(cursor, n * n, sizeof **gram);
    rest->bytes = larger(rest->bytes, robust_gram_scratch_bytes(n, d, threads));
  }
  rest->memory = scratch_take(cursor, rest->bytes, 1);
}

static enum robust_status run_weights(const struct robust_pipeline *pipeline,
                                      const struct robust_rows *rows, const double *gram,
                                      const size_t *order, const struct robust_scratch *scratch,
                                      struct sink sink, struct robust_evidence *evidence,
                                      struct robust_error *error) {
  double *own_gram;
  struct robust_scratch rest = {.isa = scratch->isa};
  struct scratch_cursor cursor = scratch_open(scratch);
  enum robust_status status = ROBUST_OK;
  lay_out_weights(&own_gram, &rest, &cursor, pipeline, rows->n, rows->d, scratch->threads);
  if (!scratch_fits(&cursor)) return bad_scratch(&cursor, error);
  if (gram == NULL && own_gram != NULL) {
    status = robust_gram(rows, &rest, own_gram, error);
    gram = own_gram;
  }
  if (status == ROBUST_OK)
    status = robust_weigh(pipeline, rows->n, gram, order, &rest, evidence, error);
  if (status != ROBUST_OK) return status;
  if (sink.wide != NULL)
    return robust_weighted_sum_f64(rows, evidence->weights, order, &rest, sink.wide, error);
  return robust_weighted_sum(rows, evidence->weights, order, &rest, sink.narrow, error);
}

size_t robust_scratch_bytes(const struct robust_pipeline *pipeline, size_t n, size_t d,
                            int threads) {
  const struct rule *rule = pipeline_rule(pipeline)->rule;
  struct scratch_cursor cursor = scratch_open(NULL);
  if (rule->kind == RULE_BY_COORDINATE) {
    struct pass_work work;
    lay_out_pass(&work, &cursor, rule, n, threads);
  } else {
    double *gram;
    struct robust_scratch rest;
    lay_out_weights(&gram, &rest, &cursor, pipeline, n, d, threads);
  }
  return cursor.used;
}

static enum robust_status aggregate(const struct robust_pipeline *pipeline,
                                    const struct robust_rows *rows, const double *gram,
                                    const size_t *order, const struct robust_scratch *scratch,
                                    struct sink sink, struct robust_evidence *evidence,
                                    struct robust_error *error) {
  const struct pipeline_stage *stage = pipeline_rule(pipeline);
  enum robust_status status = robust_pipeline_check(pipeline, rows->n, error);
  if (status != ROBUST_OK) return status;
  if (stage->rule->kind == RULE_BY_COORDINATE)
    return run_coordinates(stage, rows, gram, order, scratch, sink, evidence, error);
  return run_weights(pipeline, rows, gram, order, scratch, sink, evidence, error);
}

enum robust_status robust_aggregate(const struct robust_pipeline *pipeline,
                                    const struct robust_rows *rows, const double *gram,
                                    const size_t *order, const struct robust_scratch *scratch,
                                    float *out, struct robust_evidence *evidence,
                                    struct robust_error *error) {
  struct sink sink = {.narrow = out};
  return aggregate(pipeline, rows, gram, order, scratch, sink, evidence, error);
}

enum robust_status robust_aggregate_f64(const struct robust_pipeline *pipeline,
                                        const struct robust_rows *rows, const double *gram,
                                        const size_t *order, const struct robust_scratch *scratch,
                                        double *out, struct robust_evidence *evidence,
                                        struct robust_error *error) {
  struct sink sink = {.wide = out};
  return aggregate(pipeline, rows, gram, order, scratch, sink, evidence, error);
}
