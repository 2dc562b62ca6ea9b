/* May a statement that somebody else signed be appended? One function a kind, refusals first. */
#include "aggregator/federation.h"

#include <inttypes.h>
#include <string.h>
#include "aggregator/admission.h"
#include "aggregator/people.h"
#include "aggregator/policy_lint.h"
#include "aggregator/shadow.h"
#include "aggregator/evaluation.h"
#include "aggregator/gate_approval.h"
#include "aggregator/gate_evaluator.h"
#include "aggregator/gates.h"
#include "aggregator/undo_plan.h"
#include "proto/canonical.h"
#include "robust/optimiser.h"
#include "robust/robust.h"

struct asking {
  const struct state *state;
  const struct statement *statement;
  const struct entry *entry;
  const struct moment *moment;
};

static enum tamis_status admit_genesis(const struct asking *ask, struct fault *fault) {
  if (ask->state->applied == 0) return TAMIS_OK;
  return fault_set(fault, TAMIS_CONFLICT, "this log has its genesis");
}

static enum tamis_status check_rule(const char *rule, size_t quorum, struct fault *fault) {
  struct robust_pipeline *pipeline = NULL;
  struct robust_error error;
  enum tamis_status status = TAMIS_OK;
  if (robust_pipeline_parse(rule, &pipeline, &error) != ROBUST_OK)
    status = fault_set(fault, TAMIS_BAD_STATEMENT, "rule: %s", error.text);
  else if (robust_pipeline_check(pipeline, quorum, &error) != ROBUST_OK)
    status = fault_set(fault, TAMIS_RULE_NOT_FEASIBLE, "with the quorum: %s", error.text);
  else if (robust_pipeline_needs_reference(pipeline))
    status =
        fault_set(fault, TAMIS_RULE_NOT_FEASIBLE,
                  "%s compares with an update that the server trains itself: it trains none", rule);
  else if (robust_pipeline_reads_history(pipeline))
    status =
        fault_set(fault, TAMIS_RULE_NOT_FEASIBLE,
                  "%s adds up each client's updates over all rounds: no such sums are kept", rule);
  robust_pipeline_free(pipeline);
  return status;
}

/* A shadow is checked as the rule is. It puts out no vector that could be kept for the next round.
 */
static enum tamis_status check_shadow(const char *rule, size_t quorum, struct fault *fault) {
  struct robust_pipeline *pipeline = NULL;
  struct robust_error error;
  struct fault why;
  enum tamis_status status = check_rule(rule, quorum, &why);
  if (status != TAMIS_OK) return fault_set(fault, status, "shadow %.100s: %s", rule, why.text);
  if (robust_pipeline_parse(rule, &pipeline, &error) != ROBUST_OK) return TAMIS_INTERNAL;
  bool remembers = robust_pipeline_remembers_output(pipeline);
  robust_pipeline_free(pipeline);
  if (!remembers) return TAMIS_OK;
  return fault_set(fault, TAMIS_RULE_NOT_FEASIBLE,
                   "shadow %.100s compares with its own last output: of a shadow none is kept. "
                   "Take a rule that does not remember",
                   rule);
}

static enum tamis_status check_shadows(const struct statement *statement, size_t quorum,
                                       struct fault *fault) {
  const char *shadows = statement_optional(statement, "shadows");
  size_t count = shadow_count(shadows);
  char rule[STATE_RULE_SIZE];
  enum tamis_status status = TAMIS_OK;
  if (count > SHADOW_RULES_MAX)
    return fault_set(fault, TAMIS_BAD_STATEMENT, "%zu shadows, and %d are the most", count,
                     SHADOW_RULES_MAX);
  for (size_t i = 0; status == TAMIS_OK && i < count; i++) {
    shadow_rule(shadows, i, rule);
    status = check_shadow(rule, quorum, fault);
  }
  return status;
}

