/* Pass one measures every update of the round, pass two sums those that count. */
#include "aggregator/round.h"

#include <malloc.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "aggregator/beside.h"
#include "aggregator/cohort.h"
#include "aggregator/measure.h"
#include "aggregator/memory.h"
#include "aggregator/redo.h"
#include "aggregator/round_rule.h"
#include "aggregator/round_sketch.h"
#include "aggregator/shadow.h"
#include "proto/tensor.h"
#include "robust/robust.h"

/* ---- rows that are mapped files ---- */

struct batch {
  struct blob_view base;
  struct layout layout;
  size_t n;
  struct blob_view *view;
  const void **row;

  /* WORK_MEASURE: what rows are compared with, and what is found on the way */
  struct blob_view base_before, *before_view;
  const float **before; /* NULL where there is none */
  size_t dropped;
  struct measure *measure;
};

static void batch_close(struct batch *batch) {
  for (size_t i = 0; batch->view && i < batch->n; i++) blob_unmap(&batch->view[i]);
  for (size_t i = 0; batch->before_view && i < batch->n; i++) blob_unmap(&batch->before_view[i]);
  blob_unmap(&batch->base_before);
  measure_free(batch->measure);
  free(batch->before_view);
  free(batch->before);
  free(batch->view);
  free(batch->row);
  layout_close(&batch->layout);
  blob_unmap(&batch->base);
}

/* Pages that will not be read again in this pass go back to the system; the file still has them. */
static void drop_pages(const void *row, size_t from, size_t to) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  uintptr_t begin = ((uintptr_t)row + from * sizeof(float)) / page * page,
            end = ((uintptr_t)row + to * sizeof(float)) / page * page;
  if (begin < end) madvise((void *)begin, end - begin, MADV_DONTNEED);
}

static void batch_release(void *context, size_t from, size_t to) {
  const struct batch *batch = context;
  for (size_t i = 0; i < batch->n; i++)
    if (!batch->view[i].is_lent) drop_pages(batch->row[i], from, to);
}

static const float *values_of(const struct batch *batch, const struct blob_view *view) {
  return view->bytes ? (const float *)(const void *)(view->bytes + batch->layout.header_size)
                     : NULL;
}

/* What is lent is no file: its pages would come back as zeros. */
static void drop_view(const struct batch *batch, const struct blob_view *view, size_t from,
                      size_t to) {
  if (view->bytes && !view->is_lent) drop_pages(values_of(batch, view), from, to);
}

/* What the Gram matrix has read is in the cache now; it goes when the other numbers have it too. */
static void batch_measure(void *context, size_t from, size_t to) {
  struct batch *batch = context;
  (void)from;
  size_t done = measure_upto(batch->measure, to);
  batch_release(batch, batch->dropped, done);
  for (size_t i = 0; i < batch->n; i++)
    drop_view(batch, &batch->before_view[i], batch->dropped, done);
  drop_view(batch, &batch->base, batch->dropped, done);
  drop_view(batch, &batch->base_before, batch->dropped, done);
  batch->dropped = done;
}

/* Maps a file of the batch page by page: a huge page of every row at once would be the whole round.
 * What the check of its digest brought in goes again. */
static enum tamis_status map_file(struct blob_store *blobs, const struct digest *digest, bool check,
                                  struct blob_view *view, struct fault *fault) {
  enum tamis_status status = blob_map(blobs, digest, check, view, fault);
  if (status != TAMIS_OK || view->length == 0 || view->is_lent) return status;
  madvise((void *)(uintptr_t)view->bytes, view->length, MADV_NOHUGEPAGE);
  if (check) madvise((void *)(uintptr_t)view->bytes, view->length, MADV_DONTNEED);
  return TAMIS_OK;
}

static enum tamis_status map_row(struct blob_store *blobs, const struct layout *layout,
                                 const struct digest *digest, bool check, struct blob_view *view,
                                 const void **row, struct fault *fault) {
  enum tamis_status status = map_file(blobs, digest, check, view, fault);
  if (status != TAMIS_OK) return status;
  if (view->length != layout_file_size(layout))
    return fault_set(fault, TAMIS_CORRUPT, "an update has %zu bytes where its base has %llu",
                     view->length, (unsigned long long)layout_file_size(layout));
  *row = view->bytes + layout->header_size;
  return TAMIS_OK;
}

/* Maps the base and the rows that `chosen` names (NULL: all). Digests are checked where bytes are
 * read for the first time. */
