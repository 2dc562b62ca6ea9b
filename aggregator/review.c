/* An amendment undoes or confirms what one round did to one history. What later rounds made of it
 * is undone where that is linear, and bounded where it is not. */
#include "aggregator/review.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "aggregator/manifest.h"
#include "proto/canonical.h"

static const char *const decision_names[REVIEW_DECISIONS] = {"release", "reject"};

const char *review_decision_name(enum review_decision decision) {
  return decision_names[decision];
}

bool review_decision_read(const char *name, enum review_decision *decision) {
  for (int i = 0; i < REVIEW_DECISIONS; i++) {
    if (strcmp(decision_names[i], name) != 0) continue;
    *decision = (enum review_decision)i;
    return true;
  }
  return false;
}

static struct digest voice_of(const char *signer) {
  return digest_of(signer, strlen(signer));
}

static bool has_spoken(const struct review *review, const char *signer) {
  struct digest voice = voice_of(signer);
  for (size_t i = 0; i < review->voice_count; i++)
    if (digest_equal(&review->voice[i], &voice)) return true;
  return false;
}

/* ---- may it be said? ---- */

/* An opinion is not a decision by mistake, nor the other way round: both say which they are. */
static enum tamis_status check_opinion(const struct review *review, const char *signer,
                                       struct fault *fault) {
  if (!review)
    return fault_set(fault, TAMIS_CONFLICT,
                     "nobody has decided on that update yet: say it as a decision");
  if (has_spoken(review, signer))
    return fault_set(fault, TAMIS_CONFLICT, "you have spoken on that update already");
  if (review->voice_count == STATE_VOICES_MAX)
    return fault_set(fault, TAMIS_CONFLICT, "%d people have spoken on that update already",
                     STATE_VOICES_MAX);
  return TAMIS_OK;
}

static enum tamis_status check_fresh(const struct statement *statement,
                                     const struct federation *federation,
                                     const struct member *member, struct fault *fault) {
  const char *client = statement_text(statement, "client");
  const char *then = statement_text(statement, "standing");
  const char *now = judge_standing_name(member->history.standing);
  uint64_t basis = (uint64_t)statement_integer(statement, "basis");
  if (basis == member->basis && strcmp(then, now) == 0) return TAMIS_OK;
  return fault_set(fault, TAMIS_CONFLICT,
                   "%s has changed since what the decision is based on (%.12s, entry %" PRIu64
                   "): entry %" PRIu64 " of the log says more, and in %s it is %s with %" PRId64
                   " strike%s now; look at it again",
                   client, then, basis, member->basis, federation->name, now,
                   member->history.strikes, member->history.strikes == 1 ? "" : "s");
}

static enum tamis_status check_decision(const struct statement *statement,
                                        const struct federation *federation,
                                        const struct member *member, const struct review *review,
                                        const struct reviewed *reviewed, struct fault *fault) {
  int64_t round = statement_integer(statement, "round");
  if (review)
    return fault_set(fault, TAMIS_CONFLICT,
                     "that update was %s in entry %" PRIu64
                     ": what you say can only be an opinion, for agreement",
                     review->decision == REVIEW_RELEASE ? "released" : "rejected", review->index);
  if (member->word_index > reviewed->index)
    return fault_set(fault, TAMIS_CONFLICT,
                     "%s was %s since, in entry %" PRIu64 ": that settled it",
                     statement_text(statement, "client"),
                     member->is_barred ? "excluded" : "reinstated", member->word_index);
  if (round <= federation->reviewed_round)
    return fault_set(fault, TAMIS_CONFLICT,
                     "rounds up to %" PRId64 " are closed to review: %d later decisions were made",
                     federation->reviewed_round, STATE_REVIEWS_MAX);
  return check_fresh(statement, federation, member, fault);
}

