/* `tamis evaluate`: fetches what waits for a measure, has it measured by somebody else's program,
 * and signs what that said. It asks the server for models and digests, and never for clients. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "audit/evaluator.h"
#include "cli/command_run.h"
#include "client-sdk/operator.h"
#include "proto/canonical.h"

enum { LOOK_MS = 500, TIMEOUT_MS = 600000 };

struct evaluating {
  struct context *context;
  const char *federation;
  struct evaluator *evaluator;
  struct digest suite;
  char suite_hex[DIGEST_HEX_SIZE];
  const char *person; /* who signs */
  json_t *said;       /* what was logged, an array */
};

/* ---- what the program says ---- */

struct measure {
  int64_t examples;
  double accuracy, loss, trigger_rate;
  json_t *classes; /* owned */
};

static bool read_share(const json_t *json, const char *key, double otherwise, double *share) {
  const json_t *value = json_object_get(json, key);
  *share = value ? json_number_value(value) : otherwise;
  return (!value || json_is_number(value)) && isfinite(*share);
}

/* Numbers of a class as integers, in the manifest's own words. */
static bool add_class(struct measure *measure, const json_t *one, int64_t *correct) {
  json_int_t examples = json_integer_value(json_object_get(one, "examples"));
  json_int_t right = json_integer_value(json_object_get(one, "correct"));
  json_int_t predicted = json_integer_value(json_object_get(one, "predicted"));
  const char *name = json_string_value(json_object_get(one, "class"));
  if (!name || examples < 0 || right < 0 || predicted < 0) return false;
  measure->examples += examples;
  *correct += right;
  json_array_append_new(measure->classes,
                        json_pack("{s:s, s:I, s:I, s:I}", "class", name, "examples", examples,
                                  "correct", right, "predicted", predicted));
  return true;
}

static bool read_classes(struct measure *measure, const json_t *classes) {
  const json_t *one;
  size_t i;
  int64_t correct = 0;
  json_array_foreach(classes, i, one) {
    if (!add_class(measure, one, &correct)) return false;
  }
  measure->accuracy = measure->examples > 0 ? (double)correct / (double)measure->examples : 0;
  return true;
}

static enum tamis_status read_measure(struct context *context, const char *text,
                                      struct measure *measure) {
  json_error_t error;
  json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, &error);
  const json_t *classes = json_object_get(json, "classes");
  *measure = (struct measure){.classes = json_array()};
  bool is_good = json_is_object(json) && read_share(json, "loss", 0, &measure->loss) &&
                 read_share(json, "trigger_rate", 0, &measure->trigger_rate);
  if (is_good && classes) {
    is_good = json_is_array(classes) && read_classes(measure, classes);
  } else if (is_good) {
    measure->examples = json_integer_value(json_object_get(json, "examples"));
    is_good = read_share(json, "accuracy", -1, &measure->accuracy);
  }
  json_decref(json);
  if (is_good && measure->examples > 0) return TAMIS_OK;
  json_decref(measure->classes);
  measure->classes = NULL;
  return fault_set(&context->fault, TAMIS_BAD_REQUEST,
                   "the evaluator should print JSON with loss, trigger_rate and classes, or "
                   "examples and accuracy, not \"%.60s\"",
                   text);
}

/* ---- one model ---- */

/* Into a file of our own, whose name is only ours. */
static enum tamis_status fetch(struct evaluating *e, const struct digest *model, char path[512]) {
  const char *folder = getenv("TMPDIR");
  char hex[DIGEST_HEX_SIZE], dir[256];
  digest_to_hex(model, hex);
  snprintf(dir, sizeof dir, "%.200s/tamis-evaluate-XXXXXX", folder && *folder ? folder : "/tmp");
  if (!mkdtemp(dir))
    return fault_set(&e->context->fault, TAMIS_IO, "cannot make a folder in %.100s: %s",
                     folder && *folder ? folder : "/tmp", strerror(errno));
  snprintf(path, 512, "%s/%s.safetensors", dir, hex);
  return operator_fetch_file(e->context->operator, model, path, &e->context->fault);
}

