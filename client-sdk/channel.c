/* Every `grpc_*` word of the client side is in this file. */
#include "client-sdk/channel.h"

#include <assert.h>
#include <errno.h>
#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#if __has_include(<grpc/credentials.h>)
#include <grpc/credentials.h>
#endif
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "proto/chunk.h"

enum { PEM_SIZE_MAX = 1 << 20 };

struct channel {
  grpc_channel *core;
  pid_t owner; /* the C core does not survive fork: its threads stay in the parent */
  char *address;
  bool has_wanted_offset; /* in the last refusal */
  uint64_t wanted_offset;
};

/* ---- Where to, and how sheltered ---- */

static bool address_is_unix(const char *address) {
  return strncmp(address, "unix:", 5) == 0 || strncmp(address, "unix-abstract:", 14) == 0;
}

static bool address_is_loopback(const char *address) {
  const char *colon = strrchr(address, ':');
  size_t length = colon ? (size_t)(colon - address) : strlen(address);
  if ((length == 9 && memcmp(address, "localhost", 9) == 0) ||
      (length == 5 && memcmp(address, "[::1]", 5) == 0))
    return true;
  unsigned a, b, c, d;
  int end = 0;
  return sscanf(address, "%3u.%3u.%3u.%3u%n", &a, &b, &c, &d, &end) == 4 && (size_t)end == length &&
         a == 127 && b < 256 && c < 256 && d < 256;
}

static enum tamis_status pem_read(const char *path, char **text, struct fault *fault) {
  FILE *file = fopen(path, "re");
  if (!file) return fault_set(fault, TAMIS_BAD_CONFIG, "cannot open %s: %s", path, strerror(errno));
  enum tamis_status status = TAMIS_OK;
  char *bytes = malloc(PEM_SIZE_MAX + 1);
  size_t length = bytes ? fread(bytes, 1, PEM_SIZE_MAX + 1, file) : 0;
  if (!bytes)
    status = fault_plain(fault, TAMIS_NO_MEMORY);
  else if (ferror(file) || length == 0 || length > PEM_SIZE_MAX)
    status = fault_set(fault, TAMIS_BAD_CONFIG, "%s is not a PEM file of at most 1 MiB", path);
  fclose(file);
  if (status != TAMIS_OK) {
    free(bytes);
    return status;
  }
  bytes[length] = '\0';
  *text = bytes;
  return TAMIS_OK;
}

static void pem_free(char *text) {
  if (text) explicit_bzero(text, strlen(text));
  free(text);
}

static enum tamis_status credentials_make(const struct channel_options *options,
                                          grpc_channel_credentials **credentials,
                                          struct fault *fault) {
  if (!options->ca_file) {
    if (!address_is_unix(options->address) && !address_is_loopback(options->address))
      return fault_set(fault, TAMIS_BAD_CONFIG,
                       "plain text is only for this machine; give a CA file to reach %s",
                       options->address);
    *credentials = grpc_insecure_credentials_create();
    return TAMIS_OK;
  }
  if (!options->certificate_file != !options->key_file)
    return fault_set(fault, TAMIS_BAD_CONFIG,
                     "a client certificate and its key file belong together");
  char *roots = NULL, *certificate = NULL, *key = NULL;
  enum tamis_status status = pem_read(options->ca_file, &roots, fault);
  if (status == TAMIS_OK && options->certificate_file)
    status = pem_read(options->certificate_file, &certificate, fault);
  if (status == TAMIS_OK && options->key_file) status = pem_read(options->key_file, &key, fault);
  if (status == TAMIS_OK) {
    grpc_ssl_pem_key_cert_pair pair = {.private_key = key, .cert_chain = certificate};
    *credentials = grpc_ssl_credentials_create_ex(roots, key ? &pair : NULL, NULL, NULL);
    if (!*credentials)
      status = fault_set(fault, TAMIS_BAD_CONFIG, "TLS credentials from %s were refused",
                         options->ca_file);
  }
  pem_free(key);
  pem_free(certificate);
  pem_free(roots);
  return status;
}

