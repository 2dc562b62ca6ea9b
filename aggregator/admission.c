/* One check a reason; the first that finds something speaks. */
#include "aggregator/admission.h"

#include <inttypes.h>
#include <string.h>

bool admission_is_closed(const struct federation *federation, int64_t now_ms) {
  const struct round *round = &federation->round;
  return federation->rebuild.is_under_way || round->phase != PHASE_COLLECTING ||
         round->answered == round->selected || (int64_t)round->updates >= round->target ||
         now_ms >= round->closes_at_ms || !digest_equal(&round->base, &federation->head);
}

/* What the checks look at. */
struct offer {
  const struct state *state;
  const struct federation *federation;
  const struct round *round;
  const struct statement *statement;
  const char *client;
  const struct slot *slot; /* NULL: not selected */
  int64_t position;        /* of the client */
  int64_t now_ms;
  uint64_t expected_bytes;
  bool is_other_history;
};

static enum tamis_status check_federation(const struct offer *offer, struct fault *fault) {
  if (offer->federation) return TAMIS_OK;
  return fault_set(fault, TAMIS_UNKNOWN_FEDERATION, "no federation %s",
                   statement_text(offer->statement, "federation"));
}

static enum tamis_status check_excluded(const struct offer *offer, struct fault *fault) {
  const struct history *history = &offer->federation->member[offer->position].history;
  if (history->standing != STANDING_EXCLUDED) return TAMIS_OK;
  return fault_set(fault, TAMIS_EXCLUDED, "%s is excluded from %s: %s", offer->client,
                   offer->federation->name, history->sentence);
}

/* Before its round or its numbers: what is on the list is not looked at. */
static enum tamis_status check_known_bad(const struct offer *offer, struct fault *fault) {
  const struct feed *feed = &offer->state->feed;
  const struct feed_item *key = state_known_bad(offer->state, (size_t)offer->position);
  const struct feed_item *update = feed_find(feed, FEED_UPDATES, &offer->statement->subject[0]);
  if (!key && !update) return TAMIS_OK;
  return fault_set(fault, TAMIS_KNOWN_BAD, "%s is on the known-bad feed, version %" PRId64 ": %s",
                   key ? "the client's key" : "this update", feed->version,
                   key ? key->reason : update->reason);
}

/* Either the client lies or this log is not the one it was: an operator must know at once. */
static enum tamis_status check_history(const struct offer *offer, struct fault *fault) {
  if (!offer->is_other_history) return TAMIS_OK;
  return fault_set(
      fault, TAMIS_FORK,
      "%s verified a log of %" PRId64 " entries that is not this one: if this server "
      "came from an old backup, stop it; `tamis log fork` checks the client's evidence",
      offer->client, statement_integer(offer->statement, "checkpoint_size"));
}

static enum tamis_status check_round(const struct offer *offer, struct fault *fault) {
  int64_t round = statement_integer(offer->statement, "round");
  if (offer->round->phase == PHASE_WAITING || round != offer->round->number)
    return fault_set(fault, TAMIS_STALE_ROUND,
                     "round %" PRId64 " of %s is not open; the last to open was %" PRId64, round,
                     offer->federation->name, offer->federation->last_round);
  return TAMIS_OK;
}

static enum tamis_status check_selected(const struct offer *offer, struct fault *fault) {
  if (offer->slot) return TAMIS_OK;
  return fault_set(fault, TAMIS_NOT_SELECTED, "%s is not in the cohort of round %" PRId64,
                   offer->client, offer->round->number);
}

static enum tamis_status check_base(const struct offer *offer, struct fault *fault) {
  struct digest base = statement_digest(offer->statement, "base");
  char hex[DIGEST_HEX_SIZE];
  if (digest_equal(&base, &offer->round->base)) return TAMIS_OK;
  digest_to_hex(&offer->round->base, hex);
  return fault_set(fault, TAMIS_WRONG_BASE, "the base of round %" PRId64 " is %s",
                   offer->round->number, hex);
}

static enum tamis_status check_duplicate(const struct offer *offer, struct fault *fault) {
  if (offer->slot->answer != ANSWER_UPDATE) return TAMIS_OK;
  return fault_set(fault, TAMIS_DUPLICATE,
                   "%s already has another update in round %" PRId64 ", entry %" PRIu64,
                   offer->client, offer->round->number, offer->slot->index);
}

static enum tamis_status check_closed(const struct offer *offer, struct fault *fault) {
  if (!admission_is_closed(offer->federation, offer->now_ms)) return TAMIS_OK;
  return fault_set(fault, TAMIS_STALE_ROUND, "round %" PRId64 " of %s has closed",
                   offer->round->number, offer->federation->name);
}

static enum tamis_status check_size(const struct offer *offer, struct fault *fault) {
  int64_t size = statement_integer(offer->statement, "size");
  int64_t expected = (int64_t)offer->expected_bytes;
  if (size == expected || expected == 0) return TAMIS_OK;
  return fault_set(fault, size > expected ? TAMIS_TOO_LARGE : TAMIS_WRONG_LAYOUT,
                   "the update has %" PRId64 " bytes, the base model %" PRId64, size, expected);
}

static enum tamis_status check_examples(const struct offer *offer, struct fault *fault) {
  int64_t examples = statement_integer(offer->statement, "examples");
  int64_t most = offer->federation->terms.examples_max;
  if (examples >= 1 && examples <= most) return TAMIS_OK;
  return fault_set(fault, TAMIS_BAD_EXAMPLES, "%" PRId64 " examples is not from 1 to %" PRId64,
                   examples, most);
}

static enum tamis_status (*const checks[])(const struct offer *, struct fault *) = {
    check_federation, check_known_bad, check_excluded, check_history,
    check_round,      check_selected,  check_base,     check_duplicate,
    check_closed,     check_size,      check_examples,
};

enum tamis_status admission_update(const struct state *state, const struct entry *entry,
                                   int64_t now_ms, uint64_t expected_bytes, bool is_other_history,
                                   struct fault *fault) {
  struct offer offer = {.state = state,
                        .statement = &entry->statement,
                        .client = entry->signer,
                        .position = state_client_find(state, entry->signer),
                        .now_ms = now_ms,
                        .expected_bytes = expected_bytes,
                        .is_other_history = is_other_history};
  offer.federation = state_federation_find(state, statement_text(&entry->statement, "federation"));
  if (offer.federation) {
    offer.round = &offer.federation->round;
    offer.slot = state_slot_find(state, offer.round, offer.client);
  }
  for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
    enum tamis_status status = checks[i](&offer, fault);
    if (status != TAMIS_OK) return status;
  }
  return TAMIS_OK;
}

bool admission_logs_refusal(const struct state *state, const struct entry *entry) {
  const struct federation *federation =
      state_federation_find(state, statement_text(&entry->statement, "federation"));
  int64_t client = state_client_find(state, entry->signer);
  if (!federation || client == STATE_NOBODY) return false;
  const struct member *member = &federation->member[client];
  return member->refused_since_open < ADMISSION_REFUSALS_MAX &&
         !digest_equal(&member->last_refused, &entry->envelope);
}
