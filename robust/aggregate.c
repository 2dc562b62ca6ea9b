/* One aggregation, in order: rows sorted by the plan, numbers measured, rows mixed, the rule asked,
 * its answer carried out over all coordinates. */
#include "robust/decide.h"
#include "robust/pass.h"
#include "robust/sum.h"

#include <string.h>

/* Everything a call needs, laid out in its scratch. */
struct aggregation {
  const struct robust_pipeline *pipeline;
  const struct robust_input *input;
  const struct lanes *lanes;
  int threads;
  struct robust_rows rows; /* in canonical order */
  const void **row;        /* n */
  float *scale;            /* n */
  size_t *order;           /* n: position to the caller's row */
  size_t *position;        /* n: the way back */
  struct numbers numbers;
  struct decision decision;
  uint64_t (*signs)[3]; /* n */
  struct pass pass;     /* laid out when single coordinates are looked at */
  double *taken_matrix; /* m x n: the mixed rows that take part */
  struct robust_scratch rest;
};

static bool looks_at_coordinates(const struct robust_pipeline *pipeline) {
  return pipeline_rule(pipeline)->rule->kind == RULE_BY_COORDINATE;
}

static bool looks_at_signs(const struct robust_pipeline *pipeline) {
  return (pipeline_rule(pipeline)->rule->reads & RULE_READS_SIGNS) != 0;
}

static size_t larger(size_t a, size_t b) {
  return a > b ? a : b;
}

/* What robust_weigh needs. */
static void lay_out_decision(struct aggregation *a, struct scratch_cursor *cursor) {
  size_t n = a->input->rows.n;
  a->order = scratch_take(cursor, n, sizeof *a->order);
  a->position = scratch_take(cursor, n, sizeof *a->position);
  numbers_lay_out(&a->numbers, cursor, a->pipeline, a->input);
  decide_lay_out(&a->decision, cursor, a->pipeline, &a->numbers);
}

/* What a call goes on to do once it has decided. */
enum purpose { PURPOSE_WEIGH, PURPOSE_AGGREGATE, PURPOSE_MIX };

/* What reads rows needs more. The passes use the rest one after the other. */
static void lay_out_passes(struct aggregation *a, struct scratch_cursor *cursor,
                           enum purpose purpose) {
  size_t n = a->input->rows.n;
  size_t m = a->decision.m;
  bool is_mixed = a->pipeline->count > 1;
  a->row = scratch_take(cursor, n, sizeof *a->row);
  a->scale = scratch_take(cursor, n, sizeof *a->scale);
  if (looks_at_signs(a->pipeline)) a->signs = scratch_take(cursor, m, sizeof *a->signs);
  if (purpose == PURPOSE_MIX || looks_at_coordinates(a->pipeline) || looks_at_signs(a->pipeline)) {
    pass_lay_out(&a->pass, cursor, &a->input->rows, m, is_mixed, a->threads);
    a->taken_matrix = scratch_take(cursor, is_mixed ? m * n : 0, sizeof(double));
  }
  a->rest.bytes = larger(numbers_scratch_bytes(a->pipeline, a->input, a->threads),
                         robust_weighted_sum_scratch_bytes(n, a->threads));
  a->rest.threads = a->threads;
  a->rest.memory = scratch_take(cursor, a->rest.bytes, 1);
}

static size_t bytes_for(const struct robust_pipeline *pipeline, const struct robust_input *input,
                        int threads, enum purpose purpose) {
  struct aggregation a = {.pipeline = pipeline, .input = input, .threads = threads};
  struct scratch_cursor cursor = scratch_open(NULL);
  lay_out_decision(&a, &cursor);
  if (purpose != PURPOSE_WEIGH) lay_out_passes(&a, &cursor, purpose);
  return cursor.used;
}

size_t robust_weigh_scratch_bytes(const struct robust_pipeline *pipeline,
                                  const struct robust_input *input, int threads) {
  return bytes_for(pipeline, input, threads, PURPOSE_WEIGH);
}

size_t robust_mix_scratch_bytes(const struct robust_pipeline *pipeline,
                                const struct robust_input *input, int threads) {
  return bytes_for(pipeline, input, threads, PURPOSE_MIX);
}

