/* One variant a client, all of them led through the rounds together. */
#include "audit/blame.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "aggregator/round.h"
#include "aggregator/round_rule.h"
#include "audit/descent.h"
#include "audit/moves.h"
#include "audit/variant.h"
#include "robust/pipeline.h"

struct inquiry {
  const struct archive *archive;
  struct blob_store *blobs;
  const struct blame_question *question;
  struct descent descent;
  struct blame *blame;
  uint32_t *suspect; /* the client of each row */
  size_t done, total;
};

static void progress(struct inquiry *inquiry, size_t steps) {
  inquiry->done += steps;
  if (inquiry->question->progress)
    inquiry->question->progress(inquiry->question->context, inquiry->done, inquiry->total);
}

static const struct work *work_of(const struct inquiry *inquiry, size_t step) {
  return inquiry->descent.round[step]->aggregate;
}

static bool is_in(const struct work *work, uint32_t client) {
  for (size_t i = 0; i < work->count; i++)
    if (work->row[i].client == client) return work->counts[i];
  return false;
}

static bool is_the_one(const void *context, uint32_t client) {
  return client == *(const uint32_t *)context;
}

/* ---- who ---- */

/* Rounds in which each client of the state counted; malloc'd. */
static size_t *count_rounds(const struct inquiry *inquiry) {
  size_t *rounds = calloc(archive_state(inquiry->archive)->client_count + 1, sizeof *rounds);
  for (size_t k = 0; rounds && k < inquiry->descent.count; k++) {
    const struct work *work = work_of(inquiry, k);
    for (size_t i = 0; i < work->count; i++) rounds[work->row[i].client] += work->counts[i];
  }
  return rounds;
}

static enum tamis_status find_suspects(struct inquiry *inquiry, struct fault *fault) {
  const struct state *state = archive_state(inquiry->archive);
  struct blame *blame = inquiry->blame;
  size_t *rounds = count_rounds(inquiry);
  blame->row = calloc(state->client_count + 1, sizeof *blame->row);
  inquiry->suspect = calloc(state->client_count + 1, sizeof *inquiry->suspect);
  bool is_good = rounds && blame->row && inquiry->suspect;
  for (size_t i = 0; is_good && i < state->client_count; i++) {
    if (rounds[i] == 0) continue;
    inquiry->suspect[blame->count] = (uint32_t)i;
    blame->row[blame->count++] =
        (struct blame_row){.client = state->client[i].name, .rounds = rounds[i]};
  }
  free(rounds);
  inquiry->total = blame->count * inquiry->descent.count;
  if (inquiry->question->evaluator) inquiry->total += blame->count + 1;
  return is_good ? TAMIS_OK : fault_plain(fault, TAMIS_NO_MEMORY);
}

/* ---- by the Gram matrix ---- */

static bool is_of_weights(const struct work *work) {
  struct robust_pipeline *pipeline;
  if (work->optimiser[0] != '\0' || round_rule_parse(work, &pipeline, NULL) != TAMIS_OK)
    return false;
  bool is_so = robust_pipeline_is_gram_only(pipeline) &&
               !robust_pipeline_remembers_output(pipeline) &&
               !robust_pipeline_needs_reference(pipeline);
  robust_pipeline_free(pipeline);
  return is_so;
}

/* x' G y. */
static double form(size_t n, const double *gram, const double *x, const double *y) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) {
    double row = 0;
    if (x[i] == 0) continue;
    for (size_t j = 0; j < n; j++) row += gram[i * n + j] * y[j];
    sum += x[i] * row;
  }
  return sum;
}

/* Weights without `client` (NULL: with everybody) into `weight`: zeros, and `*is_skipped`, when the
 * rule cannot do without it. */
