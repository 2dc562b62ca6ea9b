/* What the service manager is told: serving, stopping, alive. One file with libsystemd, one
 * without. */
#ifndef TAMIS_NOTIFY_H
#define TAMIS_NOTIFY_H

#include <stdint.h>

void notify_ready(const char *address);
void notify_stopping(void);
void notify_alive(void);
/* How often notify_alive is expected, in ms; 0: nobody watches. */
uint64_t notify_interval_ms(void);

#endif
