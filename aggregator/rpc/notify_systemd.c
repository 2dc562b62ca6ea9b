/* sd_notify of libsystemd; a no-op when tamisd was not started by systemd. */
#include "aggregator/rpc/notify.h"

#include <systemd/sd-daemon.h>

void notify_ready(const char *address) {
  sd_notifyf(0, "READY=1\nSTATUS=serving on %s", address);
}

void notify_stopping(void) {
  sd_notify(0, "STOPPING=1\nSTATUS=finishing what is under way");
}

void notify_alive(void) {
  sd_notify(0, "WATCHDOG=1");
}

uint64_t notify_interval_ms(void) {
  uint64_t microseconds = 0;
  return sd_watchdog_enabled(0, &microseconds) > 0 ? microseconds / 2000 : 0;
}