static enum tamis_status weigh_without(struct inquiry *inquiry, const uint32_t *client,
                                       double *weight, bool *is_skipped, bool *is_whole,
                                       struct fault *fault) {
  struct work *work = work_copy(work_of(inquiry, 0));
  variant_leave_out(work, client ? is_the_one : NULL, client);
  round_find_light(inquiry->blobs, work, is_whole);
  enum tamis_status status = work->status;
  *is_skipped = client && status == TAMIS_RULE_NOT_FEASIBLE;
  for (size_t i = 0; i < work->count; i++)
    weight[i] = status == TAMIS_OK && *is_whole ? work->weight[i] : 0;
  if (status != TAMIS_OK && fault) *fault = work->fault;
  work_free(work);
  return *is_skipped ? TAMIS_OK : status;
}

struct weighing {
  size_t n;
  double *gram, *weight, *change;
  double length_squared;
};

static enum tamis_status weigh_row(struct inquiry *inquiry, struct weighing *weighing, size_t k,
                                   struct fault *fault) {
  struct blame_row *row = &inquiry->blame->row[k];
  size_t n = weighing->n;
  bool is_skipped, is_whole;
  enum tamis_status status =
      weigh_without(inquiry, &inquiry->suspect[k], weighing->change, &is_skipped, &is_whole, fault);
  if (status != TAMIS_OK) return status;
  for (size_t i = 0; i < n; i++) weighing->change[i] = weighing->weight[i] - weighing->change[i];
  double squared = form(n, weighing->gram, weighing->change, weighing->change);
  double product = form(n, weighing->gram, weighing->change, weighing->weight);
  row->skipped = is_skipped;
  row->influence = squared > 0 ? sqrt(squared) : 0;
  if (squared > 0 && weighing->length_squared > 0)
    row->direction = product / (row->influence * sqrt(weighing->length_squared));
  progress(inquiry, 1);
  return TAMIS_OK;
}

/* `*is_done` false: the rule turned out to need the rows. */
static enum tamis_status by_gram(struct inquiry *inquiry, bool *is_done, struct fault *fault) {
  struct blame *blame = inquiry->blame;
  const struct work *work = work_of(inquiry, 0);
  struct weighing weighing = {.n = work->count,
                              .weight = calloc(work->count + 1, sizeof(double)),
                              .change = calloc(work->count + 1, sizeof(double))};
  bool is_skipped;
  enum tamis_status status =
      weighing.weight && weighing.change
          ? weigh_without(inquiry, NULL, weighing.weight, &is_skipped, is_done, fault)
          : fault_plain(fault, TAMIS_NO_MEMORY);
  if (status == TAMIS_OK && *is_done)
    status = round_rule_gram(inquiry->blobs, &work->gram, work->count, &weighing.gram, fault);
  if (status == TAMIS_OK && *is_done)
    weighing.length_squared = form(weighing.n, weighing.gram, weighing.weight, weighing.weight);
  for (size_t k = 0; status == TAMIS_OK && *is_done && k < blame->count; k++)
    status = weigh_row(inquiry, &weighing, k, fault);
  blame->by_gram = *is_done;
  blame->length = weighing.length_squared > 0 ? sqrt(weighing.length_squared) : 0;
  free(weighing.gram);
  free(weighing.weight);
  free(weighing.change);
  return status;
}

/* ---- by the vectors ---- */

struct seat { /* a client's variant while the rounds go by */
  size_t row;
  bool has_left; /* the logged lineage, with the first round that the client counted in */
  struct variant variant;
};

static enum tamis_status seat_step(struct inquiry *inquiry, struct seat *seat,
                                   const struct work *work, struct fault *fault) {
  const uint32_t *client = &inquiry->suspect[seat->row];
  struct blame_row *row = &inquiry->blame->row[seat->row];
  enum tamis_status status = TAMIS_OK;
  if (!seat->has_left && is_in(work, *client)) {
    seat->has_left = true;
    seat->variant = variant_at(work);
  }
  if (seat->has_left)
    status = variant_round(&seat->variant, inquiry->blobs, inquiry->question->threads, work,
                           is_the_one, client, NULL, fault);
  row->skipped += status == TAMIS_RULE_NOT_FEASIBLE;
  progress(inquiry, 1);
  return status == TAMIS_RULE_NOT_FEASIBLE ? TAMIS_OK : status;
}

struct ends { /* of the logged lineage */
  struct blob_view base, model;
};

