/* Statements go out signed and come back with a receipt; everything else here only reads. */
#include "client-sdk/operator.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>
#include "client-sdk/invitation.h"
#include "client-sdk/query.h"
#include "client-sdk/session.h"
#include "client-sdk/transfer.h"
#include "client-sdk/trust.h"
#include "proto/text.h"
#include "tamis/v1/health.pb-c.h"
#include "tamis/v1/tamis.pb-c.h"

enum { ENTRIES_PER_CALL = 4096, GIVE_UP_MS = 30000 };

struct operator{
  char *address;
  struct secret_key key;
  bool has_key;
  struct channel *channel;
  struct session session;
  struct trust trust;
};

static enum tamis_status keys_read(struct operator* operator,
                                   const struct operator_options * options, struct fault *fault) {
  struct public_key log_key;
  enum tamis_status status =
      key_vkey_read(options->log_vkey, strlen(options->log_vkey), &log_key, fault);
  if (status == TAMIS_OK) status = trust_open(&operator->trust, &log_key, options->dir, fault);
  if (status != TAMIS_OK || !options->operator_key_path) return status;
  status = key_file_read(options->operator_key_path, &operator->key, fault);
  operator->has_key = status == TAMIS_OK;
  return status;
}

enum tamis_status operator_open(const struct operator_options *options, struct operator** out,
                                struct fault *fault) {
  if (!options->address || !options->log_vkey)
    return fault_set(fault, TAMIS_BAD_CONFIG, "an address and the log's verifier key are needed");
  if (key_library_start() != TAMIS_OK)
    return fault_set(fault, TAMIS_INTERNAL, "libsodium does not start");
  struct operator* operator= calloc(1, sizeof *operator);
  if (!operator|| !(operator->address = strdup(options->address))) {
    operator_close(operator);
    return fault_plain(fault, TAMIS_NO_MEMORY);
  }
  struct channel_options where = {options->address, options->ca_file, options->certificate_file,
                                  options->key_file};
  enum tamis_status status = keys_read(operator, options, fault);
  if (status == TAMIS_OK) status = channel_open(&where, &operator->channel, fault);
  if (status != TAMIS_OK) {
    operator_close(operator);
    return status;
  }
  operator->session =(struct session){
      .channel = operator->channel,
      .key = operator->has_key ? &operator->key : NULL,
      .origin = operator->trust.log_key.name,
      .deadline_ms = options->deadline_ms ? options->deadline_ms : SESSION_DEADLINE_MS,
      .give_up_ms = options->deadline_ms ? options->deadline_ms : GIVE_UP_MS, };
  *out = operator;
  return TAMIS_OK;
}

void operator_close(struct operator* operator) {
  if (!operator) return;
  channel_close(operator->channel);
  trust_close(&operator->trust);
  key_wipe(&operator->key);
  free(operator->address);
  free(operator);
}

const char *operator_origin(const struct operator* operator) {
  return operator->trust.log_key.name;
}

/* ---- Statements ---- */

/* A copy of the predicate with a nonce: the same words said twice are two statements. */
static enum tamis_status predicate_complete(const json_t *predicate, json_t **complete,
                                            struct fault *fault) {
  uint8_t bytes[16];
  char hex[33];
  *complete = json_copy((json_t *)(uintptr_t)predicate);
  if (!*complete) return fault_plain(fault, TAMIS_NO_MEMORY);
  if (json_object_get(*complete, "nonce")) return TAMIS_OK;
  if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
    return fault_set(fault, TAMIS_IO, "no randomness: %s", strerror(errno));
  text_hex_encode(bytes, sizeof bytes, hex);
  json_object_set_new(*complete, "nonce", json_string(hex));
  return TAMIS_OK;
}

static enum tamis_status result_read(const ProtobufCBinaryData *bytes, json_t **result,
                                     struct fault *fault) {
  if (!result) return TAMIS_OK;
  *result = json_loadb((const char *)bytes->data, bytes->len, JSON_DECODE_ANY, NULL);
  return *result ? TAMIS_OK
                 : fault_set(fault, TAMIS_BAD_REQUEST, "the server's result is not JSON");
}

