/* What follows by itself: rounds open, end for want of updates, are promoted; clients' moves and
 * refusals are written down. */
#include "aggregator/federation.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "aggregator/admission.h"
#include "aggregator/cohort.h"
#include "aggregator/gate_evaluator.h"
#include "aggregator/gates.h"
#include "aggregator/manifest.h"
#include "aggregator/retention.h"
#include "aggregator/state_text.h"
#include "proto/canonical.h"

/* ---- opening a round ---- */

static int by_name(const void *left, const void *right) {
  const struct cohort_candidate *one = left, *other = right;
  return strcmp(one->name, other->name);
}

/* Sorted by name. */
static struct cohort_candidate *
eligible_clients(const struct state *state, const struct federation *federation, size_t *count) {
  struct cohort_candidate *eligible =
      decision_memory(calloc(state->client_count + 1, sizeof *eligible));
  double *risk = decision_memory(calloc(state->client_count + 1, sizeof *risk));
  *count = 0;
  state_organisation_risks(state, federation, risk);
  for (size_t i = 0; i < state->client_count; i++) {
    if (!state_is_eligible(state, federation, i)) continue;
    eligible[(*count)++] = (struct cohort_candidate){
        .name = state->client[i].name,
        .organisation = state->client[i].organisation,
        .is_new = federation->member[i].history.standing == STANDING_PROBATION ||
                  risk[i] >= state_policy_now(federation)->organisation_watch};
  }
  free(risk);
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

static int by_place(const void *left, const void *right) {
  size_t one = *(const size_t *)left, other = *(const size_t *)right;
  return (one > other) - (one < other);
}

/* Who takes part, by name again; *selected is what it came to. */
static json_t *draw(const struct federation *federation, const struct cohort_candidate *eligible,
                    size_t count, const struct digest *randomness, size_t *selected) {
  const struct policy *policy = state_policy_now(federation);
  struct cohort_seats seats = {.count = *selected,
                               .least = (size_t)federation->terms.quorum,
                               .organisation = policy->organisation_share,
                               .new = policy->probation_share,
                               .is_strict = policy->share_strict > 0};
  size_t *chosen = decision_memory(calloc(count + 1, sizeof *chosen));
  bool is_good;
  if (seats.least > seats.count) seats.least = seats.count;
  *selected = cohort_draw(randomness, eligible, count, &seats, chosen, &is_good);
  decision_memory(is_good ? chosen : NULL);
  qsort(chosen, *selected, sizeof *chosen, by_place);
  json_t *names = decision_memory(json_array());
  for (size_t i = 0; i < *selected; i++)
    json_array_append_new(names, json_string(eligible[chosen[i]].name));
  free(chosen);
  return names;
}

static void propose_open(const struct federation *federation,
                         const struct cohort_candidate *eligible, size_t count,
                         const struct moment *moment, struct decision *decision) {
  const struct terms *terms = &federation->terms;
  int64_t round = federation->last_round + 1;
  struct digest randomness = cohort_randomness(&moment->root, federation->name, round);
  size_t target, selected = cohort_size(terms, count, &target);
  json_t *names = draw(federation, eligible, count, &randomness, &selected);
  if (target > selected) target = selected;
  json_t *predicate = json_pack(
      "{s:s, s:I, s:s, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:I, s:o}", "federation",
      federation->name, "round", (json_int_t)round, "rule", terms->rule, "layout",
      manifest_digest(&terms->layout), "parameters", (json_int_t)terms->parameters, "selected",
      (json_int_t)selected, "quorum", (json_int_t)terms->quorum, "target", (json_int_t)target,
      "opened_at_ms", (json_int_t)moment->now_ms, "closes_at_ms",
      (json_int_t)(moment->now_ms + terms->deadline_ms), "norm_max", canonical_f64(terms->norm_max),
      "examples_max", (json_int_t)terms->examples_max, "randomness", manifest_digest(&randomness));
  if (terms->optimiser[0] != '\0')
    json_object_set_new(predicate, "optimiser", json_string(terms->optimiser));
  if (federation->policy_count > 1)
    json_object_set_new(predicate, "policy_version",
                        json_integer((json_int_t)federation->policy_count));
  if (terms->gates[0] != '\0') json_object_set_new(predicate, "gates", json_string(terms->gates));
  struct proposal *proposal =
      decision_add(decision, STATEMENT_ROUND_OPEN, "base", &federation->head, predicate);
  struct digest cohort = decision_attach(proposal, manifest_cohort(federation->name, round, names));
  json_object_set_new(predicate, "cohort", manifest_digest(&cohort));
}

static bool next_open(const struct state *state, const struct federation *federation,
                      const struct moment *moment, struct decision *decision) {
  size_t count;
  if (state_is_finished(federation) || moment->is_full || federation->is_frozen) return false;
  struct cohort_candidate *eligible = eligible_clients(state, federation, &count);
  bool is_enough = count > 0 && (int64_t)count >= federation->terms.quorum;
  if (is_enough) propose_open(federation, eligible, count, moment, decision);
  free(eligible);
  return is_enough;
}

/* ---- ending a round ---- */

static void propose_promote(const struct federation *federation, const struct moment *moment,
                            struct decision *decision) {
  const struct round *round = &federation->round;
  decision_add(decision, STATEMENT_PROMOTE, "model", &round->candidate,
               json_pack("{s:s, s:I, s:o, s:I}", "federation", federation->name, "round",
                         (json_int_t)round->number, "from", manifest_digest(&round->base), "at_ms",
                         (json_int_t)moment->now_ms));
}

static bool next_moved_head(const struct federation *federation, const struct moment *moment,
                            struct decision *decision) {
  char sentence[128];
  if (digest_equal(&federation->round.base, &federation->head)) return false;
  snprintf(sentence, sizeof sentence, "the head went to the model of round %" PRId64,
           federation->head_round);
  decision_add_abandon(federation, moment->now_ms, TAMIS_CONFLICT, sentence, decision);
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
  decision_add_abandon(federation, moment->now_ms, TAMIS_QUORUM_NOT_MET, sentence, decision);
  return true;
}

/* ---- moves of clients ---- */

static bool next_moves(const struct state *state, const struct federation *federation,
                       struct decision *decision) {
  for (size_t i = 0; i < federation->member_count; i++) {
    const struct member *member = &federation->member[i];
    if (!member->has_moved) continue;
    decision_add(decision, STATEMENT_CLIENT_STATE, "manifest", &federation->round.verdicts,
                 json_pack("{s:s, s:I, s:s, s:s, s:s, s:s}", "federation", federation->name,
                           "round", (json_int_t)federation->round.number, "client",
                           state->client[i].name, "from", judge_standing_name(member->moved_from),
                           "to", judge_standing_name(member->history.standing), "sentence",
                           member->history.sentence));
  }
  return decision->count > 0;
}

/* ---- witnesses ---- */

bool federation_wants_witnesses(const struct federation *federation, uint64_t *size_least) {
  const struct round *round = &federation->round;
  *size_least = round->aggregate_index + 1;
  return round->phase == PHASE_AGGREGATED && round->witness_by_ms != 0 && !round->is_witnessed &&
         !federation->rebuild.is_under_way && digest_equal(&round->base, &federation->head);
}

bool federation_witnessed(const struct state *state, const struct federation *federation,
                          const struct cosigned *cosigned, struct decision *decision) {
  struct witness_tally tally;
  uint64_t size_least;
  if (!federation_wants_witnesses(federation, &size_least) || cosigned->size < size_least)
    return false;
  witness_count(state, cosigned, federation->terms.witness_per_organisation, &tally);
  if ((int64_t)tally.organisations < federation->terms.witness_organisations) return false;
  int64_t round = federation->round.number;
  struct proposal *proposal = decision_add(
      decision, STATEMENT_WITNESSED, "manifest", NULL,
      json_pack("{s:s, s:I, s:I, s:o, s:I, s:I}", "federation", federation->name, "round",
                (json_int_t)round, "size", (json_int_t)cosigned->size, "root",
                manifest_digest(&cosigned->root), "organisations", (json_int_t)tally.organisations,
                "witnesses", (json_int_t)tally.witnesses));
  proposal->subject[0] =
      decision_attach(proposal, witness_manifest(state, federation->name, round, cosigned));
  return true;
}

/* Not weakened: without its witnesses a candidate stays a candidate. */
static bool next_unwitnessed(const struct state *state, const struct federation *federation,
                             const struct moment *moment, struct decision *decision) {
  const struct terms *terms = &federation->terms;
  struct witness_tally tally;
  char sentence[400];
  uint64_t size_least;
  if (moment->now_ms < federation->round.witness_by_ms) return false;
  federation_wants_witnesses(federation, &size_least);
  const struct cosigned *seen =
      moment->seen && moment->seen->size >= size_least ? moment->seen : NULL;
  witness_count(state, seen, terms->witness_per_organisation, &tally);
  snprintf(sentence, sizeof sentence,
           "%zu of %" PRId64 " organisations witnessed the aggregate in time%s%s",
           tally.organisations, terms->witness_organisations, tally.missing[0] ? "; missing: " : "",
           tally.missing);
  decision_add_hold(federation, moment->now_ms, sentence, decision);
  return true;
}

/* ---- gates ---- */

static void propose_gate(const struct federation *federation, const struct gates *gates,
                         const char *sentence, const struct moment *moment,
                         struct decision *decision) {
  const struct round *round = &federation->round;
  size_t next = round->gates_passed + 1;
  struct proposal *proposal = decision_add(
      decision, STATEMENT_GATE, "model", &round->candidate,
      json_pack("{s:s, s:I, s:s, s:s, s:I}", "federation", federation->name, "round",
                (json_int_t)round->number, "gate", gates->stage[round->gates_passed].gate->name,
                "sentence", sentence, "at_ms", (json_int_t)moment->now_ms));
  if (next < gates->count)
    json_object_set_new(proposal->predicate, "next", json_string(gates->stage[next].gate->name));
}

/* Passed, or held: a candidate that no gate lets through never becomes the head. */
static bool next_gate(const struct state *state, const struct federation *federation,
                      const struct moment *moment, struct decision *decision) {
  struct gates gates;
  char sentence[GATES_SENTENCE_SIZE];
  gates_of(federation, &gates);
  size_t at = federation->round.gates_passed;
  if (at == gates.count) return false;
  switch (gates_look(state, federation, moment->now_ms, sentence)) {
  case GATE_WAITING: return false;
  case GATE_GREEN: propose_gate(federation, &gates, sentence, moment, decision); break;
  case GATE_RED:
    decision_add_hold(federation, moment->now_ms, sentence, decision);
    json_object_set_new(decision->proposal[0].predicate, "gate",
                        json_string(gates.stage[at].gate->name));
    break;
  }
  return true;
}

static bool next_aggregated(const struct state *state, const struct federation *federation,
                            const struct moment *moment, struct decision *decision) {
  uint64_t ignored;
  if (next_moved_head(federation, moment, decision)) return true;
  if (next_gate(state, federation, moment, decision)) return true;
  if (federation_wants_witnesses(federation, &ignored))
    return next_unwitnessed(state, federation, moment, decision);
  if (!gates_is_next(federation, "") || federation->is_frozen) return false;
  propose_promote(federation, moment, decision);
  return true;
}

static void propose_freeze(const struct federation *federation, const char *sentence,
                           const struct moment *moment, struct decision *decision) {
  decision_add(decision, STATEMENT_AUTO_FREEZE, "model", &federation->head,
               json_pack("{s:s, s:I, s:s, s:I}", "federation", federation->name, "round",
                         (json_int_t)federation->last_round, "sentence", sentence, "at_ms",
                         (json_int_t)moment->now_ms));
}

/* Rounds in a row that no gate let through are more than bad luck: people are to look. */
static bool next_freeze(const struct federation *federation, const struct moment *moment,
                        struct decision *decision) {
  int64_t after = federation->terms.freeze_after;
  char sentence[160];
  if (after == 0 || federation->reds < after || federation->is_frozen) return false;
  snprintf(sentence, sizeof sentence,
           "%" PRId64 " round%s in a row %s held by a gate: nothing moves until a person unfreezes",
           federation->reds, federation->reds == 1 ? "" : "s",
           federation->reds == 1 ? "was" : "were");
  propose_freeze(federation, sentence, moment, decision);
  return true;
}

/* ---- a rebuild ---- */

/* The open round's base will not be the head: it ends, after what its verdicts have moved. */
static bool next_in_the_way(const struct state *state, const struct federation *federation,
                            const struct moment *moment, struct decision *decision) {
  char sentence[128];
  if (federation->round.phase == PHASE_JUDGED && next_moves(state, federation, decision))
    return true;
  snprintf(sentence, sizeof sentence,
           "the head is being rebuilt from round %" PRId64 " on: its base goes away",
           federation->rebuild.since);
  decision_add_abandon(federation, moment->now_ms, TAMIS_CONFLICT, sentence, decision);
  return true;
}

/* The head moves once, to the last model; not at all when no round came to anything. */
static void propose_rebuild_end(const struct federation *federation, const struct moment *moment,
                                struct decision *decision) {
  json_int_t number = federation->last_round;
  const struct digest *model = &federation->past[number].model;
  if (federation->rebuild.useful_count > 0)
    decision_add(decision, STATEMENT_PROMOTE, "model", model,
                 json_pack("{s:s, s:I, s:o, s:I}", "federation", federation->name, "round", number,
                           "from", manifest_digest(&federation->head), "at_ms",
                           (json_int_t)moment->now_ms));
  else
    decision_add(decision, STATEMENT_HOLD, "model", model,
                 json_pack("{s:s, s:I, s:s, s:I}", "federation", federation->name, "round", number,
                           "sentence", "nothing could be rebuilt, the head stays", "at_ms",
                           (json_int_t)moment->now_ms));
}

static bool next_of_rebuild(const struct state *state, const struct federation *federation,
                            const struct moment *moment, struct decision *decision) {
  if (federation->round.phase != PHASE_WAITING)
    return next_in_the_way(state, federation, moment, decision);
  if (state_rebuild_next(federation) != 0) return false; /* there is work */
  if (state_is_rebuild_frozen(federation)) return false;
  propose_rebuild_end(federation, moment, decision);
  return true;
}

/* ---- a head that was found beyond its budget ---- */

/* Back to the last model that nobody has found so; where there is none, people are to look. */
static bool next_condemned(const struct federation *federation, const struct moment *moment,
                           struct decision *decision) {
  char frozen[GATES_SENTENCE_SIZE];
  struct gate_word word;
  if (federation->rebuild.is_under_way || !gate_evaluator_condemns(federation, &word)) return false;
  if (word.to_round >= 0) {
    decision_add(decision, STATEMENT_AUTO_ROLLBACK, "model", &federation->past[word.to_round].model,
                 json_pack("{s:s, s:I, s:I, s:I, s:s, s:I}", "federation", federation->name,
                           "round", (json_int_t)federation->head_round, "to_round",
                           (json_int_t)word.to_round, "evaluation", (json_int_t)word.index,
                           "sentence", word.sentence, "at_ms", (json_int_t)moment->now_ms));
    return true;
  }
  if (federation->is_frozen || federation->last_round == 0 ||
      federation->past[federation->head_round].is_condemned)
    return false;
  snprintf(frozen, sizeof frozen, "%.330s; there is no model left to go back to", word.sentence);
  propose_freeze(federation, frozen, moment, decision);
  return true;
}

bool federation_next(const struct state *state, const struct federation *federation,
                     const struct moment *moment, struct decision *decision) {
  if (review_next(state, federation, decision)) return true;
  if (next_condemned(federation, moment, decision)) return true;
  if (federation->rebuild.is_under_way) return next_of_rebuild(state, federation, moment, decision);
  switch (federation->round.phase) {
  case PHASE_WAITING:
    return next_freeze(federation, moment, decision) ||
           (moment->is_settled && next_open(state, federation, moment, decision));
  case PHASE_COLLECTING:
    return next_moved_head(federation, moment, decision) ||
           next_below_quorum(federation, moment, decision);
  case PHASE_JUDGED:
    return next_moved_head(federation, moment, decision) || next_moves(state, federation, decision);
  case PHASE_AGGREGATED: return next_aggregated(state, federation, moment, decision);
  }
  return false;
}

int64_t federation_deadline_ms(const struct state *state) {
  int64_t deadline_ms = INT64_MAX;
  for (size_t i = 0; i < state->federation_count; i++) {
    const struct round *round = &state->federation[i]->round;
    uint64_t ignored;
    if (round->phase == PHASE_COLLECTING && round->closes_at_ms < deadline_ms)
      deadline_ms = round->closes_at_ms;
    if (federation_wants_witnesses(state->federation[i], &ignored) &&
        round->witness_by_ms < deadline_ms)
      deadline_ms = round->witness_by_ms;
    int64_t gate_by_ms = gates_by_ms(state->federation[i]);
    if (gate_by_ms < deadline_ms) deadline_ms = gate_by_ms;
  }
  return deadline_ms;
}

/* ---- what is kept ---- */

bool federation_tombstone(const struct state *state, const struct federation *federation,
                          int64_t round, const struct manifest_update *update,
                          const uint64_t *bytes, size_t count, struct decision *decision) {
  json_t *updates = decision_memory(json_array());
  uint64_t sum = 0;
  for (size_t i = 0; i < count; i++) {
    if (retention_of(state, federation, round, &update[i]) != RETENTION_DROP) continue;
    json_array_append_new(updates, manifest_dropped_write(&update[i]));
    sum += bytes[i];
  }
  if (json_array_size(updates) == 0) {
    json_decref(updates);
    return false;
  }
  struct proposal *proposal = decision_add(
      decision, STATEMENT_TOMBSTONE, "manifest", NULL,
      json_pack("{s:s, s:I, s:I, s:I}", "federation", federation->name, "round", (json_int_t)round,
                "updates", (json_int_t)json_array_size(updates), "bytes", (json_int_t)sum));
  proposal->subject[0] =
      decision_attach(proposal, manifest_tombstone(federation->name, round, updates));
  return true;
}

/* ---- the state itself ---- */

void federation_snapshot(const struct state *state, const struct digest *digest,
                         struct decision *decision) {
  decision_add(decision, STATEMENT_SNAPSHOT, "state", digest,
               json_pack("{s:I, s:i}", "size", (json_int_t)state->applied, "format", STATE_FORMAT));
}

/* ---- refusals ---- */

void federation_refuse(const struct state *state, const struct entry *entry,
                       enum tamis_status status, const char *sentence, struct decision *decision) {
  struct fault said; /* a sentence that may be written down, whatever it came from */
  if (!admission_logs_refusal(state, entry)) return;
  fault_set(&said, status, "%s", sentence);
  decision_add(decision, STATEMENT_REFUSAL, "update", &entry->statement.subject[0],
               json_pack("{s:s, s:I, s:s, s:s, s:s, s:o}", "federation",
                         statement_text(&entry->statement, "federation"), "round",
                         (json_int_t)statement_integer(&entry->statement, "round"), "client",
                         entry->signer, "status", tamis_status_name(status), "sentence", said.text,
                         "statement", manifest_digest(&entry->envelope)));
}
