/* A request is
 *   "TSR1" u8 kind
 *   and to sign: u8 length, origin; u64 size; root; u8 count, proof hashes
 * an answer is
 *   "TSA1" u8 length, status name; u16 length, sentence; u64 size; root; u16 length, vkey;
 *   u16 length, note
 * Integers are little-endian; nothing may follow. */
#include "signer/wire.h"

#include <assert.h>
#include <string.h>
#include "proto/text.h"

static const char request_magic[] = "TSR1", answer_magic[] = "TSA1";
enum { MAGIC = 4 };

/* ---- writing into a buffer of the largest size ---- */

static void put(uint8_t **at, const void *bytes, size_t length) {
  memcpy(*at, bytes, length);
  *at += length;
}

static void put_number(uint8_t **at, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; i++) *(*at)++ = (uint8_t)(value >> (8 * i));
}

static void put_text(uint8_t **at, const char *text, size_t length, int bytes) {
  put_number(at, length, bytes);
  put(at, text, length);
}

/* ---- reading what may be anything ---- */

struct cursor {
  const uint8_t *at;
  size_t left;
};

static const uint8_t *take(struct cursor *cursor, size_t length) {
  if (length > cursor->left) return NULL;
  const uint8_t *bytes = cursor->at;
  cursor->at += length;
  cursor->left -= length;
  return bytes;
}

static bool take_magic(struct cursor *cursor, const char *magic) {
  const uint8_t *bytes = take(cursor, MAGIC);
  return bytes && memcmp(bytes, magic, MAGIC) == 0;
}

static bool take_number(struct cursor *cursor, int size, uint64_t *value) {
  const uint8_t *bytes = take(cursor, (size_t)size);
  if (!bytes) return false;
  *value = 0;
  for (int i = size; i > 0; i--) *value = *value << 8 | bytes[i - 1];
  return true;
}

static bool take_digest(struct cursor *cursor, struct digest *digest) {
  const uint8_t *bytes = take(cursor, DIGEST_SIZE);
  if (!bytes) return false;
  memcpy(digest->byte, bytes, DIGEST_SIZE);
  return true;
}

/* Terminated in `out`, which holds `size` bytes. */
static bool take_text(struct cursor *cursor, int length_bytes, char *out, size_t size,
                      size_t *length) {
  uint64_t count = 0;
  if (!take_number(cursor, length_bytes, &count) || count >= size) return false;
  const uint8_t *bytes = take(cursor, (size_t)count);
  if (!bytes) return false;
  memcpy(out, bytes, (size_t)count);
  out[count] = '\0';
  *length = (size_t)count;
  return true;
}

/* ---- requests ---- */

size_t wire_request_encode(const struct wire_request *request, uint8_t out[WIRE_REQUEST_MAX]) {
  uint8_t *at = out;
  const struct checkpoint *checkpoint = &request->checkpoint;
  put(&at, request_magic, MAGIC);
  put_number(&at, (uint64_t)request->kind, 1);
  if (request->kind == WIRE_SIGN) {
    put_text(&at, checkpoint->origin, strlen(checkpoint->origin), 1);
    put_number(&at, checkpoint->size, 8);
    put(&at, checkpoint->root.byte, DIGEST_SIZE);
    put_number(&at, request->proof.count, 1);
    put(&at, request->proof.hash, request->proof.count * DIGEST_SIZE);
  }
  assert(at <= out + WIRE_REQUEST_MAX);
  return (size_t)(at - out);
}

static enum tamis_status bad(struct fault *fault, const char *why) {
  return fault_set(fault, TAMIS_BAD_REQUEST, "not a message of the signer's: %s", why);
}

static bool take_proof(struct cursor *cursor, struct merkle_proof *proof) {
  uint64_t count = 0;
  if (!take_number(cursor, 1, &count) || count > MERKLE_PROOF_MAX) return false;
  for (proof->count = 0; proof->count < count; proof->count++)
    if (!take_digest(cursor, &proof->hash[proof->count])) return false;
  return true;
}

enum tamis_status wire_request_decode(const uint8_t *bytes, size_t length,
                                      struct wire_request *request, struct fault *fault) {
  struct cursor cursor = {bytes, length};
  struct checkpoint *checkpoint = &request->checkpoint;
  uint64_t kind = 0;
  size_t origin = 0;
  *request = (struct wire_request){.kind = WIRE_LAST};
  if (length > WIRE_REQUEST_MAX) return bad(fault, "too long");
  if (!take_magic(&cursor, request_magic) || !take_number(&cursor, 1, &kind))
    return bad(fault, "it does not begin as one");
  if (kind != WIRE_LAST && kind != WIRE_SIGN) return bad(fault, "of no known kind");
  request->kind = (enum wire_kind)kind;
  if (kind == WIRE_SIGN) {
    if (!take_text(&cursor, 1, checkpoint->origin, TEXT_ORIGIN_MAX + 1, &origin) ||
        !text_is_origin(checkpoint->origin, origin))
      return bad(fault, "no origin");
    if (!take_number(&cursor, 8, &checkpoint->size) || checkpoint->size == 0 ||
        checkpoint->size > INT64_MAX)
      return bad(fault, "the size is not 1 to 2^63 - 1");
    if (!take_digest(&cursor, &checkpoint->root) || !take_proof(&cursor, &request->proof))
      return bad(fault, "no whole root and proof");
  }
  return cursor.left == 0 ? TAMIS_OK : bad(fault, "bytes after its end");
}

/* ---- answers ---- */

size_t wire_answer_encode(const struct wire_answer *answer, uint8_t out[WIRE_ANSWER_MAX]) {
  uint8_t *at = out;
  const char *name = tamis_status_name(answer->fault.status);
  put(&at, answer_magic, MAGIC);
  put_text(&at, name, strlen(name), 1);
  put_text(&at, answer->fault.text, strlen(answer->fault.text), 2);
  put_number(&at, answer->size, 8);
  put(&at, answer->root.byte, DIGEST_SIZE);
  put_text(&at, answer->vkey, strlen(answer->vkey), 2);
  put_text(&at, answer->note, answer->note_length, 2);
  assert(at <= out + WIRE_ANSWER_MAX);
  return (size_t)(at - out);
}

enum tamis_status wire_answer_decode(const uint8_t *bytes, size_t length,
                                     struct wire_answer *answer, struct fault *fault) {
  struct cursor cursor = {bytes, length};
  struct fault said = {TAMIS_OK, ""};
  char name[64];
  size_t count;
  *answer = (struct wire_answer){.size = 0};
  if (length > WIRE_ANSWER_MAX || !take_magic(&cursor, answer_magic) ||
      !take_text(&cursor, 1, name, sizeof name, &count) ||
      !take_text(&cursor, 2, said.text, sizeof said.text, &count) ||
      !take_number(&cursor, 8, &answer->size) || !take_digest(&cursor, &answer->root) ||
      !take_text(&cursor, 2, answer->vkey, sizeof answer->vkey, &count) ||
      !take_text(&cursor, 2, answer->note, sizeof answer->note, &answer->note_length) ||
      cursor.left != 0 || answer->size > INT64_MAX)
    return bad(fault, "the answer is malformed");
  said.status = tamis_status_from_name(name);
  if (said.status != TAMIS_OK) fault_set(&answer->fault, said.status, "%s", said.text);
  return TAMIS_OK;
}