enum tamis_status review_admit(const struct state *state, const struct statement *statement,
                               const char *signer, const struct reviewed *reviewed,
                               struct fault *fault) {
  const char *name = statement_text(statement, "federation");
  const char *who = statement_text(statement, "client");
  const struct federation *federation = state_federation_find(state, name);
  int64_t round = statement_integer(statement, "round"), client = state_client_find(state, who);
  enum review_decision decision;
  if (!federation) return fault_set(fault, TAMIS_UNKNOWN_FEDERATION, "no federation %s", name);
  if (client == STATE_NOBODY)
    return fault_set(fault, TAMIS_UNKNOWN_CLIENT, "no client %s is enrolled", who);
  if (!review_decision_read(statement_text(statement, "decision"), &decision))
    return fault_set(fault, TAMIS_BAD_STATEMENT, "the decision is neither release nor reject");
  if (round > federation->last_round || !reviewed->is_there ||
      digest_is_zero(&federation->past[round].verdicts))
    return fault_set(fault, TAMIS_NOT_FOUND,
                     "no such update of %s was held or rejected in round %" PRId64 " of %s", who,
                     round, name);
  const struct review *review = state_review_find(federation, (uint32_t)client, round);
  if (statement_integer(statement, "opinion") == 1) return check_opinion(review, signer, fault);
  return check_decision(statement, federation, &federation->member[client], review, reviewed,
                        fault);
}

/* ---- what it does ---- */

/* So much of what a round did is left after `rounds` that each keep `kept` of it. */
static double left_of(double part, double kept, int64_t rounds) {
  for (int64_t i = 0; i < rounds && part > 0; i++) part *= kept;
  return part;
}

static void amend_trust(const struct policy *policy, const struct review *review,
                        struct history *history) {
  int64_t since = history->rounds - review->rounds;
  double loss = policy->reputation_rate * review->risk;
  double part = fmin(left_of(review->risk, policy->beta_fade, since), history->beta_bad);
  history->reputation =
      fmin(1, history->reputation + left_of(loss, 1 - policy->reputation_rate, since));
  history->beta_bad -= part;
  history->beta_good += part;
  history->trust = judge_trust(history);
  history->cusum = fmax(0, history->cusum - review->excess);
  history->drift_sum = fmax(history->drift_least, history->drift_sum - review->drift);
}

static void amend_release(const struct policy *policy, const struct review *review,
                          struct history *history) {
  int64_t *count = review->verdict == VERDICT_REJECT ? &history->rejected : &history->held;
  amend_trust(policy, review, history);
  if (*count > 0) {
    --*count;
    history->accepted++;
  }
  if (!review->is_strike) return;
  if (history->strikes > history->confirmed) history->strikes--;
  if (history->standing == STANDING_QUARANTINED &&
      (double)history->strikes < policy->strikes_quarantine)
    history->standing = STANDING_WATCHED;
}

void review_amend(const struct policy *policy, const struct review *review,
                  struct history *history) {
  enum standing before = history->standing;
  if (review->decision == REVIEW_RELEASE) {
    amend_release(policy, review, history);
  } else if (review->is_strike) {
    history->confirmed++;
    if (history->strikes < history->confirmed) history->strikes = history->confirmed;
  }
  if (history->standing != before)
    snprintf(history->sentence, sizeof history->sentence,
             "its update of round %" PRId64 " was released in entry %" PRIu64 ", %" PRId64
             " strike%s left",
             review->round, review->index, history->strikes,
             history->strikes == 1 ? " is" : "s are");
}

/* A decision about an update that no history has, or a confirmation of no strike, is on record and
 * changes nothing. */
static bool has_effect(const struct federation *federation, const struct review *review) {
  if (review->verdict == VERDICT_NONE || !state_history_has(federation, review->round))
    return false;
  return review->decision == REVIEW_RELEASE || review->is_strike;
}

/* By which the round was judged. */
static const struct policy *policy_of(const struct federation *federation, int64_t round) {
  return state_policy(federation, federation->past[round].policy_version);
}

bool review_is_due(const struct federation *federation) {
  for (size_t i = 0; i < federation->review_count; i++)
    if (federation->review[i].is_due) return true;
  return false;
}

static const struct review *oldest_due(const struct federation *federation) {
  const struct review *oldest = NULL;
  for (size_t i = 0; i < federation->review_count; i++) {
    const struct review *review = &federation->review[i];
    if (review->is_due && (!oldest || review->index < oldest->index)) oldest = review;
  }
  return oldest;
}

/* What the entry says to people. */
static void say_amended(const struct review *review, const struct history *history,
                        char sentence[JUDGE_SENTENCE_SIZE]) {
  const char *verdict = judge_verdict_name(review->verdict);
  if (review->decision == REVIEW_RELEASE)
    snprintf(sentence, JUDGE_SENTENCE_SIZE,
             "the %s of round %" PRId64 " was found wrong in entry %" PRIu64 ": %" PRId64
             " strike%s left, reputation %.2f",
             verdict, review->round, review->index, history->strikes,
             history->strikes == 1 ? "" : "s", history->reputation);
  else
    snprintf(sentence, JUDGE_SENTENCE_SIZE,
             "the %s of round %" PRId64 " was found right in entry %" PRIu64 ": %" PRId64
             " of %" PRId64 " strike%s will not be forgiven",
             verdict, review->round, review->index, history->confirmed, history->strikes,
             history->strikes == 1 ? "" : "s");
}

