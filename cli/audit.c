/* `tamis audit`: every decision of a log made again from its journal and files, beside a running
 * server or far from it. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "audit/audit.h"
#include "cli/audit_textfile.h"
#include "cli/command_run.h"
#include "cli/human.h"
#include "cli/progress.h"
#include "cli/site.h"

static enum tamis_status options_read(struct context *context, const struct arguments *arguments,
                                      struct audit_options *options) {
  uint64_t threads = arguments_count(arguments, "threads", 0);
  *options = (struct audit_options){.federation = arguments_text(arguments, "federation", NULL),
                                    .is_light = arguments_has(arguments, "light"),
                                    .threads = threads > 1024 ? 1024 : (int)threads};
  return context_rounds(context, arguments, &options->first, &options->last);
}

/* ---- the report ---- */

static json_t *hex_of(const struct digest *digest) {
  char hex[DIGEST_HEX_SIZE];
  digest_to_hex(digest, hex);
  return json_string(hex);
}

static json_t *report_json(const struct audit_report *report, bool is_light, const char *origin,
                           double seconds) {
  const struct {
    const char *name;
    uint64_t value;
  } count[] = {{"entries", report->entries},
               {"covered", report->covered},
               {"signatures", report->signatures},
               {"decisions", report->decisions},
               {"rounds", report->rounds},
               {"promoted", report->promoted},
               {"rebuilt", report->rebuilt},
               {"held", report->held},
               {"abandoned", report->abandoned},
               {"open", report->open},
               {"undone", report->undone},
               {"updates", report->updates},
               {"files", report->files},
               {"bytes", report->bytes},
               {"not_recomputable", report->by_policy},
               {"refusals_believed", report->refusals},
               {"troubles_believed", report->troubles},
               {"weights_believed", report->weights_believed},
               {"past_believed", report->past_believed},
               {"shadows_believed", report->shadows_believed}};
  json_t *data =
      json_pack("{s:s, s:s, s:b, s:o, s:o, s:f}", "audit", report->has_diverged ? "failed" : "ok",
                "origin", origin, "light", is_light, "root", hex_of(&report->root), "digest",
                hex_of(&report->digest), "seconds", seconds);
  for (size_t i = 0; i < sizeof count / sizeof *count; i++)
    json_object_set_new(data, count[i].name, json_integer((json_int_t)count[i].value));
  return data;
}

static void print_believed(struct context *context, const json_t *data) {
  long long refusals = (long long)output_integer(data, "refusals_believed");
  long long troubles = (long long)output_integer(data, "troubles_believed");
  long long weights = (long long)output_integer(data, "weights_believed");
  long long past = (long long)output_integer(data, "past_believed");
  long long dropped = (long long)output_integer(data, "not_recomputable");
  if (dropped > 0)
    output_field(context, "not possible", "%lld round%s: files dropped by policy", dropped,
                 dropped == 1 ? "" : "s");
  if (refusals > 0)
    output_field(context, "believed", "%lld refusals: what was refused is not in the log",
                 refusals);
  if (troubles > 0)
    output_field(context, "believed", "%lld round%s that ended for reasons not in the log",
                 troubles, troubles == 1 ? "" : "s");
  if (past > 0)
    output_field(context, "believed", "how like its last %lld update%s: that was dropped by policy",
                 past, past == 1 ? " is" : "s are");
  if (weights > 0)
    output_field(context, "believed", "weights of %lld round%s: the rule looks into the updates",
                 weights, weights == 1 ? "" : "s");
  if (output_integer(data, "shadows_believed") > 0)
    output_field(context, "believed", "what %lld shadow entries say: they were not recomputed",
                 (long long)output_integer(data, "shadows_believed"));
  if (output_flag(data, "light"))
    output_field(context, "believed", "models, and how like its last update each update is");
}