static grpc_channel *core_channel(const char *address, grpc_channel_credentials *credentials) {
  static const struct {
    const char *key;
    int value;
  } row[] = {
      {"grpc.max_receive_message_length", CHANNEL_MESSAGE_MAX},
      {"grpc.max_send_message_length", CHANNEL_MESSAGE_MAX},
      {"grpc.compression_enabled_algorithms_bitset", 1}, /* identity: no gzip bombs */
      {"grpc.enable_retries", 0},                        /* retry.h decides */
      {"grpc.http2.bdp_probe", 0}, /* windows stay at 1 MiB: memory before speed */
      {"grpc.http2.max_frame_size", 1 << 20},
      {"grpc.use_local_subchannel_pool", 1},         /* clients of one process are independent */
      {"grpc.enable_http_proxy", 0},                 /* the environment may not redirect us */
      {"grpc.service_config_disable_resolution", 1}, /* nor may the DNS configure us */
      {"grpc.initial_reconnect_backoff_ms", 100},
      {"grpc.max_reconnect_backoff_ms", 2000},
      {"grpc.keepalive_time_ms", 30000},
      {"grpc.keepalive_timeout_ms", 20000},
      {"grpc.http2.ping_timeout_ms", 20000}, /* newer cores want it beside keepalive_timeout */
      {"grpc.http2.max_pings_without_data", 0},
  };
  enum { COUNT = sizeof row / sizeof row[0] };
  grpc_arg arg[COUNT];
  for (size_t i = 0; i < COUNT; i++) {
    arg[i].type = GRPC_ARG_INTEGER;
    arg[i].key = (char *)(uintptr_t)row[i].key; /* the core copies it; its type lacks const */
    arg[i].value.integer = row[i].value;
  }
  grpc_channel_args args = {.num_args = COUNT, .args = arg};
  return grpc_channel_create(address, credentials, &args);
}

enum tamis_status channel_open(const struct channel_options *options, struct channel **out,
                               struct fault *fault) {
  grpc_channel_credentials *credentials = NULL;
  grpc_init();
  enum tamis_status status = credentials_make(options, &credentials, fault);
  if (status != TAMIS_OK) {
    grpc_shutdown();
    return status;
  }
  struct channel *channel = calloc(1, sizeof *channel);
  char *address = strdup(options->address);
  if (channel && address) {
    *channel = (struct channel){
        .core = core_channel(address, credentials), .owner = getpid(), .address = address};
    *out = channel;
  } else {
    free(address);
    free(channel);
    grpc_shutdown();
    status = fault_plain(fault, TAMIS_NO_MEMORY);
  }
  grpc_channel_credentials_release(credentials);
  return status;
}

void channel_close(struct channel *channel) {
  if (!channel) return;
  if (channel->owner == getpid()) { /* in a forked child the core can only be left alone */
    grpc_channel_destroy(channel->core);
    grpc_shutdown();
  }
  free(channel->address);
  free(channel);
}

/* ---- One call ---- */

struct call {
  struct channel *channel;
  grpc_completion_queue *queue;
  grpc_call *core;
  uint32_t step_ms; /* 0: for ever */
  grpc_metadata_array leading, trailing;
  grpc_status_code code;
  grpc_slice details;
  grpc_byte_buffer *reply;
  bool ending;    /* the batch that brings the status was started */
  bool ended;     /* and it came */
  bool timed_out; /* a step took too long; the call was cancelled */
};

/* Tags are addresses: each kind of batch has its own. */
static char tag_send, tag_receive, tag_end;

static gpr_timespec after_ms(uint32_t ms) {
  if (ms == 0) return gpr_inf_future(GPR_CLOCK_MONOTONIC);
  return gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_millis(ms, GPR_TIMESPAN));
}

/* The whole call must end within `deadline_ms` (0: no such limit), each step within `step_ms`. */
static enum tamis_status call_open(struct call *call, struct channel *channel, const char *method,
                                   uint32_t deadline_ms, uint32_t step_ms, struct fault *fault) {
  memset(call, 0, sizeof *call);
  if (channel->owner != getpid())
    return fault_set(fault, TAMIS_CONFLICT,
                     "this process was forked after the connection to %s was opened; open a new "
                     "one after fork",
                     channel->address);
  call->channel = channel;
  call->step_ms = step_ms;
  call->details = grpc_empty_slice();
  grpc_metadata_array_init(&call->leading);
  grpc_metadata_array_init(&call->trailing);
  call->queue = grpc_completion_queue_create_for_pluck(NULL);
  grpc_slice path = grpc_slice_from_copied_string(method);
  call->core = grpc_channel_create_call(channel->core, NULL, GRPC_PROPAGATE_DEFAULTS, call->queue,
                                        path, NULL, after_ms(deadline_ms), NULL);
  grpc_slice_unref(path);
  return TAMIS_OK;
}

