/* The one line an operator hands to a device: where, as whom, with which token, and the key
 * everything is checked against (PROTOCOL.md 3.1). */
#ifndef TAMIS_INVITATION_H
#define TAMIS_INVITATION_H

#include <stdint.h>
#include "proto/fault.h"
#include "proto/key.h"
#include "proto/text.h"

enum { INVITATION_LINE_MAX = 4096, INVITATION_ADDRESS_MAX = 255, INVITATION_TOKEN_SIZE = 16 };

struct invitation {
  char address[INVITATION_ADDRESS_MAX + 1];
  char client[TEXT_NAME_MAX + 1];
  struct public_key log_key; /* its name is the origin */
  uint8_t token[INVITATION_TOKEN_SIZE];
};

/* Strict but for white space around the line, which people paste. BAD_REQUEST otherwise. */
enum tamis_status invitation_read(const char *line, struct invitation *invitation,
                                  struct fault *fault);
/* `*line` is malloc'd, without newline; the caller frees it. */
enum tamis_status invitation_write(const struct invitation *invitation, char **line,
                                   struct fault *fault);

#endif
