/* SHA-256 through libcrypto: the one hash of Tamis, so that `sha256sum` checks any blob. */
#ifndef TAMIS_DIGEST_H
#define TAMIS_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DIGEST_SIZE = 32, DIGEST_HEX_SIZE = 65 };

struct digest {
  uint8_t byte[DIGEST_SIZE];
};

struct digest digest_of(const void *bytes, size_t length);
bool digest_equal(const struct digest *a, const struct digest *b);
bool digest_is_zero(const struct digest *a);
void digest_to_hex(const struct digest *digest, char hex[DIGEST_HEX_SIZE]);
bool digest_from_hex(const char *hex, size_t length, struct digest *digest);

/* Bytes that come piece by piece. `_new` aborts only when out of memory; `_finish` may be called
 * once before a restart, `_free` always. */
struct digest_stream;
struct digest_stream *digest_stream_new(void);
void digest_stream_add(struct digest_stream *stream, const void *bytes, size_t length);
struct digest digest_stream_finish(struct digest_stream *stream);
/* As new, for less than a new one costs: for who hashes many. */
void digest_stream_restart(struct digest_stream *stream);
void digest_stream_free(struct digest_stream *stream);

#endif
