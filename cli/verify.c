/* `tamis verify`: walks the whole log, from the server or from copies of its files, and says what
 * was checked or where log and rules part. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/bundle_verify.h"
#include "cli/command_run.h"
#include "cli/human.h"
#include "cli/progress.h"
#include "client-sdk/journal_reader.h"
#include "client-sdk/log_verify.h"
#include "proto/checkpoint.h"

struct walk {
  struct context *context;
  struct log_verify *verify;
  struct progress progress;
  uint64_t torn_bytes; /* of a copy that was taken while the server wrote */
};

static enum tamis_status visit(void *opaque, uint64_t index, const char *envelope, size_t length) {
  struct walk *walk = opaque;
  progress_step(&walk->progress, index);
  return log_verify_entry(walk->verify, index, envelope, length);
}

/* The checkpoint is asked for first: every entry under it must then be there. */
static enum tamis_status walk_server(struct walk *walk, const struct public_key *log_key) {
  struct context *context = walk->context;
  struct checkpoint checkpoint;
  char *note = NULL;
  size_t length;
  enum tamis_status status =
      operator_checkpoint(context->operator, & note, &length, &context->fault);
  if (status == TAMIS_OK)
    status = checkpoint_open(note, length, log_key, &checkpoint, &context->fault);
  if (status == TAMIS_OK) {
    walk->progress.total = checkpoint.size;
    status = operator_entries(context->operator, 0, checkpoint.size, visit, walk, &context->fault);
  }
  if (status == TAMIS_OK) status = log_verify_finish(walk->verify, note, length);
  free(note);
  return status;
}

static enum tamis_status read_note(struct context *context, const char *path, char *note,
                                   size_t *length) {
  int descriptor = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t count = descriptor < 0 ? -1 : read(descriptor, note, CHECKPOINT_NOTE_MAX);
  enum tamis_status status = TAMIS_OK;
  if (count < 0) {
    fault_set(&context->fault, TAMIS_NOT_FOUND, "cannot read the checkpoint %s: %s", path,
              strerror(errno));
    status = context_hint(context, TAMIS_NOT_FOUND, "say where it is: --checkpoint FILE");
  }
  *length = count < 0 ? 0 : (size_t)count;
  if (descriptor >= 0) close(descriptor);
  return status;
}

static enum tamis_status walk_files(struct walk *walk, const struct arguments *arguments) {
  const char *journal = arguments_text(arguments, "journal", "");
  char *folder = strdup(journal), *beside = NULL, *note = malloc(CHECKPOINT_NOTE_MAX);
  size_t length;
  enum tamis_status status = fault_plain(&walk->context->fault, TAMIS_NO_MEMORY);
  if (folder == NULL || note == NULL || asprintf(&beside, "%s/checkpoint", dirname(folder)) < 0)
    goto out;
  status = read_note(walk->context, arguments_text(arguments, "checkpoint", beside), note, &length);
  if (status == TAMIS_OK)
    status = journal_reader_walk(journal, visit, walk, &walk->torn_bytes, &walk->context->fault);
  if (status == TAMIS_OK) status = log_verify_finish(walk->verify, note, length);
out:
  free(folder);
  free(beside);
  free(note);
  return status;
}

static json_t *report_json(const struct log_report *report, const char *origin) {
  char root[DIGEST_HEX_SIZE];
  digest_to_hex(&report->root, root);
  json_t *kinds = json_object();
  for (int i = 0; i < STATEMENT_KIND_COUNT; i++)
    json_object_set_new(kinds, statement_kind_name((enum statement_kind)i),
                        json_integer((json_int_t)report->kind[i]));
  return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:s, s:o}",
                   "verify", report->status == TAMIS_OK ? "ok" : "failed", "origin", origin,
                   "entries", (json_int_t)report->entries, "covered", (json_int_t)report->covered,
                   "signatures", (json_int_t)report->signatures, "federations",
                   (json_int_t)report->federations, "clients", (json_int_t)report->clients,
                   "rounds", (json_int_t)report->rounds, "updates", (json_int_t)report->updates,
                   "dropped", (json_int_t)report->dropped, "blobs", (json_int_t)report->blobs,
                   "bytes", (json_int_t)report->bytes, "root", root, "kinds", kinds);
}

