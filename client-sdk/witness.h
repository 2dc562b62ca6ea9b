/* A client vouches for what it verified: it cosigns the largest checkpoint it knows and sends that
 * to the server, so that others can see how many saw the same history. */
#ifndef TAMIS_SDK_WITNESS_H
#define TAMIS_SDK_WITNESS_H

#include "client-sdk/client.h"

/* Cosigns the kept checkpoint unless the server has that already. That the server cannot be reached
 * or does not take it is no failure of what was called; FORK, with evidence kept, when it no longer
 * knows the tree. */
enum tamis_status witness_send(struct tamis_client *client);

/* The server said NOT_FOUND, perhaps because it does not know what this client saw (its word for
 * that is FORK, which the channel takes as NOT_FOUND: a fork is shown, not said). Looks at its log:
 * FORK with evidence, else `status` and the fault as they were. */
enum tamis_status witness_disowned(struct tamis_client *client, enum tamis_status status);

/* A checkpoint that the server wants cosigned: verified, linked, and answered with a cosignature of
 * the largest one known, which may be a later one: a witness never goes back. */
enum tamis_status witness_asked(struct tamis_client *client, const void *note, size_t length);

/* Looks after the log while nothing else does: the latest checkpoint must continue the kept one.
 * At most every WITNESS_LOOK_MS. */
enum { WITNESS_LOOK_MS = 10000 };
enum tamis_status witness_look(struct tamis_client *client);

#endif
