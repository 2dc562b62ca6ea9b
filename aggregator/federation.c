/* What each kind of entry means: one function a kind, one row in the table at the end. Whatever
 * does not follow from the state is CORRUPT. */
#include "aggregator/federation.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "aggregator/evaluation.h"
#include "aggregator/gate_approval.h"
#include "aggregator/gate_evaluator.h"
#include "aggregator/gates.h"
#include "aggregator/manifest.h"
#include "aggregator/people.h"
#include "aggregator/retention.h"
#include "aggregator/review.h"
#include "aggregator/shadow.h"
#include "aggregator/state_text.h"
#include "aggregator/undo.h"
#include "aggregator/witness.h"
#include "proto/canonical.h"

/* ---- who is there ---- */

static enum tamis_status apply_genesis(struct applying *a, struct fault *fault) {
  char log_key[KEY_VKEY_SIZE];
  struct state *state = a->state;
  const char *aggregator = statement_text(a->statement, "aggregator_key");
  json_t *vkey;
  size_t i;
  key_vkey_write(&state->log_key, log_key);
  if (a->index != 0) return undo_contradiction(a, fault, "only the first entry may be a genesis");
  if (strcmp(log_key, statement_text(a->statement, "log_key")) != 0)
    return undo_contradiction(a, fault, "it names another log key than ours");
  enum tamis_status status =
      key_vkey_read(aggregator, strlen(aggregator), &state->aggregator, fault);
  if (status != TAMIS_OK) return status;
  if (strcmp(state->aggregator.name, "service/aggregator") != 0)
    return undo_contradiction(a, fault, "the aggregator's key is not of service/aggregator");
  json_array_foreach(json_object_get(a->statement->predicate, "operators"), i, vkey) {
    struct public_key key;
    status = key_vkey_read(json_string_value(vkey), json_string_length(vkey), &key, fault);
    if (status != TAMIS_OK) return status;
    if (strncmp(key.name, "operator/", 9) != 0)
      return undo_contradiction(a, fault, "an operator's key is not of operator/NAME");
    if (state_person_find(state, key.name))
      return undo_contradiction(a, fault, "two operators have one name");
    state_person_add(state, &key)->grant[ROLE_OPERATOR].is_held = true;
  }
  return TAMIS_OK;
}

static enum tamis_status apply_invite(struct applying *a, struct fault *fault) {
  if (state_invitation_find(a->state, &a->statement->subject[0]))
    return undo_contradiction(a, fault, "the token was there before");
  struct invitation *invitation = state_invitation_add(a->state);
  invitation->token = a->statement->subject[0];
  invitation->not_after = statement_integer(a->statement, "not_after");
  state_name_set(invitation->client, statement_text(a->statement, "client"));
  state_name_set(invitation->organisation, statement_text(a->statement, "organisation"));
  return TAMIS_OK;
}

static enum tamis_status apply_enrol(struct applying *a, struct fault *fault) {
  struct digest token = statement_digest(a->statement, "token");
  struct invitation *invitation = state_invitation_find(a->state, &token);
  const char *name = statement_text(a->statement, "client");
  const char *vkey = statement_text(a->statement, "key");
  if (!invitation || invitation->used || strcmp(invitation->client, name) != 0)
    return undo_contradiction(a, fault, "no open invitation goes with it");
  int64_t position = state_client_find(a->state, name);
  struct client *client =
      position == STATE_NOBODY ? state_client_add(a->state) : &a->state->client[position];
  if (position != STATE_NOBODY) people_key_spend(a->state, &client->key);
  if (client->revoked) /* its updates of a round under way were taken to have no vote */
    for (size_t i = 0; i < a->state->federation_count; i++) a->state->federation[i]->revision++;
  invitation->used = true;
  client->revoked = false;
  state_name_set(client->name, name);
  state_name_set(client->organisation, invitation->organisation);
  return key_vkey_read(vkey, strlen(vkey), &client->key, fault);
}

/* Nobody has to wait any longer for a client that cannot answer. */
static void slot_give_up(const struct state *state, struct federation *federation,
                         const char *client) {
  struct slot *slot = federation->round.phase == PHASE_COLLECTING
                          ? state_slot_find(state, &federation->round, client)
                          : NULL;
  if (!slot || slot->answer != ANSWER_NONE) return;
  slot->answer = ANSWER_REFUSED;
  federation->round.answered++;
}

static enum tamis_status apply_revoke(struct applying *a, struct fault *fault) {
  const char *name = statement_text(a->statement, "client");
  int64_t client = state_client_find(a->state, name);
  if (client == STATE_NOBODY) return undo_contradiction(a, fault, "there is no such client");
  a->state->client[client].revoked = true;
  for (size_t i = 0; i < a->state->invitation_count; i++) /* the way back is by a new one */
    if (strcmp(a->state->invitation[i].client, name) == 0) a->state->invitation[i].used = true;
  for (size_t i = 0; i < a->state->federation_count; i++) {
    slot_give_up(a->state, a->state->federation[i], name);
    a->state->federation[i]->revision++;
  }
  return TAMIS_OK;
}

/* ---- federations ---- */

