/* Everything is read once, and nothing is written. */
#include "cli/whatif.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "cli/site.h"

enum { EVALUATE_TIMEOUT_MS = 600000, THREADS_MAX = 1024 };

static enum tamis_status count_entry(void *opaque, const struct archive_entry *entry) {
  struct whatif *whatif = opaque;
  progress_step(&whatif->progress, entry->index + 1);
  return TAMIS_OK;
}

static enum tamis_status read_history(struct whatif *whatif, const struct arguments *arguments,
                                      const char *folder, const char *vkey) {
  struct archive_options options = {.keeps_rounds = true, .federation = arguments->word[0]};
  struct fault *fault = &whatif->context->fault;
  enum tamis_status status = archive_open(folder, vkey, &options, &whatif->archive, fault);
  if (status != TAMIS_OK) return status;
  progress_begin(&whatif->progress, whatif->context, "reading", "entries",
                 archive_checkpoint(whatif->archive)->size);
  status = archive_walk(whatif->archive, count_entry, whatif, fault);
  progress_end(&whatif->progress);
  return status;
}

static enum tamis_status find_evaluator(struct whatif *whatif, const struct arguments *arguments) {
  const char *command = arguments_text(arguments, "evaluate", NULL);
  if (command == NULL) return TAMIS_OK;
  return evaluator_of_command(
      command, arguments_duration_ms(arguments, "evaluate-timeout", EVALUATE_TIMEOUT_MS),
      &whatif->evaluator, &whatif->context->fault);
}

enum tamis_status whatif_open(struct context *context, const struct arguments *arguments,
                              struct whatif *whatif) {
  uint64_t threads = arguments_count(arguments, "threads", 0);
  const char *vkey;
  char *folder = NULL;
  *whatif = (struct whatif){.context = context,
                            .threads = threads > THREADS_MAX ? THREADS_MAX : (int)threads};
  enum tamis_status status = find_evaluator(whatif, arguments);
  if (status == TAMIS_OK) status = site_log_key(context, arguments, &vkey, NULL);
  if (status == TAMIS_OK) status = site_state(context, arguments, &folder);
  if (status == TAMIS_OK) status = read_history(whatif, arguments, folder, vkey);
  free(folder);
  return status;
}

void whatif_close(struct whatif *whatif) {
  evaluator_free(whatif->evaluator);
  archive_close(whatif->archive);
  *whatif = (struct whatif){0};
}

void whatif_begin(struct whatif *whatif, const char *doing, const char *things) {
  progress_begin(&whatif->progress, whatif->context, doing, things, 0);
}

void whatif_step(void *opaque, size_t done, size_t total) {
  struct whatif *whatif = opaque;
  whatif->progress.total = total > done ? total : done;
  progress_step(&whatif->progress, done);
}

enum tamis_status whatif_end(struct whatif *whatif, enum tamis_status status) {
  progress_end(&whatif->progress);
  if (status == TAMIS_NOT_FOUND && strncmp(whatif->context->fault.text, "no blob", 7) == 0)
    return context_hint(whatif->context, status,
                        "the retention policy may have dropped it; tamis audit says which rounds");
  if (status == TAMIS_TIMED_OUT)
    return context_hint(whatif->context, status, "give it longer: --evaluate-timeout 1h");
  return status;
}

int64_t whatif_round(const struct arguments *arguments, const char *option, int64_t otherwise) {
  if (!arguments_has(arguments, option)) return otherwise;
  return (int64_t)arguments_count(arguments, option, 0);
}

void whatif_digits(json_t *row, const char *key, const char *text_key, bool is_signed) {
  char text[32];
  snprintf(text, sizeof text, is_signed ? "%+.4g" : "%.4g", output_real(row, key));
  json_object_set_new(row, text_key, json_string(text));
}
