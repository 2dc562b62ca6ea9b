/* Blocking gRPC calls: the one place on this side that knows the C core. One pluck queue a call, so
 * that a waiting thread needs no other thread, and a limit on every wait. */
#ifndef TAMIS_CHANNEL_H
#define TAMIS_CHANNEL_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "proto/fault.h"
#include "proto/unpack.h"

enum {
  CHANNEL_MESSAGE_MAX = 4 << 20,
  CHANNEL_REPLY_BUDGET = 8 << 20, /* memory one unpacked reply may take */
};

struct channel;

struct channel_options {
  const char *address;                     /* "host:port" or "unix:/path" */
  const char *ca_file;                     /* PEM; NULL: plain text, to this machine only */
  const char *certificate_file, *key_file; /* PEM; NULL: none */
};

/* Connects lazily: an unreachable server shows in the first call. BAD_CONFIG for plain text to
 * another machine or unreadable PEM files. */
enum tamis_status channel_open(const struct channel_options *options, struct channel **channel,
                               struct fault *fault);
void channel_close(struct channel *channel);

/* One request, one reply. `*reply` is of `type` and lives in `arena`, which the caller opened. A
 * refusal comes back with its name (trailer `tamis-status`) and its sentence. */
enum tamis_status channel_unary(struct channel *channel, const char *method,
                                const ProtobufCMessage *request, uint32_t deadline_ms,
                                const ProtobufCMessageDescriptor *type, struct unpack_arena *arena,
                                void **reply, struct fault *fault);

/* One request, then data parts until the server ends the stream. `sink` gets every payload in the
 * pieces the network made of it; what it returns other than TAMIS_OK stops the call with that.
 * `step_ms` bounds the wait for each part. */
typedef enum tamis_status (*channel_sink)(void *context, const uint8_t *bytes, size_t length,
                                          struct fault *fault);
enum tamis_status channel_download(struct channel *channel, const char *method,
                                   const ProtobufCMessage *request, uint32_t step_ms,
                                   channel_sink sink, void *context, struct fault *fault);

/* As channel_download for a stream of small messages of `type`; a message lives until `visit`
 * returns. `step_ms` 0: wait for ever. */
typedef enum tamis_status (*channel_visit)(void *context, const void *message, struct fault *fault);
enum tamis_status channel_messages(struct channel *channel, const char *method,
                                   const ProtobufCMessage *request, uint32_t step_ms,
                                   const ProtobufCMessageDescriptor *type, channel_visit visit,
                                   void *context, struct fault *fault);

/* A client stream: header message, data parts, trailer message, one reply. After any failure only
 * channel_upload_close may follow; the fault then tells what the server said, if it said anything.
 */
struct channel_upload;
enum tamis_status channel_upload_open(struct channel *channel, const char *method,
                                      const ProtobufCMessage *header, uint32_t step_ms,
                                      struct channel_upload **upload, struct fault *fault);
/* Memory for the payload of the next data part, 1 to CHUNK_PAYLOAD_MAX bytes: fill it, then send.
 */
uint8_t *channel_upload_room(struct channel_upload *upload, size_t length);
enum tamis_status channel_upload_send(struct channel_upload *upload, struct fault *fault);
enum tamis_status channel_upload_finish(struct channel_upload *upload,
                                        const ProtobufCMessage *trailer,
                                        const ProtobufCMessageDescriptor *type,
                                        struct unpack_arena *arena, void **reply,
                                        struct fault *fault);
void channel_upload_close(struct channel_upload *upload);
/* Where the server's bytes end, if the last call was refused with that (trailer `tamis-offset` of a
 * BAD_OFFSET). */
bool channel_wanted_offset(const struct channel *channel, uint64_t *offset);

#endif
