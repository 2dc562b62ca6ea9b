/* One update's way in: header, parts straight into the unfinished blob, trailer, digest, content,
 * durable, logged, receipt. The straight line is receive_part and receive_trailer; the rest of this
 * file keeps many of them from drowning the server. */
#include "aggregator/rpc/upload.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "aggregator/rpc/content.h"
#include "proto/chunk.h"
#include "proto/text.h"
#include "proto/unpack.h"
#include "tamis/v1/tamis.pb-c.h"

enum {
  PART_MAX = CHUNK_PAYLOAD_MAX + CHUNK_PREFIX_MAX,
  CONTROL_MAX = 4096, /* header and trailer */
  DEPTH = 2,          /* parts of one call in memory: one is written while the next arrives */
  TICK_MS = 1000,
  LEND_MS = 1000, /* a read that takes longer gives its slot to who waits */
};

struct upload;

struct upload_row {
  const char *path;
  bool is_for_operators;
  /* The names in the header are checked: what is to come? Sets digest, size and, of an update, the
   * check of its content. */
  enum tamis_status (*begin)(struct upload *upload, const Tamis__V1__UploadHeader *header,
                             struct fault *fault);
  /* The bytes are all there and have their digest: judge them, keep them, pack the reply. */
  enum tamis_status (*finish)(struct upload *upload, struct fault *fault);
};

struct upload {
  struct service *service;
  const struct upload_row *row;
  struct session session;
  struct offer offer; /* of a client */
  struct digest digest;
  uint64_t size, offset; /* offset: what the blob has */
  struct blob_upload *blob;
  struct book *base;       /* of a client */
  struct content *content; /* of a client: sees every byte that the blob gets */
  char owner[TEXT_NAME_MAX + 1];
  bool is_begun, is_counted[TALLY_KINDS];
  uint8_t *reply; /* packed; set when the upload is complete */
  size_t reply_length;
  enum tamis_status status;
  struct fault fault;

  /* Of the loop. */
  struct rpc_call *call;
  struct rpc_message *current, *waiting; /* with a worker; next in line */
  bool is_open;                          /* the header was seen to */
  bool is_reading, has_ended, is_in_line;
  bool is_told;   /* its outcome is counted */
  uint32_t slots; /* of the gate; at most one for each message being read, waiting or written */
  struct gate_seat seat;
  uint64_t asked_ms; /* when the read under way began */
  uint64_t read_at_ms, heard_ms,
      heard_bytes; /* progress in this window: time spent listening, bytes heard */
};

static struct upload *upload_of(struct rpc_call *call) {
  return rpc_state(call);
}

/* On a worker: what a message means. */

static enum tamis_status pack(struct upload *upload, const ProtobufCMessage *message,
                              struct fault *fault) {
  upload->reply_length = protobuf_c_message_get_packed_size(message);
  upload->reply = malloc(upload->reply_length + 1);
  if (!upload->reply) return fault_plain(fault, TAMIS_NO_MEMORY);
  protobuf_c_message_pack(message, upload->reply);
  return TAMIS_OK;
}

static enum tamis_status admit(struct upload *upload, const ProtobufCBinaryData *token,
                               struct fault *fault) {
  struct service *service = upload->service;
  enum tamis_status status = session_open(&service->secret, service_now_ms(service), token->data,
                                          token->len, &upload->session, fault);
  if (!status && upload->session.is_operator != upload->row->is_for_operators)
    status = fault_set(fault, TAMIS_DENIED, "%s is not for %s", upload->row->path,
                       upload->session.is_operator ? "operators" : "clients");
  for (int kind = 0; kind < TALLY_KINDS && !status; kind++) {
    status = tally_enter(service->tally, upload->session.principal, (enum tally_kind)kind, fault);
    upload->is_counted[kind] = !status;
  }
  return status;
}

static void see_content(void *context, const void *bytes, size_t length) {
  content_add(context, bytes, length);
}