static enum tamis_status check_optimiser(const struct statement *statement, struct fault *fault) {
  struct robust_optimiser *optimiser = NULL;
  struct robust_error error;
  if (!json_object_get(statement->predicate, "optimiser")) return TAMIS_OK;
  enum robust_status status =
      robust_optimiser_parse(statement_text(statement, "optimiser"), &optimiser, &error);
  robust_optimiser_free(optimiser);
  return status == ROBUST_OK ? TAMIS_OK
                             : fault_set(fault, TAMIS_BAD_STATEMENT, "optimiser: %s", error.text);
}

static enum tamis_status check_gates(const struct statement *statement, struct fault *fault) {
  struct gates gates;
  if (!json_object_get(statement->predicate, "gates")) return TAMIS_OK;
  enum tamis_status status = gates_read(statement_text(statement, "gates"), &gates, fault);
  if (status == TAMIS_OK && gates.count == 0)
    status = fault_set(fault, TAMIS_BAD_STATEMENT, "gates: leave it out where there are none");
  return status;
}

static enum tamis_status check_model(const struct asking *ask, struct fault *fault) {
  const struct layout *layout = ask->moment->layout;
  struct digest digest = statement_digest(ask->statement, "layout");
  if (!layout)
    return fault_set(fault, TAMIS_NOT_FOUND, "the first model is not here; put its blob first");
  if (!digest_equal(&layout->digest, &digest) ||
      (int64_t)layout->parameters != statement_integer(ask->statement, "parameters"))
    return fault_set(fault, TAMIS_WRONG_LAYOUT, "the first model has another layout");
  return TAMIS_OK;
}

/* In all; each factor is at most a million. */
static int64_t witnesses_wanted(const struct statement *statement) {
  return statement_optional_integer(statement, "witness_organisations", 0) *
         statement_optional_integer(statement, "witness_per_organisation", 1);
}

static enum tamis_status admit_create(const struct asking *ask, struct fault *fault) {
  const struct statement *statement = ask->statement;
  const char *name = statement_text(statement, "federation");
  int64_t quorum = statement_integer(statement, "quorum");
  int64_t cohort = statement_integer(statement, "cohort");
  struct policy policy;
  if (state_federation_find(ask->state, name))
    return fault_set(fault, TAMIS_CONFLICT, "there is a federation %s", name);
  if (ask->state->federation_count == STATE_FEDERATIONS_MAX)
    return fault_set(fault, TAMIS_CONFLICT, "there are %d federations", STATE_FEDERATIONS_MAX);
  if (cohort != 0 && cohort < quorum)
    return fault_set(fault, TAMIS_BAD_STATEMENT,
                     "a cohort of %" PRId64 " cannot make a quorum of %" PRId64, cohort, quorum);
  if (quorum > JUDGE_ROWS_MAX)
    return fault_set(fault, TAMIS_BAD_STATEMENT, "the quorum is above %d", JUDGE_ROWS_MAX);
  if (!(statement_f64(statement, "norm_max") > 0))
    return fault_set(fault, TAMIS_BAD_STATEMENT, "norm_max must be above 0");
  if (witnesses_wanted(statement) > WITNESS_COSIGNATURES_MAX)
    return fault_set(fault, TAMIS_BAD_STATEMENT, "more than %d witnesses cannot be required",
                     WITNESS_COSIGNATURES_MAX);
  enum tamis_status status =
      policy_read(json_object_get(statement->predicate, "policy"), &policy, fault);
  if (status == TAMIS_OK) status = policy_check(&policy, fault);
  if (status == TAMIS_OK)
    status = check_rule(statement_text(statement, "rule"), (size_t)quorum, fault);
  if (status == TAMIS_OK) status = check_optimiser(statement, fault);
  if (status == TAMIS_OK) status = check_shadows(statement, (size_t)quorum, fault);
  if (status == TAMIS_OK) status = check_gates(statement, fault);
  return status == TAMIS_OK ? check_model(ask, fault) : status;
}