static void discard(char path[512]) {
  unlink(path);
  char *slash = strrchr(path, '/');
  if (slash) *slash = '\0';
  rmdir(path);
}

static enum tamis_status put_manifest(struct evaluating *e, int64_t round, json_t *classes,
                                      struct digest *digest) {
  char *text = NULL;
  size_t length;
  json_t *manifest = json_pack("{s:s, s:I, s:s, s:O}", "federation", e->federation, "round",
                               (json_int_t)round, "suite", e->suite_hex, "classes", classes);
  enum tamis_status status = canonical_encode(manifest, &text, &length, &e->context->fault);
  if (status == TAMIS_OK)
    status = operator_put(e->context->operator, text, length, digest, &e->context->fault);
  json_decref(manifest);
  free(text);
  return status;
}

static enum tamis_status submit(struct evaluating *e, int64_t round, const struct digest *model,
                                const struct measure *measure) {
  static const char *const names[] = {"model", "manifest"};
  struct digest subject[2] = {*model};
  char hex[DIGEST_HEX_SIZE];
  uint64_t index = 0;
  json_t *result = NULL;
  enum tamis_status status = put_manifest(e, round, measure->classes, &subject[1]);
  if (status != TAMIS_OK) return status;
  json_t *predicate =
      json_pack("{s:s, s:I, s:s, s:I, s:o, s:o, s:o}", "federation", e->federation, "round",
                (json_int_t)round, "suite", e->suite_hex, "examples", (json_int_t)measure->examples,
                "accuracy", canonical_f64(measure->accuracy), "loss", canonical_f64(measure->loss),
                "trigger_rate", canonical_f64(measure->trigger_rate));
  status = operator_submit_about(e->context->operator, STATEMENT_EVALUATION, predicate, 2, names,
                                 subject, false, &index, &result, &e->context->fault);
  json_decref(predicate);
  json_decref(result);
  if (status != TAMIS_OK) return status;
  digest_to_hex(model, hex);
  json_array_append_new(e->said, json_pack("{s:I, s:s, s:I, s:f, s:f, s:f, s:I}", "round",
                                           (json_int_t)round, "model", hex, "examples",
                                           (json_int_t)measure->examples, "accuracy",
                                           measure->accuracy, "loss", measure->loss, "trigger_rate",
                                           measure->trigger_rate, "index", (json_int_t)index));
  if (output_is_for_people(e->context))
    context_say(e->context, "round %" PRId64 ": accuracy %.4f, loss %.4g, %.4g of the triggers hit",
                round, measure->accuracy, measure->loss, measure->trigger_rate);
  return TAMIS_OK;
}

static enum tamis_status evaluate(struct evaluating *e, int64_t round, const struct digest *model) {
  char path[512] = "", *text = NULL;
  struct measure measure = {0};
  enum tamis_status status = fetch(e, model, path);
  if (status == TAMIS_OK) status = evaluator_text(e->evaluator, path, &text, &e->context->fault);
  if (path[0] != '\0') discard(path);
  if (status == TAMIS_OK) status = read_measure(e->context, text, &measure);
  if (status == TAMIS_OK) status = submit(e, round, model, &measure);
  json_decref(measure.classes);
  free(text);
  return status;
}

/* ---- which ---- */

/* Has this person measured that round's model under this suite? */
static enum tamis_status is_done(struct evaluating *e, int64_t round, bool *done) {
  char number[24];
  const char *arguments[] = {e->federation, number};
  json_t *rows = NULL, *row;
  size_t i;
  snprintf(number, sizeof number, "%" PRId64, round);
  enum tamis_status status = context_query(e->context, "evaluations", 2, arguments, &rows);
  *done = false;
  json_array_foreach(rows, i, row) {
    const char *person = json_string_value(json_object_get(row, "person"));
    const char *suite = json_string_value(json_object_get(row, "suite"));
    *done |= person && suite && strcmp(person, e->person) == 0 && strcmp(suite, e->suite_hex) == 0;
  }
  json_decref(rows);
  return status;
}

