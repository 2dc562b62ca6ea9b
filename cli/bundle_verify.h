/* `tamis verify FILE`. */
#ifndef TAMIS_CLI_BUNDLE_VERIFY_H
#define TAMIS_CLI_BUNDLE_VERIFY_H

#include "cli/context.h"
#include "proto/key.h"

/* Checks the bundle at `path` and tells what it shows. BAD_PROOF for whatever is wrong with it. */
enum tamis_status bundle_verify(struct context *context, const char *path,
                                const struct public_key *log_key);

#endif
