/* After a start from a snapshot: reads the older entries in the background and holds each against
 * its leaf hash, which the signed root covers. So damage that such a start cannot see is found
 * within the hour and not when somebody asks for the entry. */
#ifndef TAMIS_SCRUB_H
#define TAMIS_SCRUB_H

#include <stdbool.h>
#include "aggregator/notice.h"
#include "aggregator/snapshot.h"
#include "proto/fault.h"

struct scrub;

struct scrub_options {
  const char *folder;             /* the state folder; copied */
  unsigned long bytes_per_second; /* 0: as fast as it goes */
  struct notice notice;
};

/* Takes over the snapshot with its records, also on failure. */
enum tamis_status scrub_start(const struct scrub_options *options, struct snapshot *snapshot,
                              struct scrub **scrub, struct fault *fault);
/* Stops it wherever it is. NULL is fine. */
void scrub_stop(struct scrub *scrub);
/* Waits for its end, for tests: was all as it was written? */
bool scrub_wait(struct scrub *scrub);

#endif