static enum tamis_status submit_envelope(struct operator* operator, char * envelope, size_t length,
                                         bool dry_run, uint64_t *index, json_t **result,
                                         struct fault *fault) {
  Tamis__V1__SubmitRequest request = TAMIS__V1__SUBMIT_REQUEST__INIT;
  struct unpack_arena arena;
  struct checkpoint checkpoint;
  void *message = NULL;
  uint64_t found = 0;
  request.envelope = (ProtobufCBinaryData){length, (uint8_t *)envelope};
  request.dry_run = dry_run;
  unpack_arena_open(&arena, CHANNEL_REPLY_BUDGET);
  enum tamis_status status =
      session_call(&operator->session, "/tamis.v1.Operator/Submit", &request.base, 0,
                   &tamis__v1__submit_reply__descriptor, &arena, &message, fault);
  if (status != TAMIS_OK) goto out;
  const Tamis__V1__SubmitReply *reply = message;
  if (!dry_run)
    status = trust_receipt(&operator->trust, &operator->session, reply->receipt.data,
                           reply->receipt.len, envelope, length, &found, &checkpoint, fault);
  if (status == TAMIS_OK && !dry_run && found != reply->index)
    status = fault_set(fault, TAMIS_BAD_PROOF, "the receipt is of another entry than the reply");
  if (status == TAMIS_OK) status = result_read(&reply->result, result, fault);
  if (index) *index = reply->index;
out:
  unpack_arena_close(&arena);
  return status;
}

static enum tamis_status propose(struct operator* operator, const char * envelope, size_t length,
                                 struct fault *fault);

enum tamis_status operator_submit(struct operator* operator, enum statement_kind kind,
                                  json_t *predicate, const char *subject_name,
                                  const struct digest *subject, bool dry_run, uint64_t *index,
                                  json_t **result, struct fault *fault) {
  return operator_submit_about(operator, kind, predicate, 1, &subject_name, subject, dry_run, index,
                               result, fault);
}

enum tamis_status operator_submit_about(struct operator* operator, enum statement_kind kind,
                                        json_t *predicate, size_t subject_count,
                                        const char *const *subject_name,
                                        const struct digest *subject, bool dry_run, uint64_t *index,
                                        json_t **result, struct fault *fault) {
  char *envelope = NULL;
  size_t length;
  json_t *complete = NULL;
  if (!operator->has_key)
    return fault_set(fault, TAMIS_DENIED, "a statement needs an operator's key; name its file");
  enum tamis_status status = predicate_complete(predicate, &complete, fault);
  if (status == TAMIS_OK)
    status = statement_sign(operator_origin(operator), kind, complete, subject_count, subject_name,
                            subject, &operator->key, &envelope, &length, fault);
  if (status == TAMIS_OK)
    status = submit_envelope(operator, envelope, length, dry_run, index, result, fault);
  if (status == TAMIS_COSIGNER_MISSING && !dry_run)
    status = propose(operator, envelope, length, fault);
  free(envelope);
  json_decref(complete);
  return status;
}

enum tamis_status operator_invite_line(const struct operator* operator, const char * address,
                                       const char *client, const uint8_t token[16], char **line,
                                       struct fault *fault) {
  struct invitation invitation = {.log_key = operator->trust.log_key };
  const char *where = address ? address : operator->address;
  if (strlen(where) > INVITATION_ADDRESS_MAX || strlen(client) > TEXT_NAME_MAX)
    return fault_set(fault, TAMIS_BAD_REQUEST, "the address or the client's name is too long");
  snprintf(invitation.address, sizeof invitation.address, "%s", where);
  snprintf(invitation.client, sizeof invitation.client, "%s", client);
  memcpy(invitation.token, token, sizeof invitation.token);
  return invitation_write(&invitation, line, fault);
}

/* ---- Queries ---- */

enum tamis_status operator_query(struct operator* operator, const char * name,
                                 size_t argument_count, const char *const *arguments, json_t **rows,
                                 struct fault *fault) {
  return query_rows(&operator->session, name, argument_count, arguments, rows, fault);
}

/* ---- Blobs ---- */

static enum tamis_status file_read(void *context, uint64_t offset, uint8_t *bytes, size_t length,
                                   struct fault *fault) {
  const int *fd = context;
  while (length > 0) {
    ssize_t got = pread(*fd, bytes, length, (off_t)offset);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0)
      return fault_set(fault, TAMIS_IO, "the file shrank or cannot be read: %s",
                       got < 0 ? strerror(errno) : "end of file");
    bytes += got;
    offset += (uint64_t)got;
    length -= (size_t)got;
  }
  return TAMIS_OK;
}

