/* Questions to the server's tables (PROTOCOL.md 7): what it says is for finding things, not for
 * believing them. */
#ifndef TAMIS_QUERY_H
#define TAMIS_QUERY_H

#include <jansson.h>
#include <stdint.h>
#include "client-sdk/session.h"

/* Hands each page, a JSON array, to `take`; `after` 0 begins with the first row, a cursor of the
 * query behind that row. TOO_LARGE past `rows_max` (no page counts as less than 256), the page that
 * crosses it not handed over. */
enum tamis_status query_pages(struct session *session, const char *name, size_t argument_count,
                              const char *const *arguments, uint64_t after, uint64_t rows_max,
                              enum tamis_status (*take)(void *context, json_t *page), void *context,
                              struct fault *fault);

/* All pages as one JSON array, a new reference. */
enum tamis_status query_rows(struct session *session, const char *name, size_t argument_count,
                             const char *const *arguments, json_t **rows, struct fault *fault);

#endif
