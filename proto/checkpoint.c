/* Signed notes and receipts as lines of text: written with printf, read by a cursor that never
 * leaves its bytes. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "proto/checkpoint.h"
#include "proto/text.h"

enum {
  TYPE_COSIGNATURE = 0x04,
  HASH_LINE = 44, /* base64 of 32 bytes */
  TEXT_SIZE = TEXT_ORIGIN_MAX + 1 + 20 + 1 + HASH_LINE + 1 + 1,
  SIGNATURE_BYTES_MAX = 8192, /* room for algorithms to come, whose lines are skipped */
  COSIGNATURE_BYTES = 4 + 8 + KEY_SIGNATURE_SIZE, /* id, time, signature */
};

static const char dash[] = "\xe2\x80\x94 "; /* em dash and space */
static const char proof_head[] = "c2sp.org/tlog-proof@v1\n";
enum { DASH = sizeof dash - 1, PROOF_HEAD = sizeof proof_head - 1 };

/* What has not been read yet. */
struct cursor {
  const char *at, *end;
};

/* The next line without its newline; false when there is no whole line. */
static bool next_line(struct cursor *cursor, const char **line, size_t *length) {
  const char *newline = memchr(cursor->at, '\n', (size_t)(cursor->end - cursor->at));
  if (!newline) return false;
  *line = cursor->at;
  *length = (size_t)(newline - cursor->at);
  cursor->at = newline + 1;
  return true;
}

/* Decimal without sign or leading zero, below 2^63. */
static bool read_number(const char *text, size_t length, uint64_t *number) {
  uint64_t value = 0;
  if (length < 1 || length > 19 || (text[0] == '0' && length > 1)) return false;
  for (size_t i = 0; i < length; i++) {
    if (text[i] < '0' || text[i] > '9') return false;
    value = value * 10 + (uint64_t)(text[i] - '0');
  }
  *number = value;
  return value <= INT64_MAX;
}

static bool read_hash(const char *text, size_t length, struct digest *digest) {
  size_t count = DIGEST_SIZE;
  return length == HASH_LINE && text_base64_decode(text, length, digest->byte, &count) &&
         count == DIGEST_SIZE;
}

static void must(bool done) {
  if (!done) abort();
}

static void write_text(const struct checkpoint *checkpoint, char text[TEXT_SIZE]) {
  char root[HASH_LINE + 1];
  assert(text_is_origin(checkpoint->origin, strlen(checkpoint->origin)));
  text_base64_encode(checkpoint->root.byte, DIGEST_SIZE, root);
  int length = snprintf(text, TEXT_SIZE, "%s\n%" PRIu64 "\n%s\n", checkpoint->origin,
                        checkpoint->size, root);
  assert(length > 0 && length < TEXT_SIZE);
}

static void put_u32(uint8_t out[4], uint32_t value) {
  for (int i = 0; i < 4; i++) out[i] = (uint8_t)(value >> (24 - 8 * i));
}

static void put_u64(uint8_t out[8], uint64_t value) {
  for (int i = 0; i < 8; i++) out[i] = (uint8_t)(value >> (56 - 8 * i));
}

void checkpoint_sign(const struct checkpoint *checkpoint, const struct secret_key *log_key,
                     char **note, size_t *length) {
  char text[TEXT_SIZE], base64[96];
  uint8_t field[4 + KEY_SIGNATURE_SIZE];
  write_text(checkpoint, text);
  put_u32(field, key_id(&log_key->public));
  key_sign(log_key, text, strlen(text), field + 4);
  text_base64_encode(field, sizeof field, base64);
  int written = asprintf(note, "%s\n%s%s %s\n", text, dash, log_key->public.name, base64);
  must(written > 0);
  *length = (size_t)written;
}

/* What a witness signs. malloc'd. */
static char *cosigned_bytes(const struct checkpoint *checkpoint, uint64_t unix_seconds,
                            size_t *length) {
  char text[TEXT_SIZE], *message = NULL;
  write_text(checkpoint, text);
  int written = asprintf(&message, "cosignature/v1\ntime %" PRIu64 "\n%s", unix_seconds, text);
  must(written > 0);
  *length = (size_t)written;
  return message;
}