static enum tamis_status evaluate_once(struct evaluating *e, int64_t round, const char *hex) {
  struct digest model;
  bool done;
  if (!hex || !digest_from_hex(hex, strlen(hex), &model))
    return fault_set(&e->context->fault, TAMIS_BAD_REQUEST,
                     "the server names a model of %.64s by something that is not a digest",
                     e->federation);
  enum tamis_status status = is_done(e, round, &done);
  if (status != TAMIS_OK || done) return status;
  status = evaluate(e, round, &model);
  /* The round went on while it was measured: no fault of anybody. */
  if (status != TAMIS_STALE_ROUND) return status;
  context_say(e->context, "round %" PRId64 " went on without this measure", round);
  return TAMIS_OK;
}

/* The head first: a gate compares the candidate with it. */
static enum tamis_status look(struct evaluating *e) {
  json_t *row = NULL;
  enum tamis_status status =
      context_query_federation(e->context, "candidate", 1, &e->federation, &row);
  const json_t *now = json_array_get(row, 0);
  if (status == TAMIS_OK)
    status = evaluate_once(e, output_integer(now, "head_round"),
                           json_string_value(json_object_get(now, "head")));
  if (status == TAMIS_OK && json_is_string(json_object_get(now, "candidate")))
    status = evaluate_once(e, output_integer(now, "round"),
                           json_string_value(json_object_get(now, "candidate")));
  json_decref(row);
  return status;
}

static enum tamis_status suite_digest(struct evaluating *e, const char *path) {
  FILE *file = fopen(path, "rb");
  struct digest_stream *stream = digest_stream_new();
  char bytes[1 << 14];
  size_t length;
  while (file && stream && (length = fread(bytes, 1, sizeof bytes, file)) > 0)
    digest_stream_add(stream, bytes, length);
  bool is_read = file && stream && !ferror(file);
  if (is_read) e->suite = digest_stream_finish(stream);
  digest_stream_free(stream);
  if (file) fclose(file);
  digest_to_hex(&e->suite, e->suite_hex);
  if (is_read) return TAMIS_OK;
  return fault_set(&e->context->fault, TAMIS_IO, "cannot read %.200s: %s", path, strerror(errno));
}

/* What passes is waited for; anything else is said and ends it. */
static enum tamis_status watch(struct evaluating *e) {
  const struct timespec pause = {.tv_nsec = LOOK_MS * 1000000L};
  char told[sizeof e->context->fault.text] = "";
  for (;;) {
    enum tamis_status status = look(e);
    if (status != TAMIS_OK && status != TAMIS_UNAVAILABLE && status != TAMIS_TIMED_OUT &&
        status != TAMIS_CONFLICT)
      return status;
    if (status != TAMIS_OK && strcmp(told, e->context->fault.text) != 0) {
      memcpy(told, e->context->fault.text, sizeof told);
      context_say(e->context, "%s", told);
    }
    nanosleep(&pause, NULL);
  }
}

enum tamis_status evaluate_run(struct context *context, const struct arguments *arguments) {
  struct evaluating e = {.context = context, .federation = arguments->word[0]};
  enum tamis_status status = context_operator(context);
  if (status == TAMIS_OK)
    status = evaluator_of_command(arguments_text(arguments, "command", ""),
                                  arguments_duration_ms(arguments, "evaluate-timeout", TIMEOUT_MS),
                                  &e.evaluator, &context->fault);
  if (status == TAMIS_OK) status = suite_digest(&e, arguments_text(arguments, "suite", ""));
  if (status != TAMIS_OK) goto out;
  e.said = json_array();
  e.person = operator_key(context->operator)->public.name;
  status = arguments_has(arguments, "watch") ? watch(&e) : look(&e);
  if (status == TAMIS_OK) {
    json_t *data = json_pack("{s:s, s:s, s:O}", "federation", e.federation, "suite", e.suite_hex,
                             "evaluations", e.said);
    output_change(context, "federation", e.federation, "evaluated", false, data);
    json_decref(data);
  }
out:
  json_decref(e.said);
  evaluator_free(e.evaluator);
  return status;
}
