/* One thread, one walk over the journal, a pause after every few hundred kilobytes. What it finds
 * wrong is said, and the snapshot goes: the next start reads everything and refuses, as it would
 * have without one. */
#include "aggregator/scrub.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PAUSE_BYTES = 256 << 10 };

struct scrub {
  struct scrub_options options;
  char *folder, *journal;
  struct snapshot snapshot;
  pthread_t thread;
  atomic_bool is_stopped;
  bool is_joined, is_good;
  unsigned long since_pause; /* bytes */
  uint64_t seen;             /* entries */
  struct fault fault;
};

static void pause_after(struct scrub *scrub, size_t length) {
  unsigned long rate = scrub->options.bytes_per_second;
  scrub->since_pause += length;
  if (rate == 0 || scrub->since_pause < PAUSE_BYTES) return;
  double seconds = (double)scrub->since_pause / (double)rate;
  struct timespec wait = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
  nanosleep(&wait, NULL);
  scrub->since_pause = 0;
}

static enum tamis_status see(void *context, uint64_t index, const char *bytes, size_t length) {
  struct scrub *scrub = context;
  if (atomic_load(&scrub->is_stopped) || index >= scrub->snapshot.size) return TAMIS_CANCELLED;
  struct digest leaf = merkle_leaf(bytes, length);
  if (!digest_equal(&leaf, &scrub->snapshot.record[index].leaf))
    return fault_set(&scrub->fault, TAMIS_CORRUPT,
                     "entry %" PRIu64 " is not the one under the signed root", index);
  scrub->seen++;
  pause_after(scrub, length);
  return TAMIS_OK;
}

static void *run(void *context) {
  struct scrub *scrub = context;
  scrub->fault = (struct fault){TAMIS_OK, ""};
  enum tamis_status status = journal_walk(scrub->journal, see, scrub, &scrub->fault);
  if (status == TAMIS_OK && scrub->seen < scrub->snapshot.size)
    status = fault_set(&scrub->fault, TAMIS_CORRUPT, "entry %" PRIu64 " is cut short", scrub->seen);
  scrub->is_good = status == TAMIS_OK || status == TAMIS_CANCELLED;
  if (scrub->is_good) return NULL;
  snapshot_remove(scrub->folder);
  notice_say(&scrub->options.notice, NOTICE_ERROR, "journal damaged",
             "%s. What was read before is good and goes on being served; the next start reads the "
             "whole journal and refuses. Restore the journal from a copy: tamis verify finds one "
             "that is whole",
             scrub->fault.text);
  return NULL;
}

static void scrub_free(struct scrub *scrub) {
  snapshot_close(&scrub->snapshot);
  free(scrub->folder);
  free(scrub->journal);
  free(scrub);
}

enum tamis_status scrub_start(const struct scrub_options *options, struct snapshot *snapshot,
                              struct scrub **out, struct fault *fault) {
  struct scrub *scrub = calloc(1, sizeof *scrub);
  if (!scrub) {
    snapshot_close(snapshot);
    return fault_plain(fault, TAMIS_NO_MEMORY);
  }
  scrub->options = *options;
  scrub->snapshot = *snapshot;
  *snapshot = (struct snapshot){.size = 0};
  scrub->folder = strdup(options->folder);
  if (asprintf(&scrub->journal, "%s/journal", options->folder) < 0) scrub->journal = NULL;
  if (scrub->folder && scrub->journal && pthread_create(&scrub->thread, NULL, run, scrub) == 0) {
    *out = scrub;
    return TAMIS_OK;
  }
  scrub_free(scrub);
  return fault_plain(fault, TAMIS_NO_MEMORY);
}

bool scrub_wait(struct scrub *scrub) {
  if (!scrub->is_joined) pthread_join(scrub->thread, NULL);
  scrub->is_joined = true;
  return scrub->is_good;
}

void scrub_stop(struct scrub *scrub) {
  if (!scrub) return;
  atomic_store(&scrub->is_stopped, true);
  scrub_wait(scrub);
  scrub_free(scrub);
}