void checkpoint_cosign(const struct checkpoint *checkpoint, uint64_t unix_seconds,
                       const struct secret_key *witness, char **line, size_t *length) {
  char base64[COSIGNATURE_TEXT_SIZE];
  uint8_t field[COSIGNATURE_BYTES];
  size_t message_length;
  char *message = cosigned_bytes(checkpoint, unix_seconds, &message_length);
  put_u32(field, key_id_of_type(&witness->public, TYPE_COSIGNATURE));
  put_u64(field + 4, unix_seconds);
  key_sign(witness, message, message_length, field + 12);
  free(message);
  text_base64_encode(field, sizeof field, base64);
  *line = malloc(COSIGNATURE_LINE_SIZE);
  must(*line != NULL);
  *length = checkpoint_cosignature_line(witness->public.name, base64, *line);
}

bool checkpoint_line_next(const char *text, size_t length, size_t *at, const char **line,
                          size_t *line_length, char name[KEY_NAME_SIZE]) {
  const char *empty = *at == 0 && length > 0 ? memmem(text, length, "\n\n", 2) : NULL;
  if (empty) *at = (size_t)(empty - text) + 2;
  if (*at >= length) return false;
  *line = text + *at;
  const char *end = memchr(*line, '\n', length - *at);
  *line_length = end ? (size_t)(end - *line) + 1 : 0;
  if (!end || *line_length < DASH || memcmp(*line, dash, DASH) != 0) return false;
  const char *space = memchr(*line + DASH, ' ', *line_length - DASH);
  size_t name_length = space ? (size_t)(space - *line) - DASH : 0;
  if (name_length == 0 || name_length >= KEY_NAME_SIZE) return false;
  memcpy(name, *line + DASH, name_length);
  name[name_length] = '\0';
  *at += *line_length;
  return true;
}

size_t checkpoint_cosignature_line(const char *name, const char *text,
                                   char line[COSIGNATURE_LINE_SIZE]) {
  int length = snprintf(line, COSIGNATURE_LINE_SIZE, "%s%s %s\n", dash, name, text);
  must(length > 0 && length < COSIGNATURE_LINE_SIZE);
  return (size_t)length;
}

static enum tamis_status refuse(struct fault *fault, const char *why) {
  return fault_set(fault, TAMIS_BAD_PROOF, "checkpoint: %s", why);
}

static bool is_continuation(unsigned char c) {
  return (c & 0xc0) == 0x80;
}

/* Bytes of the UTF-8 character at `text` (RFC 3629: shortest form, no surrogates); 0 if none. */
static size_t utf8_length(const unsigned char *text, size_t left) {
  unsigned char c = text[0];
  if (c < 0x80) return 1;
  if (c < 0xc2 || c > 0xf4 || left < 2 || !is_continuation(text[1])) return 0;
  if (c < 0xe0) return 2;
  if (left < 3 || !is_continuation(text[2])) return 0;
  if (c < 0xf0) {
    if ((c == 0xe0 && text[1] < 0xa0) || (c == 0xed && text[1] > 0x9f)) return 0;
    return 3;
  }
  if (left < 4 || !is_continuation(text[3])) return 0;
  if ((c == 0xf0 && text[1] < 0x90) || (c == 0xf4 && text[1] > 0x8f)) return 0;
  return 4;
}

static bool is_note_text(const char *note, size_t length) {
  const unsigned char *text = (const unsigned char *)note;
  for (size_t i = 0; i < length;) {
    if (text[i] < 0x20 && text[i] != '\n') return false;
    size_t step = utf8_length(text + i, length - i);
    if (step == 0) return false;
    i += step;
  }
  return true;
}

/* Where the text ends: after the newline before the last blank line; 0 when there is none. */
static size_t text_length(const char *note, size_t length) {
  for (size_t i = length; i >= 2; i--)
    if (note[i - 1] == '\n' && note[i - 2] == '\n') return i - 1;
  return 0;
}

static bool read_text(const char *note, size_t length, struct checkpoint *checkpoint) {
  struct cursor cursor = {note, note + length};
  const char *line;
  size_t n;
  if (!next_line(&cursor, &line, &n) || !text_is_origin(line, n)) return false;
  memcpy(checkpoint->origin, line, n);
  checkpoint->origin[n] = '\0';
  if (!next_line(&cursor, &line, &n) || !read_number(line, n, &checkpoint->size)) return false;
  if (!next_line(&cursor, &line, &n) || !read_hash(line, n, &checkpoint->root)) return false;
  return cursor.at == cursor.end;
}

