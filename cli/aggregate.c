/* `tamis aggregate`: a pipeline over files, without a server; the same code and the same bytes as a
 * round. */
#include <inttypes.h>
#include <math.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/aggregate_report.h"
#include "cli/command_run.h"
#include "cli/finite.h"
#include "cli/number_file.h"
#include "cli/state_folder.h"
#include "cli/vector_file.h"
#include "robust/robust.h"

enum {
  THREADS_MAX = 1024,
  DROP_BYTES = 2 << 20, /* of a row at once: what the system maps at once, too */
  SHOWN_MIN = 1 << 28,  /* numbers; less is done before anybody wonders */
  REDRAW_MS = 200,
  QUIET_MS = 1000, /* work that ends before is not worth a line */
};

/* Where a pass is, for somebody who waits. */
struct progress {
  struct context *context;
  const struct robust_rows *rows;
  const char *doing;
  int64_t began_ms, drawn_ms;
  size_t dropped; /* coordinates of this pass that were given back */
  bool drops, is_drawn;
};

struct aggregation {
  struct context *context;
  struct robust_pipeline *pipeline;
  char *rule; /* owned; canonical */
  int threads;
  struct rows_file in;
  double *counts; /* owned, as the next three; NULL when not given */
  size_t *order;
  const char *reference_path;
  struct vector_file reference;
  struct state_folder state;
  struct vector_draft out, gram;
  struct robust_evidence evidence; /* with its arrays */
  struct robust_input input;
  struct progress progress;
  int64_t told_ms;
};

/* ---- progress ---- */

static void draw(struct progress *progress, size_t done) {
  struct context *context = progress->context;
  int64_t now_ms = context_monotonic_ms();
  if (!context->err_terminal || context->quiet || now_ms - progress->began_ms < QUIET_MS ||
      now_ms - progress->drawn_ms < REDRAW_MS)
    return;
  progress->drawn_ms = now_ms;
  progress->is_drawn = true;
  fprintf(context->err, "\r\033[K%s %d%%", progress->doing,
          (int)(100.0 * (double)done / (double)progress->rows->d));
  fflush(context->err);
}

/* For -v: what took how long since the last time. */
static void tell_time(struct aggregation *this, const char *done) {
  int64_t now_ms = context_monotonic_ms();
  context_detail(this->context, "%s in %.3f s", done, (double)(now_ms - this->told_ms) / 1000);
  this->told_ms = now_ms;
}

static void wipe(struct progress *progress) {
  if (progress->is_drawn) fputs("\r\033[K", progress->context->err);
  progress->is_drawn = false;
}

static void drop(struct progress *progress, size_t from, size_t to) {
  const struct robust_rows *rows = progress->rows;
  size_t size = robust_dtype_size(rows->dtype);
  if (from < progress->dropped) progress->dropped = from; /* another pass */
  if ((to - progress->dropped) * size < DROP_BYTES && to < rows->d) return;
  for (size_t i = 0; i < rows->n; i++) {
    const char *row = rows->row[i];
    mapped_file_drop(row + progress->dropped * size, row + to * size);
  }
  progress->dropped = to;
}

static void release(void *opaque, size_t from, size_t to) {
  struct progress *progress = opaque;
  if (progress->drops) drop(progress, from, to);
  draw(progress, to);
}

/* Mapped pages belong to the files and go when memory is wanted; beyond a quarter of it they are
 * given back at once, so that the system need not look for them. */
static bool is_large(const struct robust_rows *rows) {
  uint64_t memory = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
  return (uint64_t)rows->n * rows->d > memory / 4 / robust_dtype_size(rows->dtype);
}

/* Blocks are asked for only when they serve, pages to give back or a person to tell: threads wait
 * for each other at the end of each. */
static void begin_progress(struct aggregation *this) {
  struct robust_rows *rows = &this->in.rows;
  this->progress = (struct progress){.context = this->context,
                                     .rows = rows,
                                     .doing = "aggregating",
                                     .began_ms = context_monotonic_ms(),
                                     .drops = is_large(rows)};
  bool is_shown = this->context->err_terminal && rows->n * rows->d >= SHOWN_MIN;
  if (this->progress.drops || is_shown) {
    rows->release = release;
    rows->context = &this->progress;
  }
}

/* ---- what comes in ---- */