static void terms_read(const struct statement *statement, struct terms *terms) {
  snprintf(terms->rule, sizeof terms->rule, "%s", statement_text(statement, "rule"));
  snprintf(terms->optimiser, sizeof terms->optimiser, "%s",
           statement_optional(statement, "optimiser"));
  snprintf(terms->shadows, sizeof terms->shadows, "%s", statement_optional(statement, "shadows"));
  terms->layout = statement_digest(statement, "layout");
  terms->first_model = statement->subject[0];
  terms->parameters = statement_integer(statement, "parameters");
  terms->quorum = statement_integer(statement, "quorum");
  terms->cohort = statement_integer(statement, "cohort");
  terms->over_selection_percent = statement_integer(statement, "over_selection_percent");
  terms->deadline_ms = statement_integer(statement, "deadline_ms");
  terms->rounds_max = statement_integer(statement, "rounds_max");
  terms->norm_max = statement_f64(statement, "norm_max");
  terms->examples_max = statement_integer(statement, "examples_max");
  terms->witness_organisations = statement_optional_integer(statement, "witness_organisations", 0);
  terms->witness_per_organisation =
      statement_optional_integer(statement, "witness_per_organisation", 1);
  snprintf(terms->gates, sizeof terms->gates, "%s", statement_optional(statement, "gates"));
  terms->freeze_after = statement_optional_integer(statement, "freeze_after", 0);
  if (json_object_get(statement->predicate, "suite"))
    terms->suite = statement_digest(statement, "suite");
}

static enum tamis_status apply_create(struct applying *a, struct fault *fault) {
  const char *name = statement_text(a->statement, "federation");
  struct policy policy;
  struct gates gates;
  enum tamis_status status =
      policy_read(json_object_get(a->statement->predicate, "policy"), &policy, fault);
  if (status == TAMIS_OK)
    status = gates_read(statement_optional(a->statement, "gates"), &gates, fault);
  if (status != TAMIS_OK) return status;
  if (state_federation_find(a->state, name) || a->state->federation_count == STATE_FEDERATIONS_MAX)
    return undo_contradiction(a, fault, "no room for a federation of this name");
  struct federation *federation = state_federation_add(a->state, name);
  terms_read(a->statement, &federation->terms);
  state_policy_add(federation, &policy);
  snprintf(federation->policy_author, sizeof federation->policy_author, "%s", a->entry->signer);
  federation->keep_rounds = statement_optional_integer(a->statement, "keep_rounds", 0);
  federation->head = federation->past[0].model = federation->terms.first_model;
  state_readable_add(a->state, &federation->head);
  return TAMIS_OK;
}

/* The federation and member that an exclusion or reinstatement is about. */
static struct member *named_member(const struct applying *a, struct federation **federation) {
  *federation = state_federation_find(a->state, statement_text(a->statement, "federation"));
  int64_t client = state_client_find(a->state, statement_text(a->statement, "client"));
  return *federation && client != STATE_NOBODY ? &(*federation)->member[client] : NULL;
}

static enum tamis_status apply_exclusion(struct applying *a, struct fault *fault) {
  struct federation *federation;
  struct member *member = named_member(a, &federation);
  if (!member) return undo_contradiction(a, fault, "there is no such client or federation");
  member->history.standing = STANDING_EXCLUDED;
  member->is_barred = true;
  member->word_index = member->basis = a->index;
  snprintf(member->history.sentence, sizeof member->history.sentence, "excluded by %.80s: %.150s",
           a->entry->signers, statement_text(a->statement, "reason"));
  slot_give_up(a->state, federation, statement_text(a->statement, "client"));
  federation->revision++;
  return TAMIS_OK;
}

static enum tamis_status apply_reinstatement(struct applying *a, struct fault *fault) {
  struct federation *federation;
  struct member *member = named_member(a, &federation);
  if (!member) return undo_contradiction(a, fault, "there is no such client or federation");
  judge_history_start(&member->history);
  member->is_barred = false;
  member->word_index = member->basis = a->index;
  review_forget(federation, (uint32_t)(member - federation->member));
  snprintf(member->history.sentence, sizeof member->history.sentence, "reinstated by %.80s: %.150s",
           a->entry->signers, statement_text(a->statement, "reason"));
  federation->revision++;
  return TAMIS_OK;
}

/* ---- rounds ---- */

/* The round that an entry speaks of, when it is the one under way and in this phase. */
static struct federation *current(const struct applying *a, enum phase phase) {
  struct federation *federation =
      state_federation_find(a->state, statement_text(a->statement, "federation"));
  bool is_current = federation && federation->round.phase == phase &&
                    federation->round.number == statement_integer(a->statement, "round");
  return is_current ? federation : NULL;
}

static enum tamis_status slots_fill(const struct applying *a, struct round *round,
                                    const json_t *names, struct fault *fault) {
  const char *before = "";
  for (size_t i = 0; i < round->selected; i++) {
    const char *name = json_string_value(json_array_get(names, i));
    int64_t client = name ? state_client_find(a->state, name) : STATE_NOBODY;
    if (client == STATE_NOBODY || strcmp(before, name) >= 0)
      return undo_contradiction(a, fault, "the cohort is not a sorted list of clients");
    round->slot[i].client = (uint32_t)client;
    before = name;
  }
  return TAMIS_OK;
}

static void round_read(const struct applying *a, const struct federation *federation,
                       struct round *round) {
  round->phase = PHASE_COLLECTING;
  round->number = statement_integer(a->statement, "round");
  round->base = a->statement->subject[0];
  round->base_round = federation->head_round;
  round->randomness = statement_digest(a->statement, "randomness");
  round->cohort = statement_digest(a->statement, "cohort");
  round->plan_index = a->index;
  round->policy_version = (int64_t)federation->policy_count;
  round->quorum = statement_integer(a->statement, "quorum");
  round->target = statement_integer(a->statement, "target");
  round->opened_at_ms = statement_integer(a->statement, "opened_at_ms");
  round->closes_at_ms = statement_integer(a->statement, "closes_at_ms");
}

