/* Work handed out and taken back: evidence becomes verdicts, weights become a candidate. */
#include "aggregator/federation.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "aggregator/admission.h"
#include "aggregator/gates.h"
#include "aggregator/manifest.h"
#include "aggregator/shadow.h"

/* ---- handed out ---- */

void work_free(struct work *work) {
  if (!work) return;
  free(work->row);
  free(work->counts);
  free(work->without);
  free(work->evidence);
  free(work->weight);
  free(work->shadow);
  free(work);
}

/* NULL stays NULL: rows that nobody has read yet. */
static void *copy_of(const void *from, size_t count, size_t size) {
  if (!from) return NULL;
  void *copy = decision_memory(calloc(count + 1, size));
  return memcpy(copy, from, count * size);
}

struct work *work_copy(const struct work *work) {
  struct work *copy = decision_memory(malloc(sizeof *copy));
  *copy = *work;
  copy->row = copy_of(work->row, work->count, sizeof *work->row);
  copy->counts = copy_of(work->counts, work->count, sizeof *work->counts);
  copy->without = copy_of(work->without, work->without_count, sizeof *work->without);
  copy->status = TAMIS_OK;
  copy->evidence = NULL;
  copy->weight = NULL;
  copy->shadow = NULL;
  copy->after.count = 0;
  return copy;
}

static enum bar bar_of(const struct state *state, const struct federation *federation,
                       uint32_t client, const struct digest *update) {
  if (state_known_bad(state, client) || feed_find(&state->feed, FEED_UPDATES, update))
    return BAR_KNOWN_BAD;
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
    enum bar bar = bar_of(state, federation, slot->client, &slot->update);
    work->row[work->count] = (struct work_row){
        .client = slot->client,
        .index = slot->index,
        .update = slot->update,
        .before = member->before,
        .sketch = member->sketch,
        .examples = slot->examples,
        .bar = bar,
        .votes = judge_votes(&member->history, bar),
    };
    state_name_set(work->row[work->count].name, state->client[slot->client].name);
    work->counts[work->count] = slot->verdict == VERDICT_ACCEPT;
    work->accepted += work->counts[work->count];
    work->count++;
  }
}

static bool is_ready(const struct federation *federation, int64_t now_ms) {
  const struct round *round = &federation->round;
  if (federation->rebuild.is_under_way || !digest_equal(&round->base, &federation->head))
    return false;
  if (round->phase == PHASE_JUDGED) return true;
  return round->phase == PHASE_COLLECTING && admission_is_closed(federation, now_ms) &&
         (int64_t)round->updates >= round->quorum;
}

/* `version`: of the policy that the plan of the updates' own round names. */
static struct work *work_of(const struct federation *federation, enum work_kind kind, int64_t round,
                            int64_t base_round, int64_t version) {
  struct work *work = decision_memory(calloc(1, sizeof *work));
  work->kind = kind;
  state_name_set(work->federation, federation->name);
  work->round = round;
  work->revision = federation->revision;
  memcpy(work->rule, federation->terms.rule, sizeof work->rule);
  memcpy(work->optimiser, federation->terms.optimiser, sizeof work->optimiser);
  work->base = federation->past[base_round].model;
  work->before = federation->past[base_round].memory;
  work->weigh_by_examples = state_policy(federation, version)->weight_by_examples > 0;
  work->copy_cosine = state_policy(federation, version)->copy_cosine;
  return work;
}

/* The next round of the rebuild; NULL when none is left. An exclusion meanwhile changes nothing
 * about it, so it is known by the entry that asked for the rebuild and not by the revision. */
static struct work *rebuild_work(const struct state *state, const struct federation *federation) {
  const struct rebuild *rebuild = &federation->rebuild;
  int64_t of = state_rebuild_next(federation);
  if (of == 0 || federation->round.phase != PHASE_WAITING) return NULL;
  int64_t judged = state_round_judged(federation, of);
  struct work *work = work_of(federation, WORK_AGGREGATE, federation->last_round + 1,
                              rebuild->base_round, federation->past[judged].policy_version);
  work->revision = rebuild->index;
  work->of = of;
  work->judged = judged;
  work->randomness = federation->past[work->judged].randomness;
  work->verdicts = federation->past[work->judged].verdicts;
  work->gram = federation->past[work->judged].gram;
  work->weights = federation->past[of].weights;
  work->without_count = rebuild->without_count;
  work->without = decision_memory(calloc(rebuild->without_count + 1, sizeof *work->without));
  for (size_t i = 0; i < rebuild->without_count; i++)
    state_name_set(work->without[i], state->client[rebuild->without[i]].name);
  return work;
}

/* Whoever knows the log knows the seed: of what federation-create says, so that sketches of all
 * rounds can be added, and of no two federations alike. */
