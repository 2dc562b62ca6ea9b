/* `tamis blame`: what a model would be without each of those who shaped it. */
#include <string.h>

#include "audit/descent.h"
#include "cli/blame_report.h"
#include "cli/command_run.h"
#include "cli/whatif.h"

static void print_blame(struct context *context, const json_t *data) {
  char a[OUTPUT_CELL_SIZE];
  bool is_evaluated = json_object_get(data, "value") != NULL;
  long long rounds = (long long)output_integer(data, "rounds");
  output_field(context, "model", "of round %lld of %s", (long long)output_integer(data, "round"),
               output_text(data, "federation", a, sizeof a));
  output_field(context, "left out of", "%lld round%s, from %lld on", rounds, rounds == 1 ? "" : "s",
               (long long)output_integer(data, "since"));
  output_field(context, "moved", "%.4g in them", output_real(data, "length"));
  output_field(context, "computed from", "%s",
               strcmp(output_text(data, "from", a, sizeof a), "gram") == 0
                   ? "the logged Gram matrix, no update read"
                   : "the stored updates");
  if (is_evaluated) output_field(context, "evaluation", "%.6g", output_real(data, "value"));
  fputc('\n', context->out);
  blame_report_print(context, json_object_get(data, "clients"), is_evaluated);
}

enum tamis_status blame_run(struct context *context, const struct arguments *arguments) {
  struct whatif whatif;
  struct blame blame = {0};
  enum tamis_status status = whatif_open(context, arguments, &whatif);
  struct blame_question question = {.federation = arguments->word[0],
                                    .since = whatif_round(arguments, "since", 0),
                                    .round = whatif_round(arguments, "round", DESCENT_HEAD),
                                    .evaluator = whatif.evaluator,
                                    .threads = whatif.threads,
                                    .progress = whatif_step,
                                    .context = &whatif};
  if (status == TAMIS_OK) {
    whatif_begin(&whatif, "leaving out", "steps");
    status = blame_model(whatif.archive, &question, &blame, &context->fault);
    status = whatif_end(&whatif, status);
  }
  if (status == TAMIS_OK) {
    json_t *data = blame_report_json(&blame, question.federation);
    output_thing(context, "federation", question.federation, data, print_blame);
    json_decref(data);
  }
  blame_close(&blame);
  whatif_close(&whatif);
  return status;
}
