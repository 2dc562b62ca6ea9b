/* The schedule is a pure function; the clock, the dice and the sleep are the last three functions.
 */
#include "client-sdk/retry.h"

#include <errno.h>
#include <sys/random.h>
#include <time.h>

uint32_t retry_ceiling_ms(unsigned attempt) {
  uint32_t ceiling = RETRY_DELAY_MIN_MS;
  while (attempt-- > 0 && ceiling < RETRY_DELAY_MAX_MS) ceiling *= 2;
  return ceiling < RETRY_DELAY_MAX_MS ? ceiling : RETRY_DELAY_MAX_MS;
}

bool retry_next(struct retry *retry, enum tamis_status status, uint64_t now_ms, uint32_t random,
                uint32_t *delay_ms) {
  if (!tamis_status_is_retryable(status)) return false;
  uint32_t delay = (uint32_t)((uint64_t)random * retry_ceiling_ms(retry->attempt) >> 32);
  if (now_ms + delay >= retry->give_up_at_ms) return false;
  retry->attempt++;
  *delay_ms = delay;
  return true;
}

uint64_t retry_now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void retry_start(struct retry *retry, uint32_t give_up_ms) {
  *retry = (struct retry){.give_up_at_ms = retry_now_ms() + give_up_ms};
}

void retry_sleep(uint32_t ms) {
  struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
  while (nanosleep(&left, &left) != 0 && errno == EINTR) {
  }
}

bool retry_wait(struct retry *retry, enum tamis_status status) {
  uint32_t random = 0, delay_ms;
  if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random) random = UINT32_MAX / 2;
  if (!retry_next(retry, status, retry_now_ms(), random, &delay_ms)) return false;
  retry_sleep(delay_ms);
  return true;
}