/* From 0 on; a server that has a part of it says where it ends. */
static enum tamis_status put_body(struct operator* operator, const struct transfer_body * body,
                                  const struct digest *digest, struct fault *fault) {
  struct session *session = &operator->session;
  struct retry retry;
  uint64_t offset = 0;
  retry_start(&retry, session->give_up_ms);
  for (;;) {
    struct unpack_arena arena;
    void *message = NULL;
    uint64_t sent, wanted;
    unpack_arena_open(&arena, CHANNEL_REPLY_BUDGET);
    enum tamis_status status = transfer_send(
        session, "/tamis.v1.Operator/PutBlob", digest->byte, DIGEST_SIZE, body, digest, offset,
        &sent, &tamis__v1__put_blob_reply__descriptor, &arena, &message, fault);
    unpack_arena_close(&arena);
    if (status == TAMIS_OK) return status;
    offset = 0;
    if (status == TAMIS_BAD_OFFSET && channel_wanted_offset(session->channel, &wanted) &&
        wanted <= body->size)
      offset = wanted;
    if (sent > 0 && status != TAMIS_DIGEST_MISMATCH && status != TAMIS_BAD_OFFSET)
      retry_start(&retry, session->give_up_ms);
    if (!session_recover(session, &retry, status)) return status;
  }
}

enum tamis_status operator_put_file(struct operator* operator, const char * path,
                                    struct digest *digest, struct fault *fault) {
  struct stat info;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return fault_set(fault, TAMIS_IO, "cannot open %s: %s", path, strerror(errno));
  enum tamis_status status = TAMIS_OK;
  if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode) || info.st_size == 0)
    status = fault_set(fault, TAMIS_IO, "%s is not a file with something in it", path);
  if (status == TAMIS_OK) {
    struct transfer_body body = {(uint64_t)info.st_size, file_read, &fd};
    status = transfer_digest(&body, digest, fault);
    if (status == TAMIS_OK) status = put_body(operator, & body, digest, fault);
  }
  close(fd);
  return status;
}

static enum tamis_status memory_read(void *context, uint64_t offset, uint8_t *bytes, size_t length,
                                     struct fault *fault) {
  (void)fault;
  memcpy(bytes, (const uint8_t *)context + offset, length);
  return TAMIS_OK;
}

enum tamis_status operator_put(struct operator* operator, const void * bytes, size_t length,
                               struct digest *digest, struct fault *fault) {
  struct transfer_body body = {length, memory_read, (void *)(uintptr_t)bytes};
  *digest = digest_of(bytes, length);
  return put_body(operator, & body, digest, fault);
}

/* Puts the envelope where others find it, and says so in the log. */
static enum tamis_status propose(struct operator* operator, const char * envelope, size_t length,
                                 struct fault *fault) {
  struct digest blob;
  struct envelope opened;
  struct statement statement;
  struct fault missing = fault ? *fault : (struct fault){.text = ""};
  char hex[DIGEST_HEX_SIZE];
  uint64_t index = 0;
  enum tamis_status status = envelope_open(envelope, length, &opened, fault);
  if (status != TAMIS_OK) return status;
  struct digest subject = digest_of(opened.payload, opened.payload_length);
  status = statement_read(opened.payload, opened.payload_length, operator_origin(operator),
                          &statement, fault);
  envelope_close(&opened);
  if (status != TAMIS_OK) return status;
  status = operator_put(operator, envelope, length, &blob, fault);
  digest_to_hex(&blob, hex);
  json_t *predicate =
      json_pack("{s:s, s:s}", "kind", statement_kind_name(statement.kind), "envelope", hex);
  statement_close(&statement);
  if (status == TAMIS_OK)
    status = operator_submit(operator, STATEMENT_PROPOSAL, predicate, "statement", &subject, false,
                             &index, NULL, fault);
  json_decref(predicate);
  if (status != TAMIS_OK) return status;
  return fault_set(fault, TAMIS_COSIGNER_MISSING, "%.300s; it is proposed in entry %llu",
                   missing.text, (unsigned long long)index);
}

