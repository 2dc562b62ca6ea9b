/* From a command line to an exit code. */
#include "cli/tool.h"

#include "cli/arguments.h"
#include "cli/context.h"
#include "cli/exit_code.h"
#include "cli/help.h"
#include "proto/key.h"

/* What can be answered without running anything. */
static bool answer_at_once(const struct arguments *arguments, FILE *out) {
  if (arguments_has(arguments, "version"))
    fprintf(out, "tamis %s\n", TAMIS_VERSION);
  else if (!arguments_has(arguments, "help"))
    return false;
  else if (arguments->command != NULL)
    help_command(out, arguments->command);
  else if (arguments->noun != NULL)
    help_noun(out, arguments->noun);
  else
    help_overview(out);
  return true;
}

static enum tamis_status no_command(struct context *context, const struct arguments *arguments) {
  if (arguments->noun == NULL) {
    help_overview(context->err);
    return fault_set(&context->fault, TAMIS_BAD_REQUEST, "no command given");
  }
  help_noun(context->err, arguments->noun);
  return fault_set(&context->fault, TAMIS_BAD_REQUEST, "`tamis %s` wants a verb", arguments->noun);
}

/* A full disk or a closed pipe must not look like success. */
static enum tamis_status flush(struct context *context) {
  if (fflush(context->out) == 0 && !ferror(context->out)) return TAMIS_OK;
  return fault_set(&context->fault, TAMIS_IO, "the output could not be written");
}

int tool_run(int argc, char **argv, FILE *out, FILE *err) {
  struct arguments arguments;
  struct context context;
  struct fault fault = {.status = TAMIS_OK};
  enum tamis_status parsed = arguments_parse(argc, argv, &arguments, &fault);
  enum tamis_status status = context_open(&context, &arguments, out, err);
  if (status == TAMIS_OK && parsed != TAMIS_OK) {
    context.fault = fault;
    status = arguments.command == NULL
                 ? parsed
                 : context_hint(&context, parsed, "see: tamis help %s %s", arguments.command->noun,
                                arguments.command->verb == NULL ? "" : arguments.command->verb);
  } else if (status == TAMIS_OK && !answer_at_once(&arguments, out)) {
    status = key_library_start();
    if (status == TAMIS_OK && arguments.command == NULL)
      status = no_command(&context, &arguments);
    else if (status == TAMIS_OK)
      status = arguments.command->run(&context, &arguments);
  }
  if (status == TAMIS_OK) status = flush(&context);
  if (status != TAMIS_OK) output_failure(&context, status);
  context_close(&context);
  return (int)exit_code_of(status);
}
