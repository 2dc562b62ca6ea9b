/* libcrypto picks the CPU's SHA instructions itself; this file only gives it our types. */
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "proto/digest.h"
#include "proto/text.h"

struct digest_stream {
  EVP_MD_CTX *context;
};

/* libcrypto fails here only for want of memory, and no caller could go on without a hash. */
static void must(int done) {
  if (done == 1) return;
  fputs("tamis: libcrypto could not compute SHA-256\n", stderr);
  abort();
}

struct digest digest_of(const void *bytes, size_t length) {
  struct digest digest;
  must(EVP_Digest(length ? bytes : "", length, digest.byte, NULL, EVP_sha256(), NULL));
  return digest;
}

bool digest_equal(const struct digest *a, const struct digest *b) {
  return memcmp(a->byte, b->byte, DIGEST_SIZE) == 0;
}

bool digest_is_zero(const struct digest *a) {
  uint8_t any = 0;
  for (size_t i = 0; i < DIGEST_SIZE; i++) any |= a->byte[i];
  return any == 0;
}

void digest_to_hex(const struct digest *digest, char hex[DIGEST_HEX_SIZE]) {
  text_hex_encode(digest->byte, DIGEST_SIZE, hex);
}

bool digest_from_hex(const char *hex, size_t length, struct digest *digest) {
  return text_hex_decode(hex, length, digest->byte, DIGEST_SIZE);
}

struct digest_stream *digest_stream_new(void) {
  struct digest_stream *stream = malloc(sizeof *stream);
  must(stream != NULL);
  stream->context = EVP_MD_CTX_new();
  must(stream->context != NULL);
  must(EVP_DigestInit_ex(stream->context, EVP_sha256(), NULL));
  return stream;
}

void digest_stream_add(struct digest_stream *stream, const void *bytes, size_t length) {
  if (length) must(EVP_DigestUpdate(stream->context, bytes, length));
}

struct digest digest_stream_finish(struct digest_stream *stream) {
  struct digest digest;
  must(EVP_DigestFinal_ex(stream->context, digest.byte, NULL));
  return digest;
}

void digest_stream_restart(struct digest_stream *stream) {
  must(EVP_DigestInit_ex(stream->context, NULL, NULL));
}

void digest_stream_free(struct digest_stream *stream) {
  if (!stream) return;
  EVP_MD_CTX_free(stream->context);
  free(stream);
}
