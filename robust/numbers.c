/* Gathers what the caller gave, and measures what is missing, each number once. */
#include "robust/numbers.h"
#include "robust/draws.h"

#include <string.h>

enum { READS_PRODUCTS = RULE_READS_REFERENCE | RULE_NEEDS_REFERENCE };

static size_t larger(size_t a, size_t b) {
  return a > b ? a : b;
}

static struct rule_draws draws_of(const struct pipeline_stage *stage, unsigned reads, size_t d) {
  if (!(stage->rule->reads & reads)) return (struct rule_draws){0, 0, 0};
  struct rule_draws draws = stage->rule->draws(stage->value, d);
  if (draws.size > d) draws.size = d;
  return draws;
}

void numbers_lay_out(struct numbers *numbers, struct scratch_cursor *cursor,
                     const struct robust_pipeline *pipeline, const struct robust_input *input) {
  size_t n = input->rows.n;
  unsigned reads = pipeline_reads(pipeline, 0);
  *numbers = (struct numbers){.n = n};
  numbers->draws = draws_of(pipeline_rule(pipeline), RULE_READS_SAMPLES, input->rows.d);
  numbers->sketch = draws_of(&pipeline->stage[0], RULE_SKETCHES, input->rows.d);
  size_t drawn = larger(numbers->draws.size, numbers->sketch.size);
  if (reads & RULE_READS_GRAM) numbers->gram = scratch_take(cursor, n * n, sizeof(double));
  if (reads & RULE_READS_SQUARES) numbers->square = scratch_take(cursor, n, sizeof(double));
  if (reads & READS_PRODUCTS) numbers->products = scratch_take(cursor, n + 1, sizeof(double));
  if (reads & RULE_READS_HISTORY) {
    numbers->history_gram = scratch_take(cursor, n * n, sizeof(double));
    numbers->history_row = scratch_take(cursor, n, sizeof *numbers->history_row);
    numbers->history_scale = scratch_take(cursor, n, sizeof *numbers->history_scale);
  }
  if (reads & RULE_READS_COUNTS) numbers->counts = scratch_take(cursor, n, sizeof(double));
  if (reads & RULE_READS_SAMPLES)
    numbers->sample_gram = scratch_take(cursor, numbers->draws.draws * n * n, sizeof(double));
  numbers->coordinates = scratch_take(cursor, drawn, sizeof *numbers->coordinates);
}

/* Entries of a symmetric matrix of the caller's rows, by position. */
static void permute(size_t n, const double *matrix, const size_t *order, double *out) {
  for (size_t p = 0; p < n; p++)
    for (size_t q = 0; q < n; q++) out[p * n + q] = matrix[order[p] * n + order[q]];
}

static void copy_counts(struct numbers *numbers, const double *counts, const size_t *order) {
  for (size_t p = 0; p < numbers->n; p++)
    numbers->counts[p] = counts != NULL ? counts[order[p]] : 1.0;
}

static void copy_products(struct numbers *numbers, const double *products, const size_t *order) {
  size_t n = numbers->n;
  for (size_t p = 0; p < n; p++) numbers->products[p] = products != NULL ? products[order[p]] : 0.0;
  numbers->products[n] = products != NULL ? products[n] : 0.0;
}

