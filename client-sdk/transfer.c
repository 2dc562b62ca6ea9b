/* At most one window of 1 MiB is held at a time, however large the blob. */
#include "client-sdk/transfer.h"

#include <stdlib.h>
#include <string.h>
#include "proto/chunk.h"
#include "tamis/v1/tamis.pb-c.h"

struct fetch {
  channel_sink sink;
  void *context;
  struct digest_stream *hash;
  uint64_t received, size_max;
  bool stopped; /* by the sink or by the size: not the network's fault, so not tried again */
};

static enum tamis_status fetch_part(void *context, const uint8_t *bytes, size_t length,
                                    struct fault *fault) {
  struct fetch *fetch = context;
  enum tamis_status status;
  if (length > fetch->size_max - fetch->received) {
    status = fault_set(fault, TAMIS_TOO_LARGE, "the server sends more than %llu bytes",
                       (unsigned long long)fetch->size_max);
  } else {
    digest_stream_add(fetch->hash, bytes, length);
    fetch->received += length;
    status = fetch->sink(fetch->context, bytes, length, fault);
  }
  fetch->stopped = status != TAMIS_OK;
  return status;
}

static enum tamis_status fetch_attempt(struct session *session, const char *method,
                                       const struct digest *digest, struct fetch *fetch,
                                       struct fault *fault) {
  Tamis__V1__FetchBlobRequest request = TAMIS__V1__FETCH_BLOB_REQUEST__INIT;
  struct digest name = *digest;
  request.digest = (ProtobufCBinaryData){sizeof name.byte, name.byte};
  request.offset = fetch->received;
  enum tamis_status status = session_authorise(session, &request.base, fault);
  if (status == TAMIS_OK)
    status = channel_download(session->channel, method, &request.base, session->deadline_ms,
                              fetch_part, fetch, fault);
  return status;
}

enum tamis_status transfer_fetch(struct session *session, const char *method,
                                 const struct digest *digest, uint64_t size_max, channel_sink sink,
                                 void *context, struct fault *fault) {
  struct fetch fetch = {
      .sink = sink, .context = context, .hash = digest_stream_new(), .size_max = size_max};
  struct retry retry;
  retry_start(&retry, session->give_up_ms);
  enum tamis_status status;
  for (;;) {
    uint64_t before = fetch.received;
    status = fetch_attempt(session, method, digest, &fetch, fault);
    if (status == TAMIS_OK || fetch.stopped) break;
    if (fetch.received > before) retry_start(&retry, session->give_up_ms);
    if (!session_recover(session, &retry, status)) break;
  }
  if (status == TAMIS_OK) {
    struct digest found = digest_stream_finish(fetch.hash);
    if (!digest_equal(&found, digest)) {
      char hex[DIGEST_HEX_SIZE];
      digest_to_hex(digest, hex);
      status = fault_set(fault, TAMIS_DIGEST_MISMATCH,
                         "the %llu bytes the server sent are not those of blob %s",
                         (unsigned long long)fetch.received, hex);
    }
  }
  digest_stream_free(fetch.hash);
  return status;
}

static size_t window_at(const struct transfer_body *body, uint64_t offset) {
  uint64_t left = body->size - offset;
  return left < CHUNK_PAYLOAD_MAX ? (size_t)left : CHUNK_PAYLOAD_MAX;
}

struct memory {
  uint8_t *bytes;
  size_t length, capacity;
};

static enum tamis_status memory_append(void *context, const uint8_t *bytes, size_t length,
                                       struct fault *fault) {
  struct memory *memory = context;
  if (length > memory->capacity - memory->length) {
    size_t capacity = 2 * (memory->length + length);
    uint8_t *grown = realloc(memory->bytes, capacity);
    if (!grown) return fault_plain(fault, TAMIS_NO_MEMORY);
    memory->bytes = grown;
    memory->capacity = capacity;
  }
  memcpy(memory->bytes + memory->length, bytes, length);
  memory->length += length;
  return TAMIS_OK;
}