enum tamis_status operator_cosign(struct operator* operator, const char * envelope, size_t length,
                                  uint64_t *index, struct fault *fault) {
  struct envelope opened;
  char *signed_too = NULL;
  size_t signed_length = 0;
  if (!operator->has_key)
    return fault_set(fault, TAMIS_DENIED, "a statement needs a person's key; name its file");
  enum tamis_status status = envelope_open(envelope, length, &opened, fault);
  if (status != TAMIS_OK) return status;
  for (size_t i = 0; i < opened.signature_count; i++)
    if (strcmp(opened.signature[i].keyid, operator->key.public.name) == 0)
      status =
          fault_set(fault, TAMIS_CONFLICT,
                    "%s has signed it already: another person must", operator->key.public.name);
  if (status == TAMIS_OK)
    status = envelope_cosign(&opened, &operator->key, &signed_too, &signed_length, fault);
  envelope_close(&opened);
  if (status == TAMIS_OK)
    status = submit_envelope(operator, signed_too, signed_length, false, index, NULL, fault);
  if (status == TAMIS_COSIGNER_MISSING)
    status = propose(operator, signed_too, signed_length, fault);
  free(signed_too);
  return status;
}

static enum tamis_status file_append(void *context, const uint8_t *bytes, size_t length,
                                     struct fault *fault) {
  const int *fd = context;
  while (length > 0) {
    ssize_t put = write(*fd, bytes, length);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0)
      return fault_set(fault, errno == ENOSPC ? TAMIS_DISK_FULL : TAMIS_IO,
                       "cannot write the blob: %s", strerror(errno));
    bytes += put;
    length -= (size_t)put;
  }
  return TAMIS_OK;
}

/* linkat refuses to replace what is there, which rename would not. */
static enum tamis_status name_file(const char *temporary, const char *path, struct fault *fault) {
  if (link(temporary, path) == 0) return TAMIS_OK;
  return fault_set(fault, errno == EEXIST ? TAMIS_CONFLICT : TAMIS_IO, "cannot make %s: %s", path,
                   strerror(errno));
}

enum tamis_status operator_fetch_file(struct operator* operator, const struct digest * digest,
                                      const char *path, struct fault *fault) {
  char temporary[4096];
  int length = snprintf(temporary, sizeof temporary, "%s.part-XXXXXX", path);
  if (length < 0 || (size_t)length >= sizeof temporary)
    return fault_set(fault, TAMIS_IO, "the path is too long");
  if (access(path, F_OK) == 0) return fault_set(fault, TAMIS_CONFLICT, "%s is there already", path);
  int fd = mkostemp(temporary, O_CLOEXEC);
  if (fd < 0) return fault_set(fault, TAMIS_IO, "cannot make %s: %s", temporary, strerror(errno));
  enum tamis_status status = transfer_fetch(&operator->session, "/tamis.v1.Operator/FetchBlob",
                                            digest, INT64_MAX, file_append, &fd, fault);
  if (status == TAMIS_OK && fsync(fd) != 0)
    status = fault_set(fault, TAMIS_IO, "cannot write %s: %s", temporary, strerror(errno));
  close(fd);
  if (status == TAMIS_OK) status = name_file(temporary, path, fault);
  unlink(temporary);
  return status;
}

enum tamis_status operator_fetch(struct operator* operator, const struct digest * digest,
                                 size_t size_max, uint8_t **bytes, size_t *length,
                                 struct fault *fault) {
  return transfer_fetch_memory(&operator->session, "/tamis.v1.Operator/FetchBlob", digest, size_max,
                               bytes, length, fault);
}

/* ---- Entries ---- */

struct walk {
  enum tamis_status (*visit)(void *context, uint64_t index, const char *envelope, size_t length);
  void *context;
  uint64_t next; /* the index that must come */
  bool stopped;  /* by `visit` */
};

static enum tamis_status walk_entry(struct walk *walk, uint64_t index,
                                    const ProtobufCBinaryData *envelope, struct fault *fault) {
  if (index != walk->next)
    return fault_set(fault, TAMIS_BAD_REQUEST, "the server sent entry %llu where %llu was due",
                     (unsigned long long)index, (unsigned long long)walk->next);
  enum tamis_status status =
      walk->visit(walk->context, index, (const char *)envelope->data, envelope->len);
  walk->next++;
  walk->stopped = status != TAMIS_OK;
  return walk->stopped ? fault_plain(fault, status) : TAMIS_OK;
}

static enum tamis_status visit_entry(void *context, const void *message, struct fault *fault) {
  const Tamis__V1__Entry *entry = message;
  return walk_entry(context, entry->index, &entry->envelope, fault);
}

static enum tamis_status visit_event(void *context, const void *message, struct fault *fault) {
  const Tamis__V1__WatchEvent *event = message;
  return walk_entry(context, event->index, &event->envelope, fault);
}

