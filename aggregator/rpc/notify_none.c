/* Built where libsystemd is not: nobody to tell. */
#include "aggregator/rpc/notify.h"

void notify_ready(const char *address) {
  (void)address;
}

void notify_stopping(void) {
}

void notify_alive(void) {
}

uint64_t notify_interval_ms(void) {
  return 0;
}
