/* What a candidate waits for, told to a person. */
#ifndef TAMIS_CLI_GATE_H
#define TAMIS_CLI_GATE_H

#include <stdint.h>

struct context;

/* Which gate the round's candidate waits for or was held at, and what was said there: lines on
 * stderr, none when there is nothing to say. The connection is open. */
void gate_tell(struct context *context, const char *federation, uint64_t round);

#endif
