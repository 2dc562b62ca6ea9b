/* Which state folder and which log key an offline command means: what is typed, else the site's own
 * under --home. */
#ifndef TAMIS_CLI_SITE_H
#define TAMIS_CLI_SITE_H

#include "cli/context.h"

/* --log-key, else server.json's. Lent; BAD_REQUEST when it is no vkey. `key` may be NULL. */
enum tamis_status site_log_key(struct context *context, const struct arguments *arguments,
                               const char **vkey, struct public_key *key);

/* --state, else HOME/state when it is there. `*folder` is malloc'd, the caller frees it. NOT_FOUND
 * with what to type when there is neither. */
enum tamis_status site_state(struct context *context, const struct arguments *arguments,
                             char **folder);

#endif
