/* Growing and finding; no entry is understood here. */
#include "aggregator/state.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *grow(void *memory, size_t count, size_t size) {
  void *grown = realloc(memory, count * size);
  if (!grown) {
    fputs("tamis: out of memory while the state followed the journal\n", stderr);
    abort();
  }
  return grown;
}

/* Room for one more at every power of two, so that growing costs O(1) an element. */
static void *grow_for_one(void *memory, size_t count, size_t size) {
  bool full = count == 0 || (count & (count - 1)) == 0;
  return full ? grow(memory, count ? 2 * count : 1, size) : memory;
}

struct state *state_new(const struct public_key *log_key) {
  struct state *state = grow(NULL, 1, sizeof *state);
  memset(state, 0, sizeof *state);
  state->log_key = *log_key;
  return state;
}

static void federation_free(struct federation *federation) {
  free(federation->policy);
  free(federation->dispute);
  free(federation->approval);
  free(federation->review);
  free(federation->evaluation);
  free(federation->round.slot);
  free(federation->past);
  free(federation->member);
  free(federation);
}

void state_free(struct state *state) {
  if (!state) return;
  for (size_t i = 0; i < state->federation_count; i++) federation_free(state->federation[i]);
  free(state->person);
  free(state->client);
  free(state->invitation);
  digest_set_clear(&state->spent);
  feed_close(&state->feed);
  digest_set_clear(&state->readable);
  free(state);
}

static void *copy(const void *memory, size_t count, size_t size) {
  void *copied = grow(NULL, count + 1, size);
  if (count > 0) memcpy(copied, memory, count * size);
  return copied;
}

/* Everything, and a copy of its own of all that it points to. */
static struct federation *federation_excerpt(const struct federation *federation) {
  struct federation *only = copy(federation, 1, sizeof *only);
  only->past = copy(federation->past, (size_t)federation->last_round + 1, sizeof *only->past);
  only->member = copy(federation->member, federation->member_count, sizeof *only->member);
  only->round.slot = copy(federation->round.slot, federation->round.selected, sizeof(struct slot));
  only->policy = copy(federation->policy, federation->policy_count, sizeof *only->policy);
  only->dispute = copy(federation->dispute, federation->dispute_count, sizeof *only->dispute);
  only->approval = copy(federation->approval, federation->approval_count, sizeof *only->approval);
  only->review = copy(federation->review, federation->review_count, sizeof *only->review);
  only->evaluation =
      copy(federation->evaluation, federation->evaluation_count, sizeof *only->evaluation);
  return only;
}

struct state *state_excerpt(const struct state *state, const struct federation *federation) {
  struct state *excerpt = state_new(&state->log_key);
  excerpt->aggregator = state->aggregator;
  excerpt->applied = state->applied;
  excerpt->is_separated = state->is_separated;
  excerpt->latest_ms = state->latest_ms;
  excerpt->person_count = state->person_count;
  excerpt->person = copy(state->person, state->person_count, sizeof *state->person);
  excerpt->client_count = state->client_count;
  excerpt->client = copy(state->client, state->client_count, sizeof *state->client);
  excerpt->federation[0] = federation_excerpt(federation);
  excerpt->federation_count = 1;
  return excerpt;
}

const char *state_origin(const struct state *state) {
  return state->log_key.name;
}

int64_t state_client_find(const struct state *state, const char *name) {
  for (size_t i = 0; i < state->client_count; i++)
    if (strcmp(state->client[i].name, name) == 0) return (int64_t)i;
  return STATE_NOBODY;
}

struct person *state_person_find(const struct state *state, const char *name) {
  for (size_t i = 0; i < state->person_count; i++)
    if (strcmp(state->person[i].key.name, name) == 0) return &state->person[i];
  return NULL;
}

struct invitation *state_invitation_find(const struct state *state, const struct digest *token) {
  for (size_t i = 0; i < state->invitation_count; i++)
    if (digest_equal(&state->invitation[i].token, token)) return &state->invitation[i];
  return NULL;
}

struct federation *state_federation_find(const struct state *state, const char *name) {
  for (size_t i = 0; i < state->federation_count; i++)
    if (strcmp(state->federation[i]->name, name) == 0) return state->federation[i];
  return NULL;
}

struct slot *state_slot_find(const struct state *state, const struct round *round,
                             const char *client) {
  size_t low = 0, high = round->selected;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    int order = strcmp(client, state->client[round->slot[middle].client].name);
    if (order == 0) return &round->slot[middle];
    if (order < 0)
      high = middle;
    else
      low = middle + 1;
  }
  return NULL;
}

static void member_add(struct federation *federation) {
  federation->member =
      grow_for_one(federation->member, federation->member_count, sizeof *federation->member);
  struct member *member = &federation->member[federation->member_count++];
  memset(member, 0, sizeof *member);
  judge_history_start(&member->history);
}