static bool is_enrolled(const struct state *state, int64_t client) {
  return client != STATE_NOBODY && !state->client[client].revoked;
}

static enum tamis_status admit_invite(const struct asking *ask, struct fault *fault) {
  const char *name = statement_text(ask->statement, "client");
  if (is_enrolled(ask->state, state_client_find(ask->state, name)))
    return fault_set(fault, TAMIS_CONFLICT, "%s is enrolled", name);
  if (state_invitation_find(ask->state, &ask->statement->subject[0]))
    return fault_set(fault, TAMIS_CONFLICT, "this token was there before");
  if (statement_integer(ask->statement, "not_after") <= ask->moment->now_ms / 1000)
    return fault_set(fault, TAMIS_TOKEN_EXPIRED, "the invitation would be past its date");
  if (ask->state->invitation_count == STATE_INVITATIONS_MAX)
    return fault_set(fault, TAMIS_CONFLICT, "there are %d invitations", STATE_INVITATIONS_MAX);
  return TAMIS_OK;
}

static enum tamis_status check_new_key(const struct asking *ask, const char *name,
                                       struct fault *fault) {
  const char *vkey = statement_text(ask->statement, "key");
  struct public_key key;
  enum tamis_status status = key_vkey_read(vkey, strlen(vkey), &key, fault);
  if (status != TAMIS_OK) return status;
  struct digest digest = digest_of(key.byte, sizeof key.byte);
  if (strcmp(key.name, name) != 0 || !digest_equal(&digest, &ask->statement->subject[0]))
    return fault_set(fault, TAMIS_BAD_STATEMENT, "subject, key and client do not go together");
  if (!key_is_acceptable(key.byte))
    return fault_set(fault, TAMIS_BAD_STATEMENT, "not a point that all verifiers agree on");
  const struct feed_item *bad = feed_find(&ask->state->feed, FEED_KEYS, &digest);
  if (bad)
    return fault_set(fault, TAMIS_KNOWN_BAD,
                     "this key is on the known-bad feed, version %" PRId64 ": %s",
                     ask->state->feed.version, bad->reason);
  if (people_key_is_taken(ask->state, &key))
    return fault_set(fault, TAMIS_CONFLICT, "this key is or was enrolled; make a new one");
  return TAMIS_OK;
}

static enum tamis_status admit_enrol(const struct asking *ask, struct fault *fault) {
  const char *name = statement_text(ask->statement, "client");
  struct digest token = statement_digest(ask->statement, "token");
  const struct invitation *invitation = state_invitation_find(ask->state, &token);
  if (!invitation || strcmp(invitation->client, name) != 0)
    return fault_set(fault, TAMIS_BAD_TOKEN, "no invitation for %s has this token", name);
  if (invitation->used)
    return fault_set(fault, TAMIS_BAD_TOKEN, "the invitation for %s was used", name);
  if (invitation->not_after <= ask->moment->now_ms / 1000)
    return fault_set(fault, TAMIS_TOKEN_EXPIRED, "the invitation for %s is past its date", name);
  int64_t client = state_client_find(ask->state, name);
  if (is_enrolled(ask->state, client))
    return fault_set(fault, TAMIS_CONFLICT, "%s is enrolled", name);
  if (client == STATE_NOBODY && ask->state->client_count == STATE_CLIENTS_MAX)
    return fault_set(fault, TAMIS_CONFLICT, "there are %d clients", STATE_CLIENTS_MAX);
  return check_new_key(ask, name, fault);
}

/* Finds the client; its key must be the one the operator meant. */
static enum tamis_status check_client(const struct asking *ask, int64_t *client,
                                      struct fault *fault) {
  const char *name = statement_text(ask->statement, "client");
  *client = state_client_find(ask->state, name);
  if (*client == STATE_NOBODY)
    return fault_set(fault, TAMIS_UNKNOWN_CLIENT, "no client %s is enrolled", name);
  const struct public_key *key = &ask->state->client[*client].key;
  struct digest digest = digest_of(key->byte, sizeof key->byte);
  if (!digest_equal(&digest, &ask->statement->subject[0]))
    return fault_set(fault, TAMIS_CONFLICT, "%s has another key than the statement names", name);
  return TAMIS_OK;
}

