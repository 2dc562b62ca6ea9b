/* Where calls wait for the log to grow: one bell for all, no thread of their own. */
#ifndef TAMIS_BELL_H
#define TAMIS_BELL_H

#include <stdbool.h>
#include <stdint.h>
#include "proto/fault.h"

struct bell;

/* Embedded in what waits. */
struct bell_seat {
  void (*wake)(struct bell_seat *seat); /* on the bell's thread; the seat is no longer taken */
  struct bell_seat *next, **link;       /* link NULL: not waiting */
};

/* Rings that follow each other within `gather_ms` wake the waiters once. */
enum tamis_status bell_open(uint32_t gather_ms, struct bell **bell, struct fault *fault);
/* Something changed. Any thread; never blocks for long. */
void bell_ring(struct bell *bell);

/* How often it has rung: to be read before looking at what one waits for. */
uint64_t bell_count(struct bell *bell);
/* Waits for a ring after `count`. False when there was one already (look again), or when the bell
 * is closing. */
bool bell_sit(struct bell *bell, struct bell_seat *seat, uint64_t count);
/* True when the seat was still waiting: `wake` will not be called. */
bool bell_rise(struct bell *bell, struct bell_seat *seat);
bool bell_is_closing(struct bell *bell);

/* Wakes everybody; from then on nobody sits down. */
void bell_stop(struct bell *bell);
void bell_close(struct bell *bell);

#endif
