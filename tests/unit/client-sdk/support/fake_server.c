/* One thread, one call at a time, no retries: whatever goes well against this went well in the
 * client. */
#include "fake_server.h"

#include <assert.h>
#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "client-sdk/invitation.h"
#include "proto/canonical.h"
#include "proto/checkpoint.h"
#include "proto/chunk.h"
#include "proto/envelope.h"
#include "proto/statement.h"
#include "proto/tensor.h"
#include "proto/text.h"
#include "tamis/v1/tamis.pb-c.h"

enum { ENTRIES_MAX = 4096, ROUNDS_MAX = 64 };

struct entry {
  char *bytes;
  size_t length;
};

struct fake_server {
  char address[256], *invitation;
  pthread_t thread;
  grpc_server *core;
  grpc_completion_queue *queue;
  struct secret_key log_key, other_log_key, aggregator, other_aggregator, operator;
  struct public_key client;
  struct entry entry[ENTRIES_MAX];
  uint64_t size;
  struct merkle_tree *tree;
  struct layout layout;
  uint8_t *model;
  uint64_t model_size;
  struct digest base;
  uint64_t round, plan_index[ROUNDS_MAX], update_index[ROUNDS_MAX];
  bool answered;
  unsigned session; /* number of the good one; 0: none */
  struct digest_stream *upload_hash;
  uint64_t upload_offset;
  char *offer;
  size_t offer_length;
  struct digest offer_digest;
  uint64_t offer_size;
  struct fake_mischief mischief;
  struct fake_counts counts;
  struct decided {
    struct digest digest[2]; /* of verdicts and weights */
    char *manifest[2];
    size_t length[2];
    uint64_t index[3]; /* verdicts, aggregate, the end; 0: none are shown */
    const char *end;
  } decided[ROUNDS_MAX];
};

float fake_server_value(uint64_t index) {
  return (float)(index % 1009) / 64 - 3;
}

/* ---- The log ---- */

static uint64_t append(struct fake_server *server, char *bytes, size_t length) {
  assert(server->size < ENTRIES_MAX);
  struct digest leaf = merkle_leaf(bytes, length);
  merkle_tree_append(server->tree, &leaf);
  server->entry[server->size] = (struct entry){bytes, length};
  return server->size++;
}

static uint64_t say(struct fake_server *server, enum statement_kind kind, json_t *predicate,
                    const char *subject_name, const struct digest *subject,
                    const struct secret_key *key) {
  char *envelope;
  size_t length;
  struct fault fault;
  assert(predicate);
  enum tamis_status status =
      statement_sign(server->log_key.public.name, kind, predicate, 1, &subject_name, subject, key,
                     &envelope, &length, &fault);
  if (status != TAMIS_OK) {
    fprintf(stderr, "fake server: %s\n", fault.text);
    abort();
  }
  json_decref(predicate);
  return append(server, envelope, length);
}

static void checkpoint_note(struct fake_server *server, char **note, size_t *length) {
  struct checkpoint checkpoint = {.size = server->size};
  snprintf(checkpoint.origin, sizeof checkpoint.origin, "%s", server->log_key.public.name);
  checkpoint.root = merkle_tree_root(server->tree, server->size);
  checkpoint_sign(&checkpoint,
                  server->mischief.forged_receipt ? &server->other_log_key : &server->log_key, note,
                  length);
}

static char *receipt_of(struct fake_server *server, uint64_t index, size_t *length) {
  struct merkle_proof proof;
  char *note, *receipt;
  size_t note_length;
  merkle_tree_inclusion(server->tree, index, server->size, &proof);
  checkpoint_note(server, &note, &note_length);
  receipt_write(index, &proof, note, note_length, &receipt, length);
  free(note);
  return receipt;
}

static void rebuild(struct fake_server *server, bool altered) {
  merkle_tree_free(server->tree);
  server->tree = merkle_tree_new();
  for (uint64_t i = 0; i < server->size; i++) {
    struct digest leaf = merkle_leaf(server->entry[i].bytes, server->entry[i].length);
    leaf.byte[0] ^= altered && i == 1;
    merkle_tree_append(server->tree, &leaf);
  }
}

void fake_server_rewrite(struct fake_server *server) {
  rebuild(server, true);
}

void fake_server_cut(struct fake_server *server, unsigned entries) {
  server->size -= entries;
  rebuild(server, false);
}

static const char zeros[] = "0000000000000000000000000000000000000000000000000000000000000000";

void fake_server_grow(struct fake_server *server, unsigned entries) {
  for (unsigned i = 0; i < entries; i++) {
    char text[64];
    int length = snprintf(text, sizeof text, "token %llu", (unsigned long long)server->size);
    struct digest token = digest_of(text, (size_t)length);
    say(server, STATEMENT_CLIENT_INVITE,
        json_pack("{s:s, s:s, s:I, s:s}", "client", "somebody", "organisation", "org", "not_after",
                  (json_int_t)4102444800, "nonce", zeros + 32),
        "token", &token, &server->operator);
  }
}