static enum tamis_status admit_revoke(const struct asking *ask, struct fault *fault) {
  int64_t client;
  enum tamis_status status = check_client(ask, &client, fault);
  if (status == TAMIS_OK && ask->state->client[client].revoked)
    return fault_set(fault, TAMIS_CONFLICT, "the key is already revoked");
  return status;
}

static enum tamis_status check_federation(const struct asking *ask,
                                          const struct federation **federation,
                                          struct fault *fault) {
  const char *name = statement_text(ask->statement, "federation");
  *federation = state_federation_find(ask->state, name);
  return *federation ? TAMIS_OK
                     : fault_set(fault, TAMIS_UNKNOWN_FEDERATION, "no federation %s", name);
}

static enum tamis_status check_member(const struct asking *ask, const struct member **member,
                                      struct fault *fault) {
  const struct federation *federation;
  int64_t client = 0;
  enum tamis_status status = check_federation(ask, &federation, fault);
  if (status == TAMIS_OK) status = check_client(ask, &client, fault);
  if (status == TAMIS_OK) *member = &federation->member[client];
  return status;
}

/* What the judge has done an operator may confirm. */
static enum tamis_status admit_exclusion(const struct asking *ask, struct fault *fault) {
  const struct member *member;
  enum tamis_status status = check_member(ask, &member, fault);
  if (status != TAMIS_OK || !member->is_barred) return status;
  return fault_set(fault, TAMIS_CONFLICT, "%s is already %s",
                   statement_text(ask->statement, "client"), member->history.sentence);
}

static enum tamis_status admit_reinstatement(const struct asking *ask, struct fault *fault) {
  const struct member *member;
  enum tamis_status status = check_member(ask, &member, fault);
  if (status != TAMIS_OK || member->history.standing == STANDING_EXCLUDED) return status;
  return fault_set(fault, TAMIS_CONFLICT, "%s is not excluded from %s",
                   statement_text(ask->statement, "client"),
                   statement_text(ask->statement, "federation"));
}

static enum tamis_status admit_rollback(const struct asking *ask, struct fault *fault) {
  const struct federation *federation;
  int64_t round = statement_integer(ask->statement, "to_round");
  enum tamis_status status = check_federation(ask, &federation, fault);
  if (status == TAMIS_OK)
    status = people_check_author(ask->state, ask->entry, federation->policy_author, fault);
  if (status != TAMIS_OK) return status;
  if (round > federation->last_round || !state_has_model(&federation->past[round]))
    return fault_set(fault, TAMIS_NOT_FOUND, "round %" PRId64 " of %s promoted no model", round,
                     federation->name);
  if (!digest_equal(&federation->past[round].model, &ask->statement->subject[0]))
    return fault_set(fault, TAMIS_CONFLICT, "round %" PRId64 " of %s has another model", round,
                     federation->name);
  if (round == federation->head_round && !federation->rebuild.is_under_way)
    return fault_set(fault, TAMIS_CONFLICT, "the head is the model of round %" PRId64, round);
  return TAMIS_OK;
}

static enum tamis_status admit_retention(const struct asking *ask, struct fault *fault) {
  const struct federation *federation;
  enum tamis_status status = check_federation(ask, &federation, fault);
  if (status != TAMIS_OK) return status;
  if (!digest_equal(&federation->terms.first_model, &ask->statement->subject[0]))
    return fault_set(fault, TAMIS_CONFLICT, "%s began with another model", federation->name);
  if (statement_integer(ask->statement, "keep_rounds") == federation->keep_rounds)
    return fault_set(fault, TAMIS_CONFLICT, "%s keeps the updates of %" PRId64 " rounds already",
                     federation->name, federation->keep_rounds);
  return TAMIS_OK;
}

