/* When to try again: full jitter, 100 ms doubling to 10 s, only for refusals whose row in status.h
 * says that the same bytes may succeed later. */
#ifndef TAMIS_RETRY_H
#define TAMIS_RETRY_H

#include <stdbool.h>
#include <stdint.h>
#include "proto/status.h"

enum { RETRY_DELAY_MIN_MS = 100, RETRY_DELAY_MAX_MS = 10000 };

struct retry {
  uint64_t give_up_at_ms; /* of retry_now_ms */
  unsigned attempt;
};

uint64_t retry_now_ms(void); /* monotonic */

/* The upper end of the wait before attempt `attempt` + 1: 100, 200, 400, ... 10,000. */
uint32_t retry_ceiling_ms(unsigned attempt);

/* Pure: may the call be made again, and after how long? `random` picks the wait between 0 and the
 * ceiling. False when `status` is final or the wait would end after `give_up_at_ms`. */
bool retry_next(struct retry *retry, enum tamis_status status, uint64_t now_ms, uint32_t random,
                uint32_t *delay_ms);

void retry_start(struct retry *retry, uint32_t give_up_ms);
/* retry_next by the clock, then sleeps. */
bool retry_wait(struct retry *retry, enum tamis_status status);
void retry_sleep(uint32_t ms);

#endif
