/* An update's way: the offer at the door, and the entry once its bytes are durable and were found
 * good. */
#include <string.h>
#include "aggregator/core_private.h"

struct update_call {
  struct call call;
  const char *client, *envelope;
  size_t length;
  struct core_offer *offer; /* offer only */
  enum tamis_status found;  /* refuse only: what the content was found to be */
  const char *sentence;
};

/* Who signed it is who talks to us, and it is an update. */
static enum tamis_status open_update(struct core *core, const struct update_call *update,
                                     struct entry *entry, struct fault *fault) {
  enum tamis_status status =
      entry_open(core->ledger.state, update->envelope, update->length, entry, fault);
  if (status != TAMIS_OK) return status;
  if (entry->statement.kind == STATEMENT_UPDATE && strcmp(entry->signer, update->client) == 0)
    return TAMIS_OK;
  status = fault_set(fault, TAMIS_DENIED, "%.64s may not offer a %s of %.64s", update->client,
                     statement_kind_name(entry->statement.kind), entry->signer);
  entry_close(entry);
  return status;
}

/* An update is as long as its base. */
static uint64_t expected_bytes(struct core *core, const struct entry *entry) {
  const struct federation *federation =
      state_federation_find(core->ledger.state, statement_text(&entry->statement, "federation"));
  return federation ? blob_size(core->ledger.blobs, &federation->head) : 0;
}

/* Says no, and has it written down. */
static enum tamis_status turn_away(struct core *core, struct call *call, const struct entry *entry,
                                   enum tamis_status status, const char *sentence) {
  struct decision decision = {0};
  core->counters.updates_refused[status]++;
  core->counters.fork_evidence += status == TAMIS_FORK;
  federation_refuse(core->ledger.state, entry, status, sentence, &decision);
  call->waits = decision.count > 0 && ledger_propose(&core->ledger, &decision, NULL) == TAMIS_OK;
  decision_close(&decision);
  return status;
}

static enum tamis_status admit(struct core *core, struct call *call, const struct entry *entry,
                               uint64_t bytes) {
  struct fault fault;
  struct digest root = statement_digest(&entry->statement, "checkpoint_root");
  uint64_t size = (uint64_t)statement_integer(&entry->statement, "checkpoint_size");
  struct moment moment = {.now_ms = core_now_ms(core),
                          .expected_bytes = bytes,
                          .is_other_history = size > 0 && !core_is_ours(core, size, &root)};
  enum tamis_status status = federation_admit(core->ledger.state, entry, &moment, &fault);
  if (status == TAMIS_OK) return TAMIS_OK;
  if (call->fault) *call->fault = fault;
  return turn_away(core, call, entry, status, fault.text);
}

/* At the door: the signed statement, before any body. */
static enum tamis_status run_offer(struct core *core, struct call *call) {
  struct update_call *update = (struct update_call *)(void *)call;
  struct entry entry;
  update->offer->complete = core_knows(core, call, update->envelope, update->length);
  if (update->offer->complete) return TAMIS_OK;
  call->receipt = NULL;
  enum tamis_status status = open_update(core, update, &entry, call->fault);
  if (status != TAMIS_OK) {
    core->counters.updates_refused[status]++;
    return status;
  }
  uint64_t bytes = expected_bytes(core, &entry);
  status = admit(core, call, &entry, bytes);
  if (status == TAMIS_OK) {
    update->offer->blob = entry.statement.subject[0];
    update->offer->base = statement_digest(&entry.statement, "base");
    update->offer->size = bytes;
    update->offer->norm_max =
        state_federation_find(core->ledger.state, statement_text(&entry.statement, "federation"))
            ->terms.norm_max;
  }
  entry_close(&entry);
  return status;
}

/* Inside: the body is durable and its content was found good; the statement becomes an entry. */
static enum tamis_status run_accept(struct core *core, struct call *call) {
  struct update_call *update = (struct update_call *)(void *)call;
  struct entry entry;
  if (core_knows(core, call, update->envelope, update->length)) return TAMIS_OK;
  enum tamis_status status = open_update(core, update, &entry, call->fault);
  if (status != TAMIS_OK) return status;
  status = admit(core, call, &entry, 0);
  if (status == TAMIS_OK && !blob_exists(core->ledger.blobs, &entry.statement.subject[0]))
    status = fault_set(call->fault, TAMIS_INTERNAL, "the update's blob is not durable");
  if (status == TAMIS_OK) {
    status = ledger_stage(&core->ledger, update->envelope, update->length, &entry, &call->index,
                          call->fault);
    call->waits = status == TAMIS_OK;
  }
  entry_close(&entry);
  return status;
}

/* Turned away for what the body holds. */
static enum tamis_status run_refuse(struct core *core, struct call *call) {
  struct update_call *update = (struct update_call *)(void *)call;
  struct entry entry;
  enum tamis_status status = open_update(core, update, &entry, call->fault);
  if (status != TAMIS_OK) return status;
  turn_away(core, call, &entry, update->found, update->sentence);
  entry_close(&entry);
  return TAMIS_OK;
}

enum tamis_status core_offer(struct core *core, const char *client, const char *envelope,
                             size_t length, struct core_offer *offer, struct fault *fault) {
  struct update_call update = {
      .client = client, .envelope = envelope, .length = length, .offer = offer};
  *offer = (struct core_offer){0};
  update.call.receipt = &offer->receipt;
  update.call.receipt_length = &offer->receipt_length;
  return core_ask(core, &update.call, run_offer, fault);
}

enum tamis_status core_accept(struct core *core, const char *client, const char *envelope,
                              size_t length, char **receipt, size_t *receipt_length,
                              struct fault *fault) {
  struct update_call update = {.client = client, .envelope = envelope, .length = length};
  update.call.receipt = receipt;
  update.call.receipt_length = receipt_length;
  return core_ask(core, &update.call, run_accept, fault);
}

enum tamis_status core_refuse(struct core *core, const char *client, const char *envelope,
                              size_t length, enum tamis_status status, const char *sentence,
                              struct fault *fault) {
  struct update_call update = {.client = client,
                               .envelope = envelope,
                               .length = length,
                               .found = status,
                               .sentence = sentence};
  return core_ask(core, &update.call, run_refuse, fault);
}
