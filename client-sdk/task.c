/* Waiting for a round and fetching what it starts from. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "client-sdk/client.h"
#include "client-sdk/model.h"
#include "client-sdk/witness.h"
#include "tamis/v1/tamis.pb-c.h"

enum { POLL_WAIT_MAX_MS = 30000, POLL_PAUSE_MAX_MS = 10000 };

static void copy_text(char *out, size_t size, const ProtobufCBinaryData *bytes) {
  size_t length = bytes->len < size - 1 ? bytes->len : size - 1;
  for (size_t i = 0; i < length; i++)
    out[i] = bytes->data[i] >= ' ' && bytes->data[i] <= '~' ? (char)bytes->data[i] : '?';
  out[length] = '\0';
}

/* The plan must be what was asked for, and of no earlier round than one already seen: an old plan
 * is signed too. */
static enum tamis_status plan_fits(struct tamis_client *client, const struct plan *plan,
                                   const char *federation, const Tamis__V1__PollReply *reply) {
  const struct lineage *known = client_lineage(client, plan->federation);
  if (federation && strcmp(plan->federation, federation) != 0)
    return fault_set(&client->fault, TAMIS_BAD_PROOF, "asked about %s, the plan is for %s",
                     federation, plan->federation);
  if (plan->round != reply->round)
    return fault_set(&client->fault, TAMIS_BAD_PROOF, "the plan is for another round");
  if (known && (plan->round < known->plan.round || plan->round <= known->done_round))
    return fault_set(&client->fault, TAMIS_BAD_PROOF,
                     "the server offers round %llu of %s again, after round %llu",
                     (unsigned long long)plan->round, plan->federation,
                     (unsigned long long)known->plan.round);
  return TAMIS_OK;
}

static enum tamis_status plan_check(struct tamis_client *client, const char *federation,
                                    const Tamis__V1__PollReply *reply, struct plan *plan) {
  struct trust *trust = &client->trust;
  struct checkpoint checkpoint;
  uint64_t index;
  enum tamis_status status = plan_read(reply->plan.data, reply->plan.len, trust->log_key.name,
                                       &trust->aggregator_key, plan, &client->fault);
  if (status == TAMIS_OK)
    status = trust_receipt(trust, &client->session, reply->receipt.data, reply->receipt.len,
                           reply->plan.data, reply->plan.len, &index, &checkpoint, &client->fault);
  if (status == TAMIS_OK && index != reply->plan_index)
    status = fault_set(&client->fault, TAMIS_BAD_PROOF, "the plan's receipt is of another entry");
  if (status == TAMIS_OK) status = plan_fits(client, plan, federation, reply);
  return status;
}

static void task_fill(struct tamis_task *task, const struct plan *plan,
                      const Tamis__V1__PollReply *reply) {
  memset(task, 0, sizeof *task);
  snprintf(task->federation, sizeof task->federation, "%s", plan->federation);
  task->round = plan->round;
  task->parameters = plan->parameters;
  task->closes_at_ms = plan->closes_at_ms;
  task->examples_max = plan->examples_max;
  task->norm_max = plan->norm_max;
  snprintf(task->rule, sizeof task->rule, "%.255s", plan->rule);
  digest_to_hex(&plan->base, task->base);
  copy_text(task->state, sizeof task->state, &reply->state);
  copy_text(task->reason, sizeof task->reason, &reply->reason);
}

static void lineage_set(struct tamis_client *client, const struct plan *plan) {
  struct lineage *lineage = client_lineage_make(client, plan->federation);
  if (!digest_equal(&lineage->plan.layout, &plan->layout))
    layout_close(&lineage->layout); /* rounds of one federation share their header */
  lineage->plan = *plan;
}