/* Waits for a batch; a step that is too slow cancels the call, after which all batches end. */
static bool call_wait(struct call *call, void *tag) {
  grpc_event event = grpc_completion_queue_pluck(call->queue, tag, after_ms(call->step_ms), NULL);
  if (event.type == GRPC_QUEUE_TIMEOUT) {
    call->timed_out = true;
    grpc_call_cancel(call->core, NULL);
    event =
        grpc_completion_queue_pluck(call->queue, tag, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
  }
  return event.type == GRPC_OP_COMPLETE && event.success;
}

static void call_batch(struct call *call, const grpc_op *ops, size_t count, void *tag) {
  grpc_call_error error = grpc_call_start_batch(call->core, ops, count, tag, NULL);
  assert(error == GRPC_CALL_OK); /* anything else is a fault of ours */
  (void)error;
}

/* `last`: nothing will be sent after this message. Takes `buffer`. */
static void call_send(struct call *call, grpc_byte_buffer *buffer, bool first, bool last) {
  grpc_op ops[3];
  size_t count = 0;
  memset(ops, 0, sizeof ops);
  if (first) ops[count++].op = GRPC_OP_SEND_INITIAL_METADATA;
  ops[count].op = GRPC_OP_SEND_MESSAGE;
  ops[count++].data.send_message.send_message = buffer;
  if (last) ops[count++].op = GRPC_OP_SEND_CLOSE_FROM_CLIENT;
  call_batch(call, ops, count, &tag_send);
  grpc_byte_buffer_destroy(buffer); /* the batch holds its own references */
}

/* Asks for the status, which comes last, and with `reply` for the one reply before it. */
static void call_expect_end(struct call *call, bool reply) {
  grpc_op ops[3];
  size_t count = 0;
  memset(ops, 0, sizeof ops);
  ops[count].op = GRPC_OP_RECV_INITIAL_METADATA;
  ops[count++].data.recv_initial_metadata.recv_initial_metadata = &call->leading;
  if (reply) {
    ops[count].op = GRPC_OP_RECV_MESSAGE;
    ops[count++].data.recv_message.recv_message = &call->reply;
  }
  ops[count].op = GRPC_OP_RECV_STATUS_ON_CLIENT;
  ops[count].data.recv_status_on_client.trailing_metadata = &call->trailing;
  ops[count].data.recv_status_on_client.status = &call->code;
  ops[count++].data.recv_status_on_client.status_details = &call->details;
  call_batch(call, ops, count, &tag_end);
  call->ending = true;
}

static void call_close(struct call *call) {
  if (!call->core) return;
  if (call->ending && !call->ended) {
    grpc_call_cancel(call->core, NULL);
    call_wait(call, &tag_end);
  }
  if (call->reply) grpc_byte_buffer_destroy(call->reply);
  grpc_slice_unref(call->details);
  grpc_metadata_array_destroy(&call->leading);
  grpc_metadata_array_destroy(&call->trailing);
  grpc_call_unref(call->core);
  grpc_completion_queue_shutdown(call->queue);
  grpc_completion_queue_destroy(call->queue);
  call->core = NULL;
}

/* ---- What a status means ---- */

static bool slice_to_text(grpc_slice slice, char *text, size_t size) {
  size_t length = GRPC_SLICE_LENGTH(slice);
  bool whole = length < size;
  if (!whole) length = size - 1;
  memcpy(text, GRPC_SLICE_START_PTR(slice), length);
  text[length] = '\0';
  return whole;
}

static bool trailer_text(const grpc_metadata_array *trailing, const char *key, char *text,
                         size_t size) {
  for (size_t i = 0; i < trailing->count; i++)
    if (grpc_slice_str_cmp(trailing->metadata[i].key, key) == 0)
      return slice_to_text(trailing->metadata[i].value, text, size);
  return false;
}

/* The name in the trailer; TAMIS_OK when there is none. Good news beside bad, or what only a client
 * can find out, makes no sense. */
static enum tamis_status trailer_status(const grpc_metadata_array *trailing) {
  char name[64];
  if (!trailer_text(trailing, "tamis-status", name, sizeof name)) return TAMIS_OK;
  enum tamis_status status = tamis_status_from_name(name);
  if (status == TAMIS_FORK) return TAMIS_NOT_FOUND; /* a fork is shown, not said */
  return status == TAMIS_OK ? TAMIS_INTERNAL : status;
}

static void wanted_offset_read(struct channel *channel, const grpc_metadata_array *trailing) {
  char text[24], *end;
  channel->has_wanted_offset =
      trailer_text(trailing, "tamis-offset", text, sizeof text) && text[0] >= '0' && text[0] <= '9';
  if (!channel->has_wanted_offset) return;
  errno = 0;
  channel->wanted_offset = strtoull(text, &end, 10);
  channel->has_wanted_offset = errno == 0 && *end == '\0';
}

bool channel_wanted_offset(const struct channel *channel, uint64_t *offset) {
  *offset = channel->wanted_offset;
  return channel->has_wanted_offset;
}

/* Without our trailer the core or something between us and the server speaks. What looks like a
 * broken connection may be tried again. */
static enum tamis_status foreign_status(grpc_status_code code) {
  switch (code) {
  case GRPC_STATUS_UNAVAILABLE:
  case GRPC_STATUS_UNKNOWN:
  case GRPC_STATUS_INTERNAL:
  case GRPC_STATUS_ABORTED:
  case GRPC_STATUS_CANCELLED: return TAMIS_UNAVAILABLE;
  case GRPC_STATUS_DEADLINE_EXCEEDED: return TAMIS_TIMED_OUT;
  case GRPC_STATUS_RESOURCE_EXHAUSTED: return TAMIS_RATE_LIMITED;
  case GRPC_STATUS_UNAUTHENTICATED:
  case GRPC_STATUS_PERMISSION_DENIED: return TAMIS_DENIED;
  case GRPC_STATUS_NOT_FOUND: return TAMIS_NOT_FOUND;
  default: return TAMIS_BAD_REQUEST;
  }
}

static enum tamis_status call_status(const struct call *call, struct fault *fault) {
  if (call->code == GRPC_STATUS_OK) return TAMIS_OK;
  char text[300];
  slice_to_text(call->details, text, sizeof text);
  enum tamis_status status = trailer_status(&call->trailing);
  if (status == TAMIS_OK) {
    status = call->timed_out ? TAMIS_TIMED_OUT : foreign_status(call->code);
    return fault_set(fault, status, "%s: %s: %s", call->channel->address,
                     tamis_status_words(status), call->timed_out ? "too slow" : text);
  }
  const char *name = tamis_status_name(status);
  const char *sentence = text;
  size_t length = strlen(name);
  if (strncmp(text, name, length) == 0 && strncmp(text + length, ": ", 2) == 0)
    sentence = text + length + 2;
  return fault_set(fault, status, "%s", *sentence ? sentence : tamis_status_words(status));
}

static enum tamis_status call_end(struct call *call, struct fault *fault) {
  call_wait(call, &tag_end);
  call->ended = true;
  wanted_offset_read(call->channel, &call->trailing);
  return call_status(call, fault);
}

/* ---- Messages ---- */

static grpc_byte_buffer *pack(const ProtobufCMessage *message) {
  size_t length = protobuf_c_message_get_packed_size(message);
  grpc_slice slice = grpc_slice_malloc(length);
  protobuf_c_message_pack(message, GRPC_SLICE_START_PTR(slice));
  grpc_byte_buffer *buffer = grpc_raw_byte_buffer_create(&slice, 1);
  grpc_slice_unref(slice);
  return buffer;
}

static enum tamis_status unpack(grpc_byte_buffer *buffer, const ProtobufCMessageDescriptor *type,
                                struct unpack_arena *arena, void **message, struct fault *fault) {
  grpc_byte_buffer_reader reader;
  *message = NULL;
  if (buffer && grpc_byte_buffer_reader_init(&reader, buffer)) {
    grpc_slice flat = grpc_byte_buffer_reader_readall(&reader);
    *message = unpack_message(arena, type, GRPC_SLICE_START_PTR(flat), GRPC_SLICE_LENGTH(flat));
    grpc_slice_unref(flat);
    grpc_byte_buffer_reader_destroy(&reader);
  }
  if (*message) return TAMIS_OK;
  return fault_set(fault, TAMIS_BAD_REQUEST, "the server's reply is not a %s message",
                   type->short_name);
}

enum tamis_status channel_unary(struct channel *channel, const char *method,
                                const ProtobufCMessage *request, uint32_t deadline_ms,
                                const ProtobufCMessageDescriptor *type, struct unpack_arena *arena,
                                void **reply, struct fault *fault) {
  struct call call;
  enum tamis_status status = call_open(&call, channel, method, deadline_ms, 0, fault);
  if (status != TAMIS_OK) return status;
  call_expect_end(&call, true);
  call_send(&call, pack(request), true, true);
  call_wait(&call, &tag_send);
  status = call_end(&call, fault);
  if (status == TAMIS_OK) status = unpack(call.reply, type, arena, reply, fault);
  call_close(&call);
  return status;
}

/* ---- Streams from the server ---- */

typedef enum tamis_status (*buffer_visit)(void *context, grpc_byte_buffer *buffer,
                                          struct fault *fault);

static grpc_byte_buffer *stream_next(struct call *call) {
  grpc_byte_buffer *buffer = NULL;
  grpc_op op = {.op = GRPC_OP_RECV_MESSAGE};
  op.data.recv_message.recv_message = &buffer;
  call_batch(call, &op, 1, &tag_receive);
  bool good = call_wait(call, &tag_receive);
  if (!good && buffer) {
    grpc_byte_buffer_destroy(buffer);
    buffer = NULL;
  }
  return buffer;
}

static enum tamis_status stream_run(struct channel *channel, const char *method,
                                    const ProtobufCMessage *request, uint32_t step_ms,
                                    buffer_visit visit, void *context, struct fault *fault) {
  struct call call;
  enum tamis_status status = call_open(&call, channel, method, 0, step_ms, fault);
  if (status != TAMIS_OK) return status;
  call_expect_end(&call, false);
  call_send(&call, pack(request), true, true);
  call_wait(&call, &tag_send);
  grpc_byte_buffer *buffer;
  while (status == TAMIS_OK && (buffer = stream_next(&call)) != NULL) {
    status = visit(context, buffer, fault);
    grpc_byte_buffer_destroy(buffer);
  }
  if (status == TAMIS_OK) status = call_end(&call, fault);
  call_close(&call);
  return status;
}

struct download {
  channel_sink sink;
  void *context;
};

/* The prefix may straddle slices: gather it first, then hand the payload on slice by slice. */
static size_t part_prefix(const grpc_slice_buffer *slices, size_t total) {
  uint8_t head[CHUNK_PREFIX_MAX];
  size_t length = 0;
  for (size_t i = 0; i < slices->count && length < sizeof head; i++) {
    size_t piece = GRPC_SLICE_LENGTH(slices->slices[i]);
    if (piece > sizeof head - length) piece = sizeof head - length;
    memcpy(head + length, GRPC_SLICE_START_PTR(slices->slices[i]), piece);
    length += piece;
  }
  return chunk_prefix_read(CHUNK_TAG_DOWN, head, length, total);
}

static enum tamis_status download_part(void *context, grpc_byte_buffer *buffer,
                                       struct fault *fault) {
  const struct download *download = context;
  if (buffer->type != GRPC_BB_RAW || buffer->data.raw.compression != GRPC_COMPRESS_NONE)
    return fault_set(fault, TAMIS_BAD_REQUEST, "the server compressed a data part");
  const grpc_slice_buffer *slices = &buffer->data.raw.slice_buffer;
  size_t skip = part_prefix(slices, grpc_byte_buffer_length(buffer));
  if (skip == 0)
    return fault_set(fault, TAMIS_BAD_REQUEST, "the server sent something else than a data part");
  enum tamis_status status = TAMIS_OK;
  for (size_t i = 0; i < slices->count && status == TAMIS_OK; i++) {
    const uint8_t *bytes = GRPC_SLICE_START_PTR(slices->slices[i]);
    size_t length = GRPC_SLICE_LENGTH(slices->slices[i]);
    size_t skipped = skip < length ? skip : length;
    skip -= skipped;
    if (length > skipped)
      status = download->sink(download->context, bytes + skipped, length - skipped, fault);
  }
  return status;
}

enum tamis_status channel_download(struct channel *channel, const char *method,
                                   const ProtobufCMessage *request, uint32_t step_ms,
                                   channel_sink sink, void *context, struct fault *fault) {
  struct download download = {sink, context};
  return stream_run(channel, method, request, step_ms, download_part, &download, fault);
}

struct message_stream {
  const ProtobufCMessageDescriptor *type;
  channel_visit visit;
  void *context;
};

static enum tamis_status message_part(void *context, grpc_byte_buffer *buffer,
                                      struct fault *fault) {
  const struct message_stream *stream = context;
  struct unpack_arena arena;
  void *message;
  unpack_arena_open(&arena, CHANNEL_REPLY_BUDGET);
  enum tamis_status status = unpack(buffer, stream->type, &arena, &message, fault);
  if (status == TAMIS_OK) status = stream->visit(stream->context, message, fault);
  unpack_arena_close(&arena);
  return status;
}

enum tamis_status channel_messages(struct channel *channel, const char *method,
                                   const ProtobufCMessage *request, uint32_t step_ms,
                                   const ProtobufCMessageDescriptor *type, channel_visit visit,
                                   void *context, struct fault *fault) {
  struct message_stream stream = {type, visit, context};
  return stream_run(channel, method, request, step_ms, message_part, &stream, fault);
}

/* ---- Streams to the server ---- */

struct channel_upload {
  struct call call;
  grpc_slice room;
  size_t room_length;
};

/* A send that fails means that the server has already answered, or is gone: its status says which.
 */
static enum tamis_status upload_wait(struct channel_upload *upload, struct fault *fault) {
  if (call_wait(&upload->call, &tag_send)) return TAMIS_OK;
  enum tamis_status status = call_end(&upload->call, fault);
  if (status != TAMIS_OK) return status;
  return fault_set(fault, TAMIS_BAD_REQUEST, "the server answered before the upload was complete");
}

enum tamis_status channel_upload_open(struct channel *channel, const char *method,
                                      const ProtobufCMessage *header, uint32_t step_ms,
                                      struct channel_upload **out, struct fault *fault) {
  struct channel_upload *upload = calloc(1, sizeof *upload);
  if (!upload) return fault_plain(fault, TAMIS_NO_MEMORY);
  upload->room = grpc_empty_slice();
  enum tamis_status status = call_open(&upload->call, channel, method, 0, step_ms, fault);
  if (status == TAMIS_OK) {
    call_expect_end(&upload->call, true);
    call_send(&upload->call, pack(header), true, false);
    status = upload_wait(upload, fault);
  }
  if (status != TAMIS_OK) {
    channel_upload_close(upload);
    return status;
  }
  *out = upload;
  return TAMIS_OK;
}

uint8_t *channel_upload_room(struct channel_upload *upload, size_t length) {
  assert(length > 0 && length <= CHUNK_PAYLOAD_MAX);
  grpc_slice_unref(upload->room);
  upload->room = grpc_slice_malloc(length);
  upload->room_length = length;
  return GRPC_SLICE_START_PTR(upload->room);
}

enum tamis_status channel_upload_send(struct channel_upload *upload, struct fault *fault) {
  uint8_t prefix[CHUNK_PREFIX_MAX];
  size_t length = chunk_prefix_write(CHUNK_TAG_UP, upload->room_length, prefix);
  grpc_slice slices[2] = {grpc_slice_from_copied_buffer((const char *)prefix, length),
                          upload->room};
  grpc_byte_buffer *buffer = grpc_raw_byte_buffer_create(slices, 2);
  grpc_slice_unref(slices[0]);
  grpc_slice_unref(slices[1]);
  upload->room = grpc_empty_slice();
  call_send(&upload->call, buffer, false, false);
  return upload_wait(upload, fault);
}

enum tamis_status channel_upload_finish(struct channel_upload *upload,
                                        const ProtobufCMessage *trailer,
                                        const ProtobufCMessageDescriptor *type,
                                        struct unpack_arena *arena, void **reply,
                                        struct fault *fault) {
  call_send(&upload->call, pack(trailer), false, true);
  enum tamis_status status = upload_wait(upload, fault);
  if (status == TAMIS_OK) status = call_end(&upload->call, fault);
  if (status == TAMIS_OK) status = unpack(upload->call.reply, type, arena, reply, fault);
  return status;
}

void channel_upload_close(struct channel_upload *upload) {
  if (!upload) return;
  call_close(&upload->call);
  grpc_slice_unref(upload->room);
  free(upload);
}