static uint64_t sketch_seed(const struct federation *federation) {
  struct digest_stream *stream = digest_stream_new();
  uint64_t seed = 0;
  digest_stream_add(stream, "tamis-sketch/v1", sizeof "tamis-sketch/v1");
  digest_stream_add(stream, federation->name, strlen(federation->name));
  digest_stream_add(stream, federation->terms.first_model.byte, DIGEST_SIZE);
  struct digest digest = digest_stream_finish(stream);
  digest_stream_free(stream);
  for (size_t i = 0; i < sizeof seed; i++) seed = seed << 8 | digest.byte[i];
  return seed;
}

/* The trail goes on where the base is the one of its last round, or was made from it; after a
 * rebuild it is another line, and a new trail begins. */
static void work_past(const struct federation *federation, struct work *work) {
  const struct trail *trail = &federation->trail;
  int64_t base_round = federation->round.base_round;
  int64_t parent = base_round > 0 ? federation->past[base_round].base_round : -1;
  work->sketch_seed = sketch_seed(federation);
  if (base_round > 0) work->base_before = federation->past[parent].model;
  if (trail->count == 0) return;
  int64_t last = federation->past[trail->round[trail->count - 1]].base_round;
  work->is_same_base = last == base_round;
  if (work->is_same_base || last == parent) work->trail = *trail;
}

struct work *federation_work(const struct state *state, const struct federation *federation,
                             int64_t now_ms) {
  const struct round *round = &federation->round;
  if (review_is_due(federation)) return NULL;
  if (federation->rebuild.is_under_way) return rebuild_work(state, federation);
  if (!is_ready(federation, now_ms)) return NULL;
  struct work *work =
      work_of(federation, round->phase == PHASE_COLLECTING ? WORK_MEASURE : WORK_AGGREGATE,
              round->number, round->base_round, round->policy_version);
  work->randomness = round->randomness;
  work->gram = round->gram;
  work_past(federation, work);
  work->row = decision_memory(calloc(round->updates, sizeof *work->row));
  work->counts = decision_memory(calloc(round->updates, sizeof *work->counts));
  work_rows(state, federation, work);
  return work;
}

/* ---- taken back ---- */

static const char *name_of(const struct state *state, const struct work *work, int row) {
  return row == EVIDENCE_NOBODY ? "" : state->client[work->row[row].client].name;
}

static json_t *updates_list(const struct state *state, const struct work *work,
                            const struct judged *judged) {
  json_t *updates = decision_memory(json_array());
  for (size_t i = 0; i < work->count; i++) {
    const struct evidence *evidence = &judged[i].evidence;
    struct manifest_update update = {
        .client = judged[i].client,
        .index = work->row[i].index,
        .update = work->row[i].update,
        .examples = work->row[i].examples,
    };
    struct manifest_alike alike = {
        .neighbour = name_of(state, work, evidence->neighbour),
        .residual_neighbour = name_of(state, work, evidence->residual_neighbour),
        .history_neighbour = name_of(state, work, evidence->history_neighbour),
    };
    json_array_append_new(updates, manifest_update_write(&update, &judged[i], &alike));
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
    size_t row = row_of[i];
    struct sketch_place sketch = {
        .file = work->sketches, .row = (uint32_t)row, .round = work->round};
    bool is_sketched = is_in && !digest_is_zero(&work->sketches);
    json_array_append_new(clients,
                          manifest_history_write(state->client[i].name,
                                                 is_in ? &judged[row].history : &member->history,
                                                 is_in ? &work->row[row].update : &member->before,
                                                 is_sketched ? &sketch : &member->sketch));
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
    judged[i].examples = work->row[i].examples;
    judged[i].arrival = work->row[i].index;
    judged[i].bar = work->row[i].bar; /* the revision says that nothing has come between */
    judged[i].history = federation->member[client].history;
  }
  judge_round(state_policy(federation, federation->round.policy_version), judged, work->count);
  return judged;
}

/* This round is its last one; the oldest falls off. */
static struct trail trail_after(const struct work *work) {
  struct trail trail = {.file = work->sketches};
  size_t from = work->trail.count == STATE_TRAIL_MAX ? 1 : 0;
  for (size_t i = from; i < work->trail.count; i++)
    trail.round[trail.count++] = work->trail.round[i];
  trail.round[trail.count++] = work->round;
  return trail;
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
  struct trail trail = trail_after(work);
  proposal->subject[0] =
      decision_attach(proposal, manifest_verdicts(work->federation, work->round,
                                                  clients_list(state, federation, work, judged),
                                                  updates_list(state, work, judged), &trail));
  free(judged);
}

static json_t *weights_list(const struct work *work) {
  json_t *updates = decision_memory(json_array());
  for (size_t i = 0; i < work->count; i++)
    if (work->counts[i])
      json_array_append_new(updates, manifest_weight_write(work->row[i].name, work->row[i].index,
                                                           &work->row[i].update, work->weight[i]));
  return updates;
}

static struct manifest_weights weights_of(const struct work *work) {
  return (struct manifest_weights){.federation = work->federation,
                                   .rule = work->rule,
                                   .optimiser = work->optimiser,
                                   .round = work->round,
                                   .gram = work->gram,
                                   .margin = work->margin,
                                   .reference_weight = work->reference_weight,
                                   .memory = &work->after};
}

