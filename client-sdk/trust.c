/* Every checkpoint that comes in, the latest or one in a receipt, is linked to the kept one by one
 * proof from the smaller to the larger; what cannot be linked is evidence. */
#include "client-sdk/trust.h"

#include <stdlib.h>
#include <string.h>
#include "proto/envelope.h"
#include "proto/fork.h"
#include "proto/statement.h"
#include "tamis/v1/tamis.pb-c.h"

/* A signed head: what it says and the bytes that say it. */
struct head {
  struct checkpoint checkpoint;
  char *note; /* owned */
  size_t length;
};

static bool same_tree(const struct checkpoint *a, const struct checkpoint *b) {
  return a->size == b->size && digest_equal(&a->root, &b->root);
}

static enum tamis_status note_copy(const void *note, size_t length, struct head *head,
                                   struct fault *fault) {
  char *copy = malloc(length + 1);
  if (!copy) return fault_plain(fault, TAMIS_NO_MEMORY);
  memcpy(copy, note, length);
  copy[length] = '\0';
  free(head->note);
  head->note = copy;
  head->length = length;
  return TAMIS_OK;
}

/* What a server said when it was asked to link two checkpoints. */
struct link {
  enum tamis_status answer; /* TAMIS_OK: `proof` */
  struct merkle_proof proof;
};

/* The two notes that cannot both be true go to disk before anybody is told. */
static enum tamis_status fork_found(struct trust *trust, const struct head *other,
                                    const struct link *link, struct fault *fault) {
  struct fork_evidence evidence = {.log_key = trust->log_key,
                                   .answer = link->answer,
                                   .proof = link->proof,
                                   .kept = trust->kept_note,
                                   .kept_length = trust->kept_length,
                                   .shown = other->note,
                                   .shown_length = other->length};
  char *text = NULL;
  size_t length = 0;
  if (trust->dir) {
    enum tamis_status status = fork_write(&evidence, &text, &length, fault);
    if (status == TAMIS_OK)
      status = state_dir_write(trust->dir, TRUST_EVIDENCE, text, length, fault);
    free(text);
    if (status != TAMIS_OK) return status;
  }
  return fault_set(fault, TAMIS_FORK,
                   "the server shows a log of %llu entries that is not one history with the log of "
                   "%llu it showed before; both signed notes are in %s/%s: give that file to the "
                   "operator and to the other clients",
                   (unsigned long long)other->checkpoint.size, (unsigned long long)trust->kept.size,
                   trust->dir ? trust->dir->path : "", TRUST_EVIDENCE);
}

enum tamis_status trust_open(struct trust *trust, const struct public_key *log_key,
                             const struct state_dir *dir, struct fault *fault) {
  memset(trust, 0, sizeof *trust);
  trust->log_key = *log_key;
  trust->dir = dir;
  if (!dir || !state_dir_has(dir, "checkpoint")) return TAMIS_OK;
  enum tamis_status status =
      state_dir_read(dir, "checkpoint", &trust->kept_note, &trust->kept_length, fault);
  if (status == TAMIS_OK)
    status = checkpoint_open(trust->kept_note, trust->kept_length, log_key, &trust->kept, fault);
  if (status != TAMIS_OK)
    return fault_set(fault, TAMIS_CORRUPT, "%s/checkpoint is not a note this log signed",
                     dir->path);
  trust->is_saved = true;
  return TAMIS_OK;
}

void trust_close(struct trust *trust) {
  free(trust->kept_note);
  trust->kept_note = NULL;
}

enum tamis_status trust_is_whole(const struct trust *trust, struct fault *fault) {
  if (!trust->dir || !state_dir_has(trust->dir, TRUST_EVIDENCE)) return TAMIS_OK;
  return fault_set(fault, TAMIS_FORK,
                   "this server once showed two histories: see `tamis log fork %s/%s`. This client "
                   "does not go on until a human has taken that file away",
                   trust->dir->path, TRUST_EVIDENCE);
}

/* Takes the note over as the kept one. */
static void keep(struct trust *trust, struct head *head) {
  trust->is_saved = trust->is_saved && same_tree(&trust->kept, &head->checkpoint);
  free(trust->kept_note);
  trust->kept = head->checkpoint;
  trust->kept_note = head->note;
  trust->kept_length = head->length;
  *head = (struct head){0};
}

/* Once a call, after its last step: each file costs two syncs. */
static enum tamis_status save(struct trust *trust, struct fault *fault) {
  if (!trust->dir || trust->is_saved) return TAMIS_OK;
  enum tamis_status status =
      state_dir_write(trust->dir, "checkpoint", trust->kept_note, trust->kept_length, fault);
  trust->is_saved = status == TAMIS_OK;
  return status;
}