/* Copies what there is, in canonical order, and tells what is not there. */
static unsigned copy_given(struct numbers *numbers, const struct robust_input *input,
                           const size_t *order) {
  size_t n = numbers->n;
  unsigned missing = 0;
  const double *gram = numbers->sketch.size > 0 ? NULL : input->gram;
  if (numbers->gram != NULL && gram != NULL) permute(n, gram, order, numbers->gram);
  if (numbers->gram != NULL && gram == NULL) missing |= RULE_READS_GRAM;
  if (numbers->square != NULL && gram != NULL)
    for (size_t p = 0; p < n; p++) numbers->square[p] = gram[order[p] * n + order[p]];
  if (numbers->square != NULL && gram == NULL) missing |= RULE_READS_SQUARES;
  if (numbers->products != NULL && input->reference_products == NULL && input->reference != NULL)
    missing |= READS_PRODUCTS;
  else if (numbers->products != NULL)
    copy_products(numbers, input->reference_products, order);
  if (numbers->history_gram != NULL && input->history_gram != NULL)
    permute(n, input->history_gram, order, numbers->history_gram);
  if (numbers->history_gram != NULL && input->history_gram == NULL) missing |= RULE_READS_HISTORY;
  if (numbers->counts != NULL) copy_counts(numbers, input->counts, order);
  if (numbers->sample_gram != NULL) missing |= RULE_READS_SAMPLES;
  return missing;
}

static enum robust_status check_reference(const struct robust_pipeline *pipeline,
                                          const struct robust_input *input,
                                          struct robust_error *error) {
  if (!(pipeline_reads(pipeline, 0) & RULE_NEEDS_REFERENCE)) return ROBUST_OK;
  if (input->reference != NULL || input->reference_products != NULL) return ROBUST_OK;
  robust_error_set(error, "%s compares with the server's own update: give it as the reference",
                   pipeline_rule(pipeline)->rule->name);
  return ROBUST_NEEDS_REFERENCE;
}

enum robust_status numbers_given(struct numbers *numbers, const struct robust_pipeline *pipeline,
                                 const struct robust_input *input, const size_t *order,
                                 struct robust_error *error) {
  enum robust_status status = check_reference(pipeline, input, error);
  if (status != ROBUST_OK) return status;
  unsigned missing = copy_given(numbers, input, order);
  if (missing == 0) return ROBUST_OK;
  robust_error_set(error, "%s reads more of the rows than was given: the %s",
                   pipeline_rule(pipeline)->rule->name,
                   missing & (RULE_READS_GRAM | RULE_READS_SQUARES) ? "Gram matrix"
                   : missing & READS_PRODUCTS                       ? "products with the reference"
                   : missing & RULE_READS_HISTORY                   ? "Gram matrix of the history"
                                                                    : "rows themselves");
  return ROBUST_NEEDS_ROWS;
}

size_t numbers_scratch_bytes(const struct robust_pipeline *pipeline,
                             const struct robust_input *input, int threads) {
  unsigned reads = pipeline_reads(pipeline, 0);
  size_t bytes = 0;
  size_t n = input->rows.n;
  size_t d = input->rows.d;
  bool is_sketched = (reads & RULE_SKETCHES) != 0;
  if (((reads & (RULE_READS_GRAM | RULE_READS_SQUARES)) && (input->gram == NULL || is_sketched)) ||
      ((reads & RULE_READS_HISTORY) && input->history_gram == NULL))
    bytes = larger(bytes, robust_gram_scratch_bytes(n, d, threads));
  if (reads & READS_PRODUCTS) bytes = larger(bytes, robust_products_scratch_bytes(n, d, threads));
  if (reads & RULE_READS_SAMPLES) bytes = larger(bytes, robust_gram_scratch_bytes(n, d, threads));
  return bytes;
}

/* Of all coordinates, or of a sketch's, scaled as if the others were like them. */
static enum robust_status measure_gram(struct numbers *numbers, const struct robust_rows *rows,
                                       const struct robust_scratch *rest,
                                       struct robust_error *error) {
  const struct rule_draws *sketch = &numbers->sketch;
  size_t n = numbers->n;
  if (sketch->size == 0) return robust_gram(rows, rest, numbers->gram, error);
  size_t count = draws_choose(sketch->seed, 0, sketch->size, rows->d, numbers->coordinates);
  enum robust_status status =
      robust_gram_sample(rows, numbers->coordinates, count, rest, numbers->gram, error);
  double scale = (double)rows->d / (double)count;
  for (size_t k = 0; status == ROBUST_OK && k < n * n; k++) numbers->gram[k] *= scale;
  return status;
}

