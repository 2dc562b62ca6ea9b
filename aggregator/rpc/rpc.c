/* Loops, calls and messages on the gRPC C core: the only file of the server that includes
 * <grpc/...>.
 *
 * Every operation given to the core carries a tag, a struct inside its owner whose function the
 * loop runs when the operation is over. What is written in a call is written by its loop's thread
 * alone; the core owns `incoming` from rpc_read until the tag `received`. After a batch was started
 * nothing of it may be assumed: its tag may be running. */
#include "aggregator/rpc/rpc.h"

#include <assert.h>
#include <errno.h>
#include <grpc/byte_buffer.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#if __has_include(<grpc/credentials.h>)
#include <grpc/credentials.h>
#endif
#include <grpc/slice.h>
#include <grpc/support/alloc.h>
#include <grpc/support/time.h>
#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "aggregator/rpc/pool.h"

/* The core's queue hands tags over in ways that ThreadSanitizer cannot see into; these two say that
 * it does. */
#if defined(__SANITIZE_THREAD__)
void __tsan_acquire(void *address);
void __tsan_release(void *address);
#define TAG_GIVEN(tag) __tsan_release(tag)
#define TAG_TAKEN(tag) __tsan_acquire(tag)
#else
#define TAG_GIVEN(tag) ((void)(tag))
#define TAG_TAKEN(tag) ((void)(tag))
#endif

enum {
  SLOTS = 8, /* calls of one method that may arrive on one loop between two turns of it */
  CATCH_ALL_SLOTS = 4,
  DETAIL_SIZE = 384, /* "NAME: sentence" */
  ADDRESS_SIZE = 256,
  TRAILER_MAX = 2,
};

struct tag {
  void (*run)(struct tag *tag, bool is_good);
};
#define OWNER(type, member, pointer) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

struct loop {
  struct rpc_server *server;
  grpc_completion_queue *queue;
  pthread_t thread;
  bool is_running;
  struct rpc_call *ticking; /* list of calls with a time to be told about */
  uint64_t tick_next_ms;    /* nothing is due before */
};

struct rpc_server {
  grpc_server *core;
  struct pool *pool;
  const struct rpc_method *methods;
  size_t method_count;
  void **registered; /* by method */
  uint32_t calls_max;
  char address[ADDRESS_SIZE];
  struct tag drained;
  pthread_mutex_t lock;
  pthread_cond_t ended;
  size_t slots; /* calls and places for calls that exist; under the lock */
  bool is_drained;
  bool has_drain_begun;
  atomic_bool is_stopping;
  pthread_mutex_t counting;
  struct rpc_counters counted; /* under `counting`, so that whoever reads them reads one moment */
  int loop_count;
  struct loop loop[];
};

struct rpc_call {
  struct loop *loop;
  const struct rpc_method *method; /* NULL: the place for methods we do not have */
  grpc_call *core;
  grpc_metadata_array metadata;
  grpc_call_details details;
  gpr_timespec deadline;
  struct tag arrived, closed, received, sent, finished, posted;
  grpc_byte_buffer *incoming;
  int was_cancelled;
  bool is_reading, is_sending, is_finishing, is_held, has_headers_sent;
  bool is_answered; /* the answer is decided, whether it has left or not */
  bool is_deferred; /* the answer waits for the message before it */
  bool is_closed;
  atomic_bool is_alive;
  enum tamis_status status;
  grpc_status_code code;
  char detail[DETAIL_SIZE];
  size_t trailer_count;
  grpc_metadata trailer[TRAILER_MAX];
  struct rpc_call *tick_next, **tick_link;
  uint64_t tick_at_ms;
  struct pool_job job;
  void (*work)(struct rpc_call *call);
  void (*done)(struct rpc_call *call);
  max_align_t state[];
};

uint64_t rpc_clock_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Ticks. */

static void tick_remove(struct rpc_call *call) {
  if (!call->tick_link) return;
  *call->tick_link = call->tick_next;
  if (call->tick_next) call->tick_next->tick_link = call->tick_link;
  call->tick_link = NULL;
}

