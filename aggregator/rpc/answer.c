/* How a request becomes an answer: read one message, see who asks, let the step decide on a worker,
 * send or wait on the loop. */
#include "aggregator/rpc/answer.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include "proto/chunk.h"

enum {
  ARENA_FACTOR = 8, /* what unpacking a message may cost, in messages (grpc-c-core.md 8: honest ones
                       stay below 2) */
  ARENA_LEAST = 4096,
  SEND_STALL_MS = 60000, /* a reader that takes nothing for so long is gone */
};

static struct request *request_of(struct rpc_call *call) {
  return rpc_state(call);
}

/* What a step says. */

ProtobufCBinaryData answer_bytes(const void *bytes, size_t length) {
  return (ProtobufCBinaryData){bytes ? length : 0, (uint8_t *)(uintptr_t)bytes};
}

ProtobufCBinaryData answer_text(const char *text) {
  return answer_bytes(text, text ? strlen(text) : 0);
}

static enum tamis_status answer_pack(struct request *request, const ProtobufCMessage *message,
                                     enum answer_then then, struct fault *fault) {
  request->length = protobuf_c_message_get_packed_size(message);
  request->bytes = malloc(request->length ? request->length : 1);
  if (!request->bytes) return fault_plain(fault, TAMIS_NO_MEMORY);
  protobuf_c_message_pack(message, request->bytes);
  request->then = then;
  return TAMIS_OK;
}

enum tamis_status answer_reply(struct request *request, const ProtobufCMessage *message,
                               struct fault *fault) {
  return answer_pack(request, message, ANSWER_REPLY, fault);
}

enum tamis_status answer_send(struct request *request, const ProtobufCMessage *message,
                              struct fault *fault) {
  return answer_pack(request, message, ANSWER_SEND, fault);
}

enum tamis_status answer_share(struct request *request, const uint8_t *bytes, size_t length) {
  request->shared = bytes;
  request->shared_length = length;
  request->then = ANSWER_SHARE;
  return TAMIS_OK;
}

enum tamis_status answer_end(struct request *request) {
  request->then = ANSWER_END;
  return TAMIS_OK;
}

enum tamis_status answer_wait(struct request *request, uint64_t until_ms) {
  request->until_ms = until_ms;
  request->then = ANSWER_WAIT;
  return TAMIS_OK;
}

/* Who asks. */

static const ProtobufCBinaryData *request_token(const struct request *request) {
  const ProtobufCFieldDescriptor *field =
      protobuf_c_message_descriptor_get_field_by_name(request->row->descriptor, "session");
  assert(field && field->type == PROTOBUF_C_TYPE_BYTES);
  return (const void *)((const char *)request->message + field->offset);
}

static enum tamis_status request_admit(struct request *request, struct fault *fault) {
  struct service *service = request->service;
  enum audience audience = request->row->audience;
  if (audience == AUDIENCE_ANYONE) return TAMIS_OK;
  const ProtobufCBinaryData *token = request_token(request);
  enum tamis_status status = session_open(&service->secret, service_now_ms(service), token->data,
                                          token->len, &request->session, fault);
  if (status) return status;
  if (audience == AUDIENCE_OPERATOR && !request->session.is_operator)
    return fault_set(fault, TAMIS_DENIED, "only operators may ask that");
  if (audience == AUDIENCE_CLIENT && request->session.is_operator)
    return fault_set(fault, TAMIS_DENIED, "only clients may ask that");
  status = tally_enter(service->tally, request->session.principal, TALLY_STREAMS, fault);
  request->is_counted = !status;
  return status;
}

static enum tamis_status request_unpack(struct request *request, struct fault *fault) {
  size_t length = rpc_message_size(request->incoming);
  uint8_t *bytes = rpc_message_copy(request->incoming);
  if (!bytes) return fault_plain(fault, TAMIS_NO_MEMORY);
  unpack_arena_open(&request->arena, ARENA_LEAST + ARENA_FACTOR * length);
  request->message = unpack_message(&request->arena, request->row->descriptor, bytes, length);
  free(bytes);
  if (request->message) return TAMIS_OK;
  return fault_set(fault, TAMIS_BAD_REQUEST, "the bytes are no %s", request->row->descriptor->name);
}

static void request_step(struct request *request) {
  struct fault *fault = &request->fault;
  enum tamis_status status = TAMIS_OK;
  request->then = ANSWER_NONE;
  request->bell_count = bell_count(request->service->bell);
  if (!request->message) {
    status = request_unpack(request, fault);
    if (!status) status = request_admit(request, fault);
  }
  if (!status) status = request->row->step(request, fault);
  request->is_begun = true;
  request->status = status;
}

/* On the loop. */

static void request_run(struct rpc_call *call);

static void request_work(struct rpc_call *call) {
  request_step(request_of(call));
}

static void request_refuse(struct rpc_call *call) {
  struct request *request = request_of(call);
  bool is_fork = request->status == TAMIS_FORK; /* somebody must look, now */
  log_event(request->service->log, is_fork ? LOG_LEVEL_ERROR : LOG_LEVEL_DEBUG,
            is_fork ? "another history was seen" : "request refused",
            log_text("method", request->row->path),
            log_text("principal", request->session.principal),
            log_text("status", tamis_status_name(request->status)),
            log_text("sentence", request->fault.text), log_end());
  rpc_refuse(call, request->status, request->fault.text);
}

