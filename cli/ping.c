/* `tamis ping`: one health check, for people and for container probes. */
#include "cli/command_run.h"

enum tamis_status ping_run(struct context *context, const struct arguments *arguments) {
  (void)arguments;
  enum tamis_status status = context_connect(context);
  if (status == TAMIS_OK) status = operator_ping(context->operator, & context->fault);
  if (status != TAMIS_OK) return status;
  json_t *data = json_pack("{s:s, s:s}", "address", context->address, "origin",
                           operator_origin(context->operator));
  output_change(context, "server", operator_origin(context->operator), "serving", false, data);
  json_decref(data);
  return TAMIS_OK;
}