/* One poll. TIMED_OUT: nothing now, ask again after `*pause_ms`. */
static enum tamis_status poll_once(struct tamis_client *client, const char *federation,
                                   uint32_t wait_ms, struct tamis_task *task, uint32_t *pause_ms) {
  Tamis__V1__PollRequest request = TAMIS__V1__POLL_REQUEST__INIT;
  struct unpack_arena arena;
  struct plan plan;
  void *message = NULL;
  if (federation) {
    const struct lineage *known = client_lineage(client, federation);
    request.federation =
        (ProtobufCBinaryData){strlen(federation), (uint8_t *)(uintptr_t)federation};
    request.round_after = known ? known->done_round : 0;
  }
  request.wait_ms = wait_ms;
  request.witness = true;
  *pause_ms = 0;
  unpack_arena_open(&arena, CHANNEL_REPLY_BUDGET);
  enum tamis_status status =
      session_call(&client->session, "/tamis.v1.Client/Poll", &request.base, wait_ms,
                   &tamis__v1__poll_reply__descriptor, &arena, &message, &client->fault);
  if (status != TAMIS_OK) goto out;
  const Tamis__V1__PollReply *reply = message;
  if (!reply->has_task) {
    *pause_ms = reply->retry_after_ms;
    status = reply->cosign.len > 0 ? witness_asked(client, reply->cosign.data, reply->cosign.len)
                                   : witness_look(client);
    if (status == TAMIS_OK && reply->finished)
      status = verdict_settle(client, federation, UINT64_MAX);
    if (status != TAMIS_OK) goto out;
    status = reply->finished
                 ? fault_set(&client->fault, TAMIS_CANCELLED, "the federation has finished")
                 : fault_set(&client->fault, TAMIS_TIMED_OUT, "no round wants this client yet");
    goto out;
  }
  status = plan_check(client, federation, reply, &plan);
  if (status == TAMIS_OK) {
    lineage_set(client, &plan);
    status = verdict_settle(client, plan.federation, plan.round);
  }
  if (status == TAMIS_OK) task_fill(task, &plan, reply);
out:
  unpack_arena_close(&arena);
  return status;
}

static uint32_t at_most(uint64_t value, uint32_t most) {
  return value < most ? (uint32_t)value : most;
}

enum tamis_status task_wait(struct tamis_client *client, const char *federation, uint32_t wait_ms,
                            struct tamis_task *task) {
  uint64_t until = retry_now_ms() + wait_ms;
  for (;;) {
    uint64_t now = retry_now_ms();
    uint64_t left = now < until ? until - now : 0;
    uint32_t pause_ms;
    enum tamis_status status =
        poll_once(client, federation, at_most(left, POLL_WAIT_MAX_MS), task, &pause_ms);
    if (status != TAMIS_TIMED_OUT) return status;
    now = retry_now_ms();
    if (now >= until) return status;
    retry_sleep(at_most(until - now, at_most(pause_ms, POLL_PAUSE_MAX_MS)));
  }
}

/* ---- The base model ---- */

static enum tamis_status fetch(struct tamis_client *client, const struct plan *plan,
                               struct model_reader *reader) {
  enum tamis_status status = transfer_fetch(&client->session, "/tamis.v1.Client/FetchBlob",
                                            &plan->base, TENSOR_HEADER_MAX + 4 * plan->parameters,
                                            model_reader_take, reader, &client->fault);
  if (status == TAMIS_DIGEST_MISMATCH && !model_reader_is_whole(reader))
    status = fault_set(&client->fault, TAMIS_TRUNCATED,
                       "the server ended the model after %llu of %llu floats",
                       (unsigned long long)reader->floats, (unsigned long long)plan->parameters);
  return status;
}

static void lineage_learn(struct lineage *lineage, struct model_reader *reader) {
  if (lineage->layout.parameters == 0) lineage->layout = model_reader_take_layout(reader);
}

enum tamis_status task_stream(struct tamis_client *client, const struct tamis_task *task,
                              tamis_sink sink, void *context) {
  struct lineage *lineage;
  struct model_reader reader;
  enum tamis_status status = client_lineage_of(client, task, &lineage);
  if (status == TAMIS_OK)
    status = model_reader_open(&reader, &lineage->plan, sink, context, &client->fault);
  if (status != TAMIS_OK) return status;
  status = fetch(client, &lineage->plan, &reader);
  if (status == TAMIS_OK) lineage_learn(lineage, &reader);
  model_reader_close(&reader);
  return status;
}

/* The header alone can be believed without the rest: the signed plan has its digest. */
enum tamis_status task_layout(struct tamis_client *client, struct lineage *lineage) {
  struct model_reader reader;
  if (lineage->layout.parameters > 0) return TAMIS_OK;
  enum tamis_status status = model_reader_open(&reader, &lineage->plan, NULL, NULL, &client->fault);
  if (status != TAMIS_OK) return status;
  status = fetch(client, &lineage->plan, &reader);
  if (status == TAMIS_CANCELLED && reader.layout.parameters > 0)
    status = TAMIS_OK; /* it stopped because it had what it wanted */
  if (status == TAMIS_OK) lineage_learn(lineage, &reader);
  model_reader_close(&reader);
  return status;
}