struct note_signature {
  const char *name;
  size_t name_length;
  uint32_t id;
  const uint8_t *bytes; /* into the caller's field */
  size_t length;
};

/* "— name base64(id || signature)". */
static bool read_signature(const char *line, size_t length, uint8_t field[SIGNATURE_BYTES_MAX],
                           struct note_signature *out) {
  if (length < DASH || memcmp(line, dash, DASH) != 0) return false;
  out->name = line + DASH;
  const char *space = memchr(out->name, ' ', length - DASH);
  if (!space || space == out->name) return false;
  out->name_length = (size_t)(space - out->name);
  if (memchr(out->name, '+', out->name_length)) return false;
  size_t count = SIGNATURE_BYTES_MAX;
  if (!text_base64_decode(space + 1, length - DASH - out->name_length - 1, field, &count) ||
      count < 5)
    return false;
  out->id =
      (uint32_t)field[0] << 24 | (uint32_t)field[1] << 16 | (uint32_t)field[2] << 8 | field[3];
  out->bytes = field + 4;
  out->length = count - 4;
  return true;
}

static bool is_by(const struct note_signature *signature, const struct public_key *key,
                  uint32_t id) {
  return signature->name_length == strlen(key->name) &&
         memcmp(signature->name, key->name, signature->name_length) == 0 && signature->id == id;
}

static uint64_t get_u64(const uint8_t bytes[8]) {
  uint64_t value = 0;
  for (int i = 0; i < 8; i++) value = value << 8 | bytes[i];
  return value;
}

enum tamis_status checkpoint_cosigned(const struct checkpoint *checkpoint,
                                      const struct public_key *witness, const char *line,
                                      size_t length, uint64_t *unix_seconds,
                                      char text[COSIGNATURE_TEXT_SIZE], struct fault *fault) {
  struct note_signature signature;
  uint8_t field[SIGNATURE_BYTES_MAX];
  size_t message_length;
  if (length < 2 || length >= COSIGNATURE_LINE_SIZE || line[length - 1] != '\n' ||
      !read_signature(line, length - 1, field, &signature))
    return fault_set(fault, TAMIS_BAD_PROOF, "cosignature: not the line of a signed note");
  if (!is_by(&signature, witness, key_id_of_type(witness, TYPE_COSIGNATURE)) ||
      signature.length != COSIGNATURE_BYTES - 4)
    return fault_set(fault, TAMIS_BAD_PROOF, "cosignature: it is not by the key of %s",
                     witness->name);
  *unix_seconds = get_u64(signature.bytes);
  char *message = cosigned_bytes(checkpoint, *unix_seconds, &message_length);
  bool is_good = *unix_seconds <= INT64_MAX &&
                 key_verify(witness, message, message_length, signature.bytes + 8);
  free(message);
  if (!is_good)
    return fault_set(fault, TAMIS_BAD_PROOF,
                     "cosignature: %s did not sign the tree of %" PRIu64 " entries with this root",
                     witness->name, checkpoint->size);
  text_base64_encode(field, COSIGNATURE_BYTES, text);
  return TAMIS_OK;
}

static enum tamis_status check_signatures(const char *note, size_t length, size_t text,
                                          const struct public_key *log_key, struct fault *fault) {
  struct cursor cursor = {note + text + 1, note + length};
  struct note_signature signature;
  uint8_t field[SIGNATURE_BYTES_MAX];
  const char *line;
  size_t n;
  bool good = false;
  for (int count = 0; cursor.at < cursor.end; count++) {
    if (count == CHECKPOINT_SIGNATURES_MAX) return refuse(fault, "too many signatures");
    if (!next_line(&cursor, &line, &n) || !read_signature(line, n, field, &signature))
      return refuse(fault, "a signature line is malformed");
    if (!is_by(&signature, log_key, key_id(log_key))) continue;
    if (signature.length != KEY_SIGNATURE_SIZE || !key_verify(log_key, note, text, signature.bytes))
      return refuse(fault, "the log's signature does not verify");
    good = true;
  }
  return good ? TAMIS_OK : refuse(fault, "no signature by the log's key");
}