struct client *state_client_add(struct state *state) {
  assert(state->client_count < STATE_CLIENTS_MAX);
  state->client = grow_for_one(state->client, state->client_count, sizeof *state->client);
  struct client *client = &state->client[state->client_count++];
  memset(client, 0, sizeof *client);
  for (size_t i = 0; i < state->federation_count; i++) member_add(state->federation[i]);
  return client;
}

struct person *state_person_add(struct state *state, const struct public_key *key) {
  assert(state->person_count < STATE_PERSONS_MAX);
  state->person = grow_for_one(state->person, state->person_count, sizeof *state->person);
  struct person *person = &state->person[state->person_count++];
  memset(person, 0, sizeof *person);
  person->key = *key;
  return person;
}

struct invitation *state_invitation_add(struct state *state) {
  assert(state->invitation_count < STATE_INVITATIONS_MAX);
  state->invitation =
      grow_for_one(state->invitation, state->invitation_count, sizeof *state->invitation);
  struct invitation *invitation = &state->invitation[state->invitation_count++];
  memset(invitation, 0, sizeof *invitation);
  return invitation;
}

struct federation *state_federation_add(struct state *state, const char *name) {
  assert(state->federation_count < STATE_FEDERATIONS_MAX);
  struct federation *federation = grow(NULL, 1, sizeof *federation);
  memset(federation, 0, sizeof *federation);
  state_name_set(federation->name, name);
  federation->past = grow(NULL, 1, sizeof *federation->past);
  federation->past[0] = (struct past_round){.outcome = OUTCOME_PROMOTED};
  for (size_t i = 0; i < state->client_count; i++) member_add(federation);
  state->federation[state->federation_count++] = federation;
  return federation;
}

struct round *state_round_add(struct federation *federation, size_t selected) {
  size_t count = (size_t)federation->last_round + 1;
  federation->past = grow_for_one(federation->past, count, sizeof *federation->past);
  federation->past[count] = (struct past_round){.outcome = OUTCOME_OPEN};
  federation->last_round++;
  struct slot *slot = grow(federation->round.slot, selected ? selected : 1, sizeof *slot);
  memset(slot, 0, selected * sizeof *slot);
  federation->round = (struct round){.slot = slot, .selected = selected};
  return &federation->round;
}

struct dispute *state_dispute_find(const struct federation *federation, uint32_t client,
                                   int64_t round) {
  for (size_t i = 0; i < federation->dispute_count; i++) {
    struct dispute *dispute = &federation->dispute[i];
    if (dispute->client == client && dispute->round == round) return dispute;
  }
  return NULL;
}

struct dispute *state_dispute_add(struct federation *federation) {
  assert(federation->dispute_count < STATE_DISPUTES_MAX);
  federation->dispute =
      grow_for_one(federation->dispute, federation->dispute_count, sizeof *federation->dispute);
  struct dispute *dispute = &federation->dispute[federation->dispute_count++];
  memset(dispute, 0, sizeof *dispute);
  return dispute;
}

/* The order of the others stays: it is part of the state's text. */
void state_dispute_remove(struct federation *federation, struct dispute *dispute) {
  size_t place = (size_t)(dispute - federation->dispute);
  federation->dispute_count--;
  memmove(dispute, dispute + 1, (federation->dispute_count - place) * sizeof *dispute);
}

void state_policy_add(struct federation *federation, const struct policy *policy) {
  assert(federation->policy_count < STATE_POLICIES_MAX);
  federation->policy =
      grow_for_one(federation->policy, federation->policy_count, sizeof *federation->policy);
  federation->policy[federation->policy_count++] = *policy;
}

const struct policy *state_policy(const struct federation *federation, int64_t version) {
  assert(version >= 1 && version <= (int64_t)federation->policy_count);
  return &federation->policy[version - 1];
}

const struct policy *state_policy_now(const struct federation *federation) {
  return state_policy(federation, (int64_t)federation->policy_count);
}

struct evaluation *state_evaluation_add(struct federation *federation) {
  federation->evaluation = grow_for_one(federation->evaluation, federation->evaluation_count,
                                        sizeof *federation->evaluation);
  struct evaluation *evaluation = &federation->evaluation[federation->evaluation_count++];
  memset(evaluation, 0, sizeof *evaluation);
  return evaluation;
}

struct approval *state_approval_add(struct federation *federation) {
  assert(federation->approval_count < STATE_APPROVALS_MAX);
  federation->approval =
      grow_for_one(federation->approval, federation->approval_count, sizeof *federation->approval);
  struct approval *approval = &federation->approval[federation->approval_count++];
  memset(approval, 0, sizeof *approval);
  return approval;
}

struct review *state_review_find(const struct federation *federation, uint32_t client,
                                 int64_t round) {
  for (size_t i = 0; i < federation->review_count; i++) {
    struct review *review = &federation->review[i];
    if (review->client == client && review->round == round) return review;
  }
  return NULL;
}