void fake_server_open_round(struct fake_server *server) {
  char layout[DIGEST_HEX_SIZE];
  digest_to_hex(&server->layout.digest, layout);
  server->round++;
  server->answered = false;
  server->plan_index[server->round] =
      say(server, STATEMENT_ROUND_OPEN,
          json_pack("{s:s, s:I, s:s, s:s, s:I, s:s, s:I, s:I, s:I, s:I, s:I, s:o, s:I, s:s}",
                    "federation", "fed", "round", (json_int_t)server->round, "rule", "mean",
                    "layout", layout, "parameters", (json_int_t)server->layout.parameters, "cohort",
                    zeros, "selected", (json_int_t)1, "quorum", (json_int_t)1, "target",
                    (json_int_t)1, "opened_at_ms", (json_int_t)1, "closes_at_ms",
                    (json_int_t)4102444800000, "norm_max", canonical_f64(1e3), "examples_max",
                    (json_int_t)1000, "randomness", zeros),
          "base", &server->base,
          server->mischief.wrong_aggregator ? &server->other_aggregator : &server->aggregator);
}

static void manifest_set(struct fake_server *server, int which, json_t *manifest) {
  struct fault fault;
  struct decided *decided = &server->decided[server->round];
  free(decided->manifest[which]);
  enum tamis_status status =
      canonical_encode(manifest, &decided->manifest[which], &decided->length[which], &fault);
  assert(status == TAMIS_OK);
  (void)status;
  decided->digest[which] = digest_of(decided->manifest[which], decided->length[which]);
  json_decref(manifest);
}

static json_t *manifest_of(const struct fake_server *server, json_t *element, bool is_there) {
  char hex[DIGEST_HEX_SIZE];
  json_t *list = json_array();
  digest_to_hex(&server->offer_digest, hex);
  json_object_set_new(element, "client", json_string(server->client.name));
  json_object_set_new(element, "update", json_string(hex));
  json_object_set_new(element, "index",
                      json_integer((json_int_t)server->update_index[server->round]));
  if (is_there) json_array_append(list, element);
  json_decref(element);
  return json_pack("{s:s, s:I, s:o}", "federation", "fed", "round", (json_int_t)server->round,
                   "updates", list);
}

static uint64_t say_aggregate(struct fake_server *server) {
  static const char *const names[] = {"model", "manifest"};
  struct digest subject[] = {server->base, server->decided[server->round].digest[1]};
  json_t *predicate = json_pack("{s:s, s:I, s:s, s:i}", "federation", "fed", "round",
                                (json_int_t)server->round, "rule", "mean", "updates", 1);
  char *envelope;
  size_t length;
  enum tamis_status status =
      statement_sign(server->log_key.public.name, STATEMENT_AGGREGATE, predicate, 2, names, subject,
                     &server->aggregator, &envelope, &length, NULL);
  assert(status == TAMIS_OK);
  (void)status;
  json_decref(predicate);
  return append(server, envelope, length);
}

void fake_server_decide(struct fake_server *server, const struct fake_decision *decision) {
  manifest_set(server, 0,
               manifest_of(server,
                           json_pack("{s:s, s:s}", "verdict", decision->verdict, "sentence",
                                     "so it was found"),
                           !decision->omits));
  manifest_set(
      server, 1,
      manifest_of(server, json_pack("{s:o}", "weight", canonical_f64(0.25)), decision->weighs));
  uint64_t verdicts = say(server, STATEMENT_VERDICTS,
                          json_pack("{s:s, s:I, s:i, s:i, s:i, s:i, s:s, s:i}", "federation", "fed",
                                    "round", (json_int_t)server->round, "accepted", 1, "clipped", 0,
                                    "held", 0, "rejected", 0, "gram", zeros, "at_ms", 1),
                          "manifest", &server->decided[server->round].digest[0],
                          decision->stranger ? &server->other_aggregator : &server->aggregator);
  uint64_t aggregate = say_aggregate(server);
  uint64_t promote = say(server, STATEMENT_PROMOTE,
                         json_pack("{s:s, s:I, s:s, s:i}", "federation", "fed", "round",
                                   (json_int_t)server->round, "from", zeros, "at_ms", 2),
                         "model", &server->base, &server->aggregator);
  if (decision->hides) return;
  struct decided *decided = &server->decided[server->round];
  decided->index[0] = verdicts;
  decided->index[1] = aggregate;
  decided->index[2] = promote;
  decided->end = "promote";
}