static enum tamis_status apply_round_open(struct applying *a, struct fault *fault) {
  struct federation *federation =
      state_federation_find(a->state, statement_text(a->statement, "federation"));
  const json_t *names;
  if (!federation || federation->round.phase != PHASE_WAITING || federation->rebuild.is_under_way ||
      federation->is_frozen)
    return undo_contradiction(a, fault, "no round may open now");
  if (strcmp(statement_optional(a->statement, "gates"), federation->terms.gates) != 0)
    return undo_contradiction(a, fault, "it does not promise the federation's gates");
  int64_t number = federation->last_round + 1;
  if (statement_integer(a->statement, "round") != number ||
      !digest_equal(&a->statement->subject[0], &federation->head))
    return undo_contradiction(a, fault, "it is not the next round on the head");
  if (statement_optional_integer(a->statement, "policy_version", 1) !=
      (int64_t)federation->policy_count)
    return undo_contradiction(a, fault, "it names another policy than the one in force");
  enum tamis_status status =
      manifest_list(a->manifest, federation->name, number, "clients", &names, fault);
  if (status != TAMIS_OK) return status;
  struct round *round = state_round_add(federation, json_array_size(names));
  round_read(a, federation, round);
  federation->opened++;
  federation->past[number].base_round = federation->head_round;
  federation->past[number].randomness = round->randomness;
  federation->past[number].policy_version = round->policy_version;
  for (size_t i = 0; i < federation->member_count; i++)
    federation->member[i].refused_since_open = 0;
  state_readable_add(a->state, &round->cohort);
  return slots_fill(a, round, names, fault);
}

static enum tamis_status apply_update(struct applying *a, struct fault *fault) {
  struct federation *federation = current(a, PHASE_COLLECTING);
  struct slot *slot =
      federation ? state_slot_find(a->state, &federation->round, a->entry->signer) : NULL;
  struct digest base = statement_digest(a->statement, "base");
  if (!slot || slot->answer == ANSWER_UPDATE)
    return undo_contradiction(a, fault, "this client's update is not waited for");
  if (!digest_equal(&base, &federation->round.base) ||
      !state_is_eligible(a->state, federation, slot->client) ||
      feed_find(&a->state->feed, FEED_UPDATES, &a->statement->subject[0]))
    return undo_contradiction(a, fault, "this update was not to be admitted");
  if (slot->answer == ANSWER_NONE) federation->round.answered++;
  federation->round.updates++;
  slot->answer = ANSWER_UPDATE;
  slot->index = a->index;
  slot->update = a->statement->subject[0];
  slot->examples = statement_integer(a->statement, "examples");
  return TAMIS_OK;
}

/* An update that was refused is an answer; a better one may still come while the round is open. */
static enum tamis_status apply_refusal(struct applying *a, struct fault *fault) {
  struct federation *federation = current(a, PHASE_COLLECTING);
  const char *name = statement_text(a->statement, "client");
  int64_t client = state_client_find(a->state, name);
  if (client == STATE_NOBODY) return undo_contradiction(a, fault, "there is no such client");
  if (federation) slot_give_up(a->state, federation, name);
  federation = state_federation_find(a->state, statement_text(a->statement, "federation"));
  if (!federation) return undo_contradiction(a, fault, "there is no such federation");
  federation->member[client].last_refused = statement_digest(a->statement, "statement");
  federation->member[client].refused_since_open++;
  return TAMIS_OK;
}

/* A verdict for every update of the round, in the order of the slots, and for nothing else. */
static enum tamis_status verdicts_read(const struct applying *a, struct round *round,
                                       const json_t *updates, struct fault *fault) {
  size_t next = 0;
  for (size_t i = 0; i < round->selected; i++) {
    struct slot *slot = &round->slot[i];
    struct manifest_update update;
    if (slot->answer != ANSWER_UPDATE) continue;
    enum tamis_status status =
        manifest_update_read(json_array_get(updates, next++), &update, fault);
    if (status != TAMIS_OK) return status;
    if (update.index != slot->index || update.verdict == VERDICT_NONE)
      return undo_contradiction(a, fault, "the verdicts are about other updates");
    slot->verdict = update.verdict;
  }
  return next == json_array_size(updates)
             ? TAMIS_OK
             : undo_contradiction(a, fault, "there are more verdicts than updates");
}

static enum tamis_status histories_read(const struct applying *a, struct federation *federation,
                                        const json_t *clients, struct fault *fault) {
  const json_t *element;
  size_t i;
  json_array_foreach(clients, i, element) {
    const char *name;
    struct history history;
    struct digest before;
    struct sketch_place sketch;
    enum tamis_status status =
        manifest_history_read(element, &name, &history, &before, &sketch, fault);
    if (status != TAMIS_OK) return status;
    int64_t client = state_client_find(a->state, name);
    if (client == STATE_NOBODY) return undo_contradiction(a, fault, "a history of nobody we know");
    struct member *member = &federation->member[client];
    member->has_moved = member->history.standing != history.standing;
    if (member->has_moved || history.strikes > member->history.strikes) member->basis = a->index;
    member->moved_from = member->history.standing;
    member->history = history;
    member->before = before;
    member->sketch = sketch;
  }
  return TAMIS_OK;
}