static void print_report(struct context *context, const json_t *data) {
  char a[OUTPUT_CELL_SIZE], bytes[HUMAN_TEXT_SIZE];
  fprintf(context->out, "OK: every decision of %s follows from its log\n",
          output_text(data, "origin", a, sizeof a));
  output_log(context, data, "each by the key of its role at its place");
  output_field(context, "rounds", "%lld: promoted %lld, held %lld, abandoned %lld, open %lld",
               (long long)output_integer(data, "rounds"),
               (long long)output_integer(data, "promoted"), (long long)output_integer(data, "held"),
               (long long)output_integer(data, "abandoned"),
               (long long)output_integer(data, "open"));
  output_field(context, "made again", "%lld decisions, %lld updates judged%s",
               (long long)output_integer(data, "decisions"),
               (long long)output_integer(data, "updates"),
               output_flag(data, "light") ? ", from the Gram matrices" : ", bit for bit");
  human_bytes((uint64_t)output_integer(data, "bytes"), bytes);
  output_field(context, "files", "%lld (%s), each of its digest",
               (long long)output_integer(data, "files"), bytes);
  print_believed(context, data);
  output_field(context, "digest", "%s", output_text(data, "digest", a, sizeof a));
  output_field(context, "time", "%.1fs", output_real(data, "seconds"));
}

/* ---- the run ---- */

static void step(void *opaque, uint64_t entries, uint64_t total) {
  struct progress *progress = opaque;
  progress->total = total > entries ? total : entries;
  progress_step(progress, entries);
}

static void add_divergence(json_t *data, const struct audit_divergence *divergence) {
  json_object_set_new(data, "index", json_integer((json_int_t)divergence->index));
  json_object_set_new(data, "federation", json_string(divergence->federation));
  json_object_set_new(data, "round", json_integer((json_int_t)divergence->round));
  json_object_set_new(data, "what", json_string(divergence->what));
  json_object_set_new(data, "expected", json_string(divergence->expected));
  json_object_set_new(data, "found", json_string(divergence->found));
}

/* A log that parts is told first; that its file could not be written is then a message. */
static enum tamis_status write_textfile(struct context *context, const char *path,
                                        const char *origin, const struct audit_report *report,
                                        double seconds) {
  struct fault fault;
  if (path == NULL) return TAMIS_OK;
  enum tamis_status status =
      audit_textfile_write(path, origin, report, time(NULL), seconds, &fault);
  if (status == TAMIS_OK) return TAMIS_OK;
  if (!report->has_diverged) return fault_set(&context->fault, status, "%s", fault.text);
  context_say(context, "%s", fault.text);
  return TAMIS_OK;
}

static enum tamis_status audit_and_tell(struct context *context, const char *folder,
                                        const char *vkey, const struct public_key *log_key,
                                        struct audit_options *options, const char *textfile) {
  struct progress progress;
  struct audit_report report;
  int64_t began_ms = context_monotonic_ms();
  progress_begin(&progress, context, "auditing", "entries", 0);
  options->progress = step;
  options->context = &progress;
  enum tamis_status status = audit_run(folder, vkey, options, &report, &context->fault);
  progress_end(&progress);
  if (status != TAMIS_OK && !report.has_diverged) return status;
  double seconds = (double)(context_monotonic_ms() - began_ms) / 1000;
  enum tamis_status written = write_textfile(context, textfile, log_key->name, &report, seconds);
  if (written != TAMIS_OK) return written;
  json_t *data = report_json(&report, options->is_light, log_key->name, seconds);
  if (report.has_diverged) {
    add_divergence(data, &report.divergence);
    context->failure = data;
    return status;
  }
  output_thing(context, "log", log_key->name, data, print_report);
  json_decref(data);
  return TAMIS_OK;
}

enum tamis_status audit_command(struct context *context, const struct arguments *arguments) {
  struct audit_options options;
  struct public_key log_key;
  const char *vkey;
  char *folder = NULL;
  enum tamis_status status = options_read(context, arguments, &options);
  bool is_whole = !options.federation && !options.first && !options.last && !options.is_light;
  if (status == TAMIS_OK && !is_whole && arguments_has(arguments, "textfile"))
    status = fault_set(&context->fault, TAMIS_BAD_REQUEST,
                       "--textfile is about the whole log: leave out --rounds, --federation and "
                       "--light");
  if (status == TAMIS_OK) status = site_log_key(context, arguments, &vkey, &log_key);
  if (status == TAMIS_OK) status = site_state(context, arguments, &folder);
  if (status == TAMIS_OK)
    status = audit_and_tell(context, folder, vkey, &log_key, &options,
                            arguments_text(arguments, "textfile", NULL));
  free(folder);
  return status;
}
