/* Ed25519 keys with a name, in the text forms of C2SP signed-note and Go's sumdb (trust.md 2.2). */
#ifndef TAMIS_KEY_H
#define TAMIS_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "proto/fault.h"

enum {
  KEY_PUBLIC_SIZE = 32,
  KEY_SEED_SIZE = 32,
  KEY_SIGNATURE_SIZE = 64,
  KEY_NAME_SIZE = 192, /* with terminator */
  KEY_VKEY_SIZE = 320, /* "name+hash8+base64" with terminator */
  KEY_LINE_SIZE = 512, /* a secret key's line with newline and terminator */
};

struct public_key {
  char name[KEY_NAME_SIZE];
  uint8_t byte[KEY_PUBLIC_SIZE];
};

struct secret_key {
  struct public_key public;
  uint8_t seed[KEY_SEED_SIZE];
  uint8_t expanded[64]; /* libsodium's form; derived from the seed */
};

/* Call once before any other function of this file; safe to repeat. */
enum tamis_status key_library_start(void);

void key_generate(const char *name, struct secret_key *key);
void key_from_seed(const char *name, const uint8_t seed[KEY_SEED_SIZE], struct secret_key *key);
void key_wipe(struct secret_key *key);

/* SHA-256(name || 0x0a || 0x01 || public)[:4], big endian. */
uint32_t key_id(const struct public_key *key);
/* The same with another algorithm byte in place of 0x01, for cosignatures (0x04). */
uint32_t key_id_of_type(const struct public_key *key, uint8_t type);

/* Refuses small-order and non-canonical points, so that all verifiers agree (trust.md 3.2). */
bool key_is_acceptable(const uint8_t public[KEY_PUBLIC_SIZE]);

void key_sign(const struct secret_key *key, const void *bytes, size_t length,
              uint8_t signature[KEY_SIGNATURE_SIZE]);
bool key_verify(const struct public_key *key, const void *bytes, size_t length,
                const uint8_t signature[KEY_SIGNATURE_SIZE]);

/* "name+a944b791+base64(0x01 || public)". */
void key_vkey_write(const struct public_key *key, char out[KEY_VKEY_SIZE]);
/* The same for its cosignatures, algorithm 0x04: for policies of other tools, never read here. */
void key_witness_vkey_write(const struct public_key *key, char out[KEY_VKEY_SIZE]);
enum tamis_status key_vkey_read(const char *text, size_t length, struct public_key *key,
                                struct fault *fault);

/* "PRIVATE+KEY+name+hash8+base64(0x01 || seed)" and a newline; the reader takes it without, too,
 * and names `path` in its refusals. Wipe `line` after use. */
void key_line_write(const struct secret_key *key, char line[KEY_LINE_SIZE]);
enum tamis_status key_line_read(const char *path, const char *text, size_t length,
                                struct secret_key *key, struct fault *fault);

/* A file of one such line, mode 0600. Write is durable, and refuses to overwrite; read refuses a
 * file that others may read. */
enum tamis_status key_file_write(const char *path, const struct secret_key *key,
                                 struct fault *fault);
enum tamis_status key_file_read(const char *path, struct secret_key *key, struct fault *fault);

#endif
