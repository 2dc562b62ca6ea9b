/* What goes over the signer's socket: one packet a request, one packet an answer, every length
 * bounded and every field checked on both sides. */
#ifndef TAMIS_WIRE_H
#define TAMIS_WIRE_H

#include <stddef.h>
#include <stdint.h>
#include "proto/checkpoint.h"
#include "proto/fault.h"
#include "proto/key.h"
#include "proto/merkle.h"

enum {
  WIRE_REQUEST_MAX = 4 + 1 + 1 + 128 + 8 + DIGEST_SIZE + 1 + MERKLE_PROOF_MAX * DIGEST_SIZE,
  WIRE_NOTE_MAX = 1024, /* one signature: at most 500 bytes */
  WIRE_ANSWER_MAX = 4 + 1 + 64 + 2 + 320 + 8 + DIGEST_SIZE + 2 + KEY_VKEY_SIZE + 2 + WIRE_NOTE_MAX,
};

enum wire_kind { WIRE_LAST = 1, WIRE_SIGN = 2 };

struct wire_request {
  enum wire_kind kind;
  struct checkpoint checkpoint; /* of WIRE_SIGN: what is to be signed, */
  struct merkle_proof proof;    /* and that it follows from what was signed last */
};

struct wire_answer {
  struct fault fault; /* of a refusal; the rest is empty then */
  uint64_t size;      /* signed last, after this request */
  struct digest root;
  char vkey[KEY_VKEY_SIZE];
  size_t note_length; /* 0 for WIRE_LAST */
  char note[WIRE_NOTE_MAX];
};

size_t wire_request_encode(const struct wire_request *request, uint8_t out[WIRE_REQUEST_MAX]);
/* BAD_REQUEST with what is wrong. */
enum tamis_status wire_request_decode(const uint8_t *bytes, size_t length,
                                      struct wire_request *request, struct fault *fault);

size_t wire_answer_encode(const struct wire_answer *answer, uint8_t out[WIRE_ANSWER_MAX]);
enum tamis_status wire_answer_decode(const uint8_t *bytes, size_t length,
                                     struct wire_answer *answer, struct fault *fault);

#endif