static enum tamis_status apply_verdicts(struct applying *a, struct fault *fault) {
  struct federation *federation = current(a, PHASE_COLLECTING);
  const json_t *updates, *clients;
  if (!federation) return undo_contradiction(a, fault, "this round is not to be judged now");
  struct round *round = &federation->round;
  enum tamis_status status =
      manifest_list(a->manifest, federation->name, round->number, "updates", &updates, fault);
  if (status == TAMIS_OK)
    status =
        manifest_list(a->manifest, federation->name, round->number, "clients", &clients, fault);
  if (status == TAMIS_OK) status = verdicts_read(a, round, updates, fault);
  if (status == TAMIS_OK) status = histories_read(a, federation, clients, fault);
  if (status == TAMIS_OK) status = manifest_trail_read(a->manifest, &federation->trail, fault);
  if (status != TAMIS_OK) return status;
  round->phase = PHASE_JUDGED;
  round->verdicts = a->statement->subject[0];
  round->gram = statement_digest(a->statement, "gram");
  federation->past[round->number].verdicts = round->verdicts;
  federation->past[round->number].gram = round->gram;
  federation->past[round->number].judged_index = a->index;
  federation->past[round->number].history_of = federation->history_round;
  federation->history_round = round->number;
  state_readable_add(a->state, &round->verdicts);
  return TAMIS_OK;
}

/* The verdicts have moved the client; this entry says so, once. */
static enum tamis_status apply_client_state(struct applying *a, struct fault *fault) {
  struct federation *federation = current(a, PHASE_JUDGED);
  int64_t client = state_client_find(a->state, statement_text(a->statement, "client"));
  if (!federation || client == STATE_NOBODY || !federation->member[client].has_moved)
    return undo_contradiction(a, fault, "this client has not moved");
  struct member *member = &federation->member[client];
  if (strcmp(statement_text(a->statement, "to"), judge_standing_name(member->history.standing)) ||
      strcmp(statement_text(a->statement, "from"), judge_standing_name(member->moved_from)))
    return undo_contradiction(a, fault, "this client has moved elsewhere");
  member->has_moved = false;
  return TAMIS_OK;
}

static enum tamis_status apply_aggregate(struct applying *a, struct fault *fault) {
  struct federation *federation = current(a, PHASE_JUDGED);
  if (!federation) return undo_contradiction(a, fault, "this round is not to be aggregated now");
  struct round *round = &federation->round;
  enum tamis_status status = manifest_memory_read(a->manifest, &round->memory, fault);
  if (status != TAMIS_OK) return status;
  int64_t at_ms = statement_optional_integer(a->statement, "at_ms", -1);
  bool waits = federation->terms.witness_organisations > 0 || federation->terms.gates[0] != '\0';
  if ((at_ms >= 0) != waits)
    return undo_contradiction(a, fault,
                              "it has a time when witnesses or gates are required, and only then");
  round->phase = PHASE_AGGREGATED;
  if (!gates_is_next(federation, statement_optional(a->statement, "gate")))
    return undo_contradiction(a, fault, "it does not name the gate that comes first");
  round->aggregate_index = a->index;
  round->witness_by_ms =
      federation->terms.witness_organisations > 0 ? at_ms + federation->terms.deadline_ms : 0;
  round->gate_since_ms = at_ms < 0 ? 0 : at_ms;
  federation->approval_count = 0;
  round->candidate = a->statement->subject[0];
  federation->past[round->number].weights = a->statement->subject[1];
  for (size_t i = 0; i < round->memory.count; i++)
    state_readable_add(a->state, &round->memory.vector[i].blob);
  state_readable_add(a->state, &a->statement->subject[0]);
  state_readable_add(a->state, &a->statement->subject[1]);
  return TAMIS_OK;
}

/* Enough organisations have seen a tree that holds the aggregate. That its root is our tree's is
 * checked by whoever has the tree; here there is none. */
static enum tamis_status apply_witnessed(struct applying *a, struct fault *fault) {
  struct federation *federation = current(a, PHASE_AGGREGATED);
  struct digest root = statement_digest(a->statement, "root");
  uint64_t size = (uint64_t)statement_integer(a->statement, "size");
  struct checkpoint checkpoint = witness_checkpoint(a->state, size, &root);
  struct witness_tally tally;
  const json_t *list;
  if (!federation || federation->round.witness_by_ms == 0 || federation->round.is_witnessed)
    return undo_contradiction(a, fault, "this round waits for no witnesses now");
  if (size <= federation->round.aggregate_index || size > a->index)
    return undo_contradiction(a, fault, "the tree is not one that holds the aggregate");
  const struct terms *terms = &federation->terms;
  enum tamis_status status = manifest_list(a->manifest, federation->name, federation->round.number,
                                           "witnesses", &list, fault);
  if (status == TAMIS_OK)
    status = witness_manifest_check(a->state, list, &checkpoint, terms->witness_per_organisation,
                                    &tally, fault);
  if (status != TAMIS_OK) return status;
  if ((int64_t)tally.organisations < terms->witness_organisations ||
      (int64_t)tally.organisations != statement_integer(a->statement, "organisations") ||
      (int64_t)tally.witnesses != statement_integer(a->statement, "witnesses"))
    return undo_contradiction(a, fault, "the witnesses are not those that it counts");
  federation->round.is_witnessed = true;
  state_readable_add(a->state, &a->statement->subject[0]);
  return TAMIS_OK;
}