static enum tamis_status admit_policy(const struct asking *ask, struct fault *fault) {
  const struct federation *federation;
  const json_t *object = json_object_get(ask->statement->predicate, "policy");
  struct policy policy;
  struct digest digest;
  enum tamis_status status = check_federation(ask, &federation, fault);
  if (status == TAMIS_OK) status = policy_read(object, &policy, fault);
  if (status == TAMIS_OK) status = policy_check(&policy, fault);
  if (status == TAMIS_OK) status = canonical_digest(object, &digest, fault);
  if (status != TAMIS_OK) return status;
  int64_t next = (int64_t)federation->policy_count + 1;
  if (!digest_equal(&digest, &ask->statement->subject[0]))
    return fault_set(fault, TAMIS_BAD_STATEMENT, "the subject is not the digest of the policy");
  if (federation->policy_count == STATE_POLICIES_MAX)
    return fault_set(fault, TAMIS_CONFLICT, "%s has had %d policies: there is room for no more",
                     federation->name, STATE_POLICIES_MAX);
  if (statement_integer(ask->statement, "version") != next)
    return fault_set(
        fault, TAMIS_CONFLICT,
        "the policy of %s is at version %" PRId64 ": the next is %" PRId64 ", not %" PRId64,
        federation->name, next - 1, next, statement_integer(ask->statement, "version"));
  if (policy_equal(&policy, state_policy_now(federation)))
    return fault_set(fault, TAMIS_CONFLICT, "that is the policy of %s already, version %" PRId64,
                     federation->name, next - 1);
  return TAMIS_OK;
}

/* What its manifest says is looked at where the file is (core_calls.c), and by every fold. */
static enum tamis_status admit_known_bad(const struct asking *ask, struct fault *fault) {
  int64_t next = ask->state->feed.version + 1,
          version = statement_integer(ask->statement, "version");
  if (version == next) return TAMIS_OK;
  return fault_set(fault, TAMIS_CONFLICT,
                   "the known-bad feed is at version %" PRId64 ": the next is %" PRId64
                   ", not %" PRId64,
                   next - 1, next, version);
}

static enum tamis_status admit_dispute(const struct asking *ask, struct fault *fault) {
  const struct federation *federation;
  const char *name = statement_text(ask->statement, "client");
  int64_t round = statement_integer(ask->statement, "round");
  bool opens = statement_integer(ask->statement, "open") == 1;
  enum tamis_status status = check_federation(ask, &federation, fault);
  if (status != TAMIS_OK) return status;
  int64_t client = state_client_find(ask->state, name);
  if (client == STATE_NOBODY)
    return fault_set(fault, TAMIS_UNKNOWN_CLIENT, "no client %s is enrolled", name);
  const struct dispute *dispute = state_dispute_find(federation, (uint32_t)client, round);
  if (dispute ? dispute->is_open == opens : !opens)
    return fault_set(fault, TAMIS_CONFLICT, "the update of %s in round %" PRId64 " is %s", name,
                     round, opens ? "disputed already" : "not disputed");
  if (!ask->moment->has_update)
    return fault_set(fault, TAMIS_NOT_FOUND, "%s sent no such update in round %" PRId64 " of %s",
                     name, round, federation->name);
  if (ask->moment->dropped_in)
    return fault_set(fault, TAMIS_CONFLICT,
                     "that update was dropped by policy in entry %" PRIu64
                     ": only its digest is kept",
                     ask->moment->dropped_in);
  if (!dispute && federation->dispute_count == STATE_DISPUTES_MAX)
    return fault_set(fault, TAMIS_CONFLICT, "there are %d disputes", STATE_DISPUTES_MAX);
  return TAMIS_OK;
}

static enum tamis_status admit_review(const struct asking *ask, struct fault *fault) {
  return review_admit(ask->state, ask->statement, ask->entry->signer, &ask->moment->reviewed,
                      fault);
}

