/* What an audit found, as a file for the node exporter's textfile collector: the completeness of a
 * log's provenance is measured by who did not write it. */
#ifndef TAMIS_CLI_AUDIT_TEXTFILE_H
#define TAMIS_CLI_AUDIT_TEXTFILE_H

#include <stdint.h>
#include "audit/audit.h"
#include "proto/fault.h"

/* Replaces `path` (its name should end in .prom). `origin` names the log, `unix_seconds` is when
 * the audit ended. */
enum tamis_status audit_textfile_write(const char *path, const char *origin,
                                       const struct audit_report *report, int64_t unix_seconds,
                                       double seconds, struct fault *fault);

#endif
