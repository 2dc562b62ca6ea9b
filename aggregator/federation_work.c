/* Work handed out and taken back: evidence becomes verdicts, weights become a candidate. */
#include "aggregator/federation.h"

#include <stdlib.h>
#include <string.h>
#include "aggregator/admission.h"
#include "aggregator/manifest.h"

/* ---- handed out ---- */

void work_free(struct work *work) {
  if (!work) return;
  free(work->row);
  free(work->counts);
  free(work->evidence);
  free(work->weight);
  free(work);
}

struct work *work_copy(const struct work *work) {
  struct work *copy = decision_memory(malloc(sizeof *copy));
  *copy = *work;
  copy->row = decision_memory(calloc(work->count + 1, sizeof *copy->row));
  copy->counts = decision_memory(calloc(work->count + 1, sizeof *copy->counts));
  memcpy(copy->row, work->row, work->count * sizeof *copy->row);
  memcpy(copy->counts, work->counts, work->count * sizeof *copy->counts);
  copy->status = TAMIS_OK;
  copy->evidence = NULL;
  copy->weight = NULL;
  copy->after.count = 0;
  return copy;
}

static enum bar bar_of(const struct state *state, const struct federation *federation,
                       uint32_t client) {
  if (federation->member[client].history.standing == STANDING_EXCLUDED) return BAR_EXCLUDED;
  return state->client[client].revoked ? BAR_REVOKED : BAR_NONE;
}

static void work_rows(const struct state *state, const struct federation *federation,
                      struct work *work) {
  const struct round *round = &federation->round;
  for (size_t i = 0; i < round->selected; i++) {
    const struct slot *slot = &round->slot[i];
    const struct member *member = &federation->member[slot->client];
    if (slot->answer != ANSWER_UPDATE) continue;
    work->row[work->count] = (struct work_row){
        .client = slot->client,
        .index = slot->index,
        .update = slot->update,
        .before = member->before,
        .examples = slot->examples,
        .votes = judge_votes(&member->history, bar_of(state, federation, slot->client)),
    };
    work->counts[work->count] = slot->verdict == VERDICT_ACCEPT;
    work->accepted += work->counts[work->count];
    work->count++;
  }
}

static bool is_ready(const struct federation *federation, int64_t now_ms) {
  const struct round *round = &federation->round;
  if (!digest_equal(&round->base, &federation->head)) return false;
  if (round->phase == PHASE_JUDGED) return true;
  return round->phase == PHASE_COLLECTING && admission_is_closed(federation, now_ms) &&
         (int64_t)round->updates >= round->quorum;
}

struct work *federation_work(const struct state *state, const struct federation *federation,
                             int64_t now_ms) {
  const struct round *round = &federation->round;
  if (!is_ready(federation, now_ms)) return NULL;
  struct work *work = decision_memory(calloc(1, sizeof *work));
  work->kind = round->phase == PHASE_COLLECTING ? WORK_MEASURE : WORK_AGGREGATE;
  state_name_set(work->federation, federation->name);
  work->round = round->number;
  work->revision = federation->revision;
  work->base = round->base;
  work->randomness = round->randomness;
  memcpy(work->rule, federation->terms.rule, sizeof work->rule);
  memcpy(work->optimiser, federation->terms.optimiser, sizeof work->optimiser);
  work->before = federation->past[round->base_round].memory;
  work->weigh_by_examples = federation->terms.policy.weight_by_examples > 0;
  work->gram = round->gram;
  work->row = decision_memory(calloc(round->updates, sizeof *work->row));
  work->counts = decision_memory(calloc(round->updates, sizeof *work->counts));
  work_rows(state, federation, work);
  return work;
}

/* ---- taken back ---- */

static json_t *updates_list(const struct state *state, const struct work *work,
                            const struct judged *judged) {
  json_t *updates = decision_memory(json_array());
  for (size_t i = 0; i < work->count; i++) {
    int neighbour = judged[i].evidence.neighbour;
    struct manifest_update update = {
        .client = judged[i].client,
        .index = work->row[i].index,
        .update = work->row[i].update,
        .examples = work->row[i].examples,
    };
    json_array_append_new(
        updates, manifest_update_write(&update, &judged[i],
                                       neighbour == EVIDENCE_NOBODY
                                           ? ""
                                           : state->client[work->row[neighbour].client].name));
  }
  return updates;
}