static enum tamis_status batch_open(struct blob_store *blobs, const struct work *work,
                                    const bool *chosen, struct batch *batch, struct fault *fault) {
  bool check = work->kind == WORK_MEASURE || (work->kind == WORK_AGGREGATE && work->of != 0);
  memset(batch, 0, sizeof *batch);
  batch->view = calloc(work->count, sizeof *batch->view);
  batch->row = calloc(work->count, sizeof *batch->row);
  if (!batch->view || !batch->row) return fault_plain(fault, TAMIS_NO_MEMORY);
  enum tamis_status status = map_file(blobs, &work->base, check, &batch->base, fault);
  if (status == TAMIS_OK)
    status = layout_parse(batch->base.bytes, batch->base.length, batch->base.length, &batch->layout,
                          fault);
  for (size_t i = 0; status == TAMIS_OK && i < work->count; i++) {
    if (chosen && !chosen[i]) continue;
    size_t k = batch->n++;
    status = map_row(blobs, &batch->layout, &work->row[i].update, check, &batch->view[k],
                     &batch->row[k], fault);
  }
  return status;
}

static struct robust_rows batch_rows(struct batch *batch) {
  return (struct robust_rows){.n = batch->n,
                              .d = batch->layout.parameters,
                              .row = batch->row,
                              .release = batch_release,
                              .context = batch};
}

/* A client's own past is a help, not a need: a blob that is gone counts as none. */
static void map_before(struct blob_store *blobs, const struct digest *before, struct batch *batch,
                       size_t i) {
  struct blob_view *view = &batch->before_view[i];
  if (digest_is_zero(before) || map_file(blobs, before, false, view, NULL) != TAMIS_OK) return;
  if (view->length == layout_file_size(&batch->layout)) {
    batch->before[i] = values_of(batch, view);
  } else {
    blob_unmap(view);
  }
}

/* What the rows are compared with, besides each other. */
static enum tamis_status past_open(struct blob_store *blobs, const struct work *work, int threads,
                                   struct batch *batch, struct fault *fault) {
  const void *base_before = NULL;
  batch->before = calloc(batch->n, sizeof *batch->before);
  batch->before_view = calloc(batch->n, sizeof *batch->before_view);
  if (!batch->before || !batch->before_view) return fault_plain(fault, TAMIS_NO_MEMORY);
  for (size_t i = 0; i < batch->n; i++) map_before(blobs, &work->row[i].before, batch, i);
  if (!digest_is_zero(&work->base_before)) {
    enum tamis_status status = map_row(blobs, &batch->layout, &work->base_before, false,
                                       &batch->base_before, &base_before, fault);
    if (status != TAMIS_OK) return status;
  }
  struct measure_input input = {.n = batch->n,
                                .layout = &batch->layout,
                                .row = batch->row,
                                .before = batch->before,
                                .base = values_of(batch, &batch->base),
                                .base_before = base_before,
                                .seed = work->sketch_seed,
                                .threads = threads,
                                .release = batch_release,
                                .context = batch};
  batch->measure = measure_new(&input);
  return batch->measure ? TAMIS_OK : fault_plain(fault, TAMIS_NO_MEMORY);
}

/* ---- what robust needs and says ---- */

static int thread_count(int threads) {
  return threads > 0 ? threads : (int)sysconf(_SC_NPROCESSORS_ONLN);
}

/* ---- pass one ---- */

static enum tamis_status measure_gram(struct batch *batch, int threads, double *gram,
                                      struct fault *fault) {
  struct robust_rows rows = batch_rows(batch);
  struct robust_scratch scratch;
  struct robust_error error;
  rows.release = batch_measure;
  if (!round_rule_scratch(&scratch, robust_gram_scratch_bytes(rows.n, rows.d, threads), threads))
    return fault_plain(fault, TAMIS_NO_MEMORY);
  enum robust_status status = robust_gram(&rows, &scratch, gram, &error);
  free(scratch.memory);
  return round_rule_fault(status, &error, fault);
}

static enum tamis_status gram_note(struct found *found, size_t n, const double *gram,
                                   struct digest *digest, struct fault *fault) {
  uint8_t *bytes;
  size_t length;
  enum tamis_status status = tensor_write_f64("gram", n, n, gram, &bytes, &length, fault);
  if (status == TAMIS_OK) *digest = found_add(found, bytes, length);
  return status;
}