bool review_next(const struct state *state, const struct federation *federation,
                 struct decision *decision) {
  const struct review *review = oldest_due(federation);
  char sentence[JUDGE_SENTENCE_SIZE];
  if (!review) return false;
  const struct member *member = &federation->member[review->client];
  const char *name = state->client[review->client].name;
  struct history history = member->history;
  review_amend(policy_of(federation, review->round), review, &history);
  say_amended(review, &history, sentence);
  struct proposal *proposal = decision_add(
      decision, STATEMENT_AMENDED, "manifest", NULL,
      json_pack("{s:s, s:I, s:s, s:I, s:I, s:s, s:s, s:s}", "federation", federation->name, "round",
                (json_int_t)review->round, "client", name, "review", (json_int_t)review->index,
                "basis", (json_int_t)member->basis, "from",
                judge_standing_name(member->history.standing), "to",
                judge_standing_name(history.standing), "sentence", sentence));
  proposal->subject[0] = decision_attach(
      proposal,
      manifest_amended(federation->name, review->round,
                       manifest_history_write(name, &history, &member->before, &member->sketch)));
  return true;
}

/* ---- entries that were appended ---- */

struct found {
  struct manifest_update update;
  struct history after; /* that round */
};

static enum tamis_status find_update(const struct applying *a, const char *federation,
                                     int64_t round, struct found *found, struct fault *fault) {
  const char *client = statement_text(a->statement, "client");
  const json_t *updates, *clients, *element;
  bool is_update = false, is_client = false;
  size_t i;
  enum tamis_status status =
      manifest_list(a->manifest, federation, round, "updates", &updates, fault);
  if (status == TAMIS_OK)
    status = manifest_list(a->manifest, federation, round, "clients", &clients, fault);
  if (status != TAMIS_OK) return status;
  json_array_foreach(updates, i, element) {
    struct manifest_update update;
    status = manifest_update_read(element, &update, fault);
    if (status != TAMIS_OK) return status;
    if (strcmp(update.client, client) != 0) continue;
    found->update = update;
    is_update = true;
  }
  json_array_foreach(clients, i, element) {
    const char *name;
    struct history history;
    struct digest before;
    struct sketch_place sketch;
    status = manifest_history_read(element, &name, &history, &before, &sketch, fault);
    if (status != TAMIS_OK) return status;
    if (strcmp(name, client) != 0) continue;
    found->after = history;
    is_client = true;
  }
  bool is_held = is_update && is_client &&
                 (found->update.verdict == VERDICT_HOLD || found->update.verdict == VERDICT_REJECT);
  return is_held && digest_equal(&found->update.update, &a->statement->subject[0])
             ? TAMIS_OK
             : undo_contradiction(a, fault, "the round held no such update");
}

/* What the round added to a sum of z-scores above something; a sum may since have forgotten it. */
static double added(double z, double above, double most) {
  return fmax(0, fmin(z - above, most));
}

static struct review review_of(const struct policy *policy, const struct found *found) {
  const struct manifest_update *update = &found->update;
  double z = fmax(-policy->drift_clip, fmin(update->z_distance, policy->drift_clip));
  return (struct review){
      .verdict = update->is_counted ? update->verdict : VERDICT_NONE,
      .is_strike = update->is_strike,
      .risk = update->risk,
      .excess = added(update->z_distance, policy->cusum_slack, policy->cusum_clip),
      .drift = added(z, found->after.drift_mean + policy->drift_slack, HUGE_VAL),
      .rounds = found->after.rounds,
  };
}