void fake_server_abandon(struct fake_server *server, uint64_t round) {
  struct decided *decided = &server->decided[round];
  decided->index[2] =
      say(server, STATEMENT_ABANDON,
          json_pack("{s:s, s:I, s:s, s:s, s:i, s:i, s:i}", "federation", "fed", "round",
                    (json_int_t)round, "status", "QUORUM_NOT_MET", "sentence", "too few came",
                    "received", 1, "quorum", 2, "at_ms", 2),
          "base", &server->base, &server->aggregator);
  decided->end = "abandon";
}

/* ---- One call ---- */

struct call {
  grpc_call *core;
  grpc_completion_queue *queue;
  bool opened;
};

static bool run(struct call *call, grpc_op *ops, size_t count) {
  if (grpc_call_start_batch(call->core, ops, count, call, NULL) != GRPC_CALL_OK) return false;
  return grpc_completion_queue_pluck(call->queue, call, gpr_inf_future(GPR_CLOCK_REALTIME), NULL)
             .success != 0;
}

static grpc_byte_buffer *receive(struct call *call) {
  grpc_byte_buffer *buffer = NULL;
  grpc_op op = {.op = GRPC_OP_RECV_MESSAGE};
  op.data.recv_message.recv_message = &buffer;
  run(call, &op, 1);
  return buffer;
}

static void *receive_as(struct call *call, const ProtobufCMessageDescriptor *type) {
  grpc_byte_buffer *buffer = receive(call);
  grpc_byte_buffer_reader reader;
  if (!buffer) return NULL;
  grpc_byte_buffer_reader_init(&reader, buffer);
  grpc_slice flat = grpc_byte_buffer_reader_readall(&reader);
  void *message =
      protobuf_c_message_unpack(type, NULL, GRPC_SLICE_LENGTH(flat), GRPC_SLICE_START_PTR(flat));
  grpc_slice_unref(flat);
  grpc_byte_buffer_reader_destroy(&reader);
  grpc_byte_buffer_destroy(buffer);
  return message;
}

static bool send_bytes(struct call *call, const void *bytes, size_t length) {
  grpc_slice slice = grpc_slice_from_copied_buffer(bytes, length);
  grpc_byte_buffer *buffer = grpc_raw_byte_buffer_create(&slice, 1);
  grpc_op ops[2] = {{.op = GRPC_OP_SEND_MESSAGE}, {.op = GRPC_OP_SEND_INITIAL_METADATA}};
  ops[0].data.send_message.send_message = buffer;
  bool good = run(call, ops, call->opened ? 1 : 2);
  call->opened = true;
  grpc_byte_buffer_destroy(buffer);
  grpc_slice_unref(slice);
  return good;
}

static void end(struct call *call, grpc_status_code code, const char *name, const char *text) {
  grpc_slice details = grpc_slice_from_copied_string(text);
  grpc_metadata trailer = {.key = grpc_slice_from_static_string("tamis-status"),
                           .value = grpc_slice_from_copied_string(name)};
  grpc_op ops[2] = {{.op = GRPC_OP_SEND_STATUS_FROM_SERVER}, {.op = GRPC_OP_SEND_INITIAL_METADATA}};
  ops[0].data.send_status_from_server.status = code;
  ops[0].data.send_status_from_server.status_details = &details;
  ops[0].data.send_status_from_server.trailing_metadata = &trailer;
  ops[0].data.send_status_from_server.trailing_metadata_count = *name ? 1 : 0;
  run(call, ops, call->opened ? 1 : 2);
  call->opened = true;
  grpc_slice_unref(trailer.value);
  grpc_slice_unref(details);
}

static void refuse(struct call *call, enum tamis_status status) {
  char text[200];
  snprintf(text, sizeof text, "%s: the fake server says so", tamis_status_name(status));
  end(call, (grpc_status_code)tamis_status_grpc(status), tamis_status_name(status), text);
}

static void reply(struct call *call, const ProtobufCMessage *message) {
  size_t length = protobuf_c_message_get_packed_size(message);
  uint8_t *bytes = malloc(length + 1);
  protobuf_c_message_pack(message, bytes);
  send_bytes(call, bytes, length);
  free(bytes);
  end(call, GRPC_STATUS_OK, "", "");
}

static ProtobufCBinaryData view(const void *bytes, size_t length) {
  return (ProtobufCBinaryData){length, (uint8_t *)(uintptr_t)bytes};
}

/* ---- Handlers ---- */

static void opened(const char *text, size_t length, const char *origin, struct statement *out) {
  struct envelope envelope;
  struct fault fault;
  enum tamis_status status = envelope_open(text, length, &envelope, &fault);
  assert(status == TAMIS_OK);
  status = statement_read(envelope.payload, envelope.payload_length, origin, out, &fault);
  assert(status == TAMIS_OK);
  envelope_close(&envelope);
}

static char *copy_of(const ProtobufCBinaryData *bytes) {
  char *copy = malloc(bytes->len + 1);
  memcpy(copy, bytes->data, bytes->len);
  copy[bytes->len] = '\0';
  return copy;
}