/* The output layer is looked at once more, when there is a centre to compare it with. */
static enum tamis_status find_evidence(struct blob_store *blobs, struct batch *batch,
                                       const double *gram, int threads, struct work *work,
                                       struct found *found, struct fault *fault) {
  double *centre = calloc(work->count, sizeof *centre);
  bool *votes = calloc(work->count, sizeof *votes);
  enum tamis_status status = centre && votes ? round_rule_evidence(work, gram, centre, fault)
                                             : fault_plain(fault, TAMIS_NO_MEMORY);
  for (size_t i = 0; status == TAMIS_OK && i < work->count; i++) votes[i] = work->row[i].votes;
  if (status == TAMIS_OK && !(measure_evidence(batch->measure, gram, votes, work->evidence) &&
                              measure_output(batch->measure, centre, work->evidence)))
    status = fault_plain(fault, TAMIS_NO_MEMORY);
  if (status == TAMIS_OK)
    status = round_sketch(blobs, batch->measure, centre, threads, work, found, fault);
  free(votes);
  free(centre);
  return status;
}

static enum tamis_status measure(struct blob_store *blobs, int threads, struct work *work,
                                 struct found *found, struct fault *fault) {
  struct batch batch;
  double *gram = calloc(work->count * work->count, sizeof *gram);
  enum tamis_status status = batch_open(blobs, work, NULL, &batch, fault);
  if (status == TAMIS_OK) status = past_open(blobs, work, threads, &batch, fault);
  if (status == TAMIS_OK && !gram) status = fault_plain(fault, TAMIS_NO_MEMORY);
  if (status == TAMIS_OK) status = measure_gram(&batch, threads, gram, fault);
  if (status == TAMIS_OK) status = gram_note(found, work->count, gram, &work->gram, fault);
  if (status == TAMIS_OK) status = find_evidence(blobs, &batch, gram, threads, work, found, fault);
  batch_close(&batch);
  free(gram);
  return status;
}

/* ---- pass two ---- */

static enum tamis_status run_pipeline(const struct robust_pipeline *pipeline, struct batch *batch,
                                      const double *gram, const size_t *order,
                                      const float *reference, const double *counts, int threads,
                                      float *out, struct robust_evidence *found,
                                      struct fault *fault) {
  struct robust_input input = {.rows = batch_rows(batch),
                               .gram = gram,
                               .order = order,
                               .counts = counts,
                               .reference = reference};
  struct robust_scratch scratch;
  struct robust_error error;
  if (!round_rule_scratch(&scratch, robust_scratch_bytes(pipeline, &input, threads), threads))
    return fault_plain(fault, TAMIS_NO_MEMORY);
  enum robust_status status = robust_aggregate(pipeline, &input, &scratch, out, found, &error);
  free(scratch.memory);
  return round_rule_fault(status, &error, fault);
}

static const float *base_values(const struct batch *batch) {
  return (const float *)(const void *)(batch->base.bytes + batch->layout.header_size);
}

/* A copy of the file, since the optimiser and the base are still to be put on top of it. */
static enum tamis_status remember_output(struct found *found, const uint8_t *file,
                                         const struct layout *layout, struct work *work,
                                         struct fault *fault) {
  uint8_t *copy = malloc(layout_file_size(layout));
  if (!copy) return fault_plain(fault, TAMIS_NO_MEMORY);
  memcpy(copy, file, layout_file_size(layout));
  memory_note(found, STATE_RULE_VECTOR, copy, layout, &work->after);
  return TAMIS_OK;
}

/* What a pass works with besides its rows. */
struct pass {
  struct blob_store *blobs;
  int threads;
  uint8_t *file; /* a whole file of the model's layout, the candidate to be */
  float *out;    /* its data */
  struct found *found;
  struct robust_evidence said; /* by the rule */
};

/* A rule that remembers is given its last output, and what it puts out now is for the next round;
 * others that compare (flame) are given the base model. */
static enum tamis_status run_remembering(const struct robust_pipeline *pipeline, struct work *work,
                                         struct batch *batch, const double *gram,
                                         const size_t *order, struct pass *pass,
                                         struct fault *fault) {
  const float *reference = base_values(batch);
  struct blob_view view = {0};
  bool remembers = robust_pipeline_remembers_output(pipeline);
  double *counts = round_rule_counts(work);
  enum tamis_status status = counts ? TAMIS_OK : fault_plain(fault, TAMIS_NO_MEMORY);
  if (status == TAMIS_OK && remembers)
    status = memory_map(pass->blobs, &work->before, STATE_RULE_VECTOR, &batch->layout, &view,
                        &reference, fault);
  if (status == TAMIS_OK)
    status = run_pipeline(pipeline, batch, gram, order, reference, counts, pass->threads, pass->out,
                          &pass->said, fault);
  if (status == TAMIS_OK && remembers)
    status = remember_output(pass->found, pass->file, &batch->layout, work, fault);
  blob_unmap(&view);
  free(counts);
  return status;
}