static enum tamis_status seat_finish(struct inquiry *inquiry, const struct seat *seat,
                                     const struct ends *ends, struct fault *fault) {
  struct blame_row *row = &inquiry->blame->row[seat->row];
  struct evaluator *evaluator = inquiry->question->evaluator;
  struct blob_view view = {0};
  struct moves moves;
  enum tamis_status status = variant_model(&seat->variant, inquiry->blobs, &view, fault);
  if (status == TAMIS_OK) status = moves_compare(&ends->base, &ends->model, &view, &moves, fault);
  if (status == TAMIS_OK) {
    row->influence = moves.apart;
    row->direction = moves.direction;
    inquiry->blame->length = moves.length;
  }
  if (status == TAMIS_OK && evaluator) {
    status = evaluator_bytes(evaluator, view.bytes, view.length, &seat->variant.head, &row->value,
                             fault);
    row->gain = row->value - inquiry->blame->value;
    progress(inquiry, 1);
  }
  blob_unmap(&view);
  return status;
}

/* `count` variants through all rounds at once. */
static enum tamis_status seat_batch(struct inquiry *inquiry, struct seat *seats, size_t count,
                                    const struct ends *ends, struct fault *fault) {
  enum tamis_status status = TAMIS_OK;
  for (size_t k = 0; k < inquiry->descent.count; k++)
    for (size_t i = 0; status == TAMIS_OK && i < count; i++)
      status = seat_step(inquiry, &seats[i], work_of(inquiry, k), fault);
  for (size_t i = 0; i < count; i++) {
    if (status == TAMIS_OK) status = seat_finish(inquiry, &seats[i], ends, fault);
    variant_close(&seats[i].variant);
  }
  return status;
}

/* How many variants fit: a model each, and what is remembered with it. */
static size_t batch_size(const struct inquiry *inquiry) {
  const struct work *last = work_of(inquiry, inquiry->descent.count - 1);
  uint64_t each = blob_size(inquiry->blobs, &last->base) * (2 + last->before.count);
  uint64_t room = inquiry->question->memory_bytes;
  if (room == 0) room = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE) / 4;
  uint64_t fit = each > 0 ? room / each : 1;
  if (fit < 1) fit = 1;
  return fit < inquiry->blame->count ? (size_t)fit : inquiry->blame->count;
}

static enum tamis_status seat_all(struct inquiry *inquiry, const struct ends *ends,
                                  struct fault *fault) {
  size_t all = inquiry->blame->count, batch = batch_size(inquiry);
  struct seat *seats = calloc(batch + 1, sizeof *seats);
  enum tamis_status status = seats ? TAMIS_OK : fault_plain(fault, TAMIS_NO_MEMORY);
  for (size_t from = 0; status == TAMIS_OK && from < all; from += batch) {
    size_t count = all - from < batch ? all - from : batch;
    for (size_t i = 0; i < count; i++) seats[i] = (struct seat){.row = from + i};
    status = seat_batch(inquiry, seats, count, ends, fault);
  }
  free(seats);
  return status;
}

static enum tamis_status by_vectors(struct inquiry *inquiry, struct fault *fault) {
  const struct archive_round *last = inquiry->descent.round[inquiry->descent.count - 1];
  struct evaluator *evaluator = inquiry->question->evaluator;
  struct ends ends = {0};
  enum tamis_status status =
      blob_map(inquiry->blobs, &work_of(inquiry, 0)->base, true, &ends.base, fault);
  if (status == TAMIS_OK)
    status = blob_map(inquiry->blobs, &last->candidate, true, &ends.model, fault);
  if (status == TAMIS_OK && evaluator) {
    status =
        evaluator_blob(evaluator, inquiry->blobs, &last->candidate, &inquiry->blame->value, fault);
    progress(inquiry, 1);
  }
  inquiry->blame->is_evaluated = evaluator != NULL;
  if (status == TAMIS_OK) status = seat_all(inquiry, &ends, fault);
  blob_unmap(&ends.model);
  blob_unmap(&ends.base);
  return status;
}

/* ---- the order of the answer ---- */