/* The histories of all, so that a rollback to this round finds everything in one place. */
static json_t *clients_list(const struct state *state, const struct federation *federation,
                            const struct work *work, const struct judged *judged) {
  json_t *clients = decision_memory(json_array());
  size_t *row_of = decision_memory(malloc((state->client_count + 1) * sizeof *row_of));
  for (size_t i = 0; i < state->client_count; i++) row_of[i] = SIZE_MAX;
  for (size_t i = 0; i < work->count; i++) row_of[work->row[i].client] = i;
  for (size_t i = 0; i < federation->member_count; i++) {
    const struct member *member = &federation->member[i];
    bool is_in = row_of[i] != SIZE_MAX;
    json_array_append_new(
        clients, manifest_history_write(state->client[i].name,
                                        is_in ? &judged[row_of[i]].history : &member->history,
                                        is_in ? &work->row[row_of[i]].update : &member->before));
  }
  free(row_of);
  return clients;
}

static struct judged *judge_work(const struct state *state, const struct federation *federation,
                                 const struct work *work) {
  struct judged *judged = decision_memory(calloc(work->count, sizeof *judged));
  for (size_t i = 0; i < work->count; i++) {
    uint32_t client = work->row[i].client;
    judged[i].client = state->client[client].name;
    judged[i].evidence = work->evidence[i];
    judged[i].bar = bar_of(state, federation, client);
    judged[i].history = federation->member[client].history;
  }
  judge_round(&federation->terms.policy, judged, work->count);
  return judged;
}

static void propose_verdicts(const struct state *state, const struct federation *federation,
                             const struct work *work, const struct moment *moment,
                             struct decision *decision) {
  struct judged *judged = judge_work(state, federation, work);
  json_int_t count[VERDICT_REJECT + 1] = {0};
  for (size_t i = 0; i < work->count; i++) count[judged[i].verdict]++;
  struct proposal *proposal = decision_add(
      decision, STATEMENT_VERDICTS, "manifest", NULL,
      json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:o, s:I}", "federation", work->federation, "round",
                (json_int_t)work->round, "accepted", count[VERDICT_ACCEPT], "clipped",
                count[VERDICT_CLIP], "held", count[VERDICT_HOLD], "rejected", count[VERDICT_REJECT],
                "gram", manifest_digest(&work->gram), "at_ms", (json_int_t)moment->now_ms));
  proposal->subject[0] =
      decision_attach(proposal, manifest_verdicts(work->federation, work->round,
                                                  clients_list(state, federation, work, judged),
                                                  updates_list(state, work, judged)));
  free(judged);
}

static void propose_aggregate(const struct state *state, const struct federation *federation,
                              const struct work *work, const struct moment *moment,
                              struct decision *decision) {
  json_t *updates = decision_memory(json_array());
  for (size_t i = 0; i < work->count; i++)
    if (work->counts[i])
      json_array_append_new(updates, manifest_weight_write(state->client[work->row[i].client].name,
                                                           work->row[i].index, &work->row[i].update,
                                                           work->weight[i]));
  struct proposal *proposal =
      decision_add(decision, STATEMENT_AGGREGATE, "model", &work->candidate,
                   json_pack("{s:s, s:I, s:s, s:I}", "federation", work->federation, "round",
                             (json_int_t)work->round, "rule", work->rule, "updates",
                             (json_int_t)work->accepted));
  if (federation->terms.witness_organisations > 0) /* their time runs from here */
    json_object_set_new(proposal->predicate, "at_ms", json_integer((json_int_t)moment->now_ms));
  proposal->subject_count = 2;
  proposal->subject_name[1] = "manifest";
  struct manifest_weights weights = {.federation = work->federation,
                                     .rule = work->rule,
                                     .optimiser = work->optimiser,
                                     .round = work->round,
                                     .gram = work->gram,
                                     .margin = work->margin,
                                     .reference_weight = work->reference_weight,
                                     .memory = &work->after};
  proposal->subject[1] = decision_attach(proposal, manifest_weights(&weights, updates));
}

bool federation_worked(const struct state *state, const struct work *work,
                       const struct moment *moment, struct decision *decision) {
  const struct federation *federation = state_federation_find(state, work->federation);
  enum phase phase = work->kind == WORK_MEASURE ? PHASE_COLLECTING : PHASE_JUDGED;
  if (!federation || federation->revision != work->revision ||
      federation->round.number != work->round || federation->round.phase != phase)
    return false;
  if (work->status == TAMIS_RULE_NOT_FEASIBLE && phase == PHASE_JUDGED)
    decision_add_hold(federation, moment->now_ms, work->fault.text, decision);
  else if (work->status != TAMIS_OK)
    decision_add_abandon(federation, moment->now_ms, work->status, work->fault.text, decision);
  else if (work->kind == WORK_MEASURE)
    propose_verdicts(state, federation, work, moment, decision);
  else
    propose_aggregate(state, federation, work, moment, decision);
  return true;
}