static enum tamis_status check_without(const struct asking *ask, struct fault *fault) {
  const json_t *names = json_object_get(ask->statement->predicate, "without"), *name;
  size_t i;
  json_array_foreach(names, i, name) {
    if (state_client_find(ask->state, json_string_value(name)) == STATE_NOBODY)
      return fault_set(fault, TAMIS_UNKNOWN_CLIENT, "no client %s is enrolled",
                       json_string_value(name));
  }
  return TAMIS_OK;
}

/* What can be seen in the files alone. */
static enum tamis_status check_plan(const struct undo_plan *plan, struct fault *fault) {
  if (plan->missing[0] != '\0')
    return fault_set(fault, TAMIS_NOT_FOUND, "files that it needs are not here any more: %s",
                     plan->missing);
  if (plan->dropped == 0)
    return fault_set(fault, TAMIS_CONFLICT,
                     "none of the named clients counts in these rounds: nothing would change");
  return TAMIS_OK;
}

static enum tamis_status admit_rebuild(const struct asking *ask, struct fault *fault) {
  const struct federation *federation;
  int64_t since = statement_integer(ask->statement, "since");
  enum tamis_status status = check_federation(ask, &federation, fault);
  if (status == TAMIS_OK)
    status = people_check_author(ask->state, ask->entry, federation->policy_author, fault);
  if (status != TAMIS_OK) return status;
  if (federation->rebuild.is_under_way)
    return fault_set(fault, TAMIS_CONFLICT,
                     "%s is being rebuilt from round %" PRId64
                     " on; wait, or end that by a rollback to round %" PRId64,
                     federation->name, federation->rebuild.since, federation->head_round);
  if (!digest_equal(&federation->head, &ask->statement->subject[0]))
    return fault_set(fault, TAMIS_CONFLICT, "the head of %s is another model by now",
                     federation->name);
  if (state_line_next(federation, since - 1) == 0)
    return fault_set(fault, TAMIS_NOT_FOUND,
                     "the head of %s is the model of round %" PRId64 ": no round from %" PRId64
                     " on led to it",
                     federation->name, federation->head_round, since);
  status = check_without(ask, fault);
  return status == TAMIS_OK && ask->moment->plan ? check_plan(ask->moment->plan, fault) : status;
}

/* The candidate that a word is about must be the one that waits now. */
static enum tamis_status check_candidate(const struct asking *ask,
                                         const struct federation *federation, struct fault *fault) {
  int64_t round = statement_integer(ask->statement, "round");
  if (federation->round.phase != PHASE_AGGREGATED || federation->round.number != round)
    return fault_set(fault, TAMIS_STALE_ROUND, "no candidate of round %" PRId64 " of %s waits",
                     round, federation->name);
  if (!digest_equal(&federation->round.candidate, &ask->statement->subject[0]))
    return fault_set(fault, TAMIS_CONFLICT, "the candidate of round %" PRId64 " is another model",
                     round);
  return TAMIS_OK;
}

static enum tamis_status admit_approval(const struct asking *ask, struct fault *fault) {
  const struct federation *federation;
  enum tamis_status status = check_federation(ask, &federation, fault);
  if (status == TAMIS_OK) status = check_candidate(ask, federation, fault);
  if (status != TAMIS_OK) return status;
  if (!gates_is_next(federation, gate_approval.name)) return gates_refuse(federation, fault);
  if (gate_approval_of(federation, ask->entry->signer))
    return fault_set(fault, TAMIS_CONFLICT, "%s has spoken about this candidate",
                     ask->entry->signer);
  if (federation->approval_count == STATE_APPROVALS_MAX)
    return fault_set(fault, TAMIS_CONFLICT, "%d persons have spoken", STATE_APPROVALS_MAX);
  if (statement_integer(ask->statement, "approve") == 0) return TAMIS_OK;
  return gate_approval_may(ask->state, federation, ask->entry->signer, ask->moment->now_ms, fault);
}

