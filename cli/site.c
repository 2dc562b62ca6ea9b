/* Two look-ups with the words for when there is nothing. */
#include "cli/site.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "proto/key.h"

enum tamis_status site_log_key(struct context *context, const struct arguments *arguments,
                               const char **vkey, struct public_key *key) {
  *vkey = arguments_text(arguments, "log-key", NULL);
  if (key_library_start() != TAMIS_OK)
    return fault_set(&context->fault, TAMIS_INTERNAL, "libsodium does not start");
  if (*vkey == NULL) {
    enum tamis_status status = context_server(context);
    if (status == TAMIS_BAD_CONFIG)
      context_hint(context, status, "say the log's key, --log-key 'NAME+HASH+KEY', or --home DIR");
    if (status != TAMIS_OK) return status;
    *vkey = context->log_vkey;
  }
  struct public_key read;
  enum tamis_status status = key_vkey_read(*vkey, strlen(*vkey), &read, &context->fault);
  if (status == TAMIS_OK && key != NULL) *key = read;
  return status;
}

enum tamis_status site_state(struct context *context, const struct arguments *arguments,
                             char **folder) {
  const char *said = arguments_text(arguments, "state", NULL);
  int length =
      said != NULL ? asprintf(folder, "%s", said) : asprintf(folder, "%s/state", context->home);
  if (length < 0) {
    *folder = NULL;
    return fault_plain(&context->fault, TAMIS_NO_MEMORY);
  }
  if (access(*folder, F_OK) == 0) return TAMIS_OK;
  fault_set(&context->fault, TAMIS_NOT_FOUND, "there is no state folder %s", *folder);
  free(*folder);
  *folder = NULL;
  return context_hint(context, TAMIS_NOT_FOUND,
                      "say where it is, --state DIR: what tamisd.yaml calls `state`");
}
