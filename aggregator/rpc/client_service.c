/* tamis.v1.Client: what a device asks. Upload, the one method that takes many messages, is in
 * upload.c. */
#include "aggregator/rpc/services.h"

#include <stdlib.h>
#include <string.h>
#include "proto/text.h"
#include "tamis/v1/tamis.pb-c.h"

enum { POLL_AGAIN_MS = 200 };

static const char *chars_of(const ProtobufCBinaryData *bytes) {
  return (const char *)bytes->data;
}

static enum tamis_status describe(struct request *request, struct fault *fault) {
  struct core *core = request->service->core;
  Tamis__V1__DescribeReply reply = TAMIS__V1__DESCRIBE_REPLY__INIT;
  reply.origin = answer_text(core_origin(core));
  reply.log_key = answer_text(core_log_vkey(core));
  reply.aggregator_key = answer_bytes(core_aggregator_key(core)->byte, KEY_PUBLIC_SIZE);
  reply.version = answer_text(TAMIS_VERSION);
  return answer_reply(request, &reply.base, fault);
}

static enum tamis_status enrol(struct request *request, struct fault *fault) {
  const Tamis__V1__EnrolRequest *asked = request->message;
  Tamis__V1__EnrolReply reply = TAMIS__V1__ENROL_REPLY__INIT;
  char *receipt = NULL;
  size_t length = 0;
  enum tamis_status status =
      core_enrol(request->service->core, asked->token.data, asked->token.len,
                 chars_of(&asked->envelope), asked->envelope.len, &receipt, &length, fault);
  reply.receipt = answer_bytes(receipt, length);
  if (!status) status = answer_reply(request, &reply.base, fault);
  free(receipt);
  return status;
}

static enum tamis_status challenge(struct request *request, struct fault *fault) {
  uint8_t nonce[SESSION_CHALLENGE_SIZE];
  Tamis__V1__ChallengeReply reply = TAMIS__V1__CHALLENGE_REPLY__INIT;
  session_challenge(&request->service->secret, service_now_ms(request->service), nonce);
  reply.nonce = answer_bytes(nonce, sizeof nonce);
  return answer_reply(request, &reply.base, fault);
}

static enum tamis_status open_session(struct request *request, struct fault *fault) {
  const Tamis__V1__OpenSessionRequest *asked = request->message;
  struct service *service = request->service;
  struct session session = {0};
  struct public_key key;
  if (!service_text(asked->principal.data, asked->principal.len, session.principal,
                    sizeof session.principal))
    return fault_set(fault, TAMIS_BAD_REQUEST, "the principal is no name");
  if (!session_challenge_holds(&service->secret, service_now_ms(service), asked->nonce.data,
                               asked->nonce.len))
    return fault_set(fault, TAMIS_NO_SESSION,
                     "the nonce is not ours or too old; begin at Challenge");
  enum tamis_status status =
      core_principal(service->core, session.principal, &key, &session.is_operator, fault);
  if (status) return status;
  if (!session_answer_holds(core_origin(service->core), &key, asked->nonce.data,
                            asked->signature.data, asked->signature.len))
    return fault_set(fault, TAMIS_BAD_SIGNATURE,
                     "the challenge is not signed by the key enrolled for %s", session.principal);
  uint8_t token[SESSION_TOKEN_MAX];
  Tamis__V1__OpenSessionReply reply = TAMIS__V1__OPEN_SESSION_REPLY__INIT;
  size_t length = session_token(&service->secret, service_now_ms(service), &session, token);
  reply.session = answer_bytes(token, length);
  reply.lifetime_ms = service->secret.lifetime_ms;
  return answer_reply(request, &reply.base, fault);
}

static void poll_fill(const struct core_task *task, Tamis__V1__PollReply *reply) {
  reply->has_task = task->has_task;
  reply->finished = task->finished;
  reply->retry_after_ms = task->has_task ? 0 : POLL_AGAIN_MS;
  reply->federation = answer_text(task->federation);
  reply->round = task->round;
  reply->plan = answer_bytes(task->plan, task->plan_length);
  reply->plan_index = task->plan_index;
  reply->receipt = answer_bytes(task->receipt, task->receipt_length);
  reply->state = answer_text(task->state);
  reply->reason = answer_text(task->reason);
}

