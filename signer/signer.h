/* The log's signature, asked of the process that holds the key: a child of this one, or a
 * tamis-signd behind a Unix socket. */
#ifndef TAMIS_SIGNER_H
#define TAMIS_SIGNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "proto/checkpoint.h"
#include "proto/fault.h"
#include "proto/key.h"
#include "proto/merkle.h"

struct signer; /* one thread's at a time */

/* Starts a child with the key of `key_path`; call it before there are threads. `is_new`: the log
 * has no entry yet, so the key may begin. What is wrong with the key is said by signer_last. */
enum tamis_status signer_start(const char *key_path, bool is_new, struct signer **signer,
                               struct fault *fault);
/* A tamis-signd that listens on `path`; reached at the first question, and again after it was gone.
 */
enum tamis_status signer_connect(const char *path, struct signer **signer, struct fault *fault);
/* A child ends when this process does, or here. */
void signer_close(struct signer *signer);

pid_t signer_child(const struct signer *signer); /* 0: none of ours */

struct signer_last {
  uint64_t size;      /* entries of the largest tree that the key has signed; 0: none */
  struct digest root; /* its root */
  struct public_key key;
  char vkey[KEY_VKEY_SIZE];
};
/* UNAVAILABLE when the signer is not there or does not answer; what the signer says else. */
enum tamis_status signer_last(struct signer *signer, struct signer_last *last, struct fault *fault);

/* `proof` leads from what the key signed last to `checkpoint`. `*note` is malloc'd, verified under
 * the key that signer_last named, the caller frees it. FORK when the signer refuses. After
 * UNAVAILABLE it may have signed all the same: ask signer_last. */
enum tamis_status signer_sign(struct signer *signer, const struct checkpoint *checkpoint,
                              const struct merkle_proof *proof, char **note, size_t *length,
                              struct fault *fault);

#endif
