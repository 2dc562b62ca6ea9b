/* The log grows while a bundle is fetched: one checkpoint is taken first, and every entry is asked
 * for with its proof for that tree. */
#include "client-sdk/bundle_remote.h"

#include <stdlib.h>
#include <string.h>
#include "client-sdk/query.h"
#include "client-sdk/transfer.h"

static enum tamis_status remote_checkpoint(void *context, const char **note, size_t *length,
                                           struct fault *fault) {
  struct bundle_remote *remote = context;
  enum tamis_status status = trust_latest(remote->trust, remote->session, fault);
  if (status != TAMIS_OK) return status;
  remote->checkpoint = remote->trust->kept;
  remote->note_length = remote->trust->kept_length;
  remote->note = malloc(remote->note_length + 1);
  if (!remote->note) return fault_plain(fault, TAMIS_NO_MEMORY);
  memcpy(remote->note, remote->trust->kept_note, remote->note_length);
  *note = remote->note;
  *length = remote->note_length;
  return TAMIS_OK;
}

static enum tamis_status remote_ask(void *context, const char *name, size_t argument_count,
                                    const char *const *arguments, json_t **rows,
                                    struct fault *fault) {
  struct bundle_remote *remote = context;
  return query_rows(remote->session, name, argument_count, arguments, rows, fault);
}

static enum tamis_status remote_entry(void *context, uint64_t index, char **envelope,
                                      size_t *length, char **receipt, size_t *receipt_length,
                                      struct fault *fault) {
  struct bundle_remote *remote = context;
  struct merkle_proof proof;
  enum tamis_status status = trust_entry_under(&remote->checkpoint, remote->session, index,
                                               envelope, length, &proof, fault);
  if (status == TAMIS_OK)
    receipt_write(index, &proof, remote->note, remote->note_length, receipt, receipt_length);
  return status;
}

static enum tamis_status remote_link(void *context, uint64_t size, struct merkle_proof *proof,
                                     struct fault *fault) {
  struct bundle_remote *remote = context;
  return trust_link_under(remote->trust, &remote->checkpoint, remote->session, size, proof, fault);
}

static enum tamis_status remote_blob(void *context, const struct digest *digest,
                                     enum tamis_status (*sink)(void *sink_context,
                                                               const uint8_t *bytes, size_t length,
                                                               struct fault *fault),
                                     void *sink_context, struct fault *fault) {
  struct bundle_remote *remote = context;
  return transfer_fetch(remote->session, "/tamis.v1.Client/FetchBlob", digest, INT64_MAX, sink,
                        sink_context, fault);
}

void bundle_remote_open(struct bundle_remote *remote, struct session *session, struct trust *trust,
                        struct bundle_source *source) {
  *remote = (struct bundle_remote){.session = session, .trust = trust};
  *source = (struct bundle_source){.context = remote,
                                   .log_key = trust->log_key,
                                   .checkpoint = remote_checkpoint,
                                   .ask = remote_ask,
                                   .entry = remote_entry,
                                   .link = remote_link,
                                   .blob = remote_blob};
}

void bundle_remote_close(struct bundle_remote *remote) {
  free(remote->note);
  remote->note = NULL;
}