void rpc_tick_in(struct rpc_call *call, int64_t ms) {
  tick_remove(call);
  if (ms < 0) return;
  struct loop *loop = call->loop;
  call->tick_at_ms = rpc_clock_ms() + (uint64_t)ms;
  if (call->tick_at_ms < loop->tick_next_ms) loop->tick_next_ms = call->tick_at_ms;
  call->tick_next = loop->ticking;
  call->tick_link = &loop->ticking;
  if (call->tick_next) call->tick_next->tick_link = &call->tick_next;
  loop->ticking = call;
}

static void call_settle(struct rpc_call *call);

/* The list is walked only when something may be due. A callback may end its own call, never another
 * one, and what it adds goes to the front: the next in the list stays the next. */
static void loop_tick(struct loop *loop) {
  uint64_t now = rpc_clock_ms();
  if (now < loop->tick_next_ms) return;
  loop->tick_next_ms = UINT64_MAX;
  for (struct rpc_call *call = loop->ticking, *next; call; call = next) {
    next = call->tick_next;
    if (call->tick_at_ms > now) {
      if (call->tick_at_ms < loop->tick_next_ms) loop->tick_next_ms = call->tick_at_ms;
      continue;
    }
    tick_remove(call);
    if (call->method->tick) call->method->tick(call);
    call_settle(call);
  }
}

static gpr_timespec loop_wakes_at(const struct loop *loop) {
  if (!loop->ticking) return gpr_inf_future(GPR_CLOCK_MONOTONIC);
  uint64_t now = rpc_clock_ms();
  uint64_t wait = loop->tick_next_ms > now ? loop->tick_next_ms - now : 0;
  return gpr_time_add(
      gpr_now(GPR_CLOCK_MONOTONIC),
      gpr_time_from_millis((int64_t)(wait < 60000 ? wait + 1 : 60000), GPR_TIMESPAN));
}

static void *loop_thread(void *argument) {
  struct loop *loop = argument;
  for (;;) {
    grpc_event event = grpc_completion_queue_next(loop->queue, loop_wakes_at(loop), NULL);
    if (event.type == GRPC_QUEUE_SHUTDOWN) return NULL;
    if (event.type == GRPC_OP_COMPLETE) {
      struct tag *tag = event.tag;
      TAG_TAKEN(tag);
      tag->run(tag, event.success);
    }
    loop_tick(loop);
  }
}

/* Counting: an arrival, an outcome and an end for each call, each in one place. */

static uint64_t count_arrival(struct rpc_server *server) {
  pthread_mutex_lock(&server->counting);
  server->counted.received++;
  uint64_t others = server->counted.in_flight++;
  pthread_mutex_unlock(&server->counting);
  return others;
}

/* The answer is decided; the call goes on until it has left. */
static void count_outcome(struct rpc_server *server, uint64_t *outcome) {
  pthread_mutex_lock(&server->counting);
  ++*outcome;
  server->counted.ending++;
  pthread_mutex_unlock(&server->counting);
}

static void count_end(struct rpc_server *server, bool is_answered) {
  pthread_mutex_lock(&server->counting);
  if (is_answered)
    server->counted.ending--;
  else
    server->counted.gone++;
  server->counted.in_flight--;
  pthread_mutex_unlock(&server->counting);
}

void rpc_server_counters(struct rpc_server *server, struct rpc_counters *counters) {
  pthread_mutex_lock(&server->counting);
  *counters = server->counted;
  pthread_mutex_unlock(&server->counting);
}

int64_t rpc_unaccounted(const struct rpc_counters *counters) {
  uint64_t outcomes = counters->unknown_method + counters->gone;
  for (int i = 0; i < TAMIS_STATUS_COUNT; i++) outcomes += counters->answered[i];
  return (int64_t)(counters->received - outcomes - (counters->in_flight - counters->ending));
}

/* The life of a call. */

static void call_free(struct rpc_call *call) {
  struct rpc_server *server = call->loop->server;
  for (size_t i = 0; i < call->trailer_count; i++) grpc_slice_unref(call->trailer[i].value);
  grpc_metadata_array_destroy(&call->metadata);
  grpc_call_details_destroy(&call->details);
  if (call->core) grpc_call_unref(call->core);
  free(call);
  pthread_mutex_lock(&server->lock);
  if (--server->slots == 0) pthread_cond_broadcast(&server->ended);
  pthread_mutex_unlock(&server->lock);
}