static enum tamis_status say_robust(struct fault *fault, enum robust_status status,
                                    const struct robust_error *error) {
  switch (status) {
  case ROBUST_OK: return TAMIS_OK;
  case ROBUST_BAD_PIPELINE: return fault_set(fault, TAMIS_BAD_REQUEST, "--rule: %s", error->text);
  case ROBUST_NOT_FEASIBLE: return fault_set(fault, TAMIS_RULE_NOT_FEASIBLE, "%s", error->text);
  case ROBUST_NEEDS_REFERENCE:
    return fault_set(fault, TAMIS_BAD_REQUEST, "%s: give --reference FILE", error->text);
  case ROBUST_NO_MEMORY: return fault_plain(fault, TAMIS_NO_MEMORY);
  case ROBUST_NOT_FINITE: return fault_set(fault, TAMIS_NOT_FINITE, "%s", error->text);
  default: break; /* the others are for other calls, or a fault of ours */
  }
  return fault_set(fault, TAMIS_INTERNAL, "robust: %s", error->text);
}

static enum tamis_status read_rule(struct aggregation *this, const char *text) {
  struct robust_error error = {""};
  enum robust_status status = robust_pipeline_parse(text, &this->pipeline, &error);
  if (status != ROBUST_OK) return say_robust(&this->context->fault, status, &error);
  size_t length = robust_pipeline_print(this->pipeline, NULL, 0);
  this->rule = malloc(length + 1);
  if (this->rule == NULL) return fault_plain(&this->context->fault, TAMIS_NO_MEMORY);
  robust_pipeline_print(this->pipeline, this->rule, length + 1);
  return TAMIS_OK;
}

static enum tamis_status read_threads(struct aggregation *this, const struct arguments *arguments) {
  cpu_set_t mine;
  int allowed = sched_getaffinity(0, sizeof mine, &mine) == 0 ? CPU_COUNT(&mine) : 1;
  uint64_t threads = arguments_count(arguments, "threads", (uint64_t)allowed);
  if (threads < 1 || threads > THREADS_MAX)
    return fault_set(&this->context->fault, TAMIS_BAD_REQUEST, "--threads wants 1 to %d",
                     THREADS_MAX);
  this->threads = (int)threads;
  return TAMIS_OK;
}

/* Every -o, so that one meant for the form is not passed over in silence. */
static enum tamis_status check_out(struct context *context, const struct arguments *arguments) {
  enum tamis_status status = TAMIS_OK;
  enum output_form form;
  for (size_t i = 0; status == TAMIS_OK && i < arguments->value_count; i++) {
    if (strcmp(arguments->value[i].row->name, "file") != 0) continue;
    status = vector_draft_check(arguments->value[i].text, &context->fault);
    if (status != TAMIS_OK && output_form_read(arguments->value[i].text, &form))
      context_hint(context, status, "-o is the file here; for the form write --output %s",
                   arguments->value[i].text);
  }
  return status;
}

/* The line, the rule and the headers: everything that can be refused before the rows are read. */
static enum tamis_status open_rows(struct aggregation *this, const struct arguments *arguments) {
  struct robust_error error = {""};
  struct fault *fault = &this->context->fault;
  enum tamis_status status = check_out(this->context, arguments);
  if (status == TAMIS_OK) status = read_threads(this, arguments);
  if (status == TAMIS_OK) status = read_rule(this, arguments_text(arguments, "rule", ""));
  if (status == TAMIS_OK)
    status = rows_file_open(arguments->word_count, arguments->words, &this->in, fault);
  if (status == TAMIS_WRONG_LAYOUT)
    context_hint(this->context, status, "see: tamis help aggregate");
  if (status != TAMIS_OK) return status;
  return say_robust(fault, robust_pipeline_check(this->pipeline, this->in.rows.n, &error), &error);
}

static enum tamis_status check_finite(struct aggregation *this) {
  size_t row, coordinate;
  struct fault *fault = &this->context->fault;
  const char *what;
  if (!finite_find_odd(&this->in.rows, this->threads, this->progress.drops, &row, &coordinate)) {
    tell_time(this, "read and checked");
    return TAMIS_OK;
  }
  what = finite_words(&this->in.rows, row, coordinate);
  if (this->in.is_tensors)
    return fault_set(fault, TAMIS_NOT_FINITE, "row %zu (%s): coordinate %zu is %s", row,
                     this->in.path[row], coordinate, what);
  return fault_set(fault, TAMIS_NOT_FINITE, "row %zu of %s: coordinate %zu is %s", row,
                   this->in.path[0], coordinate, what);
}