enum tamis_status transfer_fetch_memory(struct session *session, const char *method,
                                        const struct digest *digest, uint64_t size_max,
                                        uint8_t **bytes, size_t *length, struct fault *fault) {
  struct memory memory = {0};
  enum tamis_status status =
      transfer_fetch(session, method, digest, size_max, memory_append, &memory, fault);
  if (status != TAMIS_OK) {
    free(memory.bytes);
    return status;
  }
  *bytes = memory.bytes;
  *length = memory.length;
  return TAMIS_OK;
}

enum tamis_status transfer_digest(const struct transfer_body *body, struct digest *digest,
                                  struct fault *fault) {
  uint8_t *window = malloc(CHUNK_PAYLOAD_MAX);
  if (!window) return fault_plain(fault, TAMIS_NO_MEMORY);
  struct digest_stream *hash = digest_stream_new();
  enum tamis_status status = TAMIS_OK;
  for (uint64_t offset = 0; offset < body->size && status == TAMIS_OK;) {
    size_t length = window_at(body, offset);
    status = body->read(body->context, offset, window, length, fault);
    if (status == TAMIS_OK) digest_stream_add(hash, window, length);
    offset += length;
  }
  if (status == TAMIS_OK) *digest = digest_stream_finish(hash);
  digest_stream_free(hash);
  free(window);
  return status;
}

static enum tamis_status send_parts(struct channel_upload *upload, const struct transfer_body *body,
                                    uint64_t offset, uint64_t *sent, struct fault *fault) {
  enum tamis_status status = TAMIS_OK;
  while (offset < body->size && status == TAMIS_OK) {
    size_t length = window_at(body, offset);
    uint8_t *room = channel_upload_room(upload, length);
    status = body->read(body->context, offset, room, length, fault);
    if (status == TAMIS_OK) status = channel_upload_send(upload, fault);
    if (status == TAMIS_OK) *sent += length;
    offset += length;
  }
  return status;
}

enum tamis_status transfer_send(struct session *session, const char *method, const void *name,
                                size_t name_length, const struct transfer_body *body,
                                const struct digest *digest, uint64_t offset, uint64_t *sent,
                                const ProtobufCMessageDescriptor *type, struct unpack_arena *arena,
                                void **reply, struct fault *fault) {
  Tamis__V1__UploadHeader header = TAMIS__V1__UPLOAD_HEADER__INIT;
  Tamis__V1__UploadTrailer trailer = TAMIS__V1__UPLOAD_TRAILER__INIT;
  Tamis__V1__UploadPart first = TAMIS__V1__UPLOAD_PART__INIT;
  Tamis__V1__UploadPart last = TAMIS__V1__UPLOAD_PART__INIT;
  struct channel_upload *upload = NULL;
  struct digest sum = *digest;
  *sent = 0;
  if (offset > body->size)
    return fault_set(fault, TAMIS_BAD_REQUEST, "the server claims to have %llu bytes of %llu",
                     (unsigned long long)offset, (unsigned long long)body->size);
  enum tamis_status status = session_authorise(session, &header.base, fault);
  if (status != TAMIS_OK) return status;
  header.upload = (ProtobufCBinaryData){name_length, (uint8_t *)(uintptr_t)name};
  header.offset = offset;
  header.size = body->size;
  first.part_case = TAMIS__V1__UPLOAD_PART__PART_HEADER;
  first.header = &header;
  trailer.digest = (ProtobufCBinaryData){sizeof sum.byte, sum.byte};
  last.part_case = TAMIS__V1__UPLOAD_PART__PART_TRAILER;
  last.trailer = &trailer;
  status = channel_upload_open(session->channel, method, &first.base, session->deadline_ms, &upload,
                               fault);
  if (status == TAMIS_OK) status = send_parts(upload, body, offset, sent, fault);
  if (status == TAMIS_OK)
    status = channel_upload_finish(upload, &last.base, type, arena, reply, fault);
  channel_upload_close(upload);
  return status;
}
