/* From a delta to a receipt: hash, sign, offer, upload, check. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include "client-sdk/client.h"
#include "client-sdk/model.h"
#include "proto/canonical.h"
#include "proto/envelope.h"
#include "proto/statement.h"
#include "proto/text.h"
#include "tamis/v1/tamis.pb-c.h"

enum { UPLOAD_NAME_MAX = 256 };

/* One update on its way. */
struct submission {
  struct tamis_client *client;
  const struct lineage *lineage;
  struct transfer_body body;
  struct digest digest;
  char *envelope; /* owned */
  size_t envelope_length;
};

static enum tamis_status nonce_make(char hex[33], struct fault *fault) {
  uint8_t bytes[16];
  if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
    return fault_set(fault, TAMIS_IO, "no randomness: %s", strerror(errno));
  text_hex_encode(bytes, sizeof bytes, hex);
  return TAMIS_OK;
}

static enum tamis_status predicate_make(const struct submission *submission,
                                        const struct tamis_report *report, json_t **predicate) {
  struct tamis_client *client = submission->client;
  const struct plan *plan = &submission->lineage->plan;
  char nonce[33], base[DIGEST_HEX_SIZE], root[DIGEST_HEX_SIZE];
  enum tamis_status status = nonce_make(nonce, &client->fault);
  if (status != TAMIS_OK) return status;
  digest_to_hex(&plan->base, base);
  digest_to_hex(&client->trust.kept.root, root);
  *predicate = json_pack(
      "{s:s, s:I, s:s, s:s, s:I, s:I, s:o, s:I, s:s, s:I, s:s}", "federation", plan->federation,
      "round", (json_int_t)plan->round, "base", base, "client", client->key.public.name, "size",
      (json_int_t)submission->body.size, "examples", (json_int_t)report->examples, "loss",
      canonical_f64(report->loss), "train_ms", (json_int_t)report->train_ms, "nonce", nonce,
      "checkpoint_size", (json_int_t)client->trust.kept.size, "checkpoint_root", root);
  return *predicate ? TAMIS_OK : fault_plain(&client->fault, TAMIS_NO_MEMORY);
}

static enum tamis_status sign(struct submission *submission, const struct tamis_report *report) {
  struct tamis_client *client = submission->client;
  const char *subject_name = "update";
  json_t *predicate = NULL;
  enum tamis_status status = predicate_make(submission, report, &predicate);
  if (status == TAMIS_OK)
    status = statement_sign(client->trust.log_key.name, STATEMENT_UPDATE, predicate, 1,
                            &subject_name, &submission->digest, &client->key, &submission->envelope,
                            &submission->envelope_length, &client->fault);
  json_decref(predicate);
  return status;
}

static enum tamis_status receipt_take(struct tamis_client *client, const void *text, size_t length,
                                      const char *envelope, size_t envelope_length,
                                      struct tamis_receipt *receipt) {
  struct checkpoint checkpoint;
  uint64_t index;
  enum tamis_status status = trust_receipt(&client->trust, &client->session, text, length, envelope,
                                           envelope_length, &index, &checkpoint, &client->fault);
  if (status != TAMIS_OK || !receipt) return status;
  receipt->index = index;
  receipt->log_size = checkpoint.size;
  digest_to_hex(&checkpoint.root, receipt->log_root);
  return TAMIS_OK;
}

static enum tamis_status upload(struct submission *submission, const Tamis__V1__OfferReply *offer,
                                uint64_t *sent, struct unpack_arena *arena,
                                struct tamis_receipt *receipt) {
  struct tamis_client *client = submission->client;
  void *message = NULL;
  if (offer->upload.len == 0 || offer->upload.len > UPLOAD_NAME_MAX)
    return fault_set(&client->fault, TAMIS_BAD_REQUEST, "the server's upload name has %zu bytes",
                     offer->upload.len);
  enum tamis_status status =
      transfer_send(&client->session, "/tamis.v1.Client/Upload", offer->upload.data,
                    offer->upload.len, &submission->body, &submission->digest, offer->offset, sent,
                    &tamis__v1__upload_reply__descriptor, arena, &message, &client->fault);
  if (status != TAMIS_OK) return status;
  const Tamis__V1__UploadReply *reply = message;
  return receipt_take(client, reply->receipt.data, reply->receipt.len, submission->envelope,
                      submission->envelope_length, receipt);
}