static uint64_t poll_until(const struct request *request) {
  const Tamis__V1__PollRequest *asked = request->message;
  uint64_t most = request->service->limits.poll_wait_ms;
  return rpc_clock_ms() + (asked->wait_ms < most ? asked->wait_ms : most);
}

/* Looks again after every change in the log until there is a round, or the client has waited
 * enough. */
static enum tamis_status poll(struct request *request, struct fault *fault) {
  const Tamis__V1__PollRequest *asked = request->message;
  char federation[TEXT_NAME_MAX + 1];
  struct core_task task = {0};
  if (!service_text(asked->federation.data, asked->federation.len, federation, sizeof federation))
    return fault_set(fault, TAMIS_BAD_REQUEST, "the federation is no name");
  if (!request->is_begun) request->until_ms = poll_until(request);
  enum tamis_status status =
      core_poll(request->service->core, request->session.principal, *federation ? federation : NULL,
                asked->round_after, &task, fault);
  if (status) return status;
  char *note = NULL;
  size_t length = 0;
  if (asked->witness && !task.has_task)
    status = core_witness_wanted(request->service->core, request->session.principal, &note, &length,
                                 fault);
  bool is_over = task.has_task || task.finished || note || request->is_late || !asked->wait_ms ||
                 rpc_clock_ms() >= request->until_ms;
  if (!status && is_over) {
    Tamis__V1__PollReply reply = TAMIS__V1__POLL_REPLY__INIT;
    poll_fill(&task, &reply);
    reply.cosign = answer_bytes(note, length);
    status = answer_reply(request, &reply.base, fault);
  } else if (!status) {
    status = answer_wait(request, request->until_ms);
  }
  free(note);
  core_task_close(&task);
  return status;
}

/* Admission, then a place for the bytes: none of them is read before the statement was accepted. */
static enum tamis_status offer(struct request *request, struct fault *fault) {
  const Tamis__V1__OfferRequest *asked = request->message;
  struct service *service = request->service;
  const char *client = request->session.principal;
  struct core_offer terms = {0};
  struct digest upload;
  Tamis__V1__OfferReply reply = TAMIS__V1__OFFER_REPLY__INIT;
  enum tamis_status status = core_offer(service->core, client, chars_of(&asked->envelope),
                                        asked->envelope.len, &terms, fault);
  if (!status && !terms.complete)
    status = offers_put(service->offers, client, &terms, chars_of(&asked->envelope),
                        asked->envelope.len, &upload, fault);
  if (!status) {
    reply.complete = terms.complete;
    reply.receipt = answer_bytes(terms.receipt, terms.receipt_length);
    if (!terms.complete) {
      reply.upload = answer_bytes(upload.byte, sizeof upload.byte);
      reply.offset = blob_upload_offset(core_blobs(service->core), client, &terms.blob);
    }
    status = answer_reply(request, &reply.base, fault);
  }
  free(terms.receipt);
  return status;
}

static enum tamis_status get_receipt(struct request *request, struct fault *fault) {
  const Tamis__V1__GetReceiptRequest *asked = request->message;
  char federation[TEXT_NAME_MAX + 1];
  char *receipt = NULL;
  size_t length = 0;
  Tamis__V1__GetReceiptReply reply = TAMIS__V1__GET_RECEIPT_REPLY__INIT;
  if (!service_text(asked->federation.data, asked->federation.len, federation, sizeof federation))
    return fault_set(fault, TAMIS_BAD_REQUEST, "the federation is no name");
  enum tamis_status status = core_receipt(request->service->core, request->session.principal,
                                          federation, asked->round, &receipt, &length, fault);
  reply.receipt = answer_bytes(receipt, length);
  if (!status) status = answer_reply(request, &reply.base, fault);
  free(receipt);
  return status;
}

static size_t proof_fill(const struct merkle_proof *proof, ProtobufCBinaryData *hashes) {
  for (size_t i = 0; i < proof->count; i++)
    hashes[i] = answer_bytes(proof->hash[i].byte, DIGEST_SIZE);
  return proof->count;
}