size_t robust_scratch_bytes(const struct robust_pipeline *pipeline,
                            const struct robust_input *input, int threads) {
  return bytes_for(pipeline, input, threads, PURPOSE_AGGREGATE);
}

static void set_order(struct aggregation *a) {
  for (size_t p = 0; p < a->input->rows.n; p++)
    a->order[p] = a->input->order != NULL ? a->input->order[p] : p;
  for (size_t p = 0; p < a->input->rows.n; p++) a->position[a->order[p]] = p;
}

static void sort_rows(struct aggregation *a) {
  const struct robust_rows *given = &a->input->rows;
  a->rows = *given;
  a->rows.row = a->row;
  a->rows.scale = a->scale;
  for (size_t p = 0; p < given->n; p++) {
    a->row[p] = given->row[a->order[p]];
    a->scale[p] = given->scale != NULL ? given->scale[a->order[p]] : 1.0F;
  }
}

/* Checks the pipeline, lays the memory out, and sorts. */
static enum robust_status open_call(struct aggregation *a, const struct robust_scratch *scratch,
                                    enum purpose purpose, struct robust_error *error) {
  enum robust_status status = robust_pipeline_check(a->pipeline, a->input->rows.n, error);
  if (status != ROBUST_OK) return status;
  struct scratch_cursor cursor = scratch_open(scratch);
  a->lanes = lanes_choose(scratch->isa);
  a->threads = scratch->threads;
  lay_out_decision(a, &cursor);
  if (purpose != PURPOSE_WEIGH) lay_out_passes(a, &cursor, purpose);
  a->rest.isa = scratch->isa;
  if (!scratch_fits(&cursor)) {
    robust_error_set(error, "the pipeline needs %zu bytes of scratch aligned to 64", cursor.used);
    return ROBUST_BAD_SCRATCH;
  }
  set_order(a);
  if (purpose != PURPOSE_WEIGH) sort_rows(a);
  return ROBUST_OK;
}

static enum robust_status weigh_given(const struct robust_pipeline *pipeline,
                                      const struct robust_input *input,
                                      const struct robust_scratch *scratch,
                                      struct robust_evidence *evidence,
                                      struct robust_error *error) {
  struct aggregation a = {.pipeline = pipeline, .input = input};
  enum robust_status status = open_call(&a, scratch, PURPOSE_WEIGH, error);
  if (status == ROBUST_OK) status = numbers_given(&a.numbers, pipeline, input, a.order, error);
  if (status != ROBUST_OK) return status;
  decide_mixing(&a.decision, pipeline, &a.numbers, a.position, a.lanes, a.threads);
  decide_rule(&a.decision, pipeline, NULL);
  decide_report(&a.decision, pipeline, a.order, evidence);
  return ROBUST_OK;
}

enum robust_status robust_weigh(const struct robust_pipeline *pipeline,
                                const struct robust_input *input,
                                const struct robust_scratch *scratch,
                                struct robust_evidence *evidence, struct robust_error *error) {
  if (robust_pipeline_is_gram_only(pipeline))
    return weigh_given(pipeline, input, scratch, evidence, error);
  enum robust_status status = robust_pipeline_check(pipeline, input->rows.n, error);
  if (status != ROBUST_OK) return status;
  robust_error_set(error, "%s looks at single coordinates: recheck it with the rows",
                   pipeline_rule(pipeline)->rule->name);
  return ROBUST_NEEDS_ROWS;
}

enum robust_status robust_shares(const struct robust_pipeline *pipeline,
                                 const struct robust_input *input,
                                 const struct robust_scratch *scratch,
                                 struct robust_evidence *evidence, struct robust_error *error) {
  const unsigned hidden = RULE_READS_SIGNS | RULE_READS_SAMPLES | RULE_SKETCHES;
  if ((pipeline_reads(pipeline, 0) & hidden) == 0)
    return weigh_given(pipeline, input, scratch, evidence, error);
  return robust_weigh(pipeline, input, scratch, evidence, error);
}

