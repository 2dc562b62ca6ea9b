/* The rounds that took this client's update and have not told it yet what became of it: the file
 * "verdicts-wanted", canonical JSON [{"federation","round"}, ...], oldest first. */
#ifndef TAMIS_WANTED_H
#define TAMIS_WANTED_H

#include <stddef.h>
#include <stdint.h>
#include "client-sdk/state_dir.h"
#include "proto/text.h"

/* The newest ones are kept; a server that never tells is not asked about more than these. */
enum { WANTED_PER_FEDERATION = 4, WANTED_MAX = 32 };

struct wanted_round {
  char federation[TEXT_NAME_MAX + 1];
  uint64_t round;
};

struct wanted {
  struct wanted_round item[WANTED_MAX];
  size_t count;
};

/* No file: none are wanted. CORRUPT when it is not what was written. */
enum tamis_status wanted_read(struct wanted *wanted, const struct state_dir *dir,
                              struct fault *fault);

/* Both change `wanted` whatever they return, and are durable on TAMIS_OK. */
enum tamis_status wanted_add(struct wanted *wanted, const struct state_dir *dir,
                             const char *federation, uint64_t round, struct fault *fault);
enum tamis_status wanted_remove(struct wanted *wanted, const struct state_dir *dir,
                                const char *federation, uint64_t round, struct fault *fault);

#endif