/* The entry and its proof in the tree of a checkpoint that the caller holds. */
static enum tamis_status get_entry_under(struct request *request, struct fault *fault) {
  const Tamis__V1__GetEntryRequest *asked = request->message;
  struct merkle_proof proof;
  ProtobufCBinaryData hashes[MERKLE_PROOF_MAX];
  char *envelope = NULL;
  size_t length = 0;
  Tamis__V1__GetEntryReply reply = TAMIS__V1__GET_ENTRY_REPLY__INIT;
  enum tamis_status status = core_entry_under(request->service->core, asked->index, asked->size,
                                              &envelope, &length, &proof, fault);
  if (status) return status;
  reply.envelope = answer_bytes(envelope, length);
  reply.n_hashes = proof_fill(&proof, hashes);
  reply.hashes = hashes;
  status = answer_reply(request, &reply.base, fault);
  free(envelope);
  return status;
}

static enum tamis_status get_entry(struct request *request, struct fault *fault) {
  const Tamis__V1__GetEntryRequest *asked = request->message;
  if (asked->size) return get_entry_under(request, fault);
  char *envelope = NULL, *receipt = NULL;
  size_t length = 0, receipt_length = 0;
  Tamis__V1__GetEntryReply reply = TAMIS__V1__GET_ENTRY_REPLY__INIT;
  enum tamis_status status = core_entry(request->service->core, asked->index, &envelope, &length,
                                        &receipt, &receipt_length, fault);
  reply.envelope = answer_bytes(envelope, length);
  reply.receipt = answer_bytes(receipt, receipt_length);
  if (!status) status = answer_reply(request, &reply.base, fault);
  free(envelope);
  free(receipt);
  return status;
}

static enum tamis_status get_consistency(struct request *request, struct fault *fault) {
  const Tamis__V1__GetConsistencyRequest *asked = request->message;
  struct merkle_proof proof;
  ProtobufCBinaryData hashes[MERKLE_PROOF_MAX];
  char *note = NULL;
  size_t length = 0;
  Tamis__V1__GetConsistencyReply reply = TAMIS__V1__GET_CONSISTENCY_REPLY__INIT;
  enum tamis_status status = core_consistency(request->service->core, asked->size, asked->to,
                                              &proof, &note, &length, fault);
  if (status) return status;
  reply.n_hashes = proof_fill(&proof, hashes);
  reply.hashes = hashes;
  reply.checkpoint = answer_bytes(note, length);
  status = answer_reply(request, &reply.base, fault);
  free(note);
  return status;
}

static enum tamis_status cosign(struct request *request, struct fault *fault) {
  const Tamis__V1__CosignRequest *asked = request->message;
  Tamis__V1__CosignReply reply = TAMIS__V1__COSIGN_REPLY__INIT;
  struct digest root;
  if (asked->root.len != DIGEST_SIZE)
    return fault_set(fault, TAMIS_BAD_REQUEST, "a root has %d bytes", DIGEST_SIZE);
  memcpy(root.byte, asked->root.data, DIGEST_SIZE);
  enum tamis_status status =
      core_cosign(request->service->core, request->session.principal, asked->size, &root,
                  chars_of(&asked->line), asked->line.len, &reply.held, fault);
  return status ? status : answer_reply(request, &reply.base, fault);
}

#define METHOD(name) "/tamis.v1.Client/" name
#define REQUEST(name) &tamis__v1__##name##_request__descriptor
const struct answer_row client_rows[] = {
    {METHOD("Describe"), REQUEST(describe), AUDIENCE_ANYONE, true, describe},
    {METHOD("Enrol"), REQUEST(enrol), AUDIENCE_ANYONE, false, enrol},
    {METHOD("Challenge"), REQUEST(challenge), AUDIENCE_ANYONE, true, challenge},
    {METHOD("OpenSession"), REQUEST(open_session), AUDIENCE_ANYONE, false, open_session},
    {METHOD("Poll"), REQUEST(poll), AUDIENCE_CLIENT, false, poll},
    {METHOD("FetchBlob"), REQUEST(fetch_blob), AUDIENCE_MEMBER, false, fetch_blob_step},
    {METHOD("Offer"), REQUEST(offer), AUDIENCE_CLIENT, false, offer},
    {METHOD("GetReceipt"), REQUEST(get_receipt), AUDIENCE_CLIENT, false, get_receipt},
    {METHOD("GetEntry"), REQUEST(get_entry), AUDIENCE_MEMBER, false, get_entry},
    {METHOD("Cosign"), REQUEST(cosign), AUDIENCE_CLIENT, false, cosign},
    {METHOD("GetConsistency"), REQUEST(get_consistency), AUDIENCE_MEMBER, false, get_consistency},
};
const size_t client_row_count = sizeof client_rows / sizeof *client_rows;
