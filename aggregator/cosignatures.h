/* What clients vouched for lately, by tree: `cosignatures/SIZE` in the state folder, lines of
 * signed notes. Not truth: whoever loses them asks the clients again. One thread's. */
#ifndef TAMIS_COSIGNATURES_H
#define TAMIS_COSIGNATURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "aggregator/state.h"
#include "aggregator/witness.h"
#include "proto/fault.h"

/* Trees remembered; of those that nobody pinned, the smallest goes when another comes. */
enum { COSIGNATURES_TREES_MAX = 128 };

struct cosignatures_tree {
  struct cosigned cosigned;
  size_t capacity;
  unsigned pins;
  bool is_unwritten;
};

struct cosignatures {
  char *folder;                                          /* owned */
  struct cosignatures_tree tree[COSIGNATURES_TREES_MAX]; /* by size */
  size_t count;
};

/* Makes the folder and reads what is in it. `root_of` says the root of a tree of the log, and
 * whether there is one of that size; files about other trees, and lines that do not verify, are
 * left out. */
typedef bool (*cosignatures_root)(void *context, uint64_t size, struct digest *root);
enum tamis_status cosignatures_open(const char *state_dir, const struct state *state,
                                    cosignatures_root root_of, void *context,
                                    struct cosignatures *cosignatures, struct fault *fault);
void cosignatures_close(struct cosignatures *cosignatures);

/* A line of the client at `client` for the tree of `size` entries, whose root is `root`. BAD_PROOF
 * when it is not a cosignature of that by the client's key; RATE_LIMITED when that tree has all it
 * may have. The same client again changes nothing. `*held`: how many there are. */
enum tamis_status cosignatures_put(struct cosignatures *cosignatures, const struct state *state,
                                   uint32_t client, uint64_t size, const struct digest *root,
                                   const char *line, size_t length, size_t *held,
                                   struct fault *fault);

/* A tree that somebody waits for stays, however many others come. Each pin wants one unpin. */
void cosignatures_pin(struct cosignatures *cosignatures, uint64_t size, const struct digest *root);
void cosignatures_unpin(struct cosignatures *cosignatures, uint64_t size);

/* Those of one tree, NULL when there are none; has the client vouched for it? */
const struct cosigned *cosignatures_of(const struct cosignatures *cosignatures, uint64_t size);
bool cosignatures_has(const struct cosignatures *cosignatures, uint64_t size, uint32_t client);

/* Writes the files of the trees that changed, whole; without a sync. A file that cannot be written
 * is tried again at the next call. */
void cosignatures_write(struct cosignatures *cosignatures, const struct state *state);

#endif