static enum tamis_status apply_decision(struct applying *a, struct federation *federation,
                                        uint32_t client, int64_t round, struct fault *fault) {
  struct found found;
  enum tamis_status status = find_update(a, federation->name, round, &found, fault);
  if (status != TAMIS_OK) return status;
  struct member *member = &federation->member[client];
  if (member->word_index > found.update.index || round <= federation->reviewed_round ||
      member->basis != (uint64_t)statement_integer(a->statement, "basis"))
    return undo_contradiction(a, fault, "this update was not to be decided on now");
  struct review *review = state_review_add(federation);
  *review = review_of(policy_of(federation, round), &found);
  review->client = client;
  review->round = round;
  review->index = a->index;
  review->voice[review->voice_count++] = voice_of(a->entry->signer);
  if (!review_decision_read(statement_text(a->statement, "decision"), &review->decision))
    return undo_contradiction(a, fault, "it is no decision");
  review->is_due = has_effect(federation, review);
  member->basis = a->index;
  return TAMIS_OK;
}

enum tamis_status review_apply(struct applying *a, struct fault *fault) {
  struct federation *federation =
      state_federation_find(a->state, statement_text(a->statement, "federation"));
  int64_t client = state_client_find(a->state, statement_text(a->statement, "client"));
  int64_t round = statement_integer(a->statement, "round");
  if (!federation || client == STATE_NOBODY || round > federation->last_round)
    return undo_contradiction(a, fault, "there is no such client, federation or round");
  struct review *review = state_review_find(federation, (uint32_t)client, round);
  bool is_opinion = statement_integer(a->statement, "opinion") == 1;
  if (is_opinion != (review != NULL))
    return undo_contradiction(a, fault, "it is a decision the first time, and an opinion after");
  if (!is_opinion) return apply_decision(a, federation, (uint32_t)client, round, fault);
  if (has_spoken(review, a->entry->signer) || review->voice_count == STATE_VOICES_MAX)
    return undo_contradiction(a, fault, "it was said before, or by too many");
  review->voice[review->voice_count++] = voice_of(a->entry->signer);
  return TAMIS_OK;
}

/* The manifest must be what the decision makes of the history, so that a reader of the log needs no
 * more than it. */
static enum tamis_status check_amended(const struct applying *a,
                                       const struct federation *federation,
                                       const struct review *review, const struct history *history,
                                       struct fault *fault) {
  const struct member *member = &federation->member[review->client];
  const char *name = statement_text(a->statement, "client");
  const json_t *clients;
  enum tamis_status status =
      manifest_list(a->manifest, federation->name, review->round, "clients", &clients, fault);
  if (status != TAMIS_OK) return status;
  json_t *due =
      decision_memory(manifest_history_write(name, history, &member->before, &member->sketch));
  bool is_same = json_array_size(clients) == 1 && json_equal(json_array_get(clients, 0), due);
  json_decref(due);
  return is_same ? TAMIS_OK
                 : undo_contradiction(a, fault, "the history is not what the decision makes of it");
}

enum tamis_status review_apply_amended(struct applying *a, struct fault *fault) {
  struct federation *federation =
      state_federation_find(a->state, statement_text(a->statement, "federation"));
  int64_t client = state_client_find(a->state, statement_text(a->statement, "client"));
  struct review *review = federation && client != STATE_NOBODY
                              ? state_review_find(federation, (uint32_t)client,
                                                  statement_integer(a->statement, "round"))
                              : NULL;
  if (!review || !review->is_due ||
      review->index != (uint64_t)statement_integer(a->statement, "review"))
    return undo_contradiction(a, fault, "no decision is to be carried out here");
  struct member *member = &federation->member[client];
  struct history history = member->history;
  if (member->basis != (uint64_t)statement_integer(a->statement, "basis"))
    return undo_contradiction(a, fault, "it is based on something else");
  review_amend(policy_of(federation, review->round), review, &history);
  enum tamis_status status = check_amended(a, federation, review, &history, fault);
  if (status != TAMIS_OK) return status;
  member->history = history;
  member->has_moved = member->has_moved && history.standing != member->moved_from;
  member->basis = a->index;
  review->is_due = false;
  if (federation->round.phase == PHASE_COLLECTING) federation->revision++;
  state_readable_add(a->state, &a->statement->subject[0]);
  return TAMIS_OK;
}

void review_forget(struct federation *federation, uint32_t client) {
  for (size_t i = 0; i < federation->review_count; i++)
    if (federation->review[i].client == client) federation->review[i].is_due = false;
}

void review_restored(struct federation *federation, int64_t judged, uint64_t index) {
  for (size_t i = 0; i < federation->review_count; i++) {
    struct review *review = &federation->review[i];
    if (federation->member[review->client].basis != index) continue;
    review->is_due =
        has_effect(federation, review) && review->index > federation->past[judged].judged_index;
  }
}
