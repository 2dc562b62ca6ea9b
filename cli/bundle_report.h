/* What a bundle shows, in sentences. */
#ifndef TAMIS_CLI_BUNDLE_REPORT_H
#define TAMIS_CLI_BUNDLE_REPORT_H

#include "cli/context.h"
#include "client-sdk/bundle_claims.h"

/* `about` as bundle_claims_check gives it; adds to each claim a `text`, and gives a new object with
 * kind, federation, client, rounds, log, entries, blobs, bytes, claims, limits. */
json_t *bundle_report(const struct bundle_facts *facts, const json_t *about);

/* Claims and limits of such a report, for people. */
void bundle_report_print(struct context *context, const json_t *report);

#endif
