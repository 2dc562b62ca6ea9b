/* What tamisd counts, as Prometheus text on loopback; and /healthz. */
#ifndef TAMIS_METRICS_H
#define TAMIS_METRICS_H

#include <stddef.h>
#include "aggregator/rpc/service.h"

struct metrics;

/* Serves GET /metrics and GET /healthz on `address` ("127.0.0.1:7415"; port 0: any). */
enum tamis_status metrics_open(const char *address, struct service *service,
                               struct metrics **metrics, struct fault *fault);
unsigned metrics_port(const struct metrics *metrics);
void metrics_close(struct metrics *metrics);

/* The text itself; malloc'd, the caller frees it. */
char *metrics_text(struct service *service, size_t *length);

#endif