static void write_mixing(const struct aggregation *a, double *matrix) {
  const struct decision *decision = &a->decision;
  for (size_t b = 0; b < decision->m; b++)
    for (size_t p = 0; p < decision->n; p++) {
      double weight = decision->mixing != NULL ? decision->mixing[b * decision->n + p] : b == p;
      size_t row = decision->m == decision->n ? a->order[b] : b;
      matrix[row * decision->n + a->order[p]] = weight;
    }
}

enum robust_status robust_mixing(const struct robust_pipeline *pipeline,
                                 const struct robust_input *input,
                                 const struct robust_scratch *scratch, double *matrix, size_t *m,
                                 struct robust_error *error) {
  struct aggregation a = {.pipeline = pipeline, .input = input};
  enum robust_status status = open_call(&a, scratch, PURPOSE_WEIGH, error);
  if (status != ROBUST_OK) return status;
  status = numbers_given(&a.numbers, pipeline, input, a.order, error);
  if (status != ROBUST_OK) return status;
  decide_mixing(&a.decision, pipeline, &a.numbers, a.position, a.lanes, a.threads);
  write_mixing(&a, matrix);
  *m = a.decision.m;
  return ROBUST_OK;
}

/* ---- passes over single coordinates ---- */

/* Which of the mixed rows a pass shows: `count` of them, by place. */
static void aim_pass(struct aggregation *a, const size_t *taken, size_t count) {
  struct pass *pass = &a->pass;
  const double *mixing = a->decision.mixing;
  size_t n = a->rows.n;
  pass->lanes = a->lanes;
  pass->rows = &a->rows;
  pass->taken = taken;
  pass->p = count;
  pass->matrix = mixing != NULL ? a->taken_matrix : NULL;
  for (size_t c = 0; c < count && mixing != NULL; c++)
    memcpy(a->taken_matrix + c * n, mixing + taken[c] * n, n * sizeof *mixing);
}

/* One answer for each sign; as integers they may be added in any order. */
static void count_signs(void *context, size_t at, const struct rank_tile *tile, double *out) {
  struct aggregation *a = context;
  (void)at;
  (void)out;
  for (size_t i = 0; i < tile->n; i++) {
    uint64_t count[3] = {0, 0, 0};
    for (size_t k = 0; k < tile->count; k++) {
      double x = tile->narrow != NULL ? (double)tile->narrow[i][k] : tile->wide[i][k];
      count[0] += x > 0.0;
      count[1] += x < 0.0;
    }
    count[2] = tile->count - count[0] - count[1];
    for (size_t s = 0; s < 3; s++) {
#pragma omp atomic
      a->signs[i][s] += count[s];
    }
  }
}

static void measure_signs(struct aggregation *a) {
  const struct pipeline_stage *stage = pipeline_rule(a->pipeline);
  struct rule_window window = {0, a->rows.d};
  if (stage->rule->window != NULL) window = stage->rule->window(stage->value, a->rows.d);
  for (size_t b = 0; b < a->decision.m; b++) a->decision.chosen[b] = b;
  memset(a->signs, 0, a->decision.m * sizeof *a->signs);
  aim_pass(a, a->decision.chosen, a->decision.m);
  pass_run(&a->pass, window.from, window.to, a->threads, count_signs, a);
}

struct coordinates {
  const struct rule *rule;
  const struct rule_input *input;
  const struct sink *sink;
};

static void rank_tile_into_sink(void *context, size_t at, const struct rank_tile *tile,
                                double *out) {
  const struct coordinates *c = context;
  c->rule->coordinates(c->input, tile, out);
  sink_put(c->sink, at, out, tile->count);
}

struct mixed_output {
  size_t d;
  const size_t *home; /* where each mixed row goes, NULL: as it is */
  float *narrow;
  double *wide;
};

static void copy_mixed_rows(void *context, size_t at, const struct rank_tile *tile,
                            double *unused) {
  const struct mixed_output *out = context;
  (void)unused;
  for (size_t b = 0; b < tile->n; b++) {
    size_t start = (out->home != NULL ? out->home[b] : b) * out->d + at;
    if (tile->wide != NULL)
      memcpy(out->wide + start, tile->wide[b], tile->count * sizeof(double));
    else
      memcpy(out->narrow + start, tile->narrow[b], tile->count * sizeof(float));
  }
}

/* ---- the whole ---- */