/* What shadows saw changes nothing but which round they have seen. */
static enum tamis_status apply_shadow(struct applying *a, struct fault *fault) {
  struct federation *federation =
      state_federation_find(a->state, statement_text(a->statement, "federation"));
  int64_t round = statement_integer(a->statement, "round");
  if (!federation || !shadow_may(federation, round))
    return undo_contradiction(a, fault, "this round is not for shadows to look at now");
  if (statement_integer(a->statement, "rules") != (int64_t)shadow_count(federation->terms.shadows))
    return undo_contradiction(a, fault, "the federation has another number of shadows");
  federation->shadowed_round = round;
  state_readable_add(a->state, &a->statement->subject[0]);
  return TAMIS_OK;
}

static void round_end(struct federation *federation, enum outcome outcome) {
  federation->past[federation->round.number].outcome = outcome;
  federation->round.phase = PHASE_WAITING;
  federation->approval_count = 0;
  evaluation_prune(federation);
}

/* ---- gates ---- */

/* The candidate passed. Whether it may have is the decider's to know, from the same state. */
static enum tamis_status apply_gate(struct applying *a, struct fault *fault) {
  struct federation *federation = current(a, PHASE_AGGREGATED);
  const char *name = statement_text(a->statement, "gate");
  char sentence[GATES_SENTENCE_SIZE];
  if (!federation || name[0] == '\0' || !gates_is_next(federation, name) ||
      !digest_equal(&federation->round.candidate, &a->statement->subject[0]))
    return undo_contradiction(a, fault, "no candidate waits for this gate");
  int64_t at_ms = statement_integer(a->statement, "at_ms");
  if (gates_look(a->state, federation, at_ms, sentence) != GATE_GREEN)
    return undo_contradiction(a, fault, sentence);
  federation->round.gates_passed++;
  federation->round.gate_since_ms = at_ms;
  if (!gates_is_next(federation, statement_optional(a->statement, "next")))
    return undo_contradiction(a, fault, "it does not name the gate that comes next");
  return TAMIS_OK;
}

static enum tamis_status apply_approval(struct applying *a, struct fault *fault) {
  struct federation *federation = current(a, PHASE_AGGREGATED);
  if (!federation || !digest_equal(&federation->round.candidate, &a->statement->subject[0]) ||
      gate_approval_of(federation, a->entry->signer) ||
      federation->approval_count == STATE_APPROVALS_MAX)
    return undo_contradiction(a, fault, "this word about a candidate is not waited for");
  if (statement_integer(a->statement, "approve") == 1 &&
      gate_approval_may(a->state, federation, a->entry->signer, a->state->latest_ms, fault) !=
          TAMIS_OK)
    return undo_contradiction(a, fault, "this person may not approve now");
  struct approval *approval = state_approval_add(federation);
  snprintf(approval->person, sizeof approval->person, "%s", a->entry->signer);
  approval->approves = statement_integer(a->statement, "approve") == 1;
  snprintf(approval->reason, sizeof approval->reason, "%s", statement_text(a->statement, "reason"));
  return TAMIS_OK;
}

static enum tamis_status apply_evaluation(struct applying *a, struct fault *fault) {
  struct federation *federation =
      state_federation_find(a->state, statement_text(a->statement, "federation"));
  struct evaluation evaluation;
  if (!federation || !evaluation_is_due(federation, statement_integer(a->statement, "round"),
                                        &a->statement->subject[0]))
    return undo_contradiction(a, fault, "it is of neither the head nor the candidate");
  enum tamis_status status =
      evaluation_read(a->statement, a->manifest, a->entry->signer, a->index, &evaluation, fault);
  if (status != TAMIS_OK) return undo_contradiction(a, fault, "it contradicts its manifest");
  evaluation_put(federation, &evaluation, a->manifest);
  state_readable_add(a->state, &a->statement->subject[1]);
  return TAMIS_OK;
}

/* The head was found beyond its budget: the same as a rollback, but by the evaluators' word. */
static enum tamis_status apply_auto_rollback(struct applying *a, struct fault *fault) {
  struct federation *federation =
      state_federation_find(a->state, statement_text(a->statement, "federation"));
  struct gate_word word;
  if (!federation || federation->rebuild.is_under_way ||
      statement_integer(a->statement, "round") != federation->head_round ||
      !gate_evaluator_condemns(federation, &word) ||
      word.to_round != statement_integer(a->statement, "to_round") ||
      word.index != (uint64_t)statement_integer(a->statement, "evaluation"))
    return undo_contradiction(a, fault, "the head is within its budget, or goes elsewhere");
  federation->past[federation->head_round].is_condemned = true;
  federation->reds++;
  return undo_rollback(a, fault);
}

static enum tamis_status freeze(struct applying *a, bool is_frozen, struct fault *fault) {
  struct federation *federation =
      state_federation_find(a->state, statement_text(a->statement, "federation"));
  if (!federation || federation->is_frozen == is_frozen)
    return undo_contradiction(a, fault, is_frozen ? "it is frozen already" : "it is not frozen");
  federation->is_frozen = is_frozen;
  if (is_frozen)
    federation->freeze_index = a->index;
  else
    federation->reds = 0;
  return TAMIS_OK;
}

static enum tamis_status apply_freeze(struct applying *a, struct fault *fault) {
  return freeze(a, true, fault);
}