enum tamis_status checkpoint_open(const char *note, size_t length, const struct public_key *log_key,
                                  struct checkpoint *checkpoint, struct fault *fault) {
  struct checkpoint read;
  if (length > CHECKPOINT_NOTE_MAX) return refuse(fault, "the note is too large");
  if (!is_note_text(note, length)) return refuse(fault, "not UTF-8, or a control byte");
  size_t text = text_length(note, length);
  if (text == 0) return refuse(fault, "no blank line before the signatures");
  if (!read_text(note, text, &read)) return refuse(fault, "the text is not origin, size and root");
  if (strcmp(read.origin, log_key->name) != 0)
    return fault_set(fault, TAMIS_BAD_PROOF, "checkpoint: the origin is %s and the key is of %s",
                     read.origin, log_key->name);
  enum tamis_status status = check_signatures(note, length, text, log_key, fault);
  if (status == TAMIS_OK) *checkpoint = read;
  return status;
}

void receipt_write(uint64_t index, const struct merkle_proof *proof, const char *note,
                   size_t note_length, char **receipt, size_t *length) {
  size_t size = PROOF_HEAD + 32 + proof->count * (HASH_LINE + 1) + 1 + note_length + 1;
  char *text = malloc(size);
  must(text != NULL);
  size_t used = (size_t)snprintf(text, size, "%sindex %" PRIu64 "\n", proof_head, index);
  for (size_t i = 0; i < proof->count; i++) {
    text_base64_encode(proof->hash[i].byte, DIGEST_SIZE, text + used);
    used += HASH_LINE;
    text[used++] = '\n';
  }
  text[used++] = '\n';
  memcpy(text + used, note, note_length);
  text[used + note_length] = '\0';
  *receipt = text;
  *length = used + note_length;
}

/* "extra <base64>" may stand before the index; nothing of ours depends on it. */
static bool skip_extra(struct cursor *cursor) {
  static const char word[] = "extra ";
  enum { WORD = sizeof word - 1 };
  struct cursor ahead = *cursor;
  uint8_t ignored[SIGNATURE_BYTES_MAX];
  size_t count = sizeof ignored, n;
  const char *line;
  if (!next_line(&ahead, &line, &n) || n < WORD || memcmp(line, word, WORD) != 0) return true;
  *cursor = ahead;
  return text_base64_decode(line + WORD, n - WORD, ignored, &count);
}

static bool read_proof(struct cursor *cursor, uint64_t *index, struct merkle_proof *proof) {
  static const char word[] = "index ";
  enum { WORD = sizeof word - 1 };
  const char *line;
  size_t n;
  if (!skip_extra(cursor) || !next_line(cursor, &line, &n) || n < WORD ||
      memcmp(line, word, WORD) != 0 || !read_number(line + WORD, n - WORD, index))
    return false;
  for (proof->count = 0; next_line(cursor, &line, &n); proof->count++) {
    if (n == 0) return true;
    if (proof->count == MERKLE_PROOF_MAX || !read_hash(line, n, &proof->hash[proof->count]))
      return false;
  }
  return false;
}

enum tamis_status receipt_verify(const char *receipt, size_t length, const void *entry,
                                 size_t entry_length, const struct public_key *log_key,
                                 uint64_t *index, struct checkpoint *checkpoint,
                                 struct fault *fault) {
  struct merkle_proof proof;
  struct checkpoint head;
  uint64_t place = 0;
  struct cursor cursor = {receipt, receipt + length};
  if (length > RECEIPT_SIZE_MAX || length < PROOF_HEAD ||
      memcmp(receipt, proof_head, PROOF_HEAD) != 0)
    return fault_set(fault, TAMIS_BAD_PROOF, "receipt: not a c2sp.org/tlog-proof@v1");
  cursor.at += PROOF_HEAD;
  if (!read_proof(&cursor, &place, &proof))
    return fault_set(fault, TAMIS_BAD_PROOF, "receipt: malformed index or proof");
  enum tamis_status status =
      checkpoint_open(cursor.at, (size_t)(cursor.end - cursor.at), log_key, &head, fault);
  if (status != TAMIS_OK) return status;
  struct digest leaf = merkle_leaf(entry, entry_length);
  if (!merkle_verify_inclusion(place, head.size, &leaf, &head.root, &proof))
    return fault_set(fault, TAMIS_BAD_PROOF,
                     "receipt: the entry is not at index %" PRIu64 " of the tree of %" PRIu64,
                     place, head.size);
  *index = place;
  *checkpoint = head;
  return TAMIS_OK;
}