static enum tamis_status run_rule(struct work *work, struct batch *batch, const double *gram,
                                  struct pass *pass, struct fault *fault) {
  struct robust_pipeline *pipeline = NULL;
  struct robust_error error;
  size_t *order = calloc(batch->n + 1, sizeof *order);
  enum tamis_status status = order ? TAMIS_OK : fault_plain(fault, TAMIS_NO_MEMORY);
  if (status == TAMIS_OK) status = round_rule_parse(work, &pipeline, fault);
  if (status == TAMIS_OK)
    status = round_rule_fault(robust_pipeline_check(pipeline, batch->n, &error), &error, fault);
  if (status == TAMIS_OK) {
    cohort_shuffle(&work->randomness, "order", order, batch->n);
    status = run_remembering(pipeline, work, batch, gram, order, pass, fault);
  }
  robust_pipeline_free(pipeline);
  free(order);
  return status;
}

/* candidate := base + aggregate (or the optimiser's step), in double, rounded once. */
static enum tamis_status add_base(const struct batch *batch, float *candidate,
                                  struct fault *fault) {
  const float *base = base_values(batch);
  for (size_t i = 0; i < batch->layout.parameters; i++) {
    candidate[i] = (float)((double)base[i] + (double)candidate[i]);
    if (!isfinite(candidate[i]))
      return fault_set(fault, TAMIS_NOT_FINITE, "parameter %zu of the candidate is not finite", i);
  }
  return TAMIS_OK;
}

static enum tamis_status make_candidate(struct work *work, struct batch *batch, const double *gram,
                                        struct pass *pass, struct fault *fault) {
  size_t k = 0;
  memcpy(pass->file, batch->base.bytes, batch->layout.header_size);
  pass->said.weights = calloc(batch->n, sizeof(double));
  work->weight = calloc(work->count, sizeof *work->weight);
  enum tamis_status status =
      pass->said.weights && work->weight ? TAMIS_OK : fault_plain(fault, TAMIS_NO_MEMORY);
  if (status == TAMIS_OK) status = run_rule(work, batch, gram, pass, fault);
  if (status == TAMIS_OK && work->optimiser[0] != '\0')
    status = memory_step(pass->blobs, pass->threads, work->optimiser, &batch->layout, &work->before,
                         pass->out, &work->after, pass->found, fault);
  if (status == TAMIS_OK) status = add_base(batch, pass->out, fault);
  for (size_t i = 0; status == TAMIS_OK && i < work->count; i++)
    if (work->counts[i]) work->weight[i] = pass->said.weights[k++];
  work->margin = pass->said.margin;
  work->reference_weight = pass->said.reference_weight;
  free(pass->said.weights);
  return status;
}

static enum tamis_status aggregate(struct blob_store *blobs, int threads, struct work *work,
                                   struct found *found, struct fault *fault) {
  struct pass pass = {.blobs = blobs, .threads = threads, .found = found};
  struct batch batch;
  double *gram = NULL;
  if (work->accepted == 0) return round_rule_nobody(work, fault);
  enum tamis_status status = batch_open(blobs, work, work->counts, &batch, fault);
  if (status == TAMIS_OK) status = round_rule_counting_gram(blobs, work, &gram, fault);
  if (status == TAMIS_OK) {
    pass.file = aligned_alloc(64, (layout_file_size(&batch.layout) + 63) / 64 * 64);
    if (!pass.file) status = fault_plain(fault, TAMIS_NO_MEMORY);
  }
  if (status == TAMIS_OK) {
    pass.out = (float *)(void *)(pass.file + batch.layout.header_size);
    status = make_candidate(work, &batch, gram, &pass, fault);
  }
  if (status == TAMIS_OK)
    work->candidate = found_add(found, pass.file, layout_file_size(&batch.layout));
  else
    free(pass.file);
  free(gram);
  batch_close(&batch);
  return status;
}

/* ---- beside it ---- */

/* One rule of several on the same rows. What it would remember is forgotten. */
struct aside {
  struct work *work; /* a copy of the whole one's top; owned: its rule is this one's */
  double *weights;   /* lent; one a row that counts */
  struct shadow_found found;
  bool is_exact; /* the weights say all there is to it */
};