static void print_report(struct context *context, const json_t *data) {
  char a[OUTPUT_CELL_SIZE], bytes[HUMAN_TEXT_SIZE];
  fprintf(context->out, "OK: the log %s verifies\n", output_text(data, "origin", a, sizeof a));
  output_log(context, data, "each by the key that was good at its place");
  output_field(
      context, "history", "federations %lld, clients %lld, rounds %lld, updates %lld",
      (long long)output_integer(data, "federations"), (long long)output_integer(data, "clients"),
      (long long)output_integer(data, "rounds"), (long long)output_integer(data, "updates"));
  if (output_integer(data, "blobs") > 0) {
    human_bytes((uint64_t)output_integer(data, "bytes"), bytes);
    output_field(context, "files", "%lld (%s), each of its digest",
                 (long long)output_integer(data, "blobs"), bytes);
    if (output_integer(data, "dropped") > 0)
      output_field(context, "dropped", "%lld updates by policy, as the log says; only digests stay",
                   (long long)output_integer(data, "dropped"));
  } else {
    output_field(context, "files", "not checked (--blobs DIR checks them too)");
  }
}

/* Names the first entry that cannot be, for people and in `data` of the envelope. */
static enum tamis_status diverged(struct context *context, const struct log_report *report,
                                  const char *origin) {
  context->failure = report_json(report, origin);
  json_object_set_new(context->failure, "index", json_integer((json_int_t)report->index));
  json_object_set_new(context->failure, "expected", json_string(report->expected));
  json_object_set_new(context->failure, "found", json_string(report->found));
  return fault_set(&context->fault, report->status,
                   "the log does not verify: at entry %" PRIu64 " there should be %.120s; there is "
                   "%.120s",
                   report->index, report->expected, report->found);
}

static enum tamis_status walk_and_tell(struct walk *walk, const struct arguments *arguments,
                                       const struct public_key *log_key) {
  struct context *context = walk->context;
  enum tamis_status status = arguments_has(arguments, "journal") ? walk_files(walk, arguments)
                                                                 : walk_server(walk, log_key);
  const struct log_report *report = log_verify_report(walk->verify);
  progress_end(&walk->progress);
  if (report->status != TAMIS_OK) return diverged(context, report, log_key->name);
  if (status != TAMIS_OK) return status;
  json_t *data = report_json(report, log_key->name);
  json_object_set_new(data, "torn_bytes", json_integer((json_int_t)walk->torn_bytes));
  if (walk->torn_bytes > 0)
    context_say(context,
                "The last %" PRIu64 " bytes of the copy are part of an entry: passed over.",
                walk->torn_bytes);
  output_thing(context, "log", log_key->name, data, print_report);
  json_decref(data);
  return TAMIS_OK;
}

/* An auditor with copies needs no operator's folder, only the log's key. */
static enum tamis_status choose_key(struct context *context, const struct arguments *arguments,
                                    const char **vkey) {
  bool offline = arguments_has(arguments, "journal") || arguments->word[0] != NULL;
  enum tamis_status status = TAMIS_OK;
  *vkey = arguments_text(arguments, "log-key", NULL);
  if (!offline)
    status = context_operator(context);
  else if (*vkey == NULL)
    status = context_server(context);
  if (*vkey == NULL) *vkey = context->log_vkey;
  return status;
}

static enum tamis_status check_options(struct context *context, const struct arguments *arguments) {
  static const char *const others[] = {"journal", "blobs", "checkpoint"};
  for (size_t i = 0; arguments->word[0] != NULL && i < sizeof others / sizeof *others; i++)
    if (arguments_has(arguments, others[i]))
      return fault_set(&context->fault, TAMIS_BAD_REQUEST,
                       "--%s is for the whole log; a bundle has everything in it", others[i]);
  return TAMIS_OK;
}

enum tamis_status verify_run(struct context *context, const struct arguments *arguments) {
  struct walk walk = {.context = context};
  struct public_key log_key;
  const char *vkey;
  enum tamis_status status = check_options(context, arguments);
  if (status == TAMIS_OK) status = choose_key(context, arguments, &vkey);
  if (status == TAMIS_OK) status = key_vkey_read(vkey, strlen(vkey), &log_key, &context->fault);
  if (status == TAMIS_OK && arguments->word[0] != NULL)
    return bundle_verify(context, arguments->word[0], &log_key);
  if (status == TAMIS_OK)
    status = log_verify_open(vkey, arguments_text(arguments, "blobs", NULL), &walk.verify,
                             &context->fault);
  progress_begin(&walk.progress, context, "verifying", "entries", 0);
  if (status == TAMIS_OK) status = walk_and_tell(&walk, arguments, &log_key);
  log_verify_close(walk.verify);
  return status;
}
