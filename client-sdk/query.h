/* Questions to the server's tables (PROTOCOL.md 7): what it says is for finding things, not for
 * believing them. */
#ifndef TAMIS_QUERY_H
#define TAMIS_QUERY_H

#include <jansson.h>
#include "client-sdk/session.h"

/* All pages as one JSON array, a new reference. */
enum tamis_status query_rows(struct session *session, const char *name, size_t argument_count,
                             const char *const *arguments, json_t **rows, struct fault *fault);

#endif