static void on_enrol(struct fake_server *server, struct call *call, const void *message) {
  const Tamis__V1__EnrolRequest *request = message;
  Tamis__V1__EnrolReply answer = TAMIS__V1__ENROL_REPLY__INIT;
  struct statement statement;
  char *envelope = copy_of(&request->envelope);
  opened(envelope, request->envelope.len, server->log_key.public.name, &statement);
  const char *vkey = statement_text(&statement, "key");
  key_vkey_read(vkey, strlen(vkey), &server->client, NULL);
  statement_close(&statement);
  uint64_t index = append(server, envelope, request->envelope.len);
  size_t length;
  char *receipt = receipt_of(server, index, &length);
  answer.receipt = view(receipt, length);
  reply(call, &answer.base);
  free(receipt);
}

static const uint8_t nonce[56] = "fifty-six bytes that are the same every time, in a test";

static void on_challenge(struct fake_server *server, struct call *call, const void *message) {
  Tamis__V1__ChallengeReply answer = TAMIS__V1__CHALLENGE_REPLY__INIT;
  (void)server, (void)message;
  answer.nonce = view(nonce, sizeof nonce);
  reply(call, &answer.base);
}

static void on_open_session(struct fake_server *server, struct call *call, const void *message) {
  const Tamis__V1__OpenSessionRequest *request = message;
  Tamis__V1__OpenSessionReply answer = TAMIS__V1__OPEN_SESSION_REPLY__INIT;
  char text[512], hex[2 * sizeof nonce + 1], token[32];
  text_hex_encode(nonce, sizeof nonce, hex);
  int length =
      snprintf(text, sizeof text, "tamis-session/v1\n%s\n%.*s\n%s\n", server->log_key.public.name,
               (int)request->principal.len, (const char *)request->principal.data, hex);
  if (request->signature.len != KEY_SIGNATURE_SIZE ||
      !key_verify(&server->client, text, (size_t)length, request->signature.data)) {
    refuse(call, TAMIS_BAD_SIGNATURE);
    return;
  }
  server->session = ++server->counts.sessions;
  int token_length = snprintf(token, sizeof token, "session %u", server->session);
  answer.session = view(token, (size_t)token_length);
  answer.lifetime_ms = 60000;
  reply(call, &answer.base);
}

static void on_poll(struct fake_server *server, struct call *call, const void *message) {
  const Tamis__V1__PollRequest *request = message;
  Tamis__V1__PollReply answer = TAMIS__V1__POLL_REPLY__INIT;
  uint64_t round = server->mischief.old_plan ? 1 : server->round;
  char *receipt = NULL;
  server->counts.polls++;
  if (server->mischief.old_plan ||
      (server->round > 0 && !server->answered && request->round_after < server->round)) {
    uint64_t index = server->plan_index[round];
    size_t length;
    receipt = receipt_of(server, index, &length);
    answer.has_task = true;
    answer.federation = view("fed", 3);
    answer.round = round;
    answer.plan = view(server->entry[index].bytes, server->entry[index].length);
    answer.plan_index = index;
    answer.receipt = view(receipt, length);
    answer.state = view("probation", 9);
    answer.reason = view("new here", 8);
  } else {
    answer.finished = server->mischief.finished;
    answer.retry_after_ms = 20;
    if (server->mischief.asks_cosign && request->witness) {
      size_t length;
      checkpoint_note(server, &receipt, &length);
      answer.cosign = view(receipt, length);
    }
  }
  reply(call, &answer.base);
  free(receipt);
}

static void on_fetch(struct fake_server *server, struct call *call, const void *message) {
  const Tamis__V1__FetchBlobRequest *request = message;
  const struct fake_mischief *mischief = &server->mischief;
  uint8_t *part = malloc(CHUNK_PREFIX_MAX + CHUNK_PAYLOAD_MAX);
  uint64_t offset = request->offset, size = server->model_size;
  bool going = true;
  server->counts.fetches++;
  for (int i = 0; i < 2 * ROUNDS_MAX; i++) {
    const struct decided *decided = &server->decided[i / 2];
    int which = i % 2;
    if (!decided->manifest[which] ||
        memcmp(request->digest.data, decided->digest[which].byte, DIGEST_SIZE) != 0)
      continue;
    size_t prefix = chunk_prefix_write(CHUNK_TAG_DOWN, decided->length[which], part);
    memcpy(part + prefix, decided->manifest[which], decided->length[which]);
    send_bytes(call, part, prefix + decided->length[which]);
    free(part);
    end(call, GRPC_STATUS_OK, "", "");
    return;
  }
  if (mischief->end_blob_at) size = mischief->end_blob_at;
  while (offset < size && going) {
    size_t length = size - offset < 300001 ? (size_t)(size - offset) : 300001; /* odd on purpose */
    if (mischief->break_blob_at && offset >= mischief->break_blob_at) break;
    size_t prefix = chunk_prefix_write(CHUNK_TAG_DOWN, length, part);
    memcpy(part + prefix, server->model + offset, length);
    if (mischief->flip_blob_at >= offset && mischief->flip_blob_at < offset + length &&
        mischief->flip_blob_at)
      part[prefix + (mischief->flip_blob_at - offset)] ^= 1;
    going = send_bytes(call, part, prefix + length);
    offset += length;
  }
  free(part);
  if (mischief->break_blob_at && offset < size) {
    server->mischief.break_blob_at = 0;
    end(call, GRPC_STATUS_UNAVAILABLE, "", "broken");
  } else {
    end(call, GRPC_STATUS_OK, "", "");
  }
}

