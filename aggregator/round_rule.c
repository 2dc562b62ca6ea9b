/* What a work says, as the mathematics wants to hear it; and the half of it that needs no update.
 */
#include "aggregator/round_rule.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "aggregator/cohort.h"
#include "aggregator/round.h"
#include "proto/tensor.h"

bool round_rule_scratch(struct robust_scratch *scratch, size_t bytes, int threads) {
  bytes = (bytes + 63) / 64 * 64;
  *scratch = (struct robust_scratch){
      .memory = aligned_alloc(64, bytes ? bytes : 64), .bytes = bytes, .threads = threads};
  return scratch->memory != NULL;
}

enum tamis_status round_rule_fault(enum robust_status status, const struct robust_error *error,
                                   struct fault *fault) {
  switch (status) {
  case ROBUST_OK: return TAMIS_OK;
  case ROBUST_NOT_FEASIBLE: return fault_set(fault, TAMIS_RULE_NOT_FEASIBLE, "%s", error->text);
  case ROBUST_NO_MEMORY: return fault_plain(fault, TAMIS_NO_MEMORY);
  default: return fault_set(fault, TAMIS_INTERNAL, "robust: %s", error->text);
  }
}

enum tamis_status round_rule_gram(struct blob_store *blobs, const struct digest *digest, size_t n,
                                  double **gram, struct fault *fault) {
  struct blob_view view;
  uint64_t rows, columns;
  enum tamis_status status = blob_map(blobs, digest, true, &view, fault);
  if (status != TAMIS_OK) return status;
  status = tensor_read_f64(view.bytes, view.length, "gram", &rows, &columns, gram, fault);
  blob_unmap(&view);
  if (status != TAMIS_OK || (rows == n && columns == n)) return status;
  free(*gram);
  *gram = NULL;
  return fault_set(fault, TAMIS_CORRUPT, "the logged Gram matrix is not of %zu rows", n);
}

enum tamis_status round_rule_counting_gram(struct blob_store *blobs, const struct work *work,
                                           double **gram, struct fault *fault) {
  size_t n = work->count, k = 0;
  enum tamis_status status = round_rule_gram(blobs, &work->gram, n, gram, fault);
  for (size_t i = 0; status == TAMIS_OK && i < n; i++)
    for (size_t j = 0; j < n; j++)
      if (work->counts[i] && work->counts[j]) (*gram)[k++] = (*gram)[i * n + j];
  return status;
}

static bool is_plain_mean(const struct robust_pipeline *pipeline) {
  char text[ROBUST_PIPELINE_TEXT_MAX];
  robust_pipeline_print(pipeline, text, sizeof text);
  return strcmp(text, "mean") == 0;
}

enum tamis_status round_rule_parse(const struct work *work, struct robust_pipeline **pipeline,
                                   struct fault *fault) {
  struct robust_error error;
  enum robust_status status = robust_pipeline_parse(work->rule, pipeline, &error);
  if (status == ROBUST_OK && work->weigh_by_examples && is_plain_mean(*pipeline)) {
    robust_pipeline_free(*pipeline);
    status = robust_pipeline_parse("weighted_mean", pipeline, &error);
  }
  return round_rule_fault(status, &error, fault);
}

double *round_rule_counts(const struct work *work) {
  double *counts = calloc(work->count + 1, sizeof *counts);
  size_t k = 0;
  for (size_t i = 0; counts && i < work->count; i++)
    if (work->counts[i]) counts[k++] = (double)work->row[i].examples;
  return counts;
}

enum tamis_status round_rule_nobody(const struct work *work, struct fault *fault) {
  return fault_set(fault, TAMIS_RULE_NOT_FEASIBLE, "none of %zu updates was accepted", work->count);
}

enum tamis_status round_rule_evidence(struct work *work, const double *gram, double *centre,
                                      struct fault *fault) {
  bool *votes = calloc(work->count, sizeof *votes);
  work->evidence = calloc(work->count, sizeof *work->evidence);
  bool is_good = votes && work->evidence;
  for (size_t i = 0; is_good && i < work->count; i++) votes[i] = work->row[i].votes;
  is_good = is_good &&
            evidence_measure(work->count, gram, votes, work->copy_cosine, centre, work->evidence);
  free(votes);
  return is_good ? TAMIS_OK : fault_plain(fault, TAMIS_NO_MEMORY);
}

/* ---- without the updates ---- */