/* Called last in every tag of a call: when nothing is under way any more, this is its end. */
static void call_settle(struct rpc_call *call) {
  if (!call->is_closed || call->is_reading || call->is_sending || call->is_finishing ||
      call->is_held)
    return;
  struct rpc_server *server = call->loop->server;
  tick_remove(call);
  if (call->method && call->method->close) call->method->close(call);
  count_end(server, call->is_answered);
  call_free(call);
}

static void call_start(struct rpc_call *call, const grpc_op *ops, size_t count, struct tag *tag) {
  TAG_GIVEN(tag);
  grpc_call_error error = grpc_call_start_batch(call->core, ops, count, tag, NULL);
  assert(error == GRPC_CALL_OK); /* anything else is a mistake of this file */
  (void)error;
}

/* Headers when they have not left, then a message, then the status: what of it there is, in one
 * batch. */
static void call_write(struct rpc_call *call, grpc_byte_buffer *message, bool is_last) {
  grpc_op ops[3];
  size_t count = 0;
  grpc_slice detail = grpc_slice_from_copied_string(call->detail);
  memset(ops, 0, sizeof ops);
  if (!call->has_headers_sent) ops[count++].op = GRPC_OP_SEND_INITIAL_METADATA;
  call->has_headers_sent = true;
  if (message) {
    ops[count].op = GRPC_OP_SEND_MESSAGE;
    ops[count++].data.send_message.send_message = message;
  }
  if (is_last) {
    ops[count].op = GRPC_OP_SEND_STATUS_FROM_SERVER;
    ops[count].data.send_status_from_server.status = call->code;
    ops[count].data.send_status_from_server.status_details = &detail;
    ops[count].data.send_status_from_server.trailing_metadata_count = call->trailer_count;
    ops[count++].data.send_status_from_server.trailing_metadata = call->trailer;
  }
  if (is_last)
    call->is_finishing = true;
  else
    call->is_sending = true;
  call_start(call, ops, count, is_last ? &call->finished : &call->sent);
  grpc_slice_unref(detail);
}

/* The answer, now or after the message that is on its way. A call that is closed has nobody to
 * tell. */
static void call_answer(struct rpc_call *call, enum tamis_status status,
                        grpc_byte_buffer *message) {
  if (call->is_answered) return;
  call->is_answered = true;
  call->status = status;
  struct rpc_server *server = call->loop->server;
  count_outcome(server,
                call->method ? &server->counted.answered[status] : &server->counted.unknown_method);
  rpc_tick_in(call, RPC_NEVER);
  if (call->is_sending)
    call->is_deferred = true;
  else if (!call->is_closed)
    call_write(call, message, true);
}

static void on_finished(struct tag *tag, bool is_good) {
  struct rpc_call *call = OWNER(struct rpc_call, finished, tag);
  (void)is_good;
  call->is_finishing = false;
  call_settle(call);
}

static void on_sent(struct tag *tag, bool is_good) {
  struct rpc_call *call = OWNER(struct rpc_call, sent, tag);
  call->is_sending = false;
  if (call->is_deferred && !call->is_closed)
    call_write(call, NULL, true);
  else if (is_good && !call->is_answered && call->method->sent)
    call->method->sent(call);
  call_settle(call);
}

static void call_receive(struct rpc_call *call, grpc_byte_buffer *message) {
  if (call->is_answered) {
    grpc_byte_buffer_destroy(message);
  } else if (grpc_byte_buffer_length(message) > call->method->request_max) {
    grpc_byte_buffer_destroy(message);
    rpc_refuse(call, TAMIS_BAD_REQUEST, "the message is larger than this method takes");
  } else {
    call->method->message(call, (struct rpc_message *)message);
  }
}

static void on_received(struct tag *tag, bool is_good) {
  struct rpc_call *call = OWNER(struct rpc_call, received, tag);
  grpc_byte_buffer *message = call->incoming;
  call->incoming = NULL;
  call->is_reading = false;
  if (message)
    call_receive(call, message);
  else if (is_good && !call->is_answered && !call->is_closed &&
           !grpc_call_failed_before_recv_message(call->core) && call->method->end)
    call->method->end(
        call); /* a broken stream also ends without a message: only the question tells */
  call_settle(call);
}

