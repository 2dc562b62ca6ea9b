/* Who plays: the clients' names, which of them lie, and the share of the data each one gets. */
#ifndef TAMIS_LAB_DEMO_CAST_H
#define TAMIS_LAB_DEMO_CAST_H

#include <stdbool.h>
#include <stddef.h>
#include "lab/dataset.h"
#include "lab/demo/options.h"
#include "lab/demo/stage.h"

enum { CAST_NAME_SIZE = 24 };

struct cast {
  size_t count;
  const char **name; /* count of them, owned */
  bool *liar;
};

/* Draws the liars from the seed. */
bool cast_open(struct cast *cast, const struct demo_options *options);
void cast_close(struct cast *cast);

/* Cuts `train` and writes every client's share to FOLDER/devices/NAME/data. */
bool cast_share(const struct cast *cast, const struct demo_options *options,
                const struct dataset *train, struct stage *stage);

/* Invites every client (`tamis client invite`) and starts its process. */
bool cast_enter(const struct cast *cast, const struct demo_options *options, struct stage *stage);

#endif