static bool aside_open(struct aside *aside, const struct work *work, const char *rule,
                       double *weights) {
  *aside = (struct aside){.work = malloc(sizeof *work), .weights = weights};
  if (!aside->work) return false;
  *aside->work = *work;
  snprintf(aside->work->rule, sizeof aside->work->rule, "%s", rule);
  return true;
}

/* A rule that cannot keep its promise with so few updates says so; any other fault is the
 * machine's, and of all. */
static enum tamis_status aside_end(struct aside *aside, enum tamis_status status,
                                   const struct robust_evidence *said, const struct fault *why,
                                   struct fault *fault) {
  aside->found.status = status;
  aside->found.margin = said->margin;
  if (status == TAMIS_OK) return TAMIS_OK;
  if (status != TAMIS_RULE_NOT_FEASIBLE) return fault_set(fault, status, "%s", why->text);
  snprintf(aside->found.sentence, sizeof aside->found.sentence, "%.199s", why->text);
  return TAMIS_OK;
}

static enum tamis_status aside_weigh(struct aside *aside, const double *gram, struct fault *fault) {
  struct robust_evidence said = {.weights = aside->weights};
  struct fault why;
  bool is_whole = false;
  enum tamis_status status = round_rule_weigh(aside->work, gram, &said, &is_whole, &why);
  aside->is_exact = status == TAMIS_OK && is_whole && said.weights_are_exact && !(said.noise > 0) &&
                    said.reference_weight == 0;
  return aside_end(aside, status, &said, &why, fault);
}

static enum tamis_status aside_run(struct aside *aside, struct batch *batch, const double *gram,
                                   struct pass *pass, struct fault *fault) {
  struct found forgotten = {0};
  struct fault why;
  pass->found = &forgotten;
  pass->said = (struct robust_evidence){.weights = aside->weights};
  enum tamis_status status = run_rule(aside->work, batch, gram, pass, &why);
  found_close(&forgotten);
  return aside_end(aside, status, &pass->said, &why, fault);
}

static void aside_compare(struct aside *aside, const struct beside *sum) {
  aside->found.distance = beside_distance(sum);
  aside->found.cosine = beside_cosine(sum);
}

static bool pass_room(struct pass *pass, const struct layout *layout) {
  pass->file = aligned_alloc(64, (layout_file_size(layout) + 63) / 64 * 64);
  if (!pass->file) return false;
  memcpy(pass->file, layout->header, layout->header_size);
  pass->out = (float *)(void *)(pass->file + layout->header_size);
  return true;
}

static bool wants_rows(const struct aside *aside, const struct aside *plan) {
  return aside->found.status == TAMIS_OK && !(aside->is_exact && plan->is_exact);
}

/* The plan's rule once more, as its aggregate is in no file: the candidate is rounded, and an
 * optimiser may have made something else of it. */
static enum tamis_status asides_run(struct blob_store *blobs, int threads, const struct work *work,
                                    const double *gram, struct aside *plan, struct aside *aside,
                                    size_t count, struct fault *fault) {
  struct pass pass = {.blobs = blobs, .threads = threads}, of_plan = pass;
  struct batch batch;
  enum tamis_status status = batch_open(blobs, work, work->counts, &batch, fault);
  if (status == TAMIS_OK &&
      (!pass_room(&pass, &batch.layout) || !pass_room(&of_plan, &batch.layout)))
    status = fault_plain(fault, TAMIS_NO_MEMORY);
  if (status == TAMIS_OK) status = aside_run(plan, &batch, gram, &of_plan, fault);
  for (size_t i = 0; status == TAMIS_OK && i < count; i++) {
    if (!wants_rows(&aside[i], plan)) continue;
    status = aside_run(&aside[i], &batch, gram, &pass, fault);
    struct beside sum = {0, 0, 0, 0};
    if (status == TAMIS_OK) sum = beside_of_rows(pass.out, of_plan.out, batch.layout.parameters);
    aside_compare(&aside[i], &sum);
  }
  free(of_plan.file);
  free(pass.file);
  batch_close(&batch);
  return status;
}