static enum tamis_status read_lists(struct aggregation *this, const struct arguments *arguments) {
  const char *counts = arguments_text(arguments, "counts", NULL),
             *order = arguments_text(arguments, "order", NULL);
  struct fault *fault = &this->context->fault;
  size_t n = this->in.rows.n;
  enum tamis_status status = TAMIS_OK;
  if (counts != NULL) {
    this->counts = calloc(n, sizeof *this->counts);
    status = this->counts == NULL ? fault_plain(fault, TAMIS_NO_MEMORY)
                                  : number_file_read_counts(counts, n, this->counts, fault);
  }
  if (status == TAMIS_OK && order != NULL) {
    this->order = calloc(n, sizeof *this->order);
    status = this->order == NULL ? fault_plain(fault, TAMIS_NO_MEMORY)
                                 : number_file_read_permutation(order, n, this->order, fault);
  }
  return status;
}

static enum tamis_status read_sides(struct aggregation *this, const struct arguments *arguments) {
  const char *state = arguments_text(arguments, "state", NULL);
  enum state_kind kind = state_kind_of(this->pipeline, this->rule);
  struct context *context = this->context;
  enum tamis_status status = read_lists(this, arguments);
  this->reference_path = arguments_text(arguments, "reference", NULL);
  if (status == TAMIS_OK && this->reference_path != NULL)
    status = vector_file_open(&this->reference_path, &this->in.rows, this->threads,
                              &this->reference, &context->fault);
  if (status != TAMIS_OK || state == NULL) return status;
  if (this->reference.values != NULL && kind == STATE_LAST)
    return fault_set(&context->fault, TAMIS_BAD_REQUEST,
                     "--state already gives this rule its reference: leave out --reference");
  status = state_folder_open(state, kind, this->rule, &this->in.rows, this->threads, &this->state,
                             &context->fault);
  if (status == TAMIS_CONFLICT)
    context_hint(context, status, "name another folder, or remove %s to begin anew", state);
  return status;
}

/* ---- the passes ---- */

static bool scratch_for(struct aggregation *this, size_t bytes, struct robust_scratch *scratch) {
  bytes = (bytes / 64 + 1) * 64;
  *scratch = (struct robust_scratch){
      .memory = aligned_alloc(64, bytes), .bytes = bytes, .threads = this->threads};
  return scratch->memory != NULL;
}

static enum tamis_status measure_gram(struct aggregation *this, const char *path) {
  struct fault *fault = &this->context->fault;
  const struct robust_rows *rows = &this->in.rows;
  struct robust_scratch scratch;
  struct robust_error error = {""};
  enum tamis_status status =
      vector_draft_open_npy(path, rows->n, rows->n, true, &this->gram, fault);
  if (status != TAMIS_OK) return status;
  if (!scratch_for(this, robust_gram_scratch_bytes(rows->n, rows->d, this->threads), &scratch))
    return fault_plain(fault, TAMIS_NO_MEMORY);
  this->progress.doing = "measuring";
  status = say_robust(fault, robust_gram(rows, &scratch, this->gram.values, &error), &error);
  this->progress.doing = "aggregating";
  free(scratch.memory);
  tell_time(this, "measured");
  this->input.gram = this->gram.values;
  return status;
}

static void gather_input(struct aggregation *this) {
  this->input = (struct robust_input){.rows = this->in.rows,
                                      .order = this->order,
                                      .counts = this->counts,
                                      .reference = this->reference.values};
  if (this->state.reference != NULL) this->input.reference = this->state.reference;
  if (this->state.kind == STATE_HISTORY) this->input.history = &this->state.history;
}

static enum tamis_status run_pipeline(struct aggregation *this) {
  struct fault *fault = &this->context->fault;
  struct robust_scratch scratch;
  struct robust_error error = {""};
  const struct robust_input *input = &this->input;
  if (!scratch_for(this, robust_scratch_bytes(this->pipeline, input, this->threads), &scratch))
    return fault_plain(fault, TAMIS_NO_MEMORY);
  enum robust_status status = input->rows.dtype == ROBUST_F64
                                  ? robust_aggregate_f64(this->pipeline, input, &scratch,
                                                         this->out.values, &this->evidence, &error)
                                  : robust_aggregate(this->pipeline, input, &scratch,
                                                     this->out.values, &this->evidence, &error);
  free(scratch.memory);
  tell_time(this, "aggregated");
  return say_robust(fault, status, &error);
}