static enum tamis_status update_begin(struct upload *upload, const Tamis__V1__UploadHeader *header,
                                      struct fault *fault) {
  enum tamis_status status =
      offers_get(upload->service->offers, upload->session.principal, header->upload.data,
                 header->upload.len, &upload->offer, fault);
  if (status) return status;
  snprintf(upload->owner, sizeof upload->owner, "%.*s", TEXT_NAME_MAX, upload->session.principal);
  upload->digest = upload->offer.terms.blob;
  upload->size = upload->offer.terms.size;
  status = shelf_borrow(upload->service->shelf, &upload->offer.terms.base, &upload->base, fault);
  if (status) return status;
  return content_open(upload->base->view.bytes, upload->base->view.length,
                      upload->offer.terms.norm_max, &upload->content, fault);
}

/* Operators' names do not fit the store's rule for owners; a digest of theirs does. */
static enum tamis_status blob_begin(struct upload *upload, const Tamis__V1__UploadHeader *header,
                                    struct fault *fault) {
  const char *principal = upload->session.principal;
  struct digest name = digest_of(principal, strlen(principal));
  char hex[DIGEST_HEX_SIZE];
  if (header->upload.len != sizeof upload->digest.byte)
    return fault_set(fault, TAMIS_BAD_REQUEST, "a digest has %d bytes", DIGEST_SIZE);
  if (!header->size || header->size > upload->service->limits.blob_bytes)
    return fault_set(fault, TAMIS_TOO_LARGE, "a blob may have 1 to %" PRIu64 " bytes",
                     upload->service->limits.blob_bytes);
  memcpy(upload->digest.byte, header->upload.data, sizeof upload->digest.byte);
  upload->size = header->size;
  digest_to_hex(&name, hex);
  snprintf(upload->owner, sizeof upload->owner, "operator-%.16s", hex);
  return TAMIS_OK;
}

static enum tamis_status
receive_header(struct upload *upload, const Tamis__V1__UploadHeader *header, struct fault *fault) {
  enum tamis_status status = admit(upload, &header->session, fault);
  if (!status) status = upload->row->begin(upload, header, fault);
  if (status) return status;
  if (header->size != upload->size)
    return fault_set(fault, TAMIS_BAD_REQUEST,
                     "the header says %" PRIu64 " bytes, the statement %" PRIu64, header->size,
                     upload->size);
  const struct blob_witness witness = {upload->content ? see_content : NULL, upload->content};
  status = blob_upload_open(core_blobs(upload->service->core), upload->owner, &upload->digest,
                            upload->size, &witness, &upload->blob, &upload->offset, fault);
  if (status) return status;
  upload->is_begun = true;
  if (header->offset != upload->offset)
    return fault_set(fault, TAMIS_BAD_OFFSET,
                     "the upload starts at %" PRIu64 ", the server's bytes end at %" PRIu64,
                     header->offset, upload->offset);
  return TAMIS_OK;
}

static enum tamis_status receive_piece(void *context, const uint8_t *bytes, size_t length) {
  struct upload *upload = context;
  enum tamis_status status =
      blob_upload_write(upload->blob, upload->offset, bytes, length, &upload->fault);
  if (!status) upload->offset += length;
  return status;
}

static enum tamis_status receive_part(struct upload *upload, size_t prefix) {
  size_t length = rpc_message_size(upload->current) - prefix;
  atomic_fetch_add(&upload->service->bytes_received, length);
  if (length > upload->size - upload->offset)
    return fault_set(&upload->fault, TAMIS_TOO_LARGE,
                     "the parts have more than the %" PRIu64 " bytes that were announced",
                     upload->size);
  return rpc_message_visit(upload->current, prefix, receive_piece, upload);
}

/* The client answered, and badly: that is logged, and the bytes are of no use. */
static void update_refuse(struct upload *upload, enum tamis_status status,
                          const struct fault *fault) {
  struct fault other;
  const struct offer *offer = &upload->offer;
  enum tamis_status logged =
      core_refuse(upload->service->core, upload->session.principal, offer->envelope, offer->length,
                  status, fault->text, &other);
  if (logged)
    log_event(upload->service->log, LOG_LEVEL_WARN, "refusal not logged",
              log_text("client", upload->session.principal),
              log_text("status", tamis_status_name(logged)), log_text("sentence", other.text),
              log_end());
  blob_upload_discard(upload->blob);
  upload->blob = NULL;
  offers_drop(upload->service->offers, &offer->upload);
}

static bool is_for_good(enum tamis_status status) {
  return status == TAMIS_WRONG_LAYOUT || status == TAMIS_NOT_FINITE ||
         status == TAMIS_NORM_TOO_LARGE;
}