static int by_influence(const void *left, const void *right) {
  const struct blame_row *a = left, *b = right;
  if (a->influence != b->influence) return a->influence < b->influence ? 1 : -1;
  return strcmp(a->client, b->client);
}

static int by_gain(const void *left, const void *right) {
  const struct blame_row *a = left, *b = right;
  if (a->gain != b->gain) return a->gain < b->gain ? 1 : -1;
  return by_influence(left, right);
}

static void rank(struct blame *blame) {
  for (size_t i = 0; i < blame->count; i++)
    if (blame->length > 0) blame->row[i].share = blame->row[i].influence / blame->length;
  qsort(blame->row, blame->count, sizeof *blame->row, blame->is_evaluated ? by_gain : by_influence);
}

/* A round whose manifests were dropped cannot be varied. */
static enum tamis_status check_works(const struct inquiry *inquiry, struct fault *fault) {
  for (size_t i = 0; i < inquiry->descent.count; i++)
    if (!work_of(inquiry, i))
      return fault_set(fault, TAMIS_NOT_FOUND,
                       "what round %" PRId64 " was made of is not kept any more",
                       inquiry->descent.round[i]->number);
  return TAMIS_OK;
}

static enum tamis_status inquire(struct inquiry *inquiry, struct fault *fault) {
  const struct blame_question *question = inquiry->question;
  struct descent *descent = &inquiry->descent;
  bool is_done = false;
  if (descent->count == 0)
    return fault_set(fault, TAMIS_BAD_REQUEST,
                     "the first model of %s is nobody's work: no round made it",
                     question->federation);
  inquiry->blame->since = descent->round[0]->number;
  inquiry->blame->round = descent->round[descent->count - 1]->number;
  inquiry->blame->rounds = descent->count;
  enum tamis_status status = check_works(inquiry, fault);
  if (status == TAMIS_OK) status = find_suspects(inquiry, fault);
  if (status == TAMIS_OK && descent->count == 1 && !question->evaluator &&
      !question->never_by_gram && is_of_weights(work_of(inquiry, 0)))
    status = by_gram(inquiry, &is_done, fault);
  if (status == TAMIS_OK && !is_done) status = by_vectors(inquiry, fault);
  if (status == TAMIS_OK) rank(inquiry->blame);
  return status;
}

enum tamis_status blame_model(const struct archive *archive, const struct blame_question *question,
                              struct blame *blame, struct fault *fault) {
  struct inquiry inquiry = {
      .archive = archive, .blobs = archive_blobs(archive), .question = question, .blame = blame};
  *blame = (struct blame){0};
  enum tamis_status status = descent_open(archive, question->federation, question->since,
                                          question->round, &inquiry.descent, fault);
  if (status == TAMIS_OK) status = inquire(&inquiry, fault);
  descent_close(&inquiry.descent);
  free(inquiry.suspect);
  return status;
}

void blame_close(struct blame *blame) {
  free(blame->row);
  *blame = (struct blame){0};
}

/* The rows are ranked by influence. */
static bool leads(const struct blame *blame, const char *client) {
  for (size_t i = 0; i < blame->count; i++)
    if (strcmp(blame->row[i].client, client) == 0)
      return blame->row[i].influence >= blame->row[0].influence &&
             blame->row[i].influence >= 2 * blame->row[blame->count / 2].influence;
  return false;
}

enum tamis_status blame_since(const struct archive *archive, const struct blame_question *question,
                              const char *client, int64_t *since, struct fault *fault) {
  struct blame_question one = *question;
  struct descent descent;
  bool is_leading = true;
  *since = 0;
  one.evaluator = NULL;
  one.progress = NULL;
  enum tamis_status status =
      descent_open(archive, question->federation, 0, question->round, &descent, fault);
  for (size_t i = descent.count; status == TAMIS_OK && is_leading && i-- > 0;) {
    struct blame blame;
    one.since = one.round = descent.round[i]->number;
    status = blame_model(archive, &one, &blame, fault);
    is_leading = status == TAMIS_OK && leads(&blame, client);
    if (is_leading) *since = one.round;
    blame_close(&blame);
  }
  descent_close(&descent);
  return status;
}
