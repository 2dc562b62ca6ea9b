/* The plan is believed for its signature, never for the connection it came over. */
#include "client-sdk/plan.h"

#include <stdio.h>
#include "proto/envelope.h"
#include "proto/statement.h"

/* A model of 2^50 bytes is no model; below it no size computed from `parameters` overflows. */
static const int64_t parameters_max = (int64_t)1 << 48;

static enum tamis_status fields_read(const struct statement *statement, struct plan *plan,
                                     struct fault *fault) {
  int64_t parameters = statement_integer(statement, "parameters");
  int64_t round = statement_integer(statement, "round");
  int64_t closes_at_ms = statement_integer(statement, "closes_at_ms");
  int64_t examples_max = statement_integer(statement, "examples_max");
  if (parameters <= 0 || parameters > parameters_max || round < 0 || closes_at_ms < 0 ||
      examples_max < 0)
    return fault_set(fault, TAMIS_BAD_STATEMENT, "the plan's numbers are out of range");
  *plan = (struct plan){
      .round = (uint64_t)round,
      .base = statement->subject[0],
      .layout = statement_digest(statement, "layout"),
      .parameters = (uint64_t)parameters,
      .closes_at_ms = (uint64_t)closes_at_ms,
      .examples_max = (uint64_t)examples_max,
      .norm_max = statement_f64(statement, "norm_max"),
  };
  snprintf(plan->federation, sizeof plan->federation, "%s",
           statement_text(statement, "federation"));
  snprintf(plan->rule, sizeof plan->rule, "%s", statement_text(statement, "rule"));
  return TAMIS_OK;
}

enum tamis_status plan_read(const void *bytes, size_t length, const char *origin,
                            const struct public_key *aggregator, struct plan *plan,
                            struct fault *fault) {
  struct envelope envelope = {0};
  struct statement statement = {0};
  enum tamis_status status = envelope_open(bytes, length, &envelope, fault);
  if (status == TAMIS_OK) status = envelope_verify(&envelope, aggregator, fault);
  if (status == TAMIS_BAD_SIGNATURE)
    status = fault_set(fault, TAMIS_BAD_PROOF,
                       "the plan is not signed by the aggregator that the log's genesis names");
  if (status == TAMIS_OK)
    status = statement_read(envelope.payload, envelope.payload_length, origin, &statement, fault);
  if (status == TAMIS_OK && statement.kind != STATEMENT_ROUND_OPEN)
    status = fault_set(fault, TAMIS_BAD_PROOF, "the plan is a %s statement, not a round-open",
                       statement_kind_name(statement.kind));
  if (status == TAMIS_OK) status = fields_read(&statement, plan, fault);
  statement_close(&statement);
  envelope_close(&envelope);
  return status;
}