static enum tamis_status update_finish(struct upload *upload, struct fault *fault) {
  struct service *service = upload->service;
  const struct offer *offer = &upload->offer;
  char *receipt = NULL;
  size_t length = 0;
  enum tamis_status status = content_verdict(upload->content, fault);
  if (is_for_good(status)) update_refuse(upload, status, fault);
  if (!status) status = blob_upload_commit(upload->blob, fault);
  if (!status)
    status = core_accept(service->core, upload->session.principal, offer->envelope, offer->length,
                         &receipt, &length, fault);
  if (!status) {
    Tamis__V1__UploadReply reply = TAMIS__V1__UPLOAD_REPLY__INIT;
    offers_drop(service->offers, &offer->upload);
    reply.receipt = (ProtobufCBinaryData){length, (uint8_t *)receipt};
    status = pack(upload, &reply.base, fault);
  }
  free(receipt);
  return status;
}

static enum tamis_status blob_finish(struct upload *upload, struct fault *fault) {
  Tamis__V1__PutBlobReply reply = TAMIS__V1__PUT_BLOB_REPLY__INIT;
  enum tamis_status status = blob_upload_commit(upload->blob, fault);
  reply.digest = (ProtobufCBinaryData){sizeof upload->digest.byte, upload->digest.byte};
  if (!status) status = pack(upload, &reply.base, fault);
  return status;
}

static enum tamis_status receive_trailer(struct upload *upload,
                                         const Tamis__V1__UploadTrailer *trailer,
                                         struct fault *fault) {
  if (trailer->digest.len != DIGEST_SIZE ||
      memcmp(trailer->digest.data, upload->digest.byte, DIGEST_SIZE))
    return fault_set(fault, TAMIS_DIGEST_MISMATCH,
                     "the trailer names another digest than the one that was announced");
  enum tamis_status status = blob_upload_finish(upload->blob, fault);
  if (!status) status = upload->row->finish(upload, fault);
  return status;
}

static enum tamis_status receive_control(struct upload *upload, struct fault *fault) {
  size_t length = rpc_message_size(upload->current);
  uint8_t bytes[CONTROL_MAX];
  struct unpack_arena arena;
  if (length > sizeof bytes)
    return fault_set(fault, TAMIS_BAD_REQUEST, "this is no header, data part or trailer");
  rpc_message_head(upload->current, bytes, length);
  unpack_arena_open(&arena, (size_t)4 * CONTROL_MAX);
  const Tamis__V1__UploadPart *part =
      unpack_message(&arena, &tamis__v1__upload_part__descriptor, bytes, length);
  enum tamis_status status;
  if (part && !upload->is_begun && part->part_case == TAMIS__V1__UPLOAD_PART__PART_HEADER)
    status = receive_header(upload, part->header, fault);
  else if (part && upload->is_begun && part->part_case == TAMIS__V1__UPLOAD_PART__PART_TRAILER)
    status = receive_trailer(upload, part->trailer, fault);
  else
    status = fault_set(fault, TAMIS_BAD_REQUEST,
                       upload->is_begun ? "after the header come data parts and one trailer"
                                        : "an upload begins with its header");
  unpack_arena_close(&arena);
  return status;
}

static void upload_work(struct rpc_call *call) {
  struct upload *upload = upload_of(call);
  uint8_t head[CHUNK_PREFIX_MAX];
  size_t available = rpc_message_head(upload->current, head, sizeof head);
  size_t prefix =
      chunk_prefix_read(CHUNK_TAG_UP, head, available, rpc_message_size(upload->current));
  if (prefix && upload->is_begun)
    upload->status = receive_part(upload, prefix);
  else
    upload->status = receive_control(upload, &upload->fault);
}

/* On the loop: messages in order, slots, progress. */

static void upload_go_on(struct rpc_call *call);

static void upload_log(const struct upload *upload, enum tamis_status status,
                       const char *sentence) {
  bool is_good = status == TAMIS_OK;
  log_event(
      upload->service->log, is_good ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO,
      is_good ? "upload complete" : "upload refused", log_text("client", upload->session.principal),
      log_integer("bytes", (int64_t)upload->offset), log_text("status", tamis_status_name(status)),
      log_text("sentence", sentence), log_end());
}

