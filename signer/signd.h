/* The one process that holds a log key: it signs a checkpoint only with a proof that the tree grew
 * from the one it signed last, and remembers that before the signature leaves. */
#ifndef TAMIS_SIGND_H
#define TAMIS_SIGND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "proto/fault.h"
#include "signer/mark.h"
#include "signer/wire.h"

enum { SIGND_PATH_MAX = 4096 };

struct signd;

/* Where the mark of a key file is: PATH.signed. BAD_REQUEST when that is too long. */
enum tamis_status signd_mark_path(const char *key_path, char out[SIGND_PATH_MAX],
                                  struct fault *fault);

/* Reads the key and locks its mark. A key without mark begins at size 0 when `may_begin`, which is
 * for logs that have no entry yet; otherwise NOT_FOUND, with what to do. CONFLICT when another
 * signer has it or it was handed over. */
enum tamis_status signd_open(const char *key_path, bool may_begin, struct signd **signd,
                             struct fault *fault);
void signd_close(struct signd *signd); /* forgets the key */

const struct mark *signd_mark(const struct signd *signd);
/* The disk refused the mark: only a new start can tell what is there. */
bool signd_is_broken(const struct signd *signd);

/* One request from anywhere, one answer. FORK is the refusal of a tree that does not contain the
 * one signed last. */
void signd_answer(struct signd *signd, const uint8_t *request, size_t length,
                  struct wire_answer *answer);

/* Takes one packet from a connected socket and answers it; false when the other side has gone or
 * the answer could not be sent. With `signd` NULL every request is answered with `refusal`. */
bool signd_serve_one(struct signd *signd, const struct fault *refusal, int socket);

#endif