static void on_closed(struct tag *tag, bool is_good) {
  struct rpc_call *call = OWNER(struct rpc_call, closed, tag);
  (void)is_good;
  call->is_closed = true;
  atomic_store(&call->is_alive, false);
  rpc_tick_in(call, RPC_NEVER);
  if (call->was_cancelled && call->method && call->method->gone) call->method->gone(call);
  call_settle(call);
}

static void on_posted(struct tag *tag, bool is_good) {
  struct rpc_call *call = OWNER(struct rpc_call, posted, tag);
  void (*done)(struct rpc_call *) = call->done;
  (void)is_good;
  call->is_held = false;
  done(call);
  call_settle(call);
}

/* Arrivals. */

static void slot_new(struct loop *loop, const struct rpc_method *method);

static void call_refuse_unknown(struct rpc_call *call) {
  call->code = GRPC_STATUS_UNIMPLEMENTED;
  snprintf(call->detail, sizeof call->detail, "no such method");
  call_answer(call, TAMIS_NOT_FOUND, NULL);
}

static void call_open(struct rpc_call *call) {
  struct rpc_server *server = call->loop->server;
  grpc_op close = {.op = GRPC_OP_RECV_CLOSE_ON_SERVER};
  close.data.recv_close_on_server.cancelled = &call->was_cancelled;
  uint64_t others = count_arrival(server);
  call_start(call, &close, 1, &call->closed);
  if (!call->method)
    call_refuse_unknown(call);
  else if (others >= server->calls_max)
    rpc_refuse(call, TAMIS_RATE_LIMITED,
               "the server has as many calls as it takes; wait and try again");
  else
    call->method->open(call);
  call_settle(call);
}

static void on_arrived(struct tag *tag, bool is_good) {
  struct rpc_call *call = OWNER(struct rpc_call, arrived, tag);
  if (!atomic_load(&call->loop->server->is_stopping)) slot_new(call->loop, call->method);
  if (is_good)
    call_open(call);
  else
    call_free(call); /* the server stops: nobody came */
}

static struct rpc_call *slot_make(struct loop *loop, const struct rpc_method *method) {
  struct rpc_call *call = calloc(1, sizeof *call + (method ? method->state_size : 0));
  if (!call) return NULL;
  call->loop = loop;
  call->method = method;
  call->arrived.run = on_arrived;
  call->closed.run = on_closed;
  call->received.run = on_received;
  call->sent.run = on_sent;
  call->finished.run = on_finished;
  call->posted.run = on_posted;
  atomic_init(&call->is_alive, true);
  grpc_metadata_array_init(&call->metadata);
  grpc_call_details_init(&call->details);
  return call;
}

/* A place for one call of `method`. Without memory for it the method has one place less, until the
 * next start. */
static void slot_new(struct loop *loop, const struct rpc_method *method) {
  struct rpc_server *server = loop->server;
  struct rpc_call *call = slot_make(loop, method);
  if (!call) return;
  pthread_mutex_lock(&server->lock);
  server->slots++;
  pthread_mutex_unlock(&server->lock);
  TAG_GIVEN(&call->arrived);
  grpc_call_error error =
      method ? grpc_server_request_registered_call(
                   server->core, server->registered[method - server->methods], &call->core,
                   &call->deadline, &call->metadata, NULL, loop->queue, loop->queue, &call->arrived)
             : grpc_server_request_call(server->core, &call->core, &call->details, &call->metadata,
                                        loop->queue, loop->queue, &call->arrived);
  assert(error == GRPC_CALL_OK);
  (void)error;
}

static void loop_arm(struct loop *loop) {
  struct rpc_server *server = loop->server;
  for (size_t m = 0; m < server->method_count; m++)
    for (int i = 0; i < SLOTS; i++) slot_new(loop, &server->methods[m]);
  for (int i = 0; i < CATCH_ALL_SLOTS; i++) slot_new(loop, NULL);
}

/* What handlers call. */

void *rpc_state(struct rpc_call *call) {
  return call->state;
}

void *rpc_context(const struct rpc_call *call) {
  return call->method->context;
}

const void *rpc_row(const struct rpc_call *call) {
  return call->method->row;
}

bool rpc_is_answered(const struct rpc_call *call) {
  return call->is_answered;
}

bool rpc_is_alive(const struct rpc_call *call) {
  return atomic_load(&call->is_alive);
}

