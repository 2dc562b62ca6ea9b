/* A blame as JSON and as a table: `tamis blame` shows one, `tamis bisect` ends with one. */
#ifndef TAMIS_CLI_BLAME_REPORT_H
#define TAMIS_CLI_BLAME_REPORT_H

#include "audit/blame.h"
#include "cli/context.h"

/* New references. */
json_t *blame_report_json(const struct blame *blame, const char *federation);
json_t *blame_report_clients(const struct blame *blame);

/* `clients` as above; the columns of an evaluation when there was one. */
void blame_report_print(struct context *context, const json_t *clients, bool is_evaluated);

#endif