static enum tamis_status measure_light(struct blob_store *blobs, struct work *work,
                                       struct fault *fault) {
  double *gram = NULL, *centre = calloc(work->count, sizeof *centre);
  enum tamis_status status = centre ? round_rule_gram(blobs, &work->gram, work->count, &gram, fault)
                                    : fault_plain(fault, TAMIS_NO_MEMORY);
  if (status == TAMIS_OK) status = round_rule_evidence(work, gram, centre, fault);
  free(centre);
  free(gram);
  return status;
}

/* Was the rule given something to compare with: what it remembers, or the base? */
static bool had_reference(const struct robust_pipeline *pipeline, const struct work *work) {
  if (!robust_pipeline_remembers_output(pipeline)) return true;
  for (size_t i = 0; i < work->before.count; i++)
    if (strcmp(work->before.vector[i].name, STATE_RULE_VECTOR) == 0) return true;
  return false;
}

/* A reference that is there but whose products are not keeps a rule that reads them from weighing
 * without the rows; its numbers are never looked at. */
static enum tamis_status weigh(const struct robust_pipeline *pipeline, const struct work *work,
                               const double *gram, const size_t *order, const double *counts,
                               struct robust_evidence *said, bool *is_whole, struct fault *fault) {
  struct robust_input input = {.rows = {.n = work->accepted},
                               .gram = gram,
                               .order = order,
                               .counts = counts,
                               .reference = had_reference(pipeline, work) ? gram : NULL};
  struct robust_scratch scratch;
  struct robust_error error;
  if (!round_rule_scratch(&scratch, robust_weigh_scratch_bytes(pipeline, &input, 1), 1))
    return fault_plain(fault, TAMIS_NO_MEMORY);
  enum robust_status status = robust_shares(pipeline, &input, &scratch, said, &error);
  free(scratch.memory);
  *is_whole = status != ROBUST_NEEDS_ROWS;
  return *is_whole ? round_rule_fault(status, &error, fault) : TAMIS_OK;
}

enum tamis_status round_rule_weigh(const struct work *work, const double *gram,
                                   struct robust_evidence *said, bool *is_whole,
                                   struct fault *fault) {
  struct robust_pipeline *pipeline = NULL;
  struct robust_error error;
  size_t *order = calloc(work->count + 1, sizeof *order);
  double *counts = round_rule_counts(work);
  enum tamis_status status = order && counts ? round_rule_parse(work, &pipeline, fault)
                                             : fault_plain(fault, TAMIS_NO_MEMORY);
  if (status == TAMIS_OK)
    status =
        round_rule_fault(robust_pipeline_check(pipeline, work->accepted, &error), &error, fault);
  if (status == TAMIS_OK) {
    cohort_shuffle(&work->randomness, "order", order, work->accepted);
    status = weigh(pipeline, work, gram, order, counts, said, is_whole, fault);
  }
  robust_pipeline_free(pipeline);
  free(counts);
  free(order);
  return status;
}

static enum tamis_status aggregate_light(struct blob_store *blobs, struct work *work,
                                         bool *is_whole, struct fault *fault) {
  struct robust_evidence said = {.weights = calloc(work->count + 1, sizeof(double))};
  double *gram = NULL;
  size_t k = 0;
  work->weight = calloc(work->count + 1, sizeof *work->weight);
  enum tamis_status status =
      said.weights && work->weight ? TAMIS_OK : fault_plain(fault, TAMIS_NO_MEMORY);
  if (status == TAMIS_OK) status = round_rule_counting_gram(blobs, work, &gram, fault);
  if (status == TAMIS_OK) status = round_rule_weigh(work, gram, &said, is_whole, fault);
  for (size_t i = 0; status == TAMIS_OK && *is_whole && i < work->count; i++)
    if (work->counts[i]) work->weight[i] = said.weights[k++];
  work->margin = said.margin;
  free(gram);
  free(said.weights);
  return status;
}

void round_find_light(struct blob_store *blobs, struct work *work, bool *is_whole) {
  *is_whole = work->kind == WORK_AGGREGATE;
  work->status = round_rows(blobs, work, &work->fault);
  if (work->status != TAMIS_OK) return;
  if (work->kind == WORK_MEASURE)
    work->status = measure_light(blobs, work, &work->fault);
  else if (work->kind == WORK_SHADOW)
    work->status = round_shadow(blobs, 0, true, work, is_whole, &work->fault);
  else if (work->accepted == 0)
    work->status = round_rule_nobody(work, &work->fault);
  else
    work->status = aggregate_light(blobs, work, is_whole, &work->fault);
}
