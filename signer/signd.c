/* Refusals first, in one list; then the mark, then the signature. */
#include "signer/signd.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { LOCK_WAIT_MS = 5000 }; /* a signer whose tamisd was killed needs a moment to see it */

struct signd {
  struct secret_key key;
  struct mark_file *mark;
  char vkey[KEY_VKEY_SIZE];
};

enum tamis_status signd_mark_path(const char *key_path, char out[SIGND_PATH_MAX],
                                  struct fault *fault) {
  int length = snprintf(out, SIGND_PATH_MAX, "%s.signed", key_path);
  if (length > 0 && length < SIGND_PATH_MAX) return TAMIS_OK;
  return fault_set(fault, TAMIS_BAD_REQUEST, "the path of the key is too long");
}

static enum tamis_status mark_load(struct signd *signd, const char *key_path, bool may_begin,
                                   struct fault *fault) {
  static const struct mark nothing = {.state = MARK_ACTIVE};
  char path[SIGND_PATH_MAX];
  enum tamis_status status = signd_mark_path(key_path, path, fault);
  if (status != TAMIS_OK) return status;
  status = mark_open(path, &signd->key.public, LOCK_WAIT_MS, &signd->mark, fault);
  if (status != TAMIS_NOT_FOUND) return status;
  if (may_begin) {
    status = mark_create(path, &signd->key.public, &nothing, fault);
    return status == TAMIS_OK
               ? mark_open(path, &signd->key.public, LOCK_WAIT_MS, &signd->mark, fault)
               : status;
  }
  return fault_set(fault, TAMIS_NOT_FOUND,
                   "%s is missing: the signer does not know what this key signed last. Restore "
                   "it, or tell the signer once: tamis-signd --key FILE --adopt STATE/checkpoint",
                   path);
}

enum tamis_status signd_open(const char *key_path, bool may_begin, struct signd **out,
                             struct fault *fault) {
  struct signd *signd = calloc(1, sizeof *signd);
  if (!signd) return fault_plain(fault, TAMIS_NO_MEMORY);
  enum tamis_status status = key_file_read(key_path, &signd->key, fault);
  if (status == TAMIS_OK) status = mark_load(signd, key_path, may_begin, fault);
  if (status == TAMIS_OK && signd_mark(signd)->state == MARK_HANDED_OVER)
    status = fault_set(fault, TAMIS_CONFLICT,
                       "the key %s was handed over after %" PRIu64
                       " entries: another signer has it, this one signs no more",
                       signd->key.public.name, signd_mark(signd)->size);
  if (status != TAMIS_OK) {
    signd_close(signd);
    return status;
  }
  key_vkey_write(&signd->key.public, signd->vkey);
  *out = signd;
  return TAMIS_OK;
}

void signd_close(struct signd *signd) {
  if (!signd) return;
  mark_close(signd->mark);
  key_wipe(&signd->key);
  free(signd);
}

const struct mark *signd_mark(const struct signd *signd) {
  return mark_read(signd->mark);
}

bool signd_is_broken(const struct signd *signd) {
  return mark_is_unknown(signd->mark);
}

static enum tamis_status check(const struct signd *signd, const struct wire_request *request,
                               struct fault *fault) {
  const struct mark *last = signd_mark(signd);
  const struct checkpoint *wanted = &request->checkpoint;
  if (strcmp(wanted->origin, signd->key.public.name) != 0)
    return fault_set(fault, TAMIS_WRONG_ORIGIN, "the signer's key is of %s, not of %s",
                     signd->key.public.name, wanted->origin);
  if (wanted->size < last->size)
    return fault_set(fault, TAMIS_FORK,
                     "the signer has signed %" PRIu64 " entries and signs no smaller tree (%" PRIu64
                     "): is the state folder an old copy?",
                     last->size, wanted->size);
  if (!merkle_verify_consistency(last->size, wanted->size, &last->root, &wanted->root,
                                 &request->proof))
    return fault_set(fault, TAMIS_FORK,
                     "the proof does not lead from the %" PRIu64
                     " entries that the signer signed last to these %" PRIu64,
                     last->size, wanted->size);
  return TAMIS_OK;
}

static enum tamis_status remember(struct signd *signd, const struct checkpoint *checkpoint,
                                  struct fault *fault) {
  struct mark next = *signd_mark(signd);
  if (next.size == checkpoint->size) return TAMIS_OK; /* the same tree again: the same signature */
  next.size = checkpoint->size;
  next.root = checkpoint->root;
  return mark_write(signd->mark, &next, fault);
}

static enum tamis_status sign(struct signd *signd, const struct wire_request *request,
                              struct wire_answer *answer) {
  char *note;
  size_t length;
  enum tamis_status status = check(signd, request, &answer->fault);
  if (status == TAMIS_OK) status = remember(signd, &request->checkpoint, &answer->fault);
  if (status != TAMIS_OK) return status;
  checkpoint_sign(&request->checkpoint, &signd->key, &note, &length);
  if (length >= sizeof answer->note) abort(); /* origin and key name are bounded */
  memcpy(answer->note, note, length);
  answer->note_length = length;
  free(note);
  return TAMIS_OK;
}

void signd_answer(struct signd *signd, const uint8_t *bytes, size_t length,
                  struct wire_answer *answer) {
  struct wire_request request;
  *answer = (struct wire_answer){.fault = {TAMIS_OK, ""}};
  enum tamis_status status = wire_request_decode(bytes, length, &request, &answer->fault);
  if (status == TAMIS_OK && request.kind == WIRE_SIGN) status = sign(signd, &request, answer);
  if (status != TAMIS_OK) return;
  answer->size = signd_mark(signd)->size;
  answer->root = signd_mark(signd)->root;
  memcpy(answer->vkey, signd->vkey, sizeof signd->vkey);
}

bool signd_serve_one(struct signd *signd, const struct fault *refusal, int socket) {
  uint8_t in[WIRE_REQUEST_MAX + 1], out[WIRE_ANSWER_MAX];
  struct wire_answer answer = {.size = 0};
  ssize_t length;
  do length = recv(socket, in, sizeof in, 0); /* what is longer is cut to a byte too much */
  while (length < 0 && errno == EINTR);
  if (length <= 0) return false;
  if (signd)
    signd_answer(signd, in, (size_t)length, &answer);
  else
    answer.fault = *refusal;
  size_t size = wire_answer_encode(&answer, out);
  return send(socket, out, size, MSG_NOSIGNAL) == (ssize_t)size;
}