/* The first among equals; the order of the others stays. One that is due is not forgotten: there
 * are never many. */
static void review_evict(struct federation *federation) {
  size_t oldest = 0;
  for (size_t i = 1; i < federation->review_count; i++)
    if (!federation->review[i].is_due &&
        (federation->review[oldest].is_due ||
         federation->review[i].round < federation->review[oldest].round))
      oldest = i;
  struct review *review = &federation->review[oldest];
  if (review->round > federation->reviewed_round) federation->reviewed_round = review->round;
  federation->review_count--;
  memmove(review, review + 1, (federation->review_count - oldest) * sizeof *review);
}

struct review *state_review_add(struct federation *federation) {
  if (federation->review_count == STATE_REVIEWS_MAX) review_evict(federation);
  federation->review =
      grow_for_one(federation->review, federation->review_count, sizeof *federation->review);
  struct review *review = &federation->review[federation->review_count++];
  memset(review, 0, sizeof *review);
  return review;
}

bool state_history_has(const struct federation *federation, int64_t round) {
  int64_t at = federation->history_round;
  while (at > round) at = federation->past[at].history_of;
  return at == round && round > 0;
}

void state_readable_add(struct state *state, const struct digest *blob) {
  digest_set_add(&state->readable, blob);
}

bool state_readable_has(const struct state *state, const struct digest *blob) {
  return digest_set_has(&state->readable, blob);
}

const struct feed_item *state_known_bad(const struct state *state, size_t client) {
  if (state->feed.count[FEED_KEYS] == 0) return NULL;
  struct digest digest = digest_of(state->client[client].key.byte, KEY_PUBLIC_SIZE);
  return feed_find(&state->feed, FEED_KEYS, &digest);
}

bool state_is_eligible(const struct state *state, const struct federation *federation,
                       size_t client) {
  return !state->client[client].revoked && !state_known_bad(state, client) &&
         federation->member[client].history.standing != STANDING_EXCLUDED;
}

/* ---- organisations ---- */

struct organisation_count {
  const char *name;
  size_t client, clients, convicted;
};

static int by_organisation(const void *left, const void *right) {
  const struct organisation_count *one = left, *other = right;
  return strcmp(one->name, other->name);
}

void state_organisation_risks(const struct state *state, const struct federation *federation,
                              double *risk) {
  size_t count = state->client_count;
  struct organisation_count *one = grow(NULL, count + 1, sizeof *one), all = {0};
  for (size_t i = 0; i < count; i++) {
    const struct history *history = &federation->member[i].history;
    one[i] = (struct organisation_count){.name = state->client[i].organisation,
                                         .client = i,
                                         .clients = history->rounds > 0,
                                         .convicted = history->rounds > 0 &&
                                                      history->standing >= STANDING_QUARANTINED};
    all.clients += one[i].clients;
    all.convicted += one[i].convicted;
  }
  qsort(one, count, sizeof *one, by_organisation);
  for (size_t from = 0, to; from < count; from = to) {
    size_t clients = 0, convicted = 0;
    for (to = from; to < count && strcmp(one[to].name, one[from].name) == 0; to++) {
      clients += one[to].clients;
      convicted += one[to].convicted;
    }
    for (size_t i = from; i < to; i++)
      risk[one[i].client] = judge_organisation_risk(convicted, clients, all.convicted - convicted,
                                                    all.clients - clients);
  }
  free(one);
}

bool state_has_model(const struct past_round *past) {
  return past->outcome == OUTCOME_PROMOTED || past->outcome == OUTCOME_REBUILT;
}

int64_t state_round_judged(const struct federation *federation, int64_t round) {
  while (federation->past[round].of != 0) round = federation->past[round].of;
  return round;
}

int64_t state_line_next(const struct federation *federation, int64_t after) {
  int64_t next = 0;
  for (int64_t i = federation->head_round; i > after; i = federation->past[i].base_round) next = i;
  return next;
}

int64_t state_rebuild_next(const struct federation *federation) {
  const struct rebuild *rebuild = &federation->rebuild;
  return state_line_next(federation, rebuild->last_of ? rebuild->last_of : rebuild->since - 1);
}

bool state_is_rebuild_frozen(const struct federation *federation) {
  return federation->is_frozen && federation->freeze_index > federation->rebuild.index;
}

bool state_is_finished(const struct federation *federation) {
  return federation->terms.rounds_max > 0 && federation->opened >= federation->terms.rounds_max &&
         federation->round.phase == PHASE_WAITING;
}

void state_name_set(char out[STATE_NAME_SIZE], const char *name) {
  size_t length = strlen(name);
  assert(length < STATE_NAME_SIZE);
  memcpy(out, name, length + 1);
}
