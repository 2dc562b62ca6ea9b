/* A blob on its way out: pieces of one mapping that all who fetch it share, none of them copied. */
#include "aggregator/rpc/services.h"

#include <string.h>
#include "proto/chunk.h"
#include "tamis/v1/tamis.pb-c.h"

enum { PAGE = 4096 };

/* Reads what will be sent, here on a worker, so that the loop's thread does not wait for the disk.
 */
static void touch(const uint8_t *bytes, size_t length) {
  for (size_t i = 0; i < length; i += PAGE) (void)*(const volatile uint8_t *)(bytes + i);
}

static enum tamis_status fetch_begin(struct request *request, struct fault *fault) {
  const Tamis__V1__FetchBlobRequest *wanted = request->message;
  struct digest digest;
  if (wanted->digest.len != sizeof digest.byte)
    return fault_set(fault, TAMIS_BAD_REQUEST, "a digest has %d bytes", DIGEST_SIZE);
  memcpy(digest.byte, wanted->digest.data, sizeof digest.byte);
  enum tamis_status status = core_may_fetch(request->service->core, request->session.principal,
                                            request->session.is_operator, &digest, fault);
  if (!status) status = shelf_borrow(request->service->shelf, &digest, &request->book, fault);
  if (status) return status;
  if (wanted->offset > request->book->view.length)
    return fault_set(fault, TAMIS_BAD_OFFSET, "the blob has %llu bytes",
                     (unsigned long long)request->book->view.length);
  request->cursor = wanted->offset;
  return TAMIS_OK;
}

enum tamis_status fetch_blob_step(struct request *request, struct fault *fault) {
  enum tamis_status status = request->is_begun ? TAMIS_OK : fetch_begin(request, fault);
  if (status) return status;
  const struct blob_view *view = &request->book->view;
  uint64_t left = view->length - request->cursor;
  if (!left) return answer_end(request);
  const uint8_t *from = view->bytes + request->cursor;
  size_t length = left < CHUNK_PAYLOAD_MAX ? (size_t)left : CHUNK_PAYLOAD_MAX;
  touch(from, length);
  request->cursor += length;
  return answer_share(request, from, length);
}
