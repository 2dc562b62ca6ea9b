/* Counted from the manifests; the updates themselves are only looked for. */
#include "aggregator/undo_plan.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "aggregator/decision.h"
#include "aggregator/redo.h"
#include "robust/robust.h"

/* One processor checks a digest at 1.1 GB/s, and what is left for a rule and the disk is like that
 * again: slow enough to be kept to. */
#define UNDO_BYTES_PER_SECOND 4e8

double undo_plan_seconds(const struct undo_plan *plan) {
  return (double)(plan->bytes_read + plan->bytes_written) / UNDO_BYTES_PER_SECOND;
}

void undo_plan_close(struct undo_plan *plan) {
  free(plan->step);
  free(plan->client);
  *plan = (struct undo_plan){.step = NULL};
}

/* ---- adding up ---- */

static struct undo_step *step_add(struct undo_plan *plan, int64_t round) {
  plan->step = decision_memory(realloc(plan->step, (plan->step_count + 1) * sizeof *plan->step));
  struct undo_step *step = &plan->step[plan->step_count++];
  *step = (struct undo_step){.round = round};
  return step;
}

static struct undo_client *client_of(struct undo_plan *plan, const char *name) {
  for (size_t i = 0; i < plan->client_count; i++)
    if (strcmp(plan->client[i].name, name) == 0) return &plan->client[i];
  plan->client =
      decision_memory(realloc(plan->client, (plan->client_count + 1) * sizeof *plan->client));
  struct undo_client *client = &plan->client[plan->client_count++];
  *client = (struct undo_client){.rounds = 0};
  state_name_set(client->name, name);
  return client;
}

static void drop(struct undo_plan *plan, struct undo_step *step, const struct redo_row *row) {
  struct undo_client *client = client_of(plan, row->name);
  client->rounds++;
  client->weight += fabs(row->weight);
  step->dropped++;
  step->weight += fabs(row->weight);
  plan->dropped++;
}

static int by_weight(const void *left, const void *right) {
  const struct undo_client *a = left, *b = right;
  if (a->weight != b->weight) return a->weight < b->weight ? 1 : -1;
  return strcmp(a->name, b->name);
}

static struct redo redo_of(const struct federation *federation, int64_t round) {
  int64_t judged = state_round_judged(federation, round);
  return (struct redo){.federation = federation->name,
                       .judged = judged,
                       .of = round,
                       .verdicts = federation->past[judged].verdicts,
                       .weights = federation->past[round].weights};
}

static void finish(struct undo_plan *plan) {
  if (plan->client) qsort(plan->client, plan->client_count, sizeof *plan->client, by_weight);
}

/* ---- rollback ---- */

static bool is_on_line(const struct federation *federation, int64_t head, int64_t round) {
  while (head > round) head = federation->past[head].base_round;
  return head == round;
}

void undo_plan_rollback(const struct federation *federation, int64_t to_round,
                        struct blob_store *blobs, struct undo_plan *plan) {
  *plan = (struct undo_plan){.from_round = federation->head_round, .to_round = to_round};
  for (int64_t i = state_line_next(federation, 0); i != 0; i = state_line_next(federation, i)) {
    struct redo redo = redo_of(federation, i);
    struct redo_row *rows = NULL;
    size_t count = 0;
    if (is_on_line(federation, to_round, i)) continue;
    struct undo_step *step = step_add(plan, i);
    if (redo_read(blobs, &redo, &rows, &count, NULL) != TAMIS_OK) continue;
    for (size_t k = 0; k < count; k++)
      if (rows[k].counted) drop(plan, step, &rows[k]);
    step->updates = step->dropped;
    free(rows);
  }
  for (int64_t i = to_round; i > 0; i = federation->past[i].base_round)
    plan->restored += federation->past[i].undone;
  finish(plan);
}

/* ---- rebuild ---- */

static void note_missing(struct undo_plan *plan, int64_t round, const char *what) {
  size_t used = strlen(plan->missing);
  char one[STATE_NAME_SIZE + 64];
  snprintf(one, sizeof one, "%sround %" PRId64 " %s", used ? ", " : "", round, what);
  if (used + strlen(one) + sizeof ", ..." < sizeof plan->missing)
    strcat(plan->missing, one);
  else if (strcmp(plan->missing + used - 3, "...") != 0)
    strcat(plan->missing, ", ...");
}

static bool is_feasible(const struct federation *federation, size_t rows) {
  struct robust_pipeline *pipeline = NULL;
  struct robust_error error;
  bool is_good = rows > 0 &&
                 robust_pipeline_parse(federation->terms.rule, &pipeline, &error) == ROBUST_OK &&
                 robust_pipeline_check(pipeline, rows, &error) == ROBUST_OK;
  robust_pipeline_free(pipeline);
  return is_good;
}

static void plan_rows(const struct federation *federation, const struct redo_row *rows,
                      size_t count, struct blob_store *blobs, struct undo_plan *plan,
                      struct undo_step *step) {
  const struct past_round *past = &federation->past[step->round];
  uint64_t model_bytes = blob_size(blobs, &federation->head);
  size_t left = 0;
  for (size_t i = 0; i < count; i++) {
    step->updates += rows[i].counted;
    if (rows[i].counted && !rows[i].counts) drop(plan, step, &rows[i]);
    left += rows[i].counts;
    if (rows[i].counts && !blob_exists(blobs, &rows[i].update))
      note_missing(plan, step->round, rows[i].name);
  }
  step->is_passed = !is_feasible(federation, left);
  if (step->is_passed) return;
  plan->bytes_read += (left + 1 + past->memory.count) * model_bytes;
  plan->bytes_written += (1 + past->memory.count) * model_bytes;
}