/* Once a head that was found beyond its budget: who unfreezes it then has been told. */
static enum tamis_status apply_auto_freeze(struct applying *a, struct fault *fault) {
  enum tamis_status status = freeze(a, true, fault);
  if (status != TAMIS_OK) return status;
  struct federation *federation =
      state_federation_find(a->state, statement_text(a->statement, "federation"));
  struct gate_word word;
  if (gate_evaluator_condemns(federation, &word) && word.to_round < 0)
    federation->past[federation->head_round].is_condemned = true;
  return TAMIS_OK;
}

static enum tamis_status apply_unfreeze(struct applying *a, struct fault *fault) {
  return freeze(a, false, fault);
}

static enum tamis_status apply_promote(struct applying *a, struct fault *fault) {
  struct federation *rebuilding = undo_of_rebuild(a);
  if (rebuilding) return undo_rebuild_promote(a, rebuilding, fault);
  struct federation *federation = current(a, PHASE_AGGREGATED);
  struct digest from = statement_digest(a->statement, "from");
  if (!federation || !digest_equal(&federation->round.candidate, &a->statement->subject[0]) ||
      !digest_equal(&federation->head, &from))
    return undo_contradiction(a, fault, "it is not the candidate of this round on the head");
  if (federation->round.witness_by_ms != 0 && !federation->round.is_witnessed)
    return undo_contradiction(a, fault, "the witnesses that the federation requires are missing");
  if (!gates_is_next(federation, ""))
    return undo_contradiction(a, fault, "the candidate has not passed all its gates");
  if (federation->is_frozen)
    return undo_contradiction(a, fault, "nothing is promoted while the federation is frozen");
  federation->head = federation->round.candidate;
  federation->head_round = federation->round.number;
  federation->past[federation->head_round].model = federation->head;
  federation->past[federation->head_round].memory = federation->round.memory;
  federation->reds = 0;
  round_end(federation, OUTCOME_PROMOTED);
  return TAMIS_OK;
}

/* The gate that the candidate waits for shuts it out. */
static bool is_red(const struct applying *a, const struct federation *federation,
                   const char *gate) {
  char sentence[GATES_SENTENCE_SIZE];
  return gates_is_next(federation, gate) &&
         gates_look(a->state, federation, statement_integer(a->statement, "at_ms"), sentence) ==
             GATE_RED;
}

static enum tamis_status apply_hold(struct applying *a, struct fault *fault) {
  struct federation *rebuilding = undo_of_rebuild(a);
  if (rebuilding) return undo_rebuild_hold(a, rebuilding, fault);
  struct federation *federation = current(a, PHASE_JUDGED), *waiting = current(a, PHASE_AGGREGATED);
  const char *gate = statement_optional(a->statement, "gate");
  if (waiting && gate[0] == '\0' && waiting->round.witness_by_ms != 0 &&
      !waiting->round.is_witnessed)
    federation = waiting; /* its witnesses did not come */
  if (gate[0] != '\0') federation = waiting && is_red(a, waiting, gate) ? waiting : NULL;
  if (!federation) return undo_contradiction(a, fault, "this round is not to be held now");
  federation->reds += gate[0] != '\0';
  round_end(federation, OUTCOME_HELD);
  return TAMIS_OK;
}

static enum tamis_status apply_abandon(struct applying *a, struct fault *fault) {
  struct federation *rebuilding = undo_of_rebuild(a);
  if (rebuilding) return undo_rebuild_abandon(a, rebuilding, fault);
  struct federation *federation =
      state_federation_find(a->state, statement_text(a->statement, "federation"));
  if (!federation || federation->round.phase == PHASE_WAITING ||
      federation->round.number != statement_integer(a->statement, "round"))
    return undo_contradiction(a, fault, "this round is not under way");
  round_end(federation, OUTCOME_ABANDONED);
  return TAMIS_OK;
}

/* ---- policy ---- */

/* Rounds under way keep theirs: nothing about them moves, so no judgement has to be made anew. */
static enum tamis_status apply_policy(struct applying *a, struct fault *fault) {
  struct federation *federation =
      state_federation_find(a->state, statement_text(a->statement, "federation"));
  const json_t *object = json_object_get(a->statement->predicate, "policy");
  struct policy policy;
  struct digest digest;
  if (!federation) return undo_contradiction(a, fault, "there is no such federation");
  if (federation->policy_count == STATE_POLICIES_MAX ||
      statement_integer(a->statement, "version") != (int64_t)federation->policy_count + 1)
    return undo_contradiction(a, fault, "it is not the next version of the policy");
  enum tamis_status status = policy_read(object, &policy, fault);
  if (status == TAMIS_OK) status = canonical_digest(object, &digest, fault);
  if (status != TAMIS_OK) return status;
  if (!digest_equal(&digest, &a->statement->subject[0]))
    return undo_contradiction(a, fault, "its subject is another policy");
  state_policy_add(federation, &policy);
  snprintf(federation->policy_author, sizeof federation->policy_author, "%s", a->entry->signer);
  return TAMIS_OK;
}

/* ---- what is known to be bad ---- */

/* Nobody waits any longer for who may not answer, and a judgement under way is made anew. */
static void feed_takes_force(const struct state *state) {
  for (size_t i = 0; i < state->federation_count; i++) {
    struct federation *federation = state->federation[i];
    federation->revision++;
    for (size_t k = 0; k < federation->round.selected; k++)
      if (state_known_bad(state, federation->round.slot[k].client))
        slot_give_up(state, federation, state->client[federation->round.slot[k].client].name);
  }
}

