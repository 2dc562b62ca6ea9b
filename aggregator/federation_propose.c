/* What the aggregator says of itself: it opens, judges, aggregates, promotes, holds and abandons
 * rounds, and writes down what it refused. */
#include "aggregator/federation.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "aggregator/admission.h"
#include "aggregator/cohort.h"
#include "aggregator/manifest.h"
#include "proto/canonical.h"

/* ---- decisions ---- */

static void *taken(void *memory) {
  if (!memory) {
    fputs("tamis: out of memory while deciding\n", stderr);
    abort();
  }
  return memory;
}

void decision_close(struct decision *decision) {
  for (size_t i = 0; i < decision->count; i++) {
    json_decref(decision->proposal[i].predicate);
    json_decref(decision->proposal[i].manifest_json);
    free(decision->proposal[i].manifest);
  }
  free(decision->proposal);
  *decision = (struct decision){0};
}

static struct proposal *propose(struct decision *decision, enum statement_kind kind,
                                const char *subject_name, const struct digest *subject,
                                json_t *predicate) {
  if (decision->count == decision->capacity) {
    decision->capacity = decision->capacity ? 2 * decision->capacity : 4;
    decision->proposal =
        taken(realloc(decision->proposal, decision->capacity * sizeof *decision->proposal));
  }
  struct proposal *proposal = &decision->proposal[decision->count++];
  *proposal = (struct proposal){.kind = kind,
                                .predicate = taken(predicate),
                                .subject_count = 1,
                                .subject_name = {subject_name}};
  if (subject) proposal->subject[0] = *subject;
  return proposal;
}

/* The manifest's digest, which the statement names. */
static struct digest proposal_attach(struct proposal *proposal, json_t *manifest) {
  struct fault fault;
  proposal->manifest_json = taken(manifest);
  enum tamis_status status =
      canonical_encode(manifest, &proposal->manifest, &proposal->manifest_length, &fault);
  assert(status == TAMIS_OK);
  (void)status;
  return digest_of(proposal->manifest, proposal->manifest_length);
}

/* ---- opening a round ---- */

