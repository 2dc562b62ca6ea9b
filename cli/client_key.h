/* Which key a client has, read from the log rather than from a table: what the operator signs names
 * the key that the client itself signed for. */
#ifndef TAMIS_CLI_CLIENT_KEY_H
#define TAMIS_CLI_CLIENT_KEY_H

#include "cli/context.h"
#include "proto/digest.h"

/* SHA-256 of the key that `client` enrolled last, its own signature on that checked. NOT_FOUND when
 * it has not enrolled. Reads the log from the client's invitation to its enrolment. */
enum tamis_status client_key_find(struct context *context, const char *client, struct digest *key);

/* Signs a statement about the client's key, sends it and says so; takes over `predicate`. */
enum tamis_status client_key_act(struct context *context, const char *client,
                                 enum statement_kind kind, json_t *predicate, const char *verbed,
                                 bool dry_run);

#endif