static enum tamis_status ask_consistency(struct session *session, uint64_t size, uint64_t to,
                                         struct unpack_arena *arena,
                                         Tamis__V1__GetConsistencyReply **reply,
                                         struct fault *fault) {
  Tamis__V1__GetConsistencyRequest request = TAMIS__V1__GET_CONSISTENCY_REQUEST__INIT;
  void *message = NULL;
  request.size = size;
  request.to = to;
  enum tamis_status status =
      session_call(session, "/tamis.v1.Client/GetConsistency", &request.base, 0,
                   &tamis__v1__get_consistency_reply__descriptor, arena, &message, fault);
  *reply = message;
  return status;
}

static enum tamis_status proof_read(size_t count, const ProtobufCBinaryData *hashes,
                                    struct merkle_proof *proof, struct fault *fault) {
  proof->count = 0;
  if (count > MERKLE_PROOF_MAX)
    return fault_set(fault, TAMIS_BAD_PROOF, "a proof of %zu hashes", count);
  for (size_t i = 0; i < count; i++) {
    if (hashes[i].len != DIGEST_SIZE)
      return fault_set(fault, TAMIS_BAD_PROOF, "a hash in the proof is not 32 bytes");
    memcpy(proof->hash[proof->count++].byte, hashes[i].data, DIGEST_SIZE);
  }
  return TAMIS_OK;
}

/* The hashes that make `to` entries (0: the latest) the continuation of `size`; with `latest`, the
 * latest checkpoint too. That the server has no such trees is an answer, in `link`. */
static enum tamis_status ask_link(struct trust *trust, struct session *session, uint64_t size,
                                  uint64_t to, struct link *link, struct head *latest,
                                  struct fault *fault) {
  struct unpack_arena arena;
  Tamis__V1__GetConsistencyReply *reply;
  unpack_arena_open(&arena, CHANNEL_REPLY_BUDGET);
  enum tamis_status status = ask_consistency(session, size, to, &arena, &reply, fault);
  bool is_answer = status == TAMIS_OK || status == TAMIS_NOT_FOUND || status == TAMIS_BAD_REQUEST;
  *link = (struct link){.answer = status};
  if (status == TAMIS_OK) status = proof_read(reply->n_hashes, reply->hashes, &link->proof, fault);
  if (status == TAMIS_OK && latest)
    status = note_copy(reply->checkpoint.data, reply->checkpoint.len, latest, fault);
  if (status == TAMIS_OK && latest)
    status =
        checkpoint_open(latest->note, latest->length, &trust->log_key, &latest->checkpoint, fault);
  unpack_arena_close(&arena);
  return is_answer && link->answer != TAMIS_OK ? TAMIS_OK : status;
}

/* Everything continues the empty log. */
static bool continues(const struct checkpoint *older, const struct checkpoint *newer,
                      const struct link *link) {
  return older->size == 0 || (link->answer == TAMIS_OK &&
                              merkle_verify_consistency(older->size, newer->size, &older->root,
                                                        &newer->root, &link->proof));
}

/* Takes `other->note` over when it becomes the kept one. */
static enum tamis_status link_head(struct trust *trust, struct session *session, struct head *other,
                                   struct fault *fault) {
  if (trust->kept.size == 0) {
    keep(trust, other);
    return TAMIS_OK;
  }
  struct link link = {.answer = TAMIS_OK};
  if (same_tree(&trust->kept, &other->checkpoint)) return TAMIS_OK;
  if (trust->kept.size == other->checkpoint.size) return fork_found(trust, other, &link, fault);
  bool is_newer = other->checkpoint.size > trust->kept.size;
  const struct checkpoint *older = is_newer ? &trust->kept : &other->checkpoint;
  const struct checkpoint *newer = is_newer ? &other->checkpoint : &trust->kept;
  enum tamis_status status = ask_link(trust, session, older->size, newer->size, &link, NULL, fault);
  if (status == TAMIS_OK && !continues(older, newer, &link))
    return fork_found(trust, other, &link, fault);
  if (status == TAMIS_OK && is_newer) keep(trust, other);
  return status;
}

/* The server says that it has no tree as large as the kept one: whatever it has is then asked for
 * without conditions, so that there are two notes to compare. */
static enum tamis_status ask_latest(struct trust *trust, struct session *session,
                                    struct head *latest, struct link *link, struct fault *fault) {
  enum tamis_status status = ask_link(trust, session, trust->kept.size, 0, link, latest, fault);
  if (status != TAMIS_OK || link->answer == TAMIS_OK) return status;
  struct link any;
  status = ask_link(trust, session, 0, 0, &any, latest, fault);
  if (status == TAMIS_OK && any.answer != TAMIS_OK)
    status = fault_set(fault, TAMIS_BAD_PROOF, "the server shows no checkpoint at all");
  return status;
}

