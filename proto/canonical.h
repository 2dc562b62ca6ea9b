/* The JSON that is signed and hashed: the JCS subset of trust.md 2.3, one byte string per value. */
#ifndef TAMIS_CANONICAL_H
#define TAMIS_CANONICAL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "proto/digest.h"
#include "proto/fault.h"

enum { CANONICAL_DEPTH_MAX = 16, CANONICAL_SIZE_MAX = 64 << 20 /* bytes, of a manifest */ };

/* Keys sorted, no space, printable ASCII strings, integers within +-(2^53 - 1), no floats, no null,
 * no duplicates.
 * `*text` is malloc'd, the caller frees it; BAD_STATEMENT when the value is outside the subset. */
enum tamis_status canonical_encode(const json_t *value, char **text, size_t *length,
                                   struct fault *fault);

/* Accepts exactly what canonical_encode writes: re-encodes and compares. `*value` is a new
 * reference. */
enum tamis_status canonical_decode(const char *text, size_t length, json_t **value,
                                   struct fault *fault);

/* SHA-256 of what canonical_encode writes. */
enum tamis_status canonical_digest(const json_t *value, struct digest *digest, struct fault *fault);

/* Did json_loadb fail for want of memory and not for what it read? */
bool canonical_is_out_of_memory(const json_error_t *error);

/* A double as "f64:" and the sixteen hex digits of its big-endian IEEE bits. */
json_t *canonical_f64(double value);
bool canonical_f64_read(const json_t *value, double *out);

/* Typed look-ups that never crash on a wrong type. Strings are views into `object`. */
bool canonical_text(const json_t *object, const char *key, const char **text);
bool canonical_integer(const json_t *object, const char *key, int64_t *integer);
bool canonical_double(const json_t *object, const char *key, double *number);

#endif