void rpc_read(struct rpc_call *call) {
  if (call->is_reading || call->is_answered || call->is_closed) return;
  grpc_op op = {.op = GRPC_OP_RECV_MESSAGE};
  op.data.recv_message.recv_message = &call->incoming;
  call->is_reading = true;
  call_start(call, &op, 1, &call->received);
}

static void call_send(struct rpc_call *call, grpc_slice *slices, size_t count, bool is_last) {
  grpc_byte_buffer *message = grpc_raw_byte_buffer_create(slices, count);
  assert(!call->is_sending);
  if (is_last)
    call_answer(call, TAMIS_OK, message);
  else if (!call->is_answered && !call->is_closed)
    call_write(call, message, false);
  grpc_byte_buffer_destroy(message);
  for (size_t i = 0; i < count; i++) grpc_slice_unref(slices[i]);
}

void rpc_send(struct rpc_call *call, uint8_t *bytes, size_t length) {
  grpc_slice slice = grpc_slice_new(bytes, length, free);
  call_send(call, &slice, 1, false);
}

void rpc_reply(struct rpc_call *call, uint8_t *bytes, size_t length) {
  grpc_slice slice = grpc_slice_new(bytes, length, free);
  call_send(call, &slice, 1, true);
}

void rpc_send_shared(struct rpc_call *call, const uint8_t *prefix, size_t prefix_length,
                     const void *bytes, size_t length, void (*release)(void *context),
                     void *context) {
  grpc_slice slices[2] = {
      grpc_slice_from_copied_buffer((const char *)prefix, prefix_length),
      grpc_slice_new_with_user_data((void *)(uintptr_t)bytes, length, release, context)};
  call_send(call, slices, 2, false);
}

void rpc_end(struct rpc_call *call) {
  call_answer(call, TAMIS_OK, NULL);
}

static void call_trailer(struct rpc_call *call, const char *key, const char *value) {
  call->trailer[call->trailer_count].key = grpc_slice_from_static_string(key);
  call->trailer[call->trailer_count++].value = grpc_slice_from_copied_string(value);
}

void rpc_refuse(struct rpc_call *call, enum tamis_status status, const char *sentence) {
  if (call->is_answered) return;
  call->code = (grpc_status_code)tamis_status_grpc(status);
  snprintf(call->detail, sizeof call->detail, "%s: %s", tamis_status_name(status), sentence);
  call_trailer(call, "tamis-status", tamis_status_name(status));
  call_answer(call, status, NULL);
}

void rpc_refuse_offset(struct rpc_call *call, uint64_t offset, const char *sentence) {
  if (call->is_answered) return;
  char text[24];
  snprintf(text, sizeof text, "%llu", (unsigned long long)offset);
  call_trailer(call, "tamis-offset", text);
  rpc_refuse(call, TAMIS_BAD_OFFSET, sentence);
}

void rpc_break(struct rpc_call *call) {
  grpc_call_cancel(call->core, NULL);
}

static void call_job(struct pool_job *job) {
  struct rpc_call *call = OWNER(struct rpc_call, job, job);
  call->work(call);
  rpc_post(call, call->done);
}

void rpc_work(struct rpc_call *call, void (*work)(struct rpc_call *call),
              void (*done)(struct rpc_call *call)) {
  rpc_hold(call);
  call->work = work;
  call->done = done;
  call->job.run = call_job;
  pool_submit(call->loop->server->pool, &call->job);
}

void rpc_hold(struct rpc_call *call) {
  assert(!call->is_held);
  call->is_held = true;
}

void rpc_release(struct rpc_call *call) {
  assert(call->is_held);
  call->is_held = false;
}

/* An empty batch is the core's way to put a tag on a call's queue from another thread. The call may
 * be over before start_batch returns, hence the reference. */
void rpc_post(struct rpc_call *call, void (*done)(struct rpc_call *call)) {
  grpc_call *core = call->core;
  call->done = done;
  grpc_call_ref(core);
  TAG_GIVEN(&call->posted);
  grpc_call_error error = grpc_call_start_batch(core, NULL, 0, &call->posted, NULL);
  assert(error == GRPC_CALL_OK);
  (void)error;
  grpc_call_unref(core);
}

/* Messages. */

