/* What `tamis aggregate` says about a result: the document of --weights, and the card. */
#ifndef TAMIS_CLI_AGGREGATE_REPORT_H
#define TAMIS_CLI_AGGREGATE_REPORT_H

#include <jansson.h>
#include "cli/context.h"
#include "cli/rows_file.h"
#include "robust/robust.h"

struct aggregate_facts {
  const char *rule; /* canonical */
  const struct rows_file *in;
  const struct robust_evidence *evidence;
  const char *out;
  uint64_t round; /* of the state, from 1; 0: none */
};

/* A new reference; NULL when out of memory. Weights stand as numbers of 17 digits and as hex
 * floats; what is not finite is null. */
json_t *aggregate_report_make(const struct aggregate_facts *facts);
/* The same for people. */
void aggregate_report_print(struct context *context, const json_t *report);

#endif
