/* Which file a person means by "the model of round 7" or "the head". */
#ifndef TAMIS_CLI_MODEL_FIND_H
#define TAMIS_CLI_MODEL_FIND_H

#include "cli/context.h"
#include "proto/digest.h"

/* The model that `round` promoted, or with NULL the head. NOT_FOUND with a hint,
 * UNKNOWN_FEDERATION.
 */
enum tamis_status model_find(struct context *context, const char *federation, const uint64_t *round,
                             struct digest *model);

#endif