static enum tamis_status entries_part(struct operator* operator, struct walk * walk, uint64_t count,
                                      struct fault *fault) {
  struct session *session = &operator->session;
  Tamis__V1__GetEntriesRequest request = TAMIS__V1__GET_ENTRIES_REQUEST__INIT;
  request.from = walk->next;
  request.count = count;
  enum tamis_status status = session_authorise(session, &request.base, fault);
  if (status == TAMIS_OK)
    status = channel_messages(session->channel, "/tamis.v1.Operator/GetEntries", &request.base,
                              session->deadline_ms, &tamis__v1__entry__descriptor, visit_entry,
                              walk, fault);
  return status;
}

enum tamis_status operator_entries(struct operator* operator, uint64_t from, uint64_t count,
                                   enum tamis_status (*visit)(void *context, uint64_t index,
                                                              const char *envelope, size_t length),
                                   void *context, struct fault *fault) {
  struct walk walk = {visit, context, from, false};
  struct retry retry;
  retry_start(&retry, operator->session.give_up_ms);
  while (walk.next - from < count) {
    uint64_t before = walk.next, left = count - (walk.next - from);
    enum tamis_status status =
        entries_part(operator, & walk, left < ENTRIES_PER_CALL ? left : ENTRIES_PER_CALL, fault);
    if (walk.stopped) return status;
    if (walk.next > before) retry_start(&retry, operator->session.give_up_ms);
    if (status == TAMIS_OK && walk.next == before) return TAMIS_OK; /* the log ends here */
    if (status != TAMIS_OK && !session_recover(&operator->session, &retry, status)) return status;
  }
  return TAMIS_OK;
}

enum tamis_status operator_watch(struct operator* operator, uint64_t from, uint32_t wait_ms,
                                 enum tamis_status (*visit)(void *context, uint64_t index,
                                                            const char *envelope, size_t length),
                                 void *context, struct fault *fault) {
  struct session *session = &operator->session;
  struct walk walk = {visit, context, from, false};
  struct retry retry;
  retry_start(&retry, session->give_up_ms);
  for (;;) {
    Tamis__V1__WatchRequest request = TAMIS__V1__WATCH_REQUEST__INIT;
    request.from = from;
    enum tamis_status status = session_authorise(session, &request.base, fault);
    if (status == TAMIS_OK)
      status =
          channel_messages(session->channel, "/tamis.v1.Operator/Watch", &request.base, wait_ms,
                           &tamis__v1__watch_event__descriptor, visit_event, &walk, fault);
    if (status == TAMIS_OK)
      return fault_set(fault, TAMIS_UNAVAILABLE, "the server ended the watch");
    if (status != TAMIS_NO_SESSION || walk.next > from || !session_recover(session, &retry, status))
      return status;
  }
}

/* ---- The log and the server ---- */

void operator_bundle_source(struct operator* operator, struct bundle_remote * remote,
                            struct bundle_source *source) {
  bundle_remote_open(remote, &operator->session, &operator->trust, source);
}

const struct secret_key *operator_key(const struct operator* operator) {
  return operator->has_key ? &operator->key : NULL;
}

enum tamis_status operator_checkpoint(struct operator* operator, char ** note, size_t *length,
                                      struct fault *fault) {
  enum tamis_status status = trust_latest(&operator->trust, &operator->session, fault);
  if (status != TAMIS_OK) return status;
  *note = malloc(operator->trust.kept_length + 1);
  if (!*note) return fault_plain(fault, TAMIS_NO_MEMORY);
  memcpy(*note, operator->trust.kept_note, operator->trust.kept_length + 1);
  *length = operator->trust.kept_length;
  return TAMIS_OK;
}

enum tamis_status operator_ping(struct operator* operator, struct fault * fault) {
  Grpc__Health__V1__HealthCheckRequest request = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
  struct unpack_arena arena;
  void *message = NULL;
  unpack_arena_open(&arena, CHANNEL_REPLY_BUDGET);
  enum tamis_status status =
      channel_unary(operator->channel, "/grpc.health.v1.Health/Check",
                    &request.base, operator->session.deadline_ms,
                    &grpc__health__v1__health_check_response__descriptor, &arena, &message, fault);
  if (status == TAMIS_OK) {
    const Grpc__Health__V1__HealthCheckResponse *reply = message;
    if (reply->status != GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING)
      status = fault_set(fault, TAMIS_UNAVAILABLE, "the server answers, but is not serving");
  }
  unpack_arena_close(&arena);
  return status;
}
