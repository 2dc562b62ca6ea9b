/* Lines, then bytes whose number the line before says: notes hold blank lines of their own. */
#include "proto/fork.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "proto/text.h"

static const char head[] = "tamis-fork/v1\n";
enum { HASH_LINE = 44 };

enum tamis_status fork_write(const struct fork_evidence *evidence, char **text, size_t *length,
                             struct fault *fault) {
  char vkey[KEY_VKEY_SIZE], base64[HASH_LINE + 1];
  FILE *out = open_memstream(text, length);
  if (!out) return fault_plain(fault, TAMIS_NO_MEMORY);
  key_vkey_write(&evidence->log_key, vkey);
  fprintf(out, "%slog %s\nanswer %s\nproof %zu\n", head, vkey, tamis_status_name(evidence->answer),
          evidence->proof.count);
  for (size_t i = 0; i < evidence->proof.count; i++) {
    text_base64_encode(evidence->proof.hash[i].byte, DIGEST_SIZE, base64);
    fprintf(out, "%s\n", base64);
  }
  fprintf(out, "kept %zu\n", evidence->kept_length);
  fwrite(evidence->kept, 1, evidence->kept_length, out);
  fprintf(out, "shown %zu\n", evidence->shown_length);
  fwrite(evidence->shown, 1, evidence->shown_length, out);
  if (fclose(out) == 0) return TAMIS_OK;
  free(*text);
  return fault_plain(fault, TAMIS_NO_MEMORY);
}

/* What has not been read yet. */
struct reader {
  const char *at, *end;
};

/* The rest of the next line, which must begin with `word`; at most `size` - 1 bytes. */
static bool read_line(struct reader *reader, const char *word, char *rest, size_t size) {
  size_t word_length = strlen(word);
  const char *newline = memchr(reader->at, '\n', (size_t)(reader->end - reader->at));
  if (!newline || (size_t)(newline - reader->at) < word_length ||
      memcmp(reader->at, word, word_length) != 0)
    return false;
  size_t length = (size_t)(newline - reader->at) - word_length;
  if (length >= size || memchr(reader->at, '\0', (size_t)(newline - reader->at))) return false;
  memcpy(rest, reader->at + word_length, length);
  rest[length] = '\0';
  reader->at = newline + 1;
  return true;
}

static bool read_count(struct reader *reader, const char *word, size_t most, size_t *count) {
  char text[8], again[24];
  if (!read_line(reader, word, text, sizeof text)) return false;
  *count = (size_t)strtoul(text, NULL, 10);
  snprintf(again, sizeof again, "%zu", *count);
  return strcmp(text, again) == 0 && *count <= most;
}

static bool read_note(struct reader *reader, const char *word, char **note, size_t *length) {
  if (!read_count(reader, word, CHECKPOINT_NOTE_MAX, length) ||
      *length > (size_t)(reader->end - reader->at))
    return false;
  *note = malloc(*length + 1);
  if (!*note) return false;
  memcpy(*note, reader->at, *length);
  (*note)[*length] = '\0';
  reader->at += *length;
  return true;
}

static bool read_proof(struct reader *reader, struct merkle_proof *proof) {
  char line[HASH_LINE + 1];
  if (!read_count(reader, "proof ", MERKLE_PROOF_MAX, &proof->count)) return false;
  for (size_t i = 0; i < proof->count; i++) {
    size_t bytes = DIGEST_SIZE;
    if (!read_line(reader, "", line, sizeof line) || strlen(line) != HASH_LINE ||
        !text_base64_decode(line, HASH_LINE, proof->hash[i].byte, &bytes) || bytes != DIGEST_SIZE)
      return false;
  }
  return true;
}

static bool read_all(struct reader *reader, struct fork_evidence *evidence) {
  char vkey[KEY_VKEY_SIZE], answer[64];
  if (!read_line(reader, "tamis-fork/v1", answer, 1) ||
      !read_line(reader, "log ", vkey, sizeof vkey) ||
      key_vkey_read(vkey, strlen(vkey), &evidence->log_key, NULL) != TAMIS_OK ||
      !read_line(reader, "answer ", answer, sizeof answer))
    return false;
  evidence->answer = TAMIS_STATUS_COUNT;
  for (int i = 0; i < TAMIS_STATUS_COUNT; i++)
    if (strcmp(answer, tamis_status_name((enum tamis_status)i)) == 0)
      evidence->answer = (enum tamis_status)i;
  return evidence->answer != TAMIS_STATUS_COUNT && read_proof(reader, &evidence->proof) &&
         read_note(reader, "kept ", &evidence->kept, &evidence->kept_length) &&
         read_note(reader, "shown ", &evidence->shown, &evidence->shown_length) &&
         reader->at == reader->end;
}

enum tamis_status fork_read(const char *text, size_t length, struct fork_evidence *evidence,
                            struct fault *fault) {
  struct reader reader = {text, text + length};
  memset(evidence, 0, sizeof *evidence);
  if (length <= FORK_SIZE_MAX && read_all(&reader, evidence)) return TAMIS_OK;
  fork_close(evidence);
  return fault_set(fault, TAMIS_BAD_PROOF,
                   "not fork evidence: no whole tamis-fork/v1 file of two notes");
}

void fork_close(struct fork_evidence *evidence) {
  free(evidence->kept);
  free(evidence->shown);
  memset(evidence, 0, sizeof *evidence);
}

enum tamis_status fork_judge(const struct fork_evidence *evidence, enum fork_finding *finding,
                             struct checkpoint *kept, struct checkpoint *shown,
                             struct fault *fault) {
  enum tamis_status status =
      checkpoint_open(evidence->kept, evidence->kept_length, &evidence->log_key, kept, fault);
  if (status == TAMIS_OK)
    status =
        checkpoint_open(evidence->shown, evidence->shown_length, &evidence->log_key, shown, fault);
  if (status != TAMIS_OK) return status;
  const struct checkpoint *older = kept->size <= shown->size ? kept : shown;
  const struct checkpoint *newer = older == kept ? shown : kept;
  if (kept->size == shown->size)
    *finding = digest_equal(&kept->root, &shown->root) ? FORK_NONE : FORK_PROVED;
  else if (older->size == 0 || (evidence->answer == TAMIS_OK &&
                                merkle_verify_consistency(older->size, newer->size, &older->root,
                                                          &newer->root, &evidence->proof)))
    *finding = FORK_NONE;
  else
    *finding = FORK_UNLINKED;
  return TAMIS_OK;
}
