/* Invitations: a line that is accepted holds what may be held, and is written back the same. */
#include <string.h>
#include "client-sdk/invitation.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct invitation invitation, again;
  struct fault fault;
  char *line = malloc(size + 1), *written = NULL;
  fuzz_must(line && key_library_start() == TAMIS_OK, "memory and libsodium");
  memcpy(line, data, size);
  line[size] = '\0';
  memset(&invitation, 0, sizeof invitation);
  if (invitation_read(line, &invitation, &fault) == TAMIS_OK) {
    fuzz_must(text_is_name(invitation.client, strlen(invitation.client)), "a client's name");
    fuzz_must(strchr(invitation.address, ':') != NULL, "an address");
    fuzz_must(invitation_write(&invitation, &written, &fault) == TAMIS_OK, "it can be written");
    fuzz_must(strstr(line, written) != NULL, "one spelling of an invitation");
    memset(&again, 0, sizeof again);
    fuzz_must(invitation_read(written, &again, &fault) == TAMIS_OK, "and read again");
  } else {
    fuzz_must(fault.text[0] != '\0', "a refusal says why");
  }
  free(written);
  free(line);
  return 0;
}