static void on_offer(struct fake_server *server, struct call *call, const void *message) {
  const Tamis__V1__OfferRequest *request = message;
  Tamis__V1__OfferReply answer = TAMIS__V1__OFFER_REPLY__INIT;
  struct statement statement;
  char *receipt = NULL;
  size_t length;
  server->counts.offers++;
  if (server->mischief.rate_limited > 0) {
    server->mischief.rate_limited--;
    refuse(call, TAMIS_RATE_LIMITED);
    return;
  }
  bool same = server->offer && server->offer_length == request->envelope.len &&
              memcmp(server->offer, request->envelope.data, request->envelope.len) == 0;
  if (!same) {
    free(server->offer);
    server->offer = copy_of(&request->envelope);
    server->offer_length = request->envelope.len;
    opened(server->offer, server->offer_length, server->log_key.public.name, &statement);
    server->offer_digest = statement.subject[0];
    server->offer_size = (uint64_t)statement_integer(&statement, "size");
    statement_close(&statement);
    digest_stream_free(server->upload_hash);
    server->upload_hash = digest_stream_new();
    server->upload_offset = 0;
  }
  if (same && server->answered) {
    receipt = receipt_of(server, server->update_index[server->round], &length);
    answer.complete = true;
    answer.receipt = view(receipt, length);
  } else {
    answer.upload = view("upload", 6);
    answer.offset = server->upload_offset;
  }
  reply(call, &answer.base);
  free(receipt);
}

/* False ends the upload: the call was answered. */
static bool upload_data(struct fake_server *server, struct call *call,
                        const ProtobufCBinaryData *data) {
  uint64_t most = server->mischief.break_upload_at;
  size_t length = data->len;
  if (most && server->upload_offset + length > most)
    length = (size_t)(most - server->upload_offset);
  digest_stream_add(server->upload_hash, data->data, length);
  server->upload_offset += length;
  server->counts.upload_bytes += length;
  if (!most || server->upload_offset < most) return true;
  server->mischief.break_upload_at = 0;
  server->session = 0; /* as if it had been restarted */
  end(call, GRPC_STATUS_UNAVAILABLE, "", "broken");
  return false;
}

static void upload_trailer(struct fake_server *server, struct call *call,
                           const Tamis__V1__UploadTrailer *trailer) {
  Tamis__V1__UploadReply answer = TAMIS__V1__UPLOAD_REPLY__INIT;
  struct digest found = digest_stream_finish(server->upload_hash);
  size_t length;
  if (server->upload_offset != server->offer_size || !digest_equal(&found, &server->offer_digest) ||
      trailer->digest.len != DIGEST_SIZE || memcmp(trailer->digest.data, found.byte, DIGEST_SIZE)) {
    digest_stream_free(server->upload_hash);
    server->upload_hash = digest_stream_new();
    server->upload_offset = 0;
    refuse(call, TAMIS_DIGEST_MISMATCH);
    return;
  }
  ProtobufCBinaryData envelope = view(server->offer, server->offer_length);
  uint64_t index = append(server, copy_of(&envelope), server->offer_length);
  server->update_index[server->round] = index;
  server->answered = true;
  server->counts.updates++;
  char *receipt = receipt_of(server, server->mischief.other_entry ? 0 : index, &length);
  answer.receipt = view(receipt, length);
  reply(call, &answer.base);
  free(receipt);
}

static void on_upload(struct fake_server *server, struct call *call) {
  bool going = true;
  server->counts.uploads++;
  while (going) {
    Tamis__V1__UploadPart *part = receive_as(call, &tamis__v1__upload_part__descriptor);
    if (!part) return;
    if (part->part_case == TAMIS__V1__UPLOAD_PART__PART_HEADER &&
        part->header->offset != server->upload_offset) {
      refuse(call, TAMIS_BAD_OFFSET);
      going = false;
    } else if (part->part_case == TAMIS__V1__UPLOAD_PART__PART_DATA) {
      going = upload_data(server, call, &part->data);
    } else if (part->part_case == TAMIS__V1__UPLOAD_PART__PART_TRAILER) {
      upload_trailer(server, call, part->trailer);
      going = false;
    }
    protobuf_c_message_free_unpacked(&part->base, NULL);
  }
}

