/* Clients vouch for the log: what they signed is kept, and a round that wants their word is told
 * when it has it. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "aggregator/core_private.h"

bool core_is_ours(const struct core *core, uint64_t size, const struct digest *root) {
  if (size > core->ledger.published) return false;
  struct digest ours = merkle_tree_root(journal_tree(core->ledger.journal), size);
  return digest_equal(&ours, root);
}

/* ---- asking ---- */

static void asked_clear(struct core *core, struct asked *asked) {
  if (!asked->note) return;
  cosignatures_unpin(&core->cosignatures, asked->size);
  free(asked->note);
  *asked = (struct asked){.note = NULL};
}

/* The latest checkpoint, which holds whatever was logged. */
static void asked_set(struct core *core, struct asked *asked, int64_t round) {
  const struct ledger *ledger = &core->ledger;
  struct digest root = merkle_tree_root(journal_tree(ledger->journal), ledger->published);
  asked_clear(core, asked);
  asked->note = malloc(ledger->note_length);
  if (!asked->note) return; /* asked at the next look */
  memcpy(asked->note, ledger->note, ledger->note_length);
  asked->length = ledger->note_length;
  asked->size = ledger->published;
  asked->round = round;
  cosignatures_pin(&core->cosignatures, asked->size, &root);
  core->has_news = true;
}

void core_witness_ask(struct core *core) {
  const struct state *state = core->ledger.state;
  for (size_t i = 0; i < state->federation_count; i++) {
    struct asked *asked = &core->asked[i];
    uint64_t size_least;
    bool is_wanted = federation_wants_witnesses(state->federation[i], &size_least) &&
                     size_least <= core->ledger.published;
    if (!is_wanted)
      asked_clear(core, asked);
    else if (!asked->note || asked->round != state->federation[i]->round.number)
      asked_set(core, asked, state->federation[i]->round.number);
  }
}

const struct cosigned *core_witness_seen(const struct core *core, size_t federation) {
  const struct asked *asked = &core->asked[federation];
  return asked->note ? cosignatures_of(&core->cosignatures, asked->size) : NULL;
}

bool core_witness_next(const struct core *core, const struct federation *federation,
                       struct decision *decision) {
  for (size_t i = core->cosignatures.count; i-- > 0;)
    if (federation_witnessed(core->ledger.state, federation, &core->cosignatures.tree[i].cosigned,
                             decision))
      return true;
  return false;
}

void core_witness_close(struct core *core) {
  for (size_t i = 0; i < STATE_FEDERATIONS_MAX; i++) asked_clear(core, &core->asked[i]);
  cosignatures_close(&core->cosignatures);
}

/* ---- calls ---- */

struct cosign_call {
  struct call call;
  const char *client, *federation, *line;
  uint64_t size;
  const struct digest *root;
  size_t length;
  uint64_t *held;
  char **note;
  size_t *note_length;
};

static enum tamis_status find_client(const struct core *core, const struct cosign_call *ask,
                                     int64_t *client, struct fault *fault) {
  *client = state_client_find(core->ledger.state, ask->client);
  if (*client == STATE_NOBODY)
    return fault_set(fault, TAMIS_UNKNOWN_CLIENT, "no client %.64s is enrolled", ask->client);
  if (core->ledger.state->client[*client].revoked)
    return fault_set(fault, TAMIS_KEY_REVOKED, "the key of %s was revoked", ask->client);
  return TAMIS_OK;
}

/* Who is ahead of what was asked cannot vouch for it any more, as its word is always about the
 * largest tree it has seen: then all are asked for a newer one. */
static void ask_newer(struct core *core, uint64_t size, uint32_t client) {
  for (size_t i = 0; i < core->ledger.state->federation_count; i++) {
    struct asked *asked = &core->asked[i];
    if (asked->note && size > asked->size &&
        !cosignatures_has(&core->cosignatures, asked->size, client))
      asked_set(core, asked, asked->round);
  }
}

static enum tamis_status run_cosign(struct core *core, struct call *call) {
  struct cosign_call *ask = (struct cosign_call *)(void *)call;
  int64_t client;
  size_t held = 0;
  enum tamis_status status = find_client(core, ask, &client, call->fault);
  if (status != TAMIS_OK) return status;
  if (ask->size == 0)
    return fault_set(call->fault, TAMIS_BAD_REQUEST, "there is no tree of size 0");
  if (!core_is_ours(core, ask->size, ask->root)) {
    core->counters.fork_evidence++;
    return fault_set(call->fault, TAMIS_FORK,
                     "%.64s was shown a tree of %" PRIu64
                     " entries that is not this log, which has %" PRIu64
                     ": restored from an old backup, or served twice?",
                     ask->client, ask->size, core->ledger.published);
  }
  status = cosignatures_put(&core->cosignatures, core->ledger.state, (uint32_t)client, ask->size,
                            ask->root, ask->line, ask->length, &held, call->fault);
  if (status == TAMIS_OK) ask_newer(core, ask->size, (uint32_t)client);
  *ask->held = held;
  return status;
}

enum tamis_status core_cosign(struct core *core, const char *client, uint64_t size,
                              const struct digest *root, const char *line, size_t length,
                              uint64_t *held, struct fault *fault) {
  struct cosign_call ask = {
      .client = client, .size = size, .root = root, .line = line, .length = length, .held = held};
  return core_ask(core, &ask.call, run_cosign, fault);
}

static enum tamis_status run_wanted(struct core *core, struct call *call) {
  struct cosign_call *ask = (struct cosign_call *)(void *)call;
  const struct state *state = core->ledger.state;
  int64_t client;
  enum tamis_status status = find_client(core, ask, &client, call->fault);
  for (size_t i = 0; status == TAMIS_OK && i < state->federation_count; i++) {
    const struct asked *asked = &core->asked[i];
    if (!asked->note || cosignatures_has(&core->cosignatures, asked->size, (uint32_t)client))
      continue;
    *ask->note = malloc(asked->length);
    if (!*ask->note) return fault_plain(call->fault, TAMIS_NO_MEMORY);
    memcpy(*ask->note, asked->note, asked->length);
    *ask->note_length = asked->length;
    break;
  }
  return status;
}

enum tamis_status core_witness_wanted(struct core *core, const char *client, char **note,
                                      size_t *length, struct fault *fault) {
  struct cosign_call ask = {.client = client, .note = note, .note_length = length};
  *note = NULL;
  *length = 0;
  return core_ask(core, &ask.call, run_wanted, fault);
}