static void upload_count(struct upload *upload, enum tamis_status status) {
  atomic_fetch_add(&upload->service->uploads[status], 1);
  upload->is_told = true;
}

static void upload_refuse(struct rpc_call *call, enum tamis_status status, const char *sentence) {
  struct upload *upload = upload_of(call);
  if (rpc_is_answered(call)) return;
  upload_log(upload, status, sentence);
  upload_count(upload, status);
  if (status == TAMIS_BAD_OFFSET)
    rpc_refuse_offset(call, upload->offset, sentence);
  else
    rpc_refuse(call, status, sentence);
}

static void upload_complete(struct rpc_call *call) {
  struct upload *upload = upload_of(call);
  uint8_t *reply = upload->reply;
  upload->reply = NULL;
  upload_log(upload, TAMIS_OK, "");
  upload_count(upload, TAMIS_OK);
  rpc_reply(call, reply, upload->reply_length);
}

/* A trailer waits for the disk and the log, and holds nobody's memory meanwhile. */
static bool takes_slot(const struct rpc_message *message) {
  return message && rpc_message_size(message) > CONTROL_MAX;
}

/* Slots that the call cannot do without. */
static uint32_t upload_held(const struct upload *upload) {
  return (uint32_t)upload->is_reading + takes_slot(upload->waiting) + takes_slot(upload->current);
}

static uint32_t upload_depth(const struct upload *upload) {
  return (uint32_t)upload->is_reading + (upload->waiting != NULL) + (upload->current != NULL);
}

/* Gives back what is not needed any more; `keep` messages still are. */
static void upload_return_slots(struct upload *upload, uint32_t keep) {
  for (; upload->slots > keep; upload->slots--) gate_leave(upload->service->gate);
}

static void upload_worked(struct rpc_call *call) {
  struct upload *upload = upload_of(call);
  rpc_message_free(upload->current);
  upload->current = NULL;
  upload->is_open = true;
  upload_return_slots(upload, upload_held(upload));
  if (upload->status)
    upload_refuse(call, upload->status, upload->fault.text);
  else if (upload->reply)
    upload_complete(call);
  else
    upload_go_on(call);
}

static void upload_read(struct rpc_call *call) {
  struct upload *upload = upload_of(call);
  upload->slots++;
  upload->is_reading = true;
  upload->asked_ms = upload->read_at_ms = rpc_clock_ms();
  rpc_read(call);
}

static void upload_entered(struct rpc_call *call) {
  upload_of(call)->is_in_line = false;
  if (rpc_is_alive(call) && !rpc_is_answered(call))
    upload_read(call);
  else
    gate_leave(upload_of(call)->service->gate);
}

static void upload_enter(struct gate_seat *seat) {
  struct upload *upload = (struct upload *)(void *)((char *)seat - offsetof(struct upload, seat));
  rpc_post(upload->call, upload_entered);
}

/* A second part only when memory is to be had at once; the first one in its turn. */
static void upload_want(struct rpc_call *call) {
  struct upload *upload = upload_of(call);
  struct gate *gate = upload->service->gate;
  if (upload->is_reading || upload->has_ended || upload_depth(upload) >= DEPTH) return;
  if (upload->current) {
    if (gate_try(gate)) upload_read(call);
    return;
  }
  rpc_hold(call);
  upload->is_in_line = true;
  if (!gate_enter(gate, &upload->seat)) return;
  rpc_release(call);
  upload->is_in_line = false;
  upload_read(call);
}

static void upload_go_on(struct rpc_call *call) {
  struct upload *upload = upload_of(call);
  if (rpc_is_answered(call) || !rpc_is_alive(call) || upload->is_in_line) return;
  if (!upload->current && upload->waiting) {
    upload->current = upload->waiting;
    upload->waiting = NULL;
    rpc_work(call, upload_work, upload_worked);
  }
  if (!upload->current && upload->has_ended)
    upload_refuse(call, TAMIS_TRUNCATED, "the stream ended before its trailer; begin at Offer");
  else if (upload->is_open)
    upload_want(call);
}

/* Callbacks of the call. */