static void plan_step(const struct federation *federation, const struct redo *redo,
                      struct blob_store *blobs, struct undo_plan *plan) {
  struct undo_step *step = step_add(plan, redo->of);
  const struct past_round *judged = &federation->past[redo->judged];
  struct redo_row *rows = NULL;
  size_t count = 0;
  if (redo_read(blobs, redo, &rows, &count, NULL) != TAMIS_OK) {
    note_missing(plan, redo->of, "manifests");
    return;
  }
  if (!blob_exists(blobs, &judged->gram)) note_missing(plan, redo->of, "Gram matrix");
  plan->bytes_written += blob_size(blobs, &redo->weights);
  plan_rows(federation, rows, count, blobs, plan, step);
  free(rows);
}

static void check_base(const struct federation *federation, struct blob_store *blobs,
                       struct undo_plan *plan) {
  const struct past_round *base = &federation->past[plan->to_round];
  if (!blob_exists(blobs, &base->model)) note_missing(plan, plan->to_round, "model");
  for (size_t i = 0; i < base->memory.count; i++)
    if (!blob_exists(blobs, &base->memory.vector[i].blob))
      note_missing(plan, plan->to_round, base->memory.vector[i].name);
}

void undo_plan_rebuild(const struct federation *federation, int64_t since,
                       const char (*without)[STATE_NAME_SIZE], size_t without_count,
                       struct blob_store *blobs, struct undo_plan *plan) {
  int64_t first = state_line_next(federation, since - 1);
  *plan = (struct undo_plan){.from_round = federation->head_round,
                             .to_round = federation->past[first].base_round,
                             .first_number = federation->last_round + 1};
  check_base(federation, blobs, plan);
  for (int64_t i = first; i != 0; i = state_line_next(federation, i)) {
    struct redo redo = redo_of(federation, i);
    redo.without = without;
    redo.without_count = without_count;
    plan_step(federation, &redo, blobs, plan);
  }
  finish(plan);
}

/* ---- of a statement ---- */

bool undo_plan_of(const struct state *state, const struct statement *statement,
                  struct blob_store *blobs, struct undo_plan *plan) {
  char without[STATE_WITHOUT_MAX][STATE_NAME_SIZE];
  bool is_rebuild = statement->kind == STATEMENT_REBUILD;
  if (!is_rebuild && statement->kind != STATEMENT_ROLLBACK) return false;
  const struct federation *federation =
      state_federation_find(state, statement_text(statement, "federation"));
  const json_t *names = json_object_get(statement->predicate, "without");
  for (size_t i = 0; i < json_array_size(names); i++)
    state_name_set(without[i], json_string_value(json_array_get(names, i)));
  if (is_rebuild)
    undo_plan_rebuild(federation, statement_integer(statement, "since"),
                      (const char(*)[STATE_NAME_SIZE])without, json_array_size(names), blobs, plan);
  else
    undo_plan_rollback(federation, statement_integer(statement, "to_round"), blobs, plan);
  return true;
}

/* ---- as JSON ---- */

static json_t *steps_json(const struct undo_plan *plan) {
  json_t *list = json_array();
  for (size_t i = 0; i < plan->step_count && i < UNDO_LISTED_MAX; i++) {
    const struct undo_step *step = &plan->step[i];
    json_array_append_new(
        list, json_pack("{s:I, s:I, s:I, s:f, s:b}", "round", (json_int_t)step->round, "updates",
                        (json_int_t)step->updates, "dropped", (json_int_t)step->dropped, "weight",
                        step->weight, "passed_over", (int)step->is_passed));
  }
  return list;
}

static json_t *clients_json(const struct undo_plan *plan) {
  json_t *list = json_array();
  for (size_t i = 0; i < plan->client_count && i < UNDO_LISTED_MAX; i++)
    json_array_append_new(list, json_pack("{s:s, s:I, s:f}", "client", plan->client[i].name,
                                          "rounds", (json_int_t)plan->client[i].rounds, "weight",
                                          plan->client[i].weight));
  return list;
}

json_t *undo_plan_json(const struct undo_plan *plan) {
  size_t passed = 0;
  for (size_t i = 0; i < plan->step_count; i++) passed += plan->step[i].is_passed;
  return json_pack("{s:I, s:I, s:I, s:I, s:I, s:o, s:I, s:o, s:I, s:I, s:I, s:I, s:f, s:s}",
                   "from_round", (json_int_t)plan->from_round, "to_round",
                   (json_int_t)plan->to_round, "first_number", (json_int_t)plan->first_number,
                   "round_count", (json_int_t)plan->step_count, "passed_over", (json_int_t)passed,
                   "rounds", steps_json(plan), "client_count", (json_int_t)plan->client_count,
                   "clients", clients_json(plan), "updates_dropped", (json_int_t)plan->dropped,
                   "restored", (json_int_t)plan->restored, "bytes_read",
                   (json_int_t)plan->bytes_read, "bytes_written", (json_int_t)plan->bytes_written,
                   "seconds", undo_plan_seconds(plan), "missing", plan->missing);
}