/* A measure that a gate could not weigh is refused with what is missing. */
static enum tamis_status check_weighable(const struct federation *federation,
                                         const struct evaluation *evaluation, struct fault *fault) {
  bool by_class;
  bool is_candidate = evaluation->round != federation->head_round;
  bool compares = gate_evaluator_compares(federation, &by_class);
  if (!digest_is_zero(&federation->terms.suite) &&
      !digest_equal(&federation->terms.suite, &evaluation->suite))
    return fault_set(fault, TAMIS_CONFLICT, "%s is evaluated under another suite",
                     federation->name);
  if (by_class && evaluation->class_count == 0)
    return fault_set(fault, TAMIS_BAD_STATEMENT,
                     "the gate compares class by class: 1 to %d classes are needed",
                     STATE_CLASSES_MAX);
  if (is_candidate && evaluation_find(federation, evaluation->person, evaluation->round))
    return fault_set(fault, TAMIS_CONFLICT, "%s has evaluated this candidate", evaluation->person);
  if (is_candidate && compares &&
      !evaluation_of_head(federation, evaluation->person, &evaluation->suite))
    return fault_set(fault, TAMIS_CONFLICT,
                     "the gate compares with the head: evaluate the model of round %" PRId64
                     " under this suite first",
                     federation->head_round);
  if (evaluation_count_of(federation, evaluation->round) >= STATE_EVALUATORS_MAX &&
      !evaluation_find(federation, evaluation->person, evaluation->round))
    return fault_set(fault, TAMIS_CONFLICT, "%d persons have evaluated it", STATE_EVALUATORS_MAX);
  return TAMIS_OK;
}

static enum tamis_status admit_evaluation(const struct asking *ask, struct fault *fault) {
  const struct federation *federation;
  struct evaluation evaluation;
  int64_t round = statement_integer(ask->statement, "round");
  enum tamis_status status = check_federation(ask, &federation, fault);
  if (status != TAMIS_OK) return status;
  if (!evaluation_is_due(federation, round, &ask->statement->subject[0]))
    return fault_set(fault, TAMIS_STALE_ROUND,
                     "this is neither the head of %s nor the candidate of round %" PRId64,
                     federation->name, round);
  if (!ask->moment->manifest)
    return fault_set(fault, TAMIS_NOT_FOUND, "its manifest is not here; put its blob first");
  status = evaluation_read(ask->statement, ask->moment->manifest, ask->entry->signer, 0,
                           &evaluation, fault);
  return status == TAMIS_OK ? check_weighable(federation, &evaluation, fault) : status;
}

/* `model` is the federation's first one: a freeze is for now, whatever the head is when it comes.
 */
static enum tamis_status check_freeze(const struct asking *ask, bool is_frozen,
                                      struct fault *fault) {
  const struct federation *federation;
  enum tamis_status status = check_federation(ask, &federation, fault);
  if (status != TAMIS_OK) return status;
  if (!digest_equal(&federation->terms.first_model, &ask->statement->subject[0]))
    return fault_set(fault, TAMIS_CONFLICT, "%s began with another model", federation->name);
  if (federation->is_frozen == is_frozen)
    return fault_set(fault, TAMIS_CONFLICT, "%s is %s", federation->name,
                     is_frozen ? "frozen already" : "not frozen");
  return TAMIS_OK;
}

static enum tamis_status admit_freeze(const struct asking *ask, struct fault *fault) {
  return check_freeze(ask, true, fault);
}

static enum tamis_status admit_unfreeze(const struct asking *ask, struct fault *fault) {
  return check_freeze(ask, false, fault);
}

static enum tamis_status admit_update(const struct asking *ask, struct fault *fault) {
  const struct moment *moment = ask->moment;
  return admission_update(ask->state, ask->entry, moment->now_ms, moment->expected_bytes,
                          moment->is_other_history, fault);
}

static enum tamis_status admit_role_grant(const struct asking *ask, struct fault *fault) {
  return people_admit_grant(ask->state, ask->entry, ask->moment->now_ms, fault);
}