static enum tamis_status apply_known_bad(struct applying *a, struct fault *fault) {
  struct feed feed;
  if (statement_integer(a->statement, "version") != a->state->feed.version + 1)
    return undo_contradiction(a, fault, "it is not the next version of the feed");
  enum tamis_status status = feed_read(a->manifest, &feed, fault);
  if (status == TAMIS_OK &&
      ((int64_t)feed.count[FEED_KEYS] != statement_integer(a->statement, "keys") ||
       (int64_t)feed.count[FEED_UPDATES] != statement_integer(a->statement, "updates")))
    status = undo_contradiction(a, fault, "its manifest has other numbers of entries");
  if (status != TAMIS_OK) {
    feed_close(&feed);
    return status;
  }
  feed.version = a->state->feed.version + 1;
  feed_close(&a->state->feed);
  a->state->feed = feed;
  feed_takes_force(a->state);
  return TAMIS_OK;
}

/* ---- what is kept ---- */

static enum tamis_status apply_retention(struct applying *a, struct fault *fault) {
  struct federation *federation =
      state_federation_find(a->state, statement_text(a->statement, "federation"));
  if (!federation) return undo_contradiction(a, fault, "there is no such federation");
  federation->keep_rounds = statement_integer(a->statement, "keep_rounds");
  return TAMIS_OK;
}

static enum tamis_status apply_dispute(struct applying *a, struct fault *fault) {
  struct federation *federation;
  int64_t round = statement_integer(a->statement, "round");
  if (!named_member(a, &federation) || round > federation->last_round)
    return undo_contradiction(a, fault, "there is no such client, federation or round");
  uint32_t client = (uint32_t)state_client_find(a->state, statement_text(a->statement, "client"));
  struct dispute *dispute = state_dispute_find(federation, client, round);
  if (!dispute && federation->dispute_count == STATE_DISPUTES_MAX)
    return undo_contradiction(a, fault, "there are too many disputes");
  if (!dispute) dispute = state_dispute_add(federation);
  *dispute = (struct dispute){.client = client,
                              .is_open = statement_integer(a->statement, "open") == 1,
                              .round = round,
                              .index = a->index,
                              .update = a->statement->subject[0]};
  return TAMIS_OK;
}

static enum tamis_status drop_one(const struct applying *a, struct federation *federation,
                                  int64_t round, const json_t *element, uint64_t *before,
                                  struct fault *fault) {
  struct manifest_update update;
  enum tamis_status status = manifest_dropped_read(element, &update, fault);
  if (status != TAMIS_OK) return status;
  enum retention retention = retention_of(a->state, federation, round, &update);
  if (retention != RETENTION_DROP) return undo_contradiction(a, fault, retention_words(retention));
  if (update.index <= *before || update.index >= a->index)
    return undo_contradiction(a, fault, "its updates are not in the order of the log");
  *before = update.index;
  uint32_t client = (uint32_t)state_client_find(a->state, update.client);
  struct dispute *dispute = state_dispute_find(federation, client, round);
  if (dispute) state_dispute_remove(federation, dispute);
  return TAMIS_OK;
}

static enum tamis_status apply_tombstone(struct applying *a, struct fault *fault) {
  struct federation *federation =
      state_federation_find(a->state, statement_text(a->statement, "federation"));
  int64_t round = statement_integer(a->statement, "round");
  const json_t *updates, *element;
  uint64_t before = 0;
  size_t i;
  if (!federation) return undo_contradiction(a, fault, "there is no such federation");
  enum tamis_status status =
      manifest_list(a->manifest, federation->name, round, "updates", &updates, fault);
  if (status != TAMIS_OK) return status;
  if ((int64_t)json_array_size(updates) != statement_integer(a->statement, "updates"))
    return undo_contradiction(a, fault, "its manifest lists another number of updates");
  json_array_foreach(updates, i, element) {
    status = drop_one(a, federation, round, element, &before, fault);
    if (status != TAMIS_OK) return status;
  }
  if (round > federation->dropped_round) federation->dropped_round = round;
  return TAMIS_OK;
}

/* ---- the state itself ---- */

/* Every fold makes the digest anew. Only a format that we do not write cannot be checked, and such
 * a snapshot is never read either. */
static enum tamis_status apply_snapshot(struct applying *a, struct fault *fault) {
  if (statement_integer(a->statement, "size") != (int64_t)a->index)
    return undo_contradiction(a, fault, "it is not about the entries before it");
  if (statement_integer(a->statement, "format") != STATE_FORMAT) return TAMIS_OK;
  struct digest digest = state_text_digest(a->state);
  return digest_equal(&digest, &a->statement->subject[0])
             ? TAMIS_OK
             : undo_contradiction(a, fault, "the entries before it add up to another state");
}

/* ---- the table ---- */