enum robust_status robust_mix(const struct robust_pipeline *pipeline,
                              const struct robust_input *input,
                              const struct robust_scratch *scratch, void *out, size_t *m,
                              struct robust_error *error) {
  struct aggregation a = {.pipeline = pipeline, .input = input};
  struct mixed_output output = {.d = input->rows.d, .narrow = out, .wide = out};
  enum robust_status status = open_call(&a, scratch, PURPOSE_MIX, error);
  if (status == ROBUST_OK)
    status = numbers_measure(&a.numbers, pipeline, input, &a.rows, a.order, &a.rest, error);
  if (status != ROBUST_OK) return status;
  decide_mixing(&a.decision, pipeline, &a.numbers, a.position, a.lanes, a.threads);
  *m = a.decision.m;
  if (*m == a.rows.n) output.home = a.order;
  for (size_t b = 0; b < *m; b++) a.decision.chosen[b] = b;
  aim_pass(&a, a.decision.chosen, *m);
  pass_run(&a.pass, 0, a.rows.d, a.threads, copy_mixed_rows, &output);
  return ROBUST_OK;
}

static enum robust_status decide(struct aggregation *a, struct robust_evidence *evidence,
                                 struct robust_error *error) {
  enum robust_status status =
      numbers_measure(&a->numbers, a->pipeline, a->input, &a->rows, a->order, &a->rest, error);
  if (status != ROBUST_OK) return status;
  decide_mixing(&a->decision, a->pipeline, &a->numbers, a->position, a->lanes, a->threads);
  if (a->signs != NULL) measure_signs(a);
  decide_rule(&a->decision, a->pipeline, (const uint64_t(*)[3])a->signs);
  decide_report(&a->decision, a->pipeline, a->order, evidence);
  return ROBUST_OK;
}

static void add_beside_the_rows(const struct aggregation *a, struct sink *sink) {
  const struct rule_finding *finding = &a->decision.finding;
  bool is_wide = a->rows.dtype == ROBUST_F64;
  sink->noise = finding->noise;
  sink->noise_seed = finding->noise_seed;
  sink->weight = finding->reference_weight;
  if (!(sink->weight > 0.0 || sink->weight < 0.0)) return;
  sink->wide_addend = is_wide ? a->input->reference : NULL;
  sink->narrow_addend = is_wide ? NULL : a->input->reference;
}

static enum robust_status carry_out(struct aggregation *a, struct sink *sink,
                                    struct robust_error *error) {
  add_beside_the_rows(a, sink);
  if (!looks_at_coordinates(a->pipeline))
    return kernel_weighted_sum(&a->rows, a->decision.weight, NULL, &a->rest, sink, error);
  struct coordinates coordinates = {pipeline_rule(a->pipeline)->rule, &a->decision.seen, sink};
  aim_pass(a, a->decision.chosen, a->decision.chosen_count);
  pass_run(&a->pass, 0, a->rows.d, a->threads, rank_tile_into_sink, &coordinates);
  return ROBUST_OK;
}

static enum robust_status aggregate(const struct robust_pipeline *pipeline,
                                    const struct robust_input *input,
                                    const struct robust_scratch *scratch, struct sink sink,
                                    struct robust_evidence *evidence, struct robust_error *error) {
  struct aggregation a = {.pipeline = pipeline, .input = input};
  enum robust_status status = open_call(&a, scratch, PURPOSE_AGGREGATE, error);
  if (status == ROBUST_OK) status = decide(&a, evidence, error);
  if (status == ROBUST_OK) status = carry_out(&a, &sink, error);
  return status;
}

enum robust_status robust_aggregate(const struct robust_pipeline *pipeline,
                                    const struct robust_input *input,
                                    const struct robust_scratch *scratch, float *out,
                                    struct robust_evidence *evidence, struct robust_error *error) {
  return aggregate(pipeline, input, scratch, (struct sink){.narrow = out}, evidence, error);
}

enum robust_status robust_aggregate_f64(const struct robust_pipeline *pipeline,
                                        const struct robust_input *input,
                                        const struct robust_scratch *scratch, double *out,
                                        struct robust_evidence *evidence,
                                        struct robust_error *error) {
  return aggregate(pipeline, input, scratch, (struct sink){.wide = out}, evidence, error);
}