/* Entry (i, i) depends on row i alone: a matrix of one row is that entry. */
static enum robust_status measure_squares(struct numbers *numbers, const struct robust_rows *rows,
                                          const struct robust_scratch *rest,
                                          struct robust_error *error) {
  enum robust_status status = ROBUST_OK;
  for (size_t p = 0; p < numbers->n && status == ROBUST_OK; p++) {
    struct robust_rows one = *rows;
    one.n = 1;
    one.row = rows->row + p;
    one.scale = rows->scale != NULL ? rows->scale + p : NULL;
    one.release = NULL;
    if (numbers->gram != NULL)
      numbers->square[p] = numbers->gram[p * numbers->n + p];
    else
      status = robust_gram(&one, rest, numbers->square + p, error);
  }
  if (numbers->gram == NULL && rows->release != NULL && rows->d > 0)
    rows->release(rows->context, 0, rows->d);
  return status;
}

/* Without a history this round is all there was. */
static enum robust_status measure_history(struct numbers *numbers, const struct robust_input *input,
                                          const struct robust_rows *rows, const size_t *order,
                                          const struct robust_scratch *rest,
                                          struct robust_error *error) {
  size_t n = numbers->n;
  if (input->history == NULL && numbers->gram != NULL) {
    memcpy(numbers->history_gram, numbers->gram, n * n * sizeof(double));
    return ROBUST_OK;
  }
  if (input->history == NULL) return robust_gram(rows, rest, numbers->history_gram, error);
  struct robust_rows history = *input->history;
  history.row = numbers->history_row;
  history.scale = numbers->history_scale;
  for (size_t p = 0; p < n; p++) {
    numbers->history_row[p] = input->history->row[order[p]];
    numbers->history_scale[p] =
        input->history->scale != NULL ? input->history->scale[order[p]] : 1.0F;
  }
  return robust_gram(&history, rest, numbers->history_gram, error);
}

static enum robust_status measure_samples(struct numbers *numbers, const struct robust_input *input,
                                          const struct robust_rows *rows,
                                          const struct robust_scratch *rest,
                                          struct robust_error *error) {
  const struct rule_draws *draws = &numbers->draws;
  enum robust_status status = ROBUST_OK;
  for (size_t draw = 0; draw < draws->draws && status == ROBUST_OK; draw++) {
    const size_t *coordinates = numbers->coordinates;
    size_t count = draws->size;
    if (input->coordinates != NULL)
      coordinates = input->coordinates + draw * count;
    else
      count = draws_choose(draws->seed, draw, count, rows->d, numbers->coordinates);
    status = robust_gram_sample(rows, coordinates, count, rest,
                                numbers->sample_gram + draw * numbers->n * numbers->n, error);
  }
  return status;
}

enum robust_status numbers_measure(struct numbers *numbers, const struct robust_pipeline *pipeline,
                                   const struct robust_input *input, const struct robust_rows *rows,
                                   const size_t *order, const struct robust_scratch *rest,
                                   struct robust_error *error) {
  enum robust_status status = check_reference(pipeline, input, error);
  if (status != ROBUST_OK) return status;
  unsigned missing = copy_given(numbers, input, order);
  if (missing & RULE_READS_GRAM) status = measure_gram(numbers, rows, rest, error);
  if (status == ROBUST_OK && (missing & RULE_READS_SQUARES))
    status = measure_squares(numbers, rows, rest, error);
  if (status == ROBUST_OK && (missing & READS_PRODUCTS))
    status = robust_products(rows, input->reference, rest, numbers->products, error);
  if (status == ROBUST_OK && (missing & RULE_READS_HISTORY))
    status = measure_history(numbers, input, rows, order, rest, error);
  if (status == ROBUST_OK && (missing & RULE_READS_SAMPLES))
    status = measure_samples(numbers, input, rows, rest, error);
  return status;
}