static const grpc_slice_buffer *message_slices(const struct rpc_message *message) {
  return &((const grpc_byte_buffer *)message)->data.raw.slice_buffer;
}

size_t rpc_message_size(const struct rpc_message *message) {
  return message_slices(message)->length;
}

enum tamis_status rpc_message_visit(const struct rpc_message *message, size_t skip,
                                    enum tamis_status (*visit)(void *context, const uint8_t *bytes,
                                                               size_t length),
                                    void *context) {
  const grpc_slice_buffer *slices = message_slices(message);
  enum tamis_status status = TAMIS_OK;
  for (size_t i = 0; i < slices->count && !status; i++) {
    const uint8_t *bytes = GRPC_SLICE_START_PTR(slices->slices[i]);
    size_t length = GRPC_SLICE_LENGTH(slices->slices[i]);
    size_t passed = skip < length ? skip : length;
    skip -= passed;
    if (passed < length) status = visit(context, bytes + passed, length - passed);
  }
  return status;
}

struct gather {
  uint8_t *to;
  size_t room;
};

static enum tamis_status gather(void *context, const uint8_t *bytes, size_t length) {
  struct gather *into = context;
  size_t count = length < into->room ? length : into->room;
  if (count) memcpy(into->to, bytes, count);
  into->to += count;
  into->room -= count;
  return TAMIS_OK;
}

size_t rpc_message_head(const struct rpc_message *message, uint8_t *bytes, size_t length) {
  struct gather into = {bytes, length};
  rpc_message_visit(message, 0, gather, &into);
  return length - into.room;
}

uint8_t *rpc_message_copy(const struct rpc_message *message) {
  size_t length = rpc_message_size(message);
  uint8_t *bytes = malloc(length ? length : 1);
  if (bytes) rpc_message_head(message, bytes, length);
  return bytes;
}

void rpc_message_free(struct rpc_message *message) {
  if (message) grpc_byte_buffer_destroy((grpc_byte_buffer *)message);
}

/* The server. */

static grpc_arg arg_int(const char *key, int value) {
  grpc_arg arg = {.type = GRPC_ARG_INTEGER, .key = (char *)(uintptr_t)key};
  arg.value.integer = value;
  return arg;
}

/* What a stream may send before it is read from is small: of streams that wait for their turn
 * the server holds 16 KiB each, not 64. The quota counts what connections reserve, not what they
 * use, and when it is short the core breaks calls and connections: 32 MiB lost updates of 400
 * clients with 80 kB each. It is the last resort and must stay one. Reasons for the rest:
 * grpc-c-core.md 3. The newer cores' names are spelled out, the older core ignores them. */
enum { LOOKAHEAD_BOUNDED = 16 << 10, LOOKAHEAD_WAN = (64 << 10) - 1 };

static grpc_server *server_make(const struct rpc_options *options) {
  grpc_resource_quota *quota = grpc_resource_quota_create("tamis");
  grpc_resource_quota_resize(quota, options->network_memory);
  grpc_arg args[] = {
      arg_int("grpc.so_reuseport", 0),
      arg_int("grpc.compression_enabled_algorithms_bitset", 1),
      arg_int("grpc.max_receive_message_length", (int)options->message_max),
      arg_int("grpc.max_concurrent_streams", (int)options->streams_per_connection_max),
      arg_int("grpc.http2.bdp_probe", options->is_wan),
      arg_int("grpc.http2.lookahead_bytes", options->is_wan ? LOOKAHEAD_WAN : LOOKAHEAD_BOUNDED),
      arg_int("grpc.http2.max_frame_size", 1 << 20),
      arg_int("grpc.keepalive_time_ms", 30000),
      arg_int("grpc.keepalive_timeout_ms", 20000),
      arg_int("grpc.http2.ping_timeout_ms", 20000),
      arg_int("grpc.http2.min_ping_interval_without_data_ms", 5000),
      arg_int("grpc.keepalive_permit_without_calls", 1),
      arg_int("grpc.max_connection_idle_ms", 20 * 60 * 1000),
      arg_int("grpc.max_metadata_size", (int)options->metadata_max),
      arg_int("grpc.absolute_max_metadata_size", (int)options->metadata_max),
      arg_int("grpc.server_handshake_timeout_ms", 10000),
      arg_int("grpc.enable_channelz", 0),
      {.type = GRPC_ARG_POINTER,
       .key = (char *)(uintptr_t) "grpc.resource_quota",
       .value.pointer = {quota, grpc_resource_quota_arg_vtable()}},
  };
  grpc_channel_args all = {sizeof args / sizeof *args, args};
  grpc_server *core = grpc_server_create(&all, NULL);
  grpc_resource_quota_unref(quota);
  return core;
}