static void request_posted(struct rpc_call *call) {
  if (!rpc_is_alive(call)) return;
  request_run(call);
}

static void request_wake(struct bell_seat *seat) {
  struct request *request =
      (struct request *)(void *)((char *)seat - offsetof(struct request, seat));
  rpc_post(request->call, request_posted);
}

static void request_wait(struct rpc_call *call) {
  struct request *request = request_of(call);
  if (bell_is_closing(request->service->bell)) {
    rpc_refuse(call, TAMIS_UNAVAILABLE, "the server is stopping");
    return;
  }
  rpc_hold(call);
  if (!bell_sit(request->service->bell, &request->seat, request->bell_count)) {
    rpc_release(call); /* something changed while the step looked */
    request_run(call);
    return;
  }
  uint64_t now = rpc_clock_ms();
  if (request->until_ms != UINT64_MAX)
    rpc_tick_in(call, request->until_ms > now ? (int64_t)(request->until_ms - now) : 0);
}

static void request_send(struct rpc_call *call) {
  struct request *request = request_of(call);
  request->is_sending = true;
  rpc_tick_in(call, SEND_STALL_MS);
  if (request->then == ANSWER_SEND) {
    uint8_t *bytes = request->bytes;
    request->bytes = NULL;
    rpc_send(call, bytes, request->length);
    return;
  }
  uint8_t prefix[CHUNK_PREFIX_MAX];
  size_t length = chunk_prefix_write(CHUNK_TAG_DOWN, request->shared_length, prefix);
  shelf_borrow_again(request->book);
  atomic_fetch_add(&request->service->bytes_sent, request->shared_length);
  rpc_send_shared(call, prefix, length, request->shared, request->shared_length, shelf_return,
                  request->book);
}

static void request_done(struct rpc_call *call) {
  struct request *request = request_of(call);
  uint8_t *bytes = request->bytes;
  if (!rpc_is_alive(call)) return;
  if (request->status) {
    request_refuse(call);
    return;
  }
  switch (request->then) {
  case ANSWER_REPLY:
    request->bytes = NULL;
    rpc_reply(call, bytes, request->length);
    break;
  case ANSWER_SEND:
  case ANSWER_SHARE: request_send(call); break;
  case ANSWER_END: rpc_end(call); break;
  case ANSWER_WAIT: request_wait(call); break;
  case ANSWER_NONE: abort(); /* a step of ours that says nothing */
  }
}

static void request_run(struct rpc_call *call) {
  if (request_of(call)->row->is_quick) {
    request_step(request_of(call));
    request_done(call);
  } else {
    rpc_work(call, request_work, request_done);
  }
}

/* Callbacks of the call. */

static void answer_on_open(struct rpc_call *call) {
  struct request *request = request_of(call);
  request->call = call;
  request->service = rpc_context(call);
  request->row = rpc_row(call);
  request->seat.wake = request_wake;
  rpc_tick_in(call, (int64_t)request->service->limits.request_ms);
  rpc_read(call);
}

static void answer_on_message(struct rpc_call *call, struct rpc_message *message) {
  request_of(call)->incoming = message;
  rpc_tick_in(call, RPC_NEVER);
  request_run(call);
}

static void answer_on_end(struct rpc_call *call) {
  rpc_refuse(call, TAMIS_BAD_REQUEST, "the call ended without its one message");
}

static void answer_on_sent(struct rpc_call *call) {
  request_of(call)->is_sending = false;
  rpc_tick_in(call, RPC_NEVER);
  request_run(call);
}

static void answer_on_tick(struct rpc_call *call) {
  struct request *request = request_of(call);
  if (!request->incoming) {
    rpc_refuse(call, TAMIS_TIMED_OUT, "the request did not come");
  } else if (request->is_sending) {
    rpc_refuse(call, TAMIS_TOO_SLOW, "the reader takes nothing");
    rpc_break(call);
  } else if (bell_rise(request->service->bell, &request->seat)) {
    rpc_release(call);
    request->is_late = true;
    request_run(call);
  }
}

static void answer_on_gone(struct rpc_call *call) {
  struct request *request = request_of(call);
  if (bell_rise(request->service->bell, &request->seat)) rpc_release(call);
}

static void answer_on_close(struct rpc_call *call) {
  struct request *request = request_of(call);
  if (request->is_counted)
    tally_leave(request->service->tally, request->session.principal, TALLY_STREAMS);
  if (request->book) shelf_return(request->book);
  if (request->incoming) unpack_arena_close(&request->arena);
  rpc_message_free(request->incoming);
  free(request->bytes);
}

void answer_method(const struct answer_row *row, struct service *service,
                   struct rpc_method *method) {
  *method = (struct rpc_method){
      .path = row->path,
      .request_max = service->limits.control_bytes,
      .state_size = sizeof(struct request),
      .row = row,
      .context = service,
      .open = answer_on_open,
      .message = answer_on_message,
      .end = answer_on_end,
      .sent = answer_on_sent,
      .tick = answer_on_tick,
      .gone = answer_on_gone,
      .close = answer_on_close,
  };
}