static enum tamis_status admit_role_revoke(const struct asking *ask, struct fault *fault) {
  return people_admit_revoke(ask->state, ask->statement, fault);
}

static enum tamis_status admit_rotate(const struct asking *ask, struct fault *fault) {
  return people_admit_rotate(ask->state, ask->statement, fault);
}

static enum tamis_status admit_separation(const struct asking *ask, struct fault *fault) {
  return people_admit_separation(ask->state, ask->statement, ask->moment->now_ms, fault);
}

static enum tamis_status admit_proposal(const struct asking *ask, struct fault *fault) {
  if (!ask->state->is_separated)
    return fault_set(fault, TAMIS_CONFLICT, "duties are not separated: an operator signs alone");
  if (ask->moment->has_proposed) return TAMIS_OK;
  return fault_set(fault, TAMIS_NOT_FOUND,
                   "the blob that it names is no statement of this kind that waits for a cosigner");
}

/* What an entry's roles were by the log's own time they must be now too: nothing may have been
 * logged since a grant ended. */
static enum tamis_status check_roles(const struct asking *ask, struct fault *fault) {
  const char *person[DUTIES_SIGNERS_MAX] = {ask->entry->signer};
  size_t count = 1, first;
  if (!ask->entry->is_of_people || ask->moment->is_preview) return TAMIS_OK;
  for (size_t i = 0; i < ask->entry->cosigner_count; i++)
    person[count++] = entry_cosigner(ask->entry, i);
  return duties_check(ask->state, ask->statement, count, person, ask->moment->now_ms, &first,
                      fault);
}

/* Kinds without a row are ours alone to say. */
static enum tamis_status (*const admitters[STATEMENT_KIND_COUNT])(const struct asking *,
                                                                  struct fault *) = {
    [STATEMENT_GENESIS] = admit_genesis,       [STATEMENT_FEDERATION_CREATE] = admit_create,
    [STATEMENT_CLIENT_INVITE] = admit_invite,  [STATEMENT_KEY_ENROL] = admit_enrol,
    [STATEMENT_KEY_REVOKE] = admit_revoke,     [STATEMENT_UPDATE] = admit_update,
    [STATEMENT_EXCLUSION] = admit_exclusion,   [STATEMENT_REINSTATEMENT] = admit_reinstatement,
    [STATEMENT_ROLLBACK] = admit_rollback,     [STATEMENT_RETENTION] = admit_retention,
    [STATEMENT_DISPUTE] = admit_dispute,       [STATEMENT_REBUILD] = admit_rebuild,
    [STATEMENT_ROLE_GRANT] = admit_role_grant, [STATEMENT_ROLE_REVOKE] = admit_role_revoke,
    [STATEMENT_POLICY_SET] = admit_policy,     [STATEMENT_APPROVAL] = admit_approval,
    [STATEMENT_FREEZE] = admit_freeze,         [STATEMENT_UNFREEZE] = admit_unfreeze,
    [STATEMENT_REVIEW] = admit_review,         [STATEMENT_EVALUATION] = admit_evaluation,
    [STATEMENT_SEPARATION] = admit_separation, [STATEMENT_PROPOSAL] = admit_proposal,
    [STATEMENT_KEY_ROTATE] = admit_rotate,     [STATEMENT_KNOWN_BAD] = admit_known_bad,
};

enum tamis_status federation_admit(const struct state *state, const struct entry *entry,
                                   const struct moment *moment, struct fault *fault) {
  struct asking ask = {state, &entry->statement, entry, moment};
  if (!admitters[entry->statement.kind])
    return fault_set(fault, TAMIS_DENIED, "a %s is the aggregator's own to say",
                     statement_kind_name(entry->statement.kind));
  enum tamis_status status = check_roles(&ask, fault);
  return status == TAMIS_OK ? admitters[entry->statement.kind](&ask, fault) : status;
}