static int by_name(const void *left, const void *right) {
  return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static const char **eligible_clients(const struct state *state, const struct federation *federation,
                                     size_t *count) {
  const char **eligible = taken(calloc(state->client_count + 1, sizeof *eligible));
  *count = 0;
  for (size_t i = 0; i < state->client_count; i++)
    if (state_is_eligible(state, federation, i)) eligible[(*count)++] = state->client[i].name;
  qsort(eligible, *count, sizeof *eligible, by_name);
  return eligible;
}

/* How many are asked, and after how many updates the round need not wait any longer. */
static size_t cohort_size(const struct terms *terms, size_t eligible, size_t *target) {
  size_t asked = terms->cohort == 0 ? eligible : (size_t)terms->cohort;
  size_t extra = (asked * (size_t)terms->over_selection_percent + 99) / 100;
  size_t selected = asked + (terms->cohort == 0 ? 0 : extra);
  if (selected > eligible) selected = eligible;
  if (selected > JUDGE_ROWS_MAX) selected = JUDGE_ROWS_MAX;
  *target = asked < selected ? asked : selected;
  return selected;
}

/* The first `selected` of a shuffle, by name again. */
static json_t *draw(const char **eligible, size_t count, size_t selected,
                    const struct digest *randomness) {
  size_t *order = taken(calloc(count + 1, sizeof *order));
  const char **drawn = taken(calloc(selected + 1, sizeof *drawn));
  cohort_shuffle(randomness, "cohort", order, count);
  for (size_t i = 0; i < selected; i++) drawn[i] = eligible[order[i]];
  qsort(drawn, selected, sizeof *drawn, by_name);
  json_t *names = taken(json_array());
  for (size_t i = 0; i < selected; i++) json_array_append_new(names, json_string(drawn[i]));
  free(drawn);
  free(order);
  return names;
}

static void propose_open(const struct federation *federation, const char **eligible, size_t count,
                         const struct moment *moment, struct decision *decision) {
  const struct terms *terms = &federation->terms;
  int64_t round = federation->last_round + 1;
  struct digest randomness = cohort_randomness(&moment->root, federation->name, round);
  size_t target, selected = cohort_size(terms, count, &target);
  json_t *predicate = json_pack(
      "{s:s, s:I, s:s, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:I, s:o}", "federation",
      federation->name, "round", (json_int_t)round, "rule", terms->rule, "layout",
      manifest_digest(&terms->layout), "parameters", (json_int_t)terms->parameters, "selected",
      (json_int_t)selected, "quorum", (json_int_t)terms->quorum, "target", (json_int_t)target,
      "opened_at_ms", (json_int_t)moment->now_ms, "closes_at_ms",
      (json_int_t)(moment->now_ms + terms->deadline_ms), "norm_max", canonical_f64(terms->norm_max),
      "examples_max", (json_int_t)terms->examples_max, "randomness", manifest_digest(&randomness));
  struct proposal *proposal =
      propose(decision, STATEMENT_ROUND_OPEN, "base", &federation->head, predicate);
  json_t *names = draw(eligible, count, selected, &randomness);
  struct digest cohort = proposal_attach(proposal, manifest_cohort(federation->name, round, names));
  json_object_set_new(predicate, "cohort", manifest_digest(&cohort));
}

static bool next_open(const struct state *state, const struct federation *federation,
                      const struct moment *moment, struct decision *decision) {
  size_t count;
  if (state_is_finished(federation)) return false;
  const char **eligible = eligible_clients(state, federation, &count);
  bool is_enough = count > 0 && (int64_t)count >= federation->terms.quorum;
  if (is_enough) propose_open(federation, eligible, count, moment, decision);
  free(eligible);
  return is_enough;
}

/* ---- ending a round ---- */

static void propose_abandon(const struct federation *federation, const struct moment *moment,
                            enum tamis_status status, const char *sentence,
                            struct decision *decision) {
  const struct round *round = &federation->round;
  propose(decision, STATEMENT_ABANDON, "base", &round->base,
          json_pack("{s:s, s:I, s:s, s:s, s:I, s:I, s:I}", "federation", federation->name, "round",
                    (json_int_t)round->number, "status", tamis_status_name(status), "sentence",
                    sentence, "received", (json_int_t)round->updates, "quorum",
                    (json_int_t)round->quorum, "at_ms", (json_int_t)moment->now_ms));
}

static void propose_promote(const struct federation *federation, const struct moment *moment,
                            struct decision *decision) {
  const struct round *round = &federation->round;
  propose(decision, STATEMENT_PROMOTE, "model", &round->candidate,
          json_pack("{s:s, s:I, s:o, s:I}", "federation", federation->name, "round",
                    (json_int_t)round->number, "from", manifest_digest(&round->base), "at_ms",
                    (json_int_t)moment->now_ms));
}

static void propose_hold(const struct federation *federation, const struct moment *moment,
                         const char *sentence, struct decision *decision) {
  const struct round *round = &federation->round;
  propose(decision, STATEMENT_HOLD, "model", &round->base,
          json_pack("{s:s, s:I, s:s, s:I}", "federation", federation->name, "round",
                    (json_int_t)round->number, "sentence", sentence, "at_ms",
                    (json_int_t)moment->now_ms));
}

static bool next_moved_head(const struct federation *federation, const struct moment *moment,
                            struct decision *decision) {
  char sentence[128];
  if (digest_equal(&federation->round.base, &federation->head)) return false;
  snprintf(sentence, sizeof sentence, "the head went to the model of round %" PRId64,
           federation->head_round);
  propose_abandon(federation, moment, TAMIS_CONFLICT, sentence, decision);
  return true;
}

static bool next_below_quorum(const struct federation *federation, const struct moment *moment,
                              struct decision *decision) {
  const struct round *round = &federation->round;
  char sentence[160];
  if (!admission_is_closed(federation, moment->now_ms) || (int64_t)round->updates >= round->quorum)
    return false;
  snprintf(sentence, sizeof sentence, "%zu updates of %zu clients, quorum %" PRId64 ": %s",
           round->updates, round->selected, round->quorum,
           round->answered == round->selected ? "all have answered" : "the deadline has passed");
  propose_abandon(federation, moment, TAMIS_QUORUM_NOT_MET, sentence, decision);
  return true;
}

/* ---- moves of clients ---- */

static bool next_moves(const struct state *state, const struct federation *federation,
                       struct decision *decision) {
  for (size_t i = 0; i < federation->member_count; i++) {
    const struct member *member = &federation->member[i];
    if (!member->has_moved) continue;
    propose(decision, STATEMENT_CLIENT_STATE, "manifest", &federation->round.verdicts,
            json_pack("{s:s, s:I, s:s, s:s, s:s, s:s}", "federation", federation->name, "round",
                      (json_int_t)federation->round.number, "client", state->client[i].name, "from",
                      judge_standing_name(member->moved_from), "to",
                      judge_standing_name(member->history.standing), "sentence",
                      member->history.sentence));
  }
  return decision->count > 0;
}

bool federation_next(const struct state *state, const struct federation *federation,
                     const struct moment *moment, struct decision *decision) {
  switch (federation->round.phase) {
  case PHASE_WAITING: return moment->is_settled && next_open(state, federation, moment, decision);
  case PHASE_COLLECTING:
    return next_moved_head(federation, moment, decision) ||
           next_below_quorum(federation, moment, decision);
  case PHASE_JUDGED:
    return next_moved_head(federation, moment, decision) || next_moves(state, federation, decision);
  case PHASE_AGGREGATED:
    if (!next_moved_head(federation, moment, decision))
      propose_promote(federation, moment, decision);
    return true;
  }
  return false;
}

int64_t federation_deadline_ms(const struct state *state) {
  int64_t deadline_ms = INT64_MAX;
  for (size_t i = 0; i < state->federation_count; i++) {
    const struct round *round = &state->federation[i]->round;
    if (round->phase == PHASE_COLLECTING && round->closes_at_ms < deadline_ms)
      deadline_ms = round->closes_at_ms;
  }
  return deadline_ms;
}

/* ---- work handed out ---- */

void work_free(struct work *work) {
  if (!work) return;
  free(work->row);
  free(work->counts);
  free(work->evidence);
  free(work->weight);
  free(work);
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
  struct work *work = taken(calloc(1, sizeof *work));
  work->kind = round->phase == PHASE_COLLECTING ? WORK_MEASURE : WORK_AGGREGATE;
  state_name_set(work->federation, federation->name);
  work->round = round->number;
  work->revision = federation->revision;
  work->base = round->base;
  work->randomness = round->randomness;
  memcpy(work->rule, federation->terms.rule, sizeof work->rule);
  work->weigh_by_examples = federation->terms.policy.weight_by_examples > 0;
  work->gram = round->gram;
  work->row = taken(calloc(round->updates, sizeof *work->row));
  work->counts = taken(calloc(round->updates, sizeof *work->counts));
  work_rows(state, federation, work);
  return work;
}

/* ---- work taken back ---- */

static json_t *updates_list(const struct state *state, const struct work *work,
                            const struct judged *judged) {
  json_t *updates = taken(json_array());
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
  json_t *clients = taken(json_array());
  size_t *row_of = taken(malloc((state->client_count + 1) * sizeof *row_of));
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
  struct judged *judged = taken(calloc(work->count, sizeof *judged));
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
  struct proposal *proposal = propose(
      decision, STATEMENT_VERDICTS, "manifest", NULL,
      json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:o, s:I}", "federation", work->federation, "round",
                (json_int_t)work->round, "accepted", count[VERDICT_ACCEPT], "clipped",
                count[VERDICT_CLIP], "held", count[VERDICT_HOLD], "rejected", count[VERDICT_REJECT],
                "gram", manifest_digest(&work->gram), "at_ms", (json_int_t)moment->now_ms));
  proposal->subject[0] =
      proposal_attach(proposal, manifest_verdicts(work->federation, work->round,
                                                  clients_list(state, federation, work, judged),
                                                  updates_list(state, work, judged)));
  free(judged);
}