static void propose_aggregate(const struct federation *federation, const struct work *work,
                              const struct moment *moment, struct decision *decision) {
  struct proposal *proposal =
      decision_add(decision, STATEMENT_AGGREGATE, "model", &work->candidate,
                   json_pack("{s:s, s:I, s:s, s:I}", "federation", work->federation, "round",
                             (json_int_t)work->round, "rule", work->rule, "updates",
                             (json_int_t)work->accepted));
  struct gates gates;
  gates_of(federation, &gates);
  if (federation->terms.witness_organisations > 0 ||
      gates.count > 0) /* whose time runs from here */
    json_object_set_new(proposal->predicate, "at_ms", json_integer((json_int_t)moment->now_ms));
  if (gates.count > 0)
    json_object_set_new(proposal->predicate, "gate", json_string(gates.stage[0].gate->name));
  proposal->subject_count = 2;
  proposal->subject_name[1] = "manifest";
  struct manifest_weights weights = weights_of(work);
  proposal->subject[1] = decision_attach(proposal, manifest_weights(&weights, weights_list(work)));
}

/* ---- a rebuilt round ---- */

static json_t *names_without(const struct work *work) {
  json_t *names = decision_memory(json_array());
  for (size_t i = 0; i < work->without_count; i++)
    json_array_append_new(names, json_string(work->without[i]));
  return names;
}

/* A round of which the rule can make nothing any more is passed over, as a held one would have
 * been: base and memory stay. */
static void propose_rebuilt(const struct work *work, const struct moment *moment,
                            struct decision *decision) {
  bool is_useful = work->status == TAMIS_OK;
  char sentence[400];
  if (is_useful)
    snprintf(sentence, sizeof sentence, "%s", FEDERATION_APPROXIMATE);
  else
    snprintf(sentence, sizeof sentence, "passed over, the model stays: %.300s", work->fault.text);
  struct proposal *proposal =
      decision_add(decision, STATEMENT_REBUILT, "model", is_useful ? &work->candidate : &work->base,
                   json_pack("{s:s, s:I, s:I, s:s, s:I, s:s, s:I}", "federation", work->federation,
                             "round", (json_int_t)work->round, "of", (json_int_t)work->of, "rule",
                             work->rule, "updates", (json_int_t)(is_useful ? work->accepted : 0),
                             "sentence", sentence, "at_ms", (json_int_t)moment->now_ms));
  proposal->subject_count = 2;
  proposal->subject_name[1] = "manifest";
  struct manifest_weights weights = weights_of(work);
  weights.of = work->of;
  weights.approximate = sentence;
  weights.without = names_without(work);
  if (!is_useful) {
    weights.memory = &work->before;
    weights.margin = weights.reference_weight = 0;
  }
  proposal->subject[1] = decision_attach(
      proposal,
      manifest_weights(&weights, is_useful ? weights_list(work) : decision_memory(json_array())));
}

/* A file that cannot be read, a model that is not finite: the line cannot be what was asked for,
 * so nothing of it becomes the head. */
static void propose_rebuild_failed(const struct federation *federation, const struct work *work,
                                   const struct moment *moment, struct decision *decision) {
  char sentence[400];
  snprintf(sentence, sizeof sentence,
           "the rebuild ends at round %" PRId64 ", the head stays: %.250s", work->of,
           work->fault.text);
  decision_add(decision, STATEMENT_ABANDON, "base", &work->base,
               json_pack("{s:s, s:I, s:s, s:s, s:i, s:I, s:I}", "federation", work->federation,
                         "round", (json_int_t)work->round, "status",
                         tamis_status_name(work->status), "sentence", sentence, "received", 0,
                         "quorum", (json_int_t)federation->terms.quorum, "at_ms",
                         (json_int_t)moment->now_ms));
}

static bool rebuild_worked(const struct federation *federation, const struct work *work,
                           const struct moment *moment, struct decision *decision) {
  const struct rebuild *rebuild = &federation->rebuild;
  if (!rebuild->is_under_way || rebuild->index != work->revision ||
      federation->round.phase != PHASE_WAITING || work->round != federation->last_round + 1)
    return false;
  if (work->status == TAMIS_OK || work->status == TAMIS_RULE_NOT_FEASIBLE)
    propose_rebuilt(work, moment, decision);
  else
    propose_rebuild_failed(federation, work, moment, decision);
  return true;
}

bool federation_worked(const struct state *state, const struct work *work,
                       const struct moment *moment, struct decision *decision) {
  const struct federation *federation = state_federation_find(state, work->federation);
  enum phase phase = work->kind == WORK_MEASURE ? PHASE_COLLECTING : PHASE_JUDGED;
  if (work->kind == WORK_SHADOW)
    return federation && shadow_worked(federation, work, moment, decision);
  if (federation && review_is_due(federation)) return false; /* a person's word comes first */
  if (federation && work->of != 0) return rebuild_worked(federation, work, moment, decision);
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
    propose_aggregate(federation, work, moment, decision);
  return true;
}