static void on_receipt(struct fake_server *server, struct call *call, const void *message) {
  const Tamis__V1__GetReceiptRequest *request = message;
  Tamis__V1__GetReceiptReply answer = TAMIS__V1__GET_RECEIPT_REPLY__INIT;
  size_t length;
  if (request->round >= ROUNDS_MAX || server->update_index[request->round] == 0) {
    refuse(call, TAMIS_NOT_FOUND);
    return;
  }
  uint64_t index = server->mischief.other_entry ? server->plan_index[request->round]
                                                : server->update_index[request->round];
  char *receipt = receipt_of(server, index, &length);
  answer.receipt = view(receipt, length);
  reply(call, &answer.base);
  free(receipt);
}

static void on_entry(struct fake_server *server, struct call *call, const void *message) {
  const Tamis__V1__GetEntryRequest *request = message;
  Tamis__V1__GetEntryReply answer = TAMIS__V1__GET_ENTRY_REPLY__INIT;
  size_t length;
  if (request->index >= server->size) {
    refuse(call, TAMIS_NOT_FOUND);
    return;
  }
  char *receipt = receipt_of(server, request->index, &length);
  answer.envelope = view(server->entry[request->index].bytes, server->entry[request->index].length);
  answer.receipt = view(receipt, length);
  reply(call, &answer.base);
  free(receipt);
}

static void on_consistency(struct fake_server *server, struct call *call, const void *message) {
  const Tamis__V1__GetConsistencyRequest *request = message;
  Tamis__V1__GetConsistencyReply answer = TAMIS__V1__GET_CONSISTENCY_REPLY__INIT;
  struct merkle_proof proof;
  ProtobufCBinaryData hash[MERKLE_PROOF_MAX];
  char *note;
  size_t length;
  uint64_t to = request->to ? request->to : server->size;
  if (request->size > to || to > server->size) {
    refuse(call, TAMIS_NOT_FOUND);
    return;
  }
  merkle_tree_consistency(server->tree, request->size, to, &proof);
  for (size_t i = 0; i < proof.count; i++) hash[i] = view(proof.hash[i].byte, DIGEST_SIZE);
  checkpoint_note(server, &note, &length);
  answer.n_hashes = proof.count;
  answer.hashes = hash;
  answer.checkpoint = view(note, length);
  reply(call, &answer.base);
  free(note);
}

static void on_cosign(struct fake_server *server, struct call *call, const void *message) {
  const Tamis__V1__CosignRequest *request = message;
  Tamis__V1__CosignReply answer = TAMIS__V1__COSIGN_REPLY__INIT;
  struct checkpoint checkpoint = {.size = request->size};
  char text[COSIGNATURE_TEXT_SIZE];
  uint64_t unix_seconds;
  if (request->size == 0 || request->size > server->size || server->mischief.disowns) {
    refuse(call, TAMIS_FORK);
    return;
  }
  snprintf(checkpoint.origin, sizeof checkpoint.origin, "%s", server->log_key.public.name);
  checkpoint.root = merkle_tree_root(server->tree, request->size);
  enum tamis_status status =
      checkpoint_cosigned(&checkpoint, &server->client, (const char *)request->line.data,
                          request->line.len, &unix_seconds, text, NULL);
  if (status != TAMIS_OK || request->root.len != DIGEST_SIZE ||
      memcmp(request->root.data, checkpoint.root.byte, DIGEST_SIZE) != 0) {
    refuse(call, TAMIS_BAD_PROOF);
    return;
  }
  server->counts.cosigned++;
  server->counts.cosigned_size = request->size;
  answer.held = 1;
  reply(call, &answer.base);
}

static void on_query(struct fake_server *server, struct call *call, const void *message) {
  const Tamis__V1__QueryRequest *request = message;
  Tamis__V1__QueryReply answer = TAMIS__V1__QUERY_REPLY__INIT;
  server->counts.queries++;
  usleep(server->mischief.tables_stall_ms * 1000);
  if (server->mischief.no_tables) {
    refuse(call, TAMIS_UNAVAILABLE);
    return;
  }
  char *round = copy_of(&request->arguments[1]);
  const struct decided *decided = &server->decided[strtoul(round, NULL, 10) % ROUNDS_MAX];
  const char *const kinds[] = {"verdicts", "aggregate", decided->end};
  json_t *rows = json_array();
  for (int i = 0; i < 3; i++)
    if (decided->index[i] >= request->after && decided->index[i] > 0)
      json_array_append_new(
          rows, json_pack("{s:s, s:I}", "kind", kinds[i], "index", (json_int_t)decided->index[i]));
  free(round);
  if (server->mischief.endless_tables) answer.next = request->after + 1;
  char *text = json_dumps(rows, 0);
  answer.rows = view(text, strlen(text));
  reply(call, &answer.base);
  free(text);
  json_decref(rows);
}