static void propose_aggregate(const struct state *state, const struct work *work,
                              struct decision *decision) {
  json_t *updates = taken(json_array());
  for (size_t i = 0; i < work->count; i++)
    if (work->counts[i])
      json_array_append_new(updates, manifest_weight_write(state->client[work->row[i].client].name,
                                                           work->row[i].index, &work->row[i].update,
                                                           work->weight[i]));
  struct proposal *proposal =
      propose(decision, STATEMENT_AGGREGATE, "model", &work->candidate,
              json_pack("{s:s, s:I, s:s, s:I}", "federation", work->federation, "round",
                        (json_int_t)work->round, "rule", work->rule, "updates",
                        (json_int_t)work->accepted));
  proposal->subject_count = 2;
  proposal->subject_name[1] = "manifest";
  proposal->subject[1] =
      proposal_attach(proposal, manifest_weights(work->federation, work->round, work->rule,
                                                 &work->gram, work->margin, updates));
}

bool federation_worked(const struct state *state, const struct work *work,
                       const struct moment *moment, struct decision *decision) {
  const struct federation *federation = state_federation_find(state, work->federation);
  enum phase phase = work->kind == WORK_MEASURE ? PHASE_COLLECTING : PHASE_JUDGED;
  if (!federation || federation->revision != work->revision ||
      federation->round.number != work->round || federation->round.phase != phase)
    return false;
  if (work->status == TAMIS_RULE_NOT_FEASIBLE && phase == PHASE_JUDGED)
    propose_hold(federation, moment, work->fault.text, decision);
  else if (work->status != TAMIS_OK)
    propose_abandon(federation, moment, work->status, work->fault.text, decision);
  else if (work->kind == WORK_MEASURE)
    propose_verdicts(state, federation, work, moment, decision);
  else
    propose_aggregate(state, work, decision);
  return true;
}

/* ---- refusals ---- */

void federation_refuse(const struct state *state, const struct entry *entry,
                       enum tamis_status status, const char *sentence, struct decision *decision) {
  struct fault said; /* a sentence that may be written down, whatever it came from */
  if (!admission_logs_refusal(state, entry)) return;
  fault_set(&said, status, "%s", sentence);
  propose(decision, STATEMENT_REFUSAL, "update", &entry->statement.subject[0],
          json_pack("{s:s, s:I, s:s, s:s, s:s, s:o}", "federation",
                    statement_text(&entry->statement, "federation"), "round",
                    (json_int_t)statement_integer(&entry->statement, "round"), "client",
                    entry->signer, "status", tamis_status_name(status), "sentence", said.text,
                    "statement", manifest_digest(&entry->envelope)));
}
