/* A state folder in the server's place: the same questions, answered from journal and blobs. All of
 * the log is checked on the way, so that what is told is what the log bears out. */
#ifndef TAMIS_CLI_OFFLINE_H
#define TAMIS_CLI_OFFLINE_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include "cli/context.h"
#include "client-sdk/bundle_source.h"

struct offline;

/* --state and --log-key of a command that may have them; without --state nothing is opened and the
 * server is asked as ever. Afterwards context_query answers from the folder. */
enum tamis_status offline_choose(struct context *context, const struct arguments *arguments);
void offline_close(struct offline *offline);

/* A query of PROTOCOL.md 7; `*rows` is a new reference to an array. */
enum tamis_status offline_query(struct offline *offline, const char *name, size_t argument_count,
                                const char *const *arguments, json_t **rows, struct fault *fault);
/* The bytes of a blob, digest checked. */
enum tamis_status offline_blob(struct offline *offline, const struct digest *digest,
                               enum tamis_status (*sink)(void *sink_context, const uint8_t *bytes,
                                                         size_t length, struct fault *fault),
                               void *sink_context, struct fault *fault);
/* The folder as the source of a bundle; `source` borrows `offline`. */
void offline_bundle_source(struct offline *offline, struct bundle_source *source);

#endif