static const struct method {
  const char *path;
  const ProtobufCMessageDescriptor *type;
  bool wants_session;
  void (*handle)(struct fake_server *server, struct call *call, const void *message);
} methods[] = {
    {"/tamis.v1.Client/Enrol", &tamis__v1__enrol_request__descriptor, false, on_enrol},
    {"/tamis.v1.Client/Challenge", &tamis__v1__challenge_request__descriptor, false, on_challenge},
    {"/tamis.v1.Client/OpenSession", &tamis__v1__open_session_request__descriptor, false,
     on_open_session},
    {"/tamis.v1.Client/Poll", &tamis__v1__poll_request__descriptor, true, on_poll},
    {"/tamis.v1.Client/FetchBlob", &tamis__v1__fetch_blob_request__descriptor, true, on_fetch},
    {"/tamis.v1.Client/Offer", &tamis__v1__offer_request__descriptor, true, on_offer},
    {"/tamis.v1.Client/GetReceipt", &tamis__v1__get_receipt_request__descriptor, true, on_receipt},
    {"/tamis.v1.Client/GetEntry", &tamis__v1__get_entry_request__descriptor, true, on_entry},
    {"/tamis.v1.Client/GetConsistency", &tamis__v1__get_consistency_request__descriptor, true,
     on_consistency},
    {"/tamis.v1.Operator/Query", &tamis__v1__query_request__descriptor, true, on_query},
    {"/tamis.v1.Client/Cosign", &tamis__v1__cosign_request__descriptor, true, on_cosign},
};

static bool session_holds(struct fake_server *server, const ProtobufCMessage *message) {
  const ProtobufCFieldDescriptor *field =
      protobuf_c_message_descriptor_get_field_by_name(message->descriptor, "session");
  const ProtobufCBinaryData *token = (const void *)((const char *)message + field->offset);
  char good[32];
  int length = snprintf(good, sizeof good, "session %u", server->session);
  if (server->mischief.no_session > 0) {
    server->mischief.no_session--;
    return false;
  }
  return server->session > 0 && token->len == (size_t)length &&
         memcmp(token->data, good, token->len) == 0;
}

static void dispatch(struct fake_server *server, struct call *call, const char *path) {
  if (server->mischief.stall_ms > 0) usleep(server->mischief.stall_ms * 1000);
  if (strcmp(path, "/tamis.v1.Client/Upload") == 0) {
    on_upload(server, call);
    return;
  }
  for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
    if (strcmp(path, methods[i].path) != 0) continue;
    ProtobufCMessage *message = receive_as(call, methods[i].type);
    if (!message) return;
    if (methods[i].wants_session && !session_holds(server, message))
      refuse(call, TAMIS_NO_SESSION);
    else
      methods[i].handle(server, call, message);
    protobuf_c_message_free_unpacked(message, NULL);
    return;
  }
  end(call, GRPC_STATUS_UNIMPLEMENTED, "", "no such method");
}

static void *serve(void *context) {
  struct fake_server *server = context;
  for (;;) {
    struct call call = {.queue = grpc_completion_queue_create_for_pluck(NULL)};
    grpc_call_details details;
    grpc_metadata_array metadata;
    grpc_call_details_init(&details);
    grpc_metadata_array_init(&metadata);
    grpc_server_request_call(server->core, &call.core, &details, &metadata, call.queue,
                             server->queue, &call);
    grpc_event event =
        grpc_completion_queue_next(server->queue, gpr_inf_future(GPR_CLOCK_REALTIME), NULL);
    bool good = event.type == GRPC_OP_COMPLETE && event.success;
    if (good) {
      char path[100] = "";
      size_t length = GRPC_SLICE_LENGTH(details.method);
      memcpy(path, GRPC_SLICE_START_PTR(details.method), length < 99 ? length : 99);
      dispatch(server, &call, path);
      grpc_call_unref(call.core);
    }
    grpc_metadata_array_destroy(&metadata);
    grpc_call_details_destroy(&details);
    grpc_completion_queue_shutdown(call.queue);
    grpc_completion_queue_destroy(call.queue);
    if (!good) return NULL;
  }
}

/* ---- Life ---- */