enum tamis_status trust_latest(struct trust *trust, struct session *session, struct fault *fault) {
  struct head latest = {0};
  struct link link;
  enum tamis_status status = trust_is_whole(trust, fault);
  if (status == TAMIS_OK) status = ask_latest(trust, session, &latest, &link, fault);
  if (status == TAMIS_OK && link.answer != TAMIS_OK)
    status = link_head(trust, session, &latest, fault);
  else if (status == TAMIS_OK && !continues(&trust->kept, &latest.checkpoint, &link))
    status = fork_found(trust, &latest, &link, fault);
  else if (status == TAMIS_OK)
    keep(trust, &latest);
  if (status == TAMIS_OK) status = save(trust, fault);
  free(latest.note);
  return status;
}

enum tamis_status trust_note(struct trust *trust, struct session *session, const void *note,
                             size_t length, struct fault *fault) {
  struct head head = {0};
  enum tamis_status status = trust_is_whole(trust, fault);
  if (status == TAMIS_OK) status = note_copy(note, length, &head, fault);
  if (status == TAMIS_OK)
    status = checkpoint_open(head.note, length, &trust->log_key, &head.checkpoint, fault);
  if (status == TAMIS_OK) status = link_head(trust, session, &head, fault);
  if (status == TAMIS_OK) status = save(trust, fault);
  free(head.note);
  return status;
}

enum tamis_status trust_receipt(struct trust *trust, struct session *session, const void *receipt,
                                size_t length, const void *entry, size_t entry_length,
                                uint64_t *index, struct checkpoint *checkpoint,
                                struct fault *fault) {
  enum tamis_status status = trust_is_whole(trust, fault);
  if (status == TAMIS_OK)
    status = receipt_verify(receipt, length, entry, entry_length, &trust->log_key, index,
                            checkpoint, fault);
  if (status != TAMIS_OK) return status;
  const char *note = memmem(receipt, length, "\n\n", 2); /* receipt_verify has seen it */
  size_t before = (size_t)(note + 2 - (const char *)receipt);
  return trust_note(trust, session, note + 2, length - before, fault);
}

static enum tamis_status entry_reply_take(struct trust *trust, struct session *session,
                                          const Tamis__V1__GetEntryReply *reply, uint64_t index,
                                          struct head *entry, struct head *receipt,
                                          struct fault *fault) {
  struct checkpoint checkpoint;
  uint64_t found;
  enum tamis_status status =
      trust_receipt(trust, session, reply->receipt.data, reply->receipt.len, reply->envelope.data,
                    reply->envelope.len, &found, &checkpoint, fault);
  if (status == TAMIS_OK && found != index)
    status = fault_set(fault, TAMIS_BAD_PROOF, "asked for entry %llu, the receipt is of %llu",
                       (unsigned long long)index, (unsigned long long)found);
  if (status == TAMIS_OK)
    status = note_copy(reply->envelope.data, reply->envelope.len, entry, fault);
  if (status == TAMIS_OK)
    status = note_copy(reply->receipt.data, reply->receipt.len, receipt, fault);
  return status;
}

enum tamis_status trust_entry_receipt(struct trust *trust, struct session *session, uint64_t index,
                                      char **entry, size_t *length, char **receipt,
                                      size_t *receipt_length, struct fault *fault) {
  Tamis__V1__GetEntryRequest request = TAMIS__V1__GET_ENTRY_REQUEST__INIT;
  struct unpack_arena arena;
  struct head bytes = {0}, text = {0};
  void *message = NULL;
  request.index = index;
  unpack_arena_open(&arena, CHANNEL_REPLY_BUDGET);
  enum tamis_status status =
      session_call(session, "/tamis.v1.Client/GetEntry", &request.base, 0,
                   &tamis__v1__get_entry_reply__descriptor, &arena, &message, fault);
  if (status == TAMIS_OK)
    status = entry_reply_take(trust, session, message, index, &bytes, &text, fault);
  if (status == TAMIS_OK) {
    *entry = bytes.note;
    *length = bytes.length;
    *receipt = text.note;
    *receipt_length = text.length;
  } else {
    free(bytes.note);
    free(text.note);
  }
  unpack_arena_close(&arena);
  return status;
}

enum tamis_status trust_entry(struct trust *trust, struct session *session, uint64_t index,
                              char **entry, size_t *length, struct fault *fault) {
  char *receipt = NULL;
  size_t receipt_length;
  enum tamis_status status =
      trust_entry_receipt(trust, session, index, entry, length, &receipt, &receipt_length, fault);
  free(receipt);
  return status;
}