/* Offer, then the bytes that the server lacks; or at once the receipt, when it lacks none. */
static enum tamis_status attempt(struct submission *submission, uint64_t *sent,
                                 struct tamis_receipt *receipt) {
  struct tamis_client *client = submission->client;
  Tamis__V1__OfferRequest request = TAMIS__V1__OFFER_REQUEST__INIT;
  struct unpack_arena arena;
  void *message = NULL;
  request.envelope =
      (ProtobufCBinaryData){submission->envelope_length, (uint8_t *)submission->envelope};
  *sent = 0;
  unpack_arena_open(&arena, CHANNEL_REPLY_BUDGET);
  enum tamis_status status =
      session_call(&client->session, "/tamis.v1.Client/Offer", &request.base, 0,
                   &tamis__v1__offer_reply__descriptor, &arena, &message, &client->fault);
  if (status == TAMIS_OK) {
    const Tamis__V1__OfferReply *offer = message;
    status = offer->complete
                 ? receipt_take(client, offer->receipt.data, offer->receipt.len,
                                submission->envelope, submission->envelope_length, receipt)
                 : upload(submission, offer, sent, &arena, receipt);
  }
  unpack_arena_close(&arena);
  return status;
}

/* The server found other bytes than were signed. On the way, or in a source that changes its mind?
 */
static enum tamis_status body_is_steady(struct submission *submission) {
  struct digest again;
  struct fault *fault = &submission->client->fault;
  enum tamis_status status = transfer_digest(&submission->body, &again, fault);
  if (status == TAMIS_OK && !digest_equal(&again, &submission->digest))
    status = fault_set(fault, TAMIS_BAD_REQUEST,
                       "the callback gave other floats when asked again; nothing was submitted");
  return status;
}

static enum tamis_status deliver(struct submission *submission, struct tamis_receipt *receipt) {
  struct session *session = &submission->client->session;
  struct retry retry;
  retry_start(&retry, session->give_up_ms);
  for (;;) {
    uint64_t sent;
    enum tamis_status status = attempt(submission, &sent, receipt);
    if (status == TAMIS_OK) return status;
    if (status == TAMIS_DIGEST_MISMATCH && body_is_steady(submission) != TAMIS_OK)
      return submission->client->fault.status;
    if (sent > 0 && status != TAMIS_DIGEST_MISMATCH) /* progress buys patience */
      retry_start(&retry, session->give_up_ms);
    if (!session_recover(session, &retry, status)) return status;
  }
}

static enum tamis_status report_check(const struct tamis_report *report, struct fault *fault) {
  if (report->struct_size < sizeof *report)
    return fault_set(fault, TAMIS_BAD_REQUEST, "set tamis_report.struct_size to its sizeof");
  if (!isfinite(report->loss))
    return fault_set(fault, TAMIS_BAD_STATEMENT, "the reported loss is not a finite number");
  return TAMIS_OK;
}

enum tamis_status submit_run(struct tamis_client *client, const struct tamis_task *task,
                             tamis_source source, void *context, const struct tamis_report *report,
                             struct tamis_receipt *receipt) {
  struct lineage *lineage;
  struct model_writer writer = {0};
  struct submission submission = {.client = client};
  enum tamis_status status = report_check(report, &client->fault);
  if (status == TAMIS_OK) status = client_lineage_of(client, task, &lineage);
  if (status == TAMIS_OK) status = task_layout(client, lineage);
  if (status == TAMIS_OK)
    status = model_writer_open(&writer, &lineage->layout, source, context, &client->fault);
  if (status != TAMIS_OK) return status;
  submission.lineage = lineage;
  submission.body = model_writer_body(&writer);
  status = transfer_digest(&submission.body, &submission.digest, &client->fault);
  if (status == TAMIS_OK) status = sign(&submission, report);
  if (status == TAMIS_OK) status = deliver(&submission, receipt);
  if (status == TAMIS_OK) {
    lineage->done_round = task->round;
    status =
        wanted_add(&client->wanted, &client->dir, task->federation, task->round, &client->fault);
  }
  free(submission.envelope);
  model_writer_close(&writer);
  return status;
}

/* ---- The receipt of an earlier round ---- */