static void port_open(struct fake_server *server) {
  grpc_arg arg[3] = {
      {.type = GRPC_ARG_INTEGER, .key = (char *)(uintptr_t) "grpc.http2.bdp_probe"},
      {.type = GRPC_ARG_INTEGER,
       .key = (char *)(uintptr_t) "grpc.http2.max_frame_size",
       .value.integer = 1 << 20},
      {.type = GRPC_ARG_INTEGER,
       .key = (char *)(uintptr_t) "GRPC_COMPRESSION_CHANNEL_ENABLED_ALGORITHMS_BITSET",
       .value.integer = 1}};
  grpc_channel_args args = {3, arg};
  grpc_server_credentials *credentials = grpc_insecure_server_credentials_create();
  server->core = grpc_server_create(&args, NULL);
  server->queue = grpc_completion_queue_create_for_next(NULL);
  grpc_server_register_completion_queue(server->core, server->queue, NULL);
  int port = grpc_server_add_http2_port(server->core, server->address, credentials);
  assert(port != 0);
  grpc_server_credentials_release(credentials);
  grpc_server_start(server->core);
  pthread_create(&server->thread, NULL, serve, server);
}

static void port_close(struct fake_server *server) {
  grpc_completion_queue *queue = grpc_completion_queue_create_for_pluck(NULL);
  grpc_server_shutdown_and_notify(server->core, queue, server);
  grpc_server_cancel_all_calls(server->core);
  grpc_completion_queue_pluck(queue, server, gpr_inf_future(GPR_CLOCK_REALTIME), NULL);
  pthread_join(server->thread, NULL);
  grpc_server_destroy(server->core);
  grpc_completion_queue_shutdown(server->queue);
  while (grpc_completion_queue_next(server->queue, gpr_inf_future(GPR_CLOCK_REALTIME), NULL).type !=
         GRPC_QUEUE_SHUTDOWN) {
  }
  grpc_completion_queue_destroy(server->queue);
  grpc_completion_queue_shutdown(queue);
  grpc_completion_queue_destroy(queue);
}

void fake_server_restart(struct fake_server *server) {
  port_close(server);
  server->session = 0;
  port_open(server);
}

static void model_make(struct fake_server *server, uint64_t parameters) {
  struct tensor tensor = {.name = "weights", .rank = 1, .shape = {parameters}};
  struct fault fault;
  enum tamis_status status = layout_make(&tensor, 1, &server->layout, &fault);
  assert(status == TAMIS_OK);
  server->model_size = layout_file_size(&server->layout);
  server->model = malloc(server->model_size);
  memcpy(server->model, server->layout.header, server->layout.header_size);
  for (uint64_t i = 0; i < parameters; i++) {
    float value = fake_server_value(i);
    memcpy(server->model + server->layout.header_size + 4 * i, &value, sizeof value);
  }
  server->base = digest_of(server->model, server->model_size);
}

static void genesis(struct fake_server *server) {
  char log_key[KEY_VKEY_SIZE], aggregator[KEY_VKEY_SIZE], operator[KEY_VKEY_SIZE];
  key_vkey_write(&server->log_key.public, log_key);
  key_vkey_write(&server->aggregator.public, aggregator);
  key_vkey_write(&server->operator.public, operator);
  struct digest subject = digest_of(log_key, strlen(log_key));
  say(server, STATEMENT_GENESIS,
      json_pack("{s:s, s:s, s:[s], s:s}", "log_key", log_key, "aggregator_key", aggregator,
                "operators", operator, "nonce", zeros + 32),
      "log", &subject, &server->operator);
}

struct fake_server *fake_server_start(const char *folder, uint64_t parameters) {
  struct fake_server *server = calloc(1, sizeof *server);
  struct invitation invitation = {.client = "device-1", .token = "sixteen bytes..."};
  key_library_start();
  grpc_init();
  snprintf(server->address, sizeof server->address, "unix:%s/socket", folder);
  key_generate("fl.test/fake", &server->log_key);
  key_generate("fl.test/fake", &server->other_log_key);
  key_generate("service/aggregator", &server->aggregator);
  key_generate("service/aggregator", &server->other_aggregator);
  key_generate("operator/op", &server->operator);
  server->tree = merkle_tree_new();
  model_make(server, parameters);
  genesis(server);
  fake_server_grow(server, 2);
  snprintf(invitation.address, sizeof invitation.address, "%s", server->address);
  invitation.log_key = server->log_key.public;
  invitation_write(&invitation, &server->invitation, NULL);
  port_open(server);
  return server;
}

void fake_server_stop(struct fake_server *server) {
  port_close(server);
  for (uint64_t i = 0; i < ENTRIES_MAX; i++) free(server->entry[i].bytes);
  merkle_tree_free(server->tree);
  layout_close(&server->layout);
  digest_stream_free(server->upload_hash);
  for (int i = 0; i < 2 * ROUNDS_MAX; i++) free(server->decided[i / 2].manifest[i % 2]);
  free(server->offer);
  free(server->model);
  free(server->invitation);
  free(server);
  grpc_shutdown();
}

const char *fake_server_invitation(const struct fake_server *server) {
  return server->invitation;
}

struct fake_mischief *fake_server_mischief(struct fake_server *server) {
  return &server->mischief;
}

struct fake_counts fake_server_counts(const struct fake_server *server) {
  return server->counts;
}