/* Finite rows may still add up to more than a float holds. */
static enum tamis_status check_result(struct aggregation *this) {
  size_t row, coordinate;
  const void *const result = this->out.values;
  struct robust_rows one = this->in.rows;
  one.n = 1;
  one.row = &result;
  one.dtype = one.dtype == ROBUST_F64 ? ROBUST_F64 : ROBUST_F32;
  if (!finite_find_odd(&one, this->threads, false, &row, &coordinate)) return TAMIS_OK;
  return fault_set(&this->context->fault, TAMIS_NOT_FINITE,
                   "coordinate %zu of the result is not finite: the rows are too large",
                   coordinate);
}

static enum tamis_status compute(struct aggregation *this, const struct arguments *arguments) {
  const char *gram = arguments_text(arguments, "gram", NULL);
  size_t n = this->in.rows.n;
  struct fault *fault = &this->context->fault;
  this->evidence.weights = calloc(n, sizeof(double));
  this->evidence.scores = calloc(n, sizeof(double));
  if (this->evidence.weights == NULL || this->evidence.scores == NULL)
    return fault_plain(fault, TAMIS_NO_MEMORY);
  gather_input(this);
  enum tamis_status status =
      vector_draft_open(arguments_text(arguments, "file", ""), &this->in, &this->out, fault);
  if (status == TAMIS_OK && gram != NULL) status = measure_gram(this, gram);
  if (status == TAMIS_OK) status = run_pipeline(this);
  if (status == TAMIS_OK) status = check_result(this);
  return status;
}

/* ---- what goes out ---- */

/* The result last, so that where it is the rest is too; the state after it, so that a round that
 * was cut off can be repeated. */
static enum tamis_status publish(struct aggregation *this, const struct arguments *arguments,
                                 const json_t *report) {
  const char *weights = arguments_text(arguments, "weights", NULL);
  struct fault *fault = &this->context->fault;
  enum tamis_status status = TAMIS_OK;
  if (this->gram.values != NULL) status = vector_draft_commit(&this->gram, fault);
  if (status == TAMIS_OK && weights != NULL)
    status = durable_file_replace_json(weights, report, fault);
  if (status == TAMIS_OK && this->state.path != NULL)
    status = state_folder_stage(&this->state, &this->in.rows, this->out.values, fault);
  if (status == TAMIS_OK) status = vector_draft_commit(&this->out, fault);
  if (status == TAMIS_OK && this->state.path != NULL)
    status = state_folder_commit(&this->state, &this->in.rows, fault);
  return status;
}

static enum tamis_status finish(struct aggregation *this, const struct arguments *arguments) {
  struct aggregate_facts facts = {.rule = this->rule,
                                  .in = &this->in,
                                  .evidence = &this->evidence,
                                  .out = arguments_text(arguments, "file", ""),
                                  .round = this->state.path == NULL ? 0 : this->state.round + 1};
  json_t *report = aggregate_report_make(&facts);
  if (report == NULL) return fault_plain(&this->context->fault, TAMIS_NO_MEMORY);
  enum tamis_status status = publish(this, arguments, report);
  wipe(&this->progress);
  if (status == TAMIS_OK)
    output_thing(this->context, "aggregate", facts.out, report, aggregate_report_print);
  json_decref(report);
  return status;
}

static void close_all(struct aggregation *this) {
  wipe(&this->progress);
  vector_draft_close(&this->out);
  vector_draft_close(&this->gram);
  state_folder_close(&this->state);
  vector_file_close(&this->reference);
  rows_file_close(&this->in);
  free(this->evidence.weights);
  free(this->evidence.scores);
  free(this->counts);
  free(this->order);
  free(this->rule);
  robust_pipeline_free(this->pipeline);
}

enum tamis_status aggregate_run(struct context *context, const struct arguments *arguments) {
  struct aggregation this = {.context = context, .told_ms = context_monotonic_ms()};
  enum tamis_status status = open_rows(&this, arguments);
  if (status == TAMIS_OK) begin_progress(&this);
  if (status == TAMIS_OK) status = check_finite(&this);
  if (status == TAMIS_OK) status = read_sides(&this, arguments);
  if (status == TAMIS_OK) status = compute(&this, arguments);
  if (status == TAMIS_OK) status = finish(&this, arguments);
  close_all(&this);
  return status;
}
