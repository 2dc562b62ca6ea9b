/* The Unix socket of tamis-signd: who may come in, one at a time. */
#ifndef TAMIS_DOOR_H
#define TAMIS_DOOR_H

#include <sys/types.h>
#include "signer/signd.h"

/* A listening socket at `path`, mode 0600, or 0666 when `allowed` is another user: who connects is
 * asked of the kernel anyway. A socket file that is there is replaced: the mark's lock, which the
 * caller has, says that nobody serves it. */
enum tamis_status door_open(const char *path, uid_t allowed, int *listener, struct fault *fault);

/* Serves one connection after the other, of this user or `allowed`; others, and a second one at a
 * time, are answered with a refusal. Returns when the mark can no longer be written or the listener
 * fails. */
void door_serve(int listener, struct signd *signd, uid_t allowed);

#endif