static void upload_on_open(struct rpc_call *call) {
  struct upload *upload = upload_of(call);
  upload->call = call;
  upload->service = rpc_context(call);
  atomic_fetch_add(&upload->service->uploads_begun, 1);
  upload->row = rpc_row(call);
  upload->seat.enter = upload_enter;
  upload->is_reading =
      true; /* the header: small, and without a slot, or silent streams would take them all */
  upload->read_at_ms = rpc_clock_ms();
  rpc_tick_in(call, TICK_MS);
  rpc_read(call);
}

static void upload_heard(struct upload *upload) {
  uint64_t now = rpc_clock_ms();
  upload->heard_ms += now - upload->read_at_ms;
  upload->read_at_ms = now;
}

static void upload_on_message(struct rpc_call *call, struct rpc_message *message) {
  struct upload *upload = upload_of(call);
  assert(!upload->waiting);
  upload_heard(upload);
  upload->heard_bytes += rpc_message_size(message);
  upload->is_reading = false;
  upload->waiting = message;
  upload_return_slots(upload, upload_held(upload));
  upload_go_on(call);
}

static void upload_on_end(struct rpc_call *call) {
  struct upload *upload = upload_of(call);
  upload->is_reading = false;
  upload->has_ended = true;
  upload_return_slots(upload, upload_held(upload));
  upload_go_on(call);
}

/* Only time in which nothing but the client was waited for counts, and only parts that arrived
 * whole. */
static bool upload_is_slow(struct upload *upload) {
  const struct service_limits *limits = &upload->service->limits;
  if (upload->heard_ms < limits->progress_window_ms) return false;
  bool is_slow = upload->heard_bytes * 1000 < limits->progress_bytes_per_second * upload->heard_ms;
  upload->heard_ms = upload->heard_bytes = 0;
  return is_slow;
}

static void upload_on_tick(struct rpc_call *call) {
  struct upload *upload = upload_of(call);
  struct gate *gate = upload->service->gate;
  rpc_tick_in(call, TICK_MS);
  if (!upload->is_reading) return;
  if (upload->current) { /* the client may be waiting for us */
    upload->read_at_ms = rpc_clock_ms();
    return;
  }
  upload_heard(upload);
  bool is_lingering = rpc_clock_ms() - upload->asked_ms >= LEND_MS;
  if (upload_is_slow(upload))
    upload_refuse(call, TAMIS_TOO_SLOW, "too few bytes in the time allowed; begin at Offer");
  else if (is_lingering && upload->slots && gate_has_line(gate))
    upload->slots--, gate_leave(gate); /* lent on: a slow sender must not hold up quick ones */
}

static void upload_on_gone(struct rpc_call *call) {
  struct upload *upload = upload_of(call);
  if (!upload->is_in_line || !gate_leave_line(upload->service->gate, &upload->seat)) return;
  upload->is_in_line = false;
  rpc_release(call);
}

static void upload_on_close(struct rpc_call *call) {
  struct upload *upload = upload_of(call);
  struct service *service = upload->service;
  if (service && !upload->is_told) atomic_fetch_add(&service->uploads_gone, 1);
  upload_return_slots(upload, 0);
  if (upload->blob) blob_upload_close(upload->blob);
  content_close(upload->content);
  if (upload->base) shelf_return(upload->base);
  for (int kind = 0; kind < TALLY_KINDS; kind++)
    if (upload->is_counted[kind])
      tally_leave(service->tally, upload->session.principal, (enum tally_kind)kind);
  rpc_message_free(upload->waiting);
  offer_close(&upload->offer);
  free(upload->reply);
}

static const struct upload_row upload_rows[UPLOAD_METHODS] = {
    {"/tamis.v1.Client/Upload", false, update_begin, update_finish},
    {"/tamis.v1.Operator/PutBlob", true, blob_begin, blob_finish},
};

void upload_methods(struct service *service, struct rpc_method methods[UPLOAD_METHODS]) {
  for (int i = 0; i < UPLOAD_METHODS; i++)
    methods[i] = (struct rpc_method){
        .path = upload_rows[i].path,
        .request_max = PART_MAX,
        .state_size = sizeof(struct upload),
        .row = &upload_rows[i],
        .context = service,
        .open = upload_on_open,
        .message = upload_on_message,
        .end = upload_on_end,
        .tick = upload_on_tick,
        .gone = upload_on_gone,
        .close = upload_on_close,
    };
}