enum tamis_status trust_entry_under(const struct checkpoint *checkpoint, struct session *session,
                                    uint64_t index, char **entry, size_t *length,
                                    struct merkle_proof *proof, struct fault *fault) {
  Tamis__V1__GetEntryRequest request = TAMIS__V1__GET_ENTRY_REQUEST__INIT;
  struct unpack_arena arena;
  struct head copy = {0};
  void *message = NULL;
  request.index = index;
  request.size = checkpoint->size;
  unpack_arena_open(&arena, CHANNEL_REPLY_BUDGET);
  enum tamis_status status =
      session_call(session, "/tamis.v1.Client/GetEntry", &request.base, 0,
                   &tamis__v1__get_entry_reply__descriptor, &arena, &message, fault);
  const Tamis__V1__GetEntryReply *reply = message;
  if (status == TAMIS_OK) status = proof_read(reply->n_hashes, reply->hashes, proof, fault);
  if (status == TAMIS_OK) {
    struct digest leaf = merkle_leaf(reply->envelope.data, reply->envelope.len);
    if (!merkle_verify_inclusion(index, checkpoint->size, &leaf, &checkpoint->root, proof))
      status = fault_set(fault, TAMIS_BAD_PROOF,
                         "the server's entry %llu is not under its checkpoint of %llu",
                         (unsigned long long)index, (unsigned long long)checkpoint->size);
  }
  if (status == TAMIS_OK)
    status = note_copy(reply->envelope.data, reply->envelope.len, &copy, fault);
  *entry = copy.note;
  *length = copy.length;
  unpack_arena_close(&arena);
  return status;
}

enum tamis_status trust_link_under(struct trust *trust, const struct checkpoint *checkpoint,
                                   struct session *session, uint64_t size,
                                   struct merkle_proof *proof, struct fault *fault) {
  struct link link;
  enum tamis_status status = ask_link(trust, session, size, checkpoint->size, &link, NULL, fault);
  if (status == TAMIS_OK && link.answer != TAMIS_OK)
    status = fault_set(fault, TAMIS_BAD_PROOF,
                       "the server shows no way from its tree of %llu entries to that of %llu",
                       (unsigned long long)size, (unsigned long long)checkpoint->size);
  *proof = link.proof;
  return status;
}

/* ---- The genesis entry ---- */

/* Signed by one of the operators it names: the founders vouch for themselves, the log key for them.
 */
static bool operator_signed(const struct envelope *envelope, const struct statement *genesis) {
  const json_t *operators = json_object_get(genesis->predicate, "operators");
  for (size_t i = 0; i < json_array_size(operators); i++) {
    const char *vkey = json_string_value(json_array_get(operators, i));
    struct public_key key;
    if (vkey && key_vkey_read(vkey, strlen(vkey), &key, NULL) == TAMIS_OK &&
        envelope_verify(envelope, &key, NULL) == TAMIS_OK)
      return true;
  }
  return false;
}

static enum tamis_status genesis_check(struct trust *trust, const struct envelope *envelope,
                                       const struct statement *genesis, struct fault *fault) {
  char vkey[KEY_VKEY_SIZE];
  key_vkey_write(&trust->log_key, vkey);
  if (genesis->kind != STATEMENT_GENESIS)
    return fault_set(fault, TAMIS_BAD_PROOF, "the log's first entry is a %s, not a genesis",
                     statement_kind_name(genesis->kind));
  if (strcmp(statement_text(genesis, "log_key"), vkey) != 0)
    return fault_set(fault, TAMIS_BAD_PROOF, "the genesis entry names another log key");
  if (!operator_signed(envelope, genesis))
    return fault_set(fault, TAMIS_BAD_PROOF, "none of its operators signed the genesis entry");
  const char *text = statement_text(genesis, "aggregator_key");
  struct public_key key;
  enum tamis_status status = key_vkey_read(text, strlen(text), &key, fault);
  if (status != TAMIS_OK) return status;
  if (strcmp(key.name, "service/aggregator") != 0)
    return fault_set(fault, TAMIS_BAD_PROOF, "the genesis entry's aggregator is called %s",
                     key.name);
  trust->aggregator_key = key;
  trust->has_aggregator = true;
  return TAMIS_OK;
}

enum tamis_status trust_aggregator(struct trust *trust, struct session *session,
                                   struct fault *fault) {
  if (trust->has_aggregator) return TAMIS_OK;
  char *entry = NULL;
  size_t length = 0;
  struct envelope envelope = {0};
  struct statement genesis = {0};
  enum tamis_status status = trust_entry(trust, session, 0, &entry, &length, fault);
  if (status == TAMIS_OK) status = envelope_open(entry, length, &envelope, fault);
  if (status == TAMIS_OK)
    status = statement_read(envelope.payload, envelope.payload_length, trust->log_key.name,
                            &genesis, fault);
  if (status == TAMIS_OK) status = genesis_check(trust, &envelope, &genesis, fault);
  statement_close(&genesis);
  envelope_close(&envelope);
  free(entry);
  return status;
}
