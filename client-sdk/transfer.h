/* Blobs over the wire in both directions, taken up again where a broken connection left them. */
#ifndef TAMIS_TRANSFER_H
#define TAMIS_TRANSFER_H

#include <stddef.h>
#include <stdint.h>
#include "client-sdk/session.h"
#include "proto/digest.h"

/* Fetches the blob `digest` by `method` (the client's or the operator's FetchBlob) from the first
 * byte to the last, hashing. What `sink` got is only to be believed once this returned TAMIS_OK;
 * what it returns other than TAMIS_OK stops the transfer with that. TOO_LARGE past `size_max`. */
enum tamis_status transfer_fetch(struct session *session, const char *method,
                                 const struct digest *digest, uint64_t size_max, channel_sink sink,
                                 void *context, struct fault *fault);

/* The same into memory; malloc'd, the caller frees it. */
enum tamis_status transfer_fetch_memory(struct session *session, const char *method,
                                        const struct digest *digest, uint64_t size_max,
                                        uint8_t **bytes, size_t *length, struct fault *fault);

/* Bytes to send: fills `bytes` with [offset, offset + length); the same again when asked again. */
struct transfer_body {
  uint64_t size;
  enum tamis_status (*read)(void *context, uint64_t offset, uint8_t *bytes, size_t length,
                            struct fault *fault);
  void *context;
};

/* SHA-256 of the whole body. */
enum tamis_status transfer_digest(const struct transfer_body *body, struct digest *digest,
                                  struct fault *fault);

/* One attempt to send the body from `offset` on under the name `upload`. `*sent` is how many bytes
 * the network took. No retries: the caller must first ask where the server's bytes end. */
enum tamis_status transfer_send(struct session *session, const char *method, const void *upload,
                                size_t upload_length, const struct transfer_body *body,
                                const struct digest *digest, uint64_t offset, uint64_t *sent,
                                const ProtobufCMessageDescriptor *type, struct unpack_arena *arena,
                                void **reply, struct fault *fault);

#endif