/* By numbers what they can tell; then, unless it is to be light, by the rows what is left. */
static enum tamis_status asides_find(struct blob_store *blobs, int threads, bool light,
                                     const struct work *work, struct aside *plan,
                                     struct aside *aside, size_t count, bool *is_whole,
                                     struct fault *fault) {
  double *gram = NULL;
  enum tamis_status status = round_rule_counting_gram(blobs, work, &gram, fault);
  if (status == TAMIS_OK) status = aside_weigh(plan, gram, fault);
  *is_whole = true;
  for (size_t i = 0; status == TAMIS_OK && i < count; i++) {
    status = aside_weigh(&aside[i], gram, fault);
    struct beside sum = beside_of_weights(aside[i].weights, plan->weights, gram, work->accepted);
    if (wants_rows(&aside[i], plan))
      *is_whole = false;
    else
      aside_compare(&aside[i], &sum);
  }
  if (status == TAMIS_OK && !light && !*is_whole)
    status = asides_run(blobs, threads, work, gram, plan, aside, count, fault);
  free(gram);
  return status;
}

enum tamis_status round_shadow(struct blob_store *blobs, int threads, bool light, struct work *work,
                               bool *is_whole, struct fault *fault) {
  size_t count = shadow_count(work->shadows), n = work->accepted;
  struct aside aside[SHADOW_RULES_MAX + 1] = {{.work = NULL}}; /* the plan is the last */
  if (count > SHADOW_RULES_MAX)
    return fault_set(fault, TAMIS_CORRUPT, "%zu shadows are too many", count);
  double *of_plan = calloc(n + 1, sizeof *of_plan);
  work->shadow = calloc(count, sizeof *work->shadow);
  work->weight = calloc(count * n + 1, sizeof *work->weight);
  bool has_room = of_plan && work->shadow && work->weight &&
                  aside_open(&aside[count], work, work->rule, of_plan);
  for (size_t i = 0; has_room && i < count; i++) {
    char rule[STATE_RULE_SIZE];
    shadow_rule(work->shadows, i, rule);
    has_room = aside_open(&aside[i], work, rule, work->weight + i * n);
  }
  enum tamis_status status = has_room ? asides_find(blobs, threads, light, work, &aside[count],
                                                    aside, count, is_whole, fault)
                                      : fault_plain(fault, TAMIS_NO_MEMORY);
  for (size_t i = 0; i < count && status == TAMIS_OK; i++) work->shadow[i] = aside[i].found;
  for (size_t i = 0; i <= count; i++) free(aside[i].work);
  free(of_plan);
  return status;
}

enum tamis_status round_rows(struct blob_store *blobs, struct work *work, struct fault *fault) {
  struct redo redo = {.federation = work->federation,
                      .judged = work->judged,
                      .of = work->of,
                      .verdicts = work->verdicts,
                      .weights = work->weights,
                      .without = (const char(*)[STATE_NAME_SIZE])work->without,
                      .without_count = work->without_count};
  struct redo_row *rows;
  if (work->of == 0 || work->row) return TAMIS_OK;
  enum tamis_status status = redo_read(blobs, &redo, &rows, &work->count, fault);
  if (status != TAMIS_OK) return status;
  work->row = calloc(work->count + 1, sizeof *work->row);
  work->counts = calloc(work->count + 1, sizeof *work->counts);
  if (!work->row || !work->counts) status = fault_plain(fault, TAMIS_NO_MEMORY);
  for (size_t i = 0; status == TAMIS_OK && i < work->count; i++) {
    work->row[i] = (struct work_row){
        .index = rows[i].index, .update = rows[i].update, .examples = rows[i].examples};
    state_name_set(work->row[i].name, rows[i].name);
    work->counts[i] = rows[i].counts;
    work->accepted += rows[i].counts;
  }
  free(rows);
  return status;
}

void round_find(struct blob_store *blobs, int threads, struct work *work, struct found *found) {
  bool is_whole;
  *found = (struct found){0};
  threads = thread_count(threads);
  work->status = round_rows(blobs, work, &work->fault);
  if (work->status != TAMIS_OK) return;
  switch (work->kind) {
  case WORK_MEASURE: work->status = measure(blobs, threads, work, found, &work->fault); break;
  case WORK_AGGREGATE: work->status = aggregate(blobs, threads, work, found, &work->fault); break;
  case WORK_SHADOW:
    work->status = round_shadow(blobs, threads, false, work, &is_whole, &work->fault);
    break;
  }
}

/* What the uploads have left free goes back to the system before the passes take theirs: the peak
 * of 400 clients with 80 kB each is 88 MiB instead of 101. */
void round_work(struct blob_store *blobs, int threads, struct work *work) {
  struct found found;
  malloc_trim(0);
  round_find(blobs, threads, work, &found);
  if (work->status == TAMIS_OK) work->status = found_keep(&found, blobs, &work->fault);
  found_close(&found);
}
