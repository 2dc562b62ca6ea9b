/* DSSE: a statement and who signed it, as one canonical JSON line, which is what the journal keeps
 * (trust.md 2.2, 2.3). */
#ifndef TAMIS_ENVELOPE_H
#define TAMIS_ENVELOPE_H

#include <stddef.h>
#include <stdint.h>
#include "proto/fault.h"
#include "proto/key.h"

enum {
  ENVELOPE_SIZE_MAX = 65535, /* C2SP entry bundles carry a 16-bit length */
  ENVELOPE_SIGNATURES_MAX = 8,
};

struct envelope_signature {
  char keyid[KEY_NAME_SIZE];
  uint8_t signature[KEY_SIGNATURE_SIZE];
};

struct envelope {
  char *payload; /* owned; terminated, but may hold any byte before that */
  size_t payload_length;
  size_t signature_count;
  struct envelope_signature signature[ENVELOPE_SIGNATURES_MAX];
};

/* One signature by `key`, keyid = the key's name. `*text` is malloc'd, the caller frees it.
 * TOO_LARGE when the envelope would pass ENVELOPE_SIZE_MAX. */
enum tamis_status envelope_sign(const char *payload, size_t length, const struct secret_key *key,
                                char **text, size_t *text_length, struct fault *fault);

/* The same envelope with one more signature, in the order of keyids and after those of the same
 * name. TOO_LARGE when there is no room for it. */
enum tamis_status envelope_cosign(const struct envelope *envelope, const struct secret_key *key,
                                  char **text, size_t *text_length, struct fault *fault);

/* Strict parse of outside bytes: canonical JSON, the in-toto payload type, 1 to 8 signatures. */
enum tamis_status envelope_open(const char *text, size_t length, struct envelope *envelope,
                                struct fault *fault);
void envelope_close(struct envelope *envelope);

/* The same for envelopes that no log will hold: up to `size_max` bytes, CANONICAL_SIZE_MAX at most.
 */
enum tamis_status envelope_sign_within(size_t size_max, const char *payload, size_t length,
                                       const struct secret_key *key, char **text,
                                       size_t *text_length, struct fault *fault);
enum tamis_status envelope_open_within(size_t size_max, const char *text, size_t length,
                                       struct envelope *envelope, struct fault *fault);

/* TAMIS_OK when some signature has keyid == key->name and verifies; BAD_SIGNATURE otherwise. */
enum tamis_status envelope_verify(const struct envelope *envelope, const struct public_key *key,
                                  struct fault *fault);

/* Of that one signature alone. */
enum tamis_status envelope_verify_at(const struct envelope *envelope, size_t index,
                                     const struct public_key *key, struct fault *fault);

enum { ENVELOPE_SIGNERS_SIZE = ENVELOPE_SIGNATURES_MAX * (KEY_NAME_SIZE + 1) };
/* "operator/ada, person/bob" */
void envelope_signers(const struct envelope *envelope, char out[ENVELOPE_SIGNERS_SIZE]);

#endif
