/* What comes over the signer's socket, either way: read strictly, and written back the same. */
#include <string.h>
#include "fuzz.h"
#include "signer/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct wire_request request;
  struct wire_answer answer;
  struct fault fault;
  uint8_t again[WIRE_REQUEST_MAX > WIRE_ANSWER_MAX ? WIRE_REQUEST_MAX : WIRE_ANSWER_MAX];
  if (wire_request_decode(data, size, &request, &fault) == TAMIS_OK) {
    fuzz_must(wire_request_encode(&request, again) == size, "a request has one spelling");
    fuzz_must(memcmp(again, data, size) == 0, "and it is this one");
    fuzz_must(request.proof.count <= MERKLE_PROOF_MAX, "the proof is bounded");
  }
  if (wire_answer_decode(data, size, &answer, &fault) == TAMIS_OK) {
    fuzz_must(answer.note_length < sizeof answer.note, "the note is bounded");
    fuzz_must(strlen(answer.fault.text) < sizeof answer.fault.text, "the sentence too");
  }
  return 0;
}