/* "c2sp.org/tlog-proof@v1\nindex N\n...": only to know which entry to ask for; nothing is believed.
 */
static bool receipt_index(const ProtobufCBinaryData *receipt, uint64_t *index) {
  char head[64];
  size_t length = receipt->len < sizeof head - 1 ? receipt->len : sizeof head - 1;
  memcpy(head, receipt->data, length);
  head[length] = '\0';
  const char *line = strstr(head, "\nindex ");
  char *end;
  if (!line || line[7] < '0' || line[7] > '9') return false;
  errno = 0;
  *index = strtoull(line + 7, &end, 10);
  return errno == 0 && *end == '\n';
}

/* Is the entry this client's own update of that round? Its signature says so. */
static enum tamis_status own_update(struct tamis_client *client, const char *entry, size_t length,
                                    const char *federation, uint64_t round) {
  struct envelope envelope = {0};
  struct statement statement = {0};
  enum tamis_status status = envelope_open(entry, length, &envelope, &client->fault);
  if (status == TAMIS_OK) status = envelope_verify(&envelope, &client->key.public, &client->fault);
  if (status == TAMIS_OK)
    status = statement_read(envelope.payload, envelope.payload_length, client->trust.log_key.name,
                            &statement, &client->fault);
  if (status == TAMIS_OK && (statement.kind != STATEMENT_UPDATE ||
                             strcmp(statement_text(&statement, "federation"), federation) != 0 ||
                             (uint64_t)statement_integer(&statement, "round") != round))
    status = TAMIS_BAD_PROOF;
  if (status == TAMIS_BAD_SIGNATURE || status == TAMIS_BAD_PROOF)
    status = fault_set(&client->fault, TAMIS_BAD_PROOF,
                       "the receipt is not of this client's update in round %llu of %s",
                       (unsigned long long)round, federation);
  statement_close(&statement);
  envelope_close(&envelope);
  return status;
}

void submit_found_close(struct submit_found *found) {
  free(found->entry);
  free(found->text);
  *found = (struct submit_found){.entry = NULL};
}

/* Takes the reply's receipt over as text, once it has proved to be of the client's own update. */
static enum tamis_status found_fill(struct tamis_client *client, const ProtobufCBinaryData *receipt,
                                    const char *federation, uint64_t round,
                                    struct submit_found *found) {
  uint64_t index = 0;
  if (!receipt_index(receipt, &index))
    return fault_set(&client->fault, TAMIS_BAD_PROOF, "the server's receipt is not a receipt");
  enum tamis_status status = trust_entry(&client->trust, &client->session, index, &found->entry,
                                         &found->length, &client->fault);
  if (status == TAMIS_OK)
    status = own_update(client, found->entry, found->length, federation, round);
  if (status == TAMIS_OK)
    status = receipt_take(client, receipt->data, receipt->len, found->entry, found->length,
                          &found->receipt);
  if (status != TAMIS_OK) return status;
  found->text = malloc(receipt->len + 1);
  if (!found->text) return fault_plain(&client->fault, TAMIS_NO_MEMORY);
  memcpy(found->text, receipt->data, receipt->len);
  found->text_length = receipt->len;
  return TAMIS_OK;
}

enum tamis_status submit_find(struct tamis_client *client, const char *federation, uint64_t round,
                              struct submit_found *found) {
  Tamis__V1__GetReceiptRequest request = TAMIS__V1__GET_RECEIPT_REQUEST__INIT;
  struct unpack_arena arena;
  void *message = NULL;
  *found = (struct submit_found){.entry = NULL};
  request.federation = (ProtobufCBinaryData){strlen(federation), (uint8_t *)(uintptr_t)federation};
  request.round = round;
  unpack_arena_open(&arena, CHANNEL_REPLY_BUDGET);
  enum tamis_status status =
      session_call(&client->session, "/tamis.v1.Client/GetReceipt", &request.base, 0,
                   &tamis__v1__get_receipt_reply__descriptor, &arena, &message, &client->fault);
  if (status == TAMIS_OK) {
    const Tamis__V1__GetReceiptReply *reply = message;
    status = found_fill(client, &reply->receipt, federation, round, found);
  }
  unpack_arena_close(&arena);
  if (status != TAMIS_OK) submit_found_close(found);
  return status;
}