static grpc_server_credentials *credentials_make(const struct rpc_options *options) {
  if (!options->certificate) return grpc_insecure_server_credentials_create();
  grpc_ssl_pem_key_cert_pair pair = {options->key, options->certificate};
  return grpc_ssl_server_credentials_create_ex(
      options->client_ca, &pair, 1,
      options->client_ca ? GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY
                         : GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE,
      NULL);
}

/* The core says only "no": ask the system itself what is wrong with the address. */
static enum tamis_status listen_refused(const char *listen, bool has_tls, struct fault *fault) {
  char host[ADDRESS_SIZE];
  const char *colon = strrchr(listen, ':');
  if (!strncmp(listen, "unix:", 5) || !colon || (size_t)(colon - listen) >= sizeof host)
    return fault_set(fault, TAMIS_IO,
                     "cannot listen on %s: is the folder there, and nobody serving on it?", listen);
  bool is_bracketed = listen[0] == '[' && colon[-1] == ']';
  snprintf(host, sizeof host, "%.*s", (int)(colon - listen) - 2 * is_bracketed,
           listen + is_bracketed);
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *found = NULL;
  int unresolved = getaddrinfo(host, colon + 1, &hints, &found);
  if (unresolved)
    return fault_set(fault, TAMIS_IO, "cannot listen on %s: %s", listen, gai_strerror(unresolved));
  int probe = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1, reason = 0;
  setsockopt(probe, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (probe < 0 || bind(probe, found->ai_addr, found->ai_addrlen)) reason = errno;
  if (probe >= 0) close(probe);
  freeaddrinfo(found);
  if (reason)
    return fault_set(fault, TAMIS_IO,
                     "cannot listen on %s: %s; choose another port or stop who has it", listen,
                     strerror(reason));
  return fault_set(fault, TAMIS_BAD_CONFIG, "cannot listen on %s: %s", listen,
                   has_tls ? "the certificate and key of `tls` do not fit each other"
                           : "the port was refused");
}

static enum tamis_status server_bind(struct rpc_server *server, const struct rpc_options *options,
                                     struct fault *fault) {
  grpc_server_credentials *credentials = credentials_make(options);
  int port =
      credentials ? grpc_server_add_http2_port(server->core, options->listen, credentials) : 0;
  if (credentials) grpc_server_credentials_release(credentials);
  if (!port) return listen_refused(options->listen, options->certificate, fault);
  const char *colon = strrchr(options->listen, ':');
  if (!strncmp(options->listen, "unix:", 5) || !colon)
    snprintf(server->address, sizeof server->address, "%s", options->listen);
  else
    snprintf(server->address, sizeof server->address, "%.*s:%d", (int)(colon - options->listen),
             options->listen, port);
  return TAMIS_OK;
}

static void on_drained(struct tag *tag, bool is_good) {
  struct rpc_server *server = OWNER(struct rpc_server, drained, tag);
  (void)is_good;
  pthread_mutex_lock(&server->lock);
  server->is_drained = true;
  pthread_cond_broadcast(&server->ended);
  pthread_mutex_unlock(&server->lock);
}

static void server_init(struct rpc_server *server, const struct rpc_options *options,
                        const struct rpc_method *methods, size_t method_count) {
  pthread_condattr_t monotonic;
  pthread_condattr_init(&monotonic);
  pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  pthread_mutex_init(&server->lock, NULL);
  pthread_mutex_init(&server->counting, NULL);
  pthread_cond_init(&server->ended, &monotonic);
  pthread_condattr_destroy(&monotonic);
  server->methods = methods;
  server->method_count = method_count;
  server->calls_max = options->calls_max;
  server->drained.run = on_drained;
  server->core = server_make(options);
  for (int i = 0; i < options->loops; i++) {
    struct loop *loop = &server->loop[server->loop_count++];
    loop->server = server;
    loop->tick_next_ms = UINT64_MAX;
    loop->queue = grpc_completion_queue_create_for_next(NULL);
    grpc_server_register_completion_queue(server->core, loop->queue, NULL);
  }
  for (size_t m = 0; m < method_count; m++)
    server->registered[m] =
        grpc_server_register_method(server->core, methods[m].path, NULL, GRPC_SRM_PAYLOAD_NONE, 0);
}

static enum tamis_status server_run(struct rpc_server *server, struct fault *fault) {
  grpc_server_start(server->core);
  for (int i = 0; i < server->loop_count; i++) {
    struct loop *loop = &server->loop[i];
    loop_arm(loop);
    if (pthread_create(&loop->thread, NULL, loop_thread, loop))
      return fault_set(fault, TAMIS_NO_MEMORY, "the system refused a thread for the network");
    loop->is_running = true;
  }
  return TAMIS_OK;
}

enum tamis_status rpc_server_open(const struct rpc_options *options,
                                  const struct rpc_method *methods, size_t method_count,
                                  struct rpc_server **server, struct fault *fault) {
  struct rpc_server *made = calloc(1, sizeof *made + (size_t)options->loops * sizeof(struct loop));
  if (!made) return fault_plain(fault, TAMIS_NO_MEMORY);
  made->registered = calloc(method_count, sizeof *made->registered);
  grpc_init();
  server_init(made, options, methods, method_count);
  enum tamis_status status = pool_open(options->workers, &made->pool, fault);
  if (!status) status = server_bind(made, options, fault);
  if (!status) status = server_run(made, fault);
  if (status)
    rpc_server_close(made);
  else
    *server = made;
  return status;
}

const char *rpc_server_address(const struct rpc_server *server) {
  return server->address;
}

void rpc_server_drain(struct rpc_server *server) {
  if (server->has_drain_begun) return;
  server->has_drain_begun = true;
  atomic_store(&server->is_stopping, true);
  TAG_GIVEN(&server->drained);
  grpc_server_shutdown_and_notify(server->core, server->loop[0].queue, &server->drained);
}

bool rpc_server_wait(struct rpc_server *server, uint32_t wait_ms) {
  struct timespec until;
  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_sec += wait_ms / 1000;
  until.tv_nsec += (long)(wait_ms % 1000) * 1000000;
  if (until.tv_nsec >= 1000000000) until.tv_sec++, until.tv_nsec -= 1000000000;
  pthread_mutex_lock(&server->lock);
  int late = 0;
  while ((server->slots || !server->is_drained) && !late)
    late = pthread_cond_timedwait(&server->ended, &server->lock, &until);
  bool is_over = !server->slots && server->is_drained;
  pthread_mutex_unlock(&server->lock);
  return is_over;
}

void rpc_server_cancel(struct rpc_server *server) {
  grpc_server_cancel_all_calls(server->core);
}

/* A server whose loops never ran has nobody to take its tags: take them here. */
static void server_finish_loops(struct rpc_server *server) {
  for (int i = 0; i < server->loop_count; i++) {
    struct loop *loop = &server->loop[i];
    grpc_completion_queue_shutdown(loop->queue);
    if (loop->is_running)
      pthread_join(loop->thread, NULL);
    else
      loop_thread(loop);
    grpc_completion_queue_destroy(loop->queue);
  }
}

static bool server_is_running(const struct rpc_server *server) {
  return server->loop_count && server->loop[server->loop_count - 1].is_running;
}

void rpc_server_close(struct rpc_server *server) {
  if (!server) return;
  rpc_server_drain(server);
  if (server_is_running(server) && !rpc_server_wait(server, 0)) {
    rpc_server_cancel(server);
    while (!rpc_server_wait(server, 1000)) rpc_server_cancel(server);
  }
  pool_close(server->pool);
  if (server_is_running(server)) grpc_server_destroy(server->core);
  server_finish_loops(server);
  if (!server_is_running(server)) grpc_server_destroy(server->core);
  grpc_shutdown();
  pthread_cond_destroy(&server->ended);
  assert(rpc_unaccounted(&server->counted) == 0);
  pthread_mutex_destroy(&server->counting);
  pthread_mutex_destroy(&server->lock);
  free(server->registered);
  free(server);
}