static enum tamis_status (*const appliers[STATEMENT_KIND_COUNT])(struct applying *,
                                                                 struct fault *) = {
    [STATEMENT_GENESIS] = apply_genesis,
    [STATEMENT_FEDERATION_CREATE] = apply_create,
    [STATEMENT_CLIENT_INVITE] = apply_invite,
    [STATEMENT_KEY_ENROL] = apply_enrol,
    [STATEMENT_KEY_REVOKE] = apply_revoke,
    [STATEMENT_ROLE_GRANT] = people_apply_grant,
    [STATEMENT_ROLE_REVOKE] = people_apply_revoke,
    [STATEMENT_SEPARATION] = people_apply_separation,
    [STATEMENT_PROPOSAL] = people_apply_proposal,
    [STATEMENT_KEY_ROTATE] = people_apply_rotate,
    [STATEMENT_ROUND_OPEN] = apply_round_open,
    [STATEMENT_UPDATE] = apply_update,
    [STATEMENT_REFUSAL] = apply_refusal,
    [STATEMENT_VERDICTS] = apply_verdicts,
    [STATEMENT_CLIENT_STATE] = apply_client_state,
    [STATEMENT_AGGREGATE] = apply_aggregate,
    [STATEMENT_WITNESSED] = apply_witnessed,
    [STATEMENT_PROMOTE] = apply_promote,
    [STATEMENT_SHADOW] = apply_shadow,
    [STATEMENT_HOLD] = apply_hold,
    [STATEMENT_ABANDON] = apply_abandon,
    [STATEMENT_EXCLUSION] = apply_exclusion,
    [STATEMENT_REINSTATEMENT] = apply_reinstatement,
    [STATEMENT_ROLLBACK] = undo_rollback,
    [STATEMENT_REBUILD] = undo_rebuild,
    [STATEMENT_REBUILT] = undo_rebuilt,
    [STATEMENT_SNAPSHOT] = apply_snapshot,
    [STATEMENT_RETENTION] = apply_retention,
    [STATEMENT_DISPUTE] = apply_dispute,
    [STATEMENT_REVIEW] = review_apply,
    [STATEMENT_AMENDED] = review_apply_amended,
    [STATEMENT_TOMBSTONE] = apply_tombstone,
    [STATEMENT_POLICY_SET] = apply_policy,
    [STATEMENT_KNOWN_BAD] = apply_known_bad,
    [STATEMENT_GATE] = apply_gate,
    [STATEMENT_APPROVAL] = apply_approval,
    [STATEMENT_FREEZE] = apply_freeze,
    [STATEMENT_UNFREEZE] = apply_unfreeze,
    [STATEMENT_AUTO_FREEZE] = apply_auto_freeze,
    [STATEMENT_EVALUATION] = apply_evaluation,
    [STATEMENT_AUTO_ROLLBACK] = apply_auto_rollback,
};

/* The time that an entry of our own was made, where it tells one; else 0. */
static int64_t told_ms(const struct statement *statement) {
  if (strcmp(statement_kind_signer(statement->kind), "aggregator") != 0) return 0;
  int64_t opened_ms = statement_optional_integer(statement, "opened_at_ms", 0);
  return statement_optional_integer(statement, "at_ms", opened_ms);
}

enum tamis_status federation_apply(struct state *state, const struct entry *entry,
                                   const json_t *manifest, struct fault *fault) {
  struct applying a = {.state = state,
                       .statement = &entry->statement,
                       .entry = entry,
                       .manifest = manifest,
                       .index = state->applied};
  if (a.index == 0 && entry->statement.kind != STATEMENT_GENESIS)
    return undo_contradiction(&a, fault, "the first entry must be the genesis");
  enum tamis_status status = appliers[entry->statement.kind](&a, fault);
  if (status != TAMIS_OK) return status;
  if (told_ms(&entry->statement) > state->latest_ms) state->latest_ms = told_ms(&entry->statement);
  state->applied++;
  return status;
}

static bool rollback_manifest(const struct state *state, const struct statement *statement,
                              struct digest *manifest) {
  const struct federation *federation =
      state_federation_find(state, statement_text(statement, "federation"));
  int64_t round = statement_integer(statement, "to_round");
  if (!federation || round < 1 || round > federation->last_round ||
      !state_has_model(&federation->past[round]))
    return false;
  *manifest = federation->past[state_round_judged(federation, round)].verdicts;
  return true;
}

/* A decision acts on what the round's verdicts did; an opinion does nothing. */
static bool review_manifest(const struct state *state, const struct statement *statement,
                            struct digest *manifest) {
  const struct federation *federation =
      state_federation_find(state, statement_text(statement, "federation"));
  int64_t round = statement_integer(statement, "round");
  if (!federation || round > federation->last_round ||
      digest_is_zero(&federation->past[round].verdicts) ||
      statement_integer(statement, "opinion") == 1)
    return false;
  *manifest = federation->past[round].verdicts;
  return true;
}

bool federation_manifest(const struct state *state, const struct entry *entry,
                         struct digest *manifest) {
  const struct statement *statement = &entry->statement;
  switch (statement->kind) {
  case STATEMENT_ROUND_OPEN: *manifest = statement_digest(statement, "cohort"); return true;
  case STATEMENT_VERDICTS:
  case STATEMENT_SHADOW:
  case STATEMENT_KNOWN_BAD:
  case STATEMENT_TOMBSTONE:
  case STATEMENT_AMENDED:
  case STATEMENT_WITNESSED: *manifest = statement->subject[0]; return true;
  case STATEMENT_AGGREGATE:
  case STATEMENT_REBUILT: *manifest = statement->subject[1]; return true;
  case STATEMENT_EVALUATION: *manifest = statement->subject[1]; return true;
  case STATEMENT_AUTO_ROLLBACK:
  case STATEMENT_ROLLBACK: return rollback_manifest(state, statement, manifest);
  case STATEMENT_REVIEW: return review_manifest(state, statement, manifest);
  default: return false;
  }
}
