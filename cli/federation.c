/* `tamis federation`: the model lineages of a server. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/command_run.h"
#include "cli/human.h"
#include "proto/canonical.h"
#include "proto/tensor.h"
#include "proto/text.h"

static const struct column columns[] = {
    {"NAME", "federation", CELL_TEXT, false},       {"PHASE", "phase", CELL_STATE, false},
    {"ROUND", "round", CELL_COUNT, false},          {"OF", "rounds_max", CELL_COUNT, false},
    {"CLIENTS", "clients", CELL_COUNT, false},      {"EXCLUDED", "excluded", CELL_COUNT, false},
    {"HEAD", "head", CELL_DIGEST, false},           {"AT", "head_round", CELL_COUNT, false},
    {"QUORUM", "quorum", CELL_COUNT, true},         {"COHORT", "cohort", CELL_COUNT, true},
    {"PARAMETERS", "parameters", CELL_COUNT, true}, {"RULE", "rule", CELL_SENTENCE, true},
};

static const struct sheet sheet = {"federation", "No federation yet: tamis federation create",
                                   sizeof columns / sizeof *columns, columns};

enum tamis_status federation_list(struct context *context, const struct arguments *arguments) {
  json_t *rows = NULL;
  (void)arguments;
  enum tamis_status status = context_query(context, "federations", 0, NULL, &rows);
  if (status != TAMIS_OK) return status;
  output_rows(context, &sheet, rows);
  json_decref(rows);
  return TAMIS_OK;
}

static void print_federation(struct context *context, const json_t *row) {
  char a[OUTPUT_CELL_SIZE];
  long long of = output_integer(row, "rounds_max");
  output_field(context, "federation", "%s", output_text(row, "federation", a, sizeof a));
  output_text(row, "phase", a, sizeof a);
  output_field(context, "phase", "%s%s%s", output_colour(context, a), a,
               output_colour_end(context));
  if (of > 0)
    output_field(context, "round", "%lld of %lld", (long long)output_integer(row, "round"), of);
  else
    output_field(context, "round", "%lld", (long long)output_integer(row, "round"));
  output_field(context, "rule", "%s", output_text(row, "rule", a, sizeof a));
  if (output_text(row, "optimiser", a, sizeof a)[0] != '\0')
    output_field(context, "optimiser", "%s", a);
  if (output_text(row, "shadows", a, sizeof a)[0] != '\0')
    output_field(context, "shadows", "%s", a);
  if (output_text(row, "gates", a, sizeof a)[0] != '\0' && strcmp(a, "-") != 0)
    output_field(context, "gates", "%s", a);
  if (json_is_string(json_object_get(row, "waits_for")))
    output_field(context, "waits for", "gate %s", output_text(row, "waits_for", a, sizeof a));
  if (json_is_string(json_object_get(row, "frozen")))
    output_field(context, "frozen", "%s", output_text(row, "frozen", a, sizeof a));
  output_field(context, "head", "%s", output_text(row, "head", a, sizeof a));
  output_field(context, "head round", "%lld", (long long)output_integer(row, "head_round"));
  output_field(context, "parameters", "%lld", (long long)output_integer(row, "parameters"));
  output_field(context, "quorum", "%lld", (long long)output_integer(row, "quorum"));
  if (output_integer(row, "cohort") > 0)
    output_field(context, "cohort", "%lld", (long long)output_integer(row, "cohort"));
  else
    output_field(context, "cohort", "everyone");
  if (output_integer(row, "keep_rounds") > 0)
    output_field(context, "updates", "kept for %lld rounds",
                 (long long)output_integer(row, "keep_rounds"));
  else
    output_field(context, "updates", "kept for ever");
  output_field(context, "clients", "%lld, %lld excluded", (long long)output_integer(row, "clients"),
               (long long)output_integer(row, "excluded"));
}

enum tamis_status federation_show(struct context *context, const struct arguments *arguments) {
  json_t *row = NULL;
  const char *name = arguments->word[0];
  enum tamis_status status = context_find(context, "federations", NULL, "federation", name,
                                          TAMIS_UNKNOWN_FEDERATION, &row);
  if (status != TAMIS_OK) return status;
  output_thing(context, "federation", name, row, print_federation);
  json_decref(row);
  return TAMIS_OK;
}

/* The first bytes of the model, as far as a header may go. */
static enum tamis_status read_layout(const char *path, struct layout *layout, struct fault *fault) {
  enum tamis_status status = TAMIS_OK;
  struct stat found;
  uint8_t *bytes = malloc(TENSOR_HEADER_MAX);
  int descriptor = open(path, O_RDONLY | O_CLOEXEC);
  if (bytes == NULL) {
    status = fault_plain(fault, TAMIS_NO_MEMORY);
    goto out;
  }
  if (descriptor < 0 || fstat(descriptor, &found) != 0) {
    status = fault_set(fault, errno == ENOENT ? TAMIS_NOT_FOUND : TAMIS_IO, "cannot read %s: %s",
                       path, strerror(errno));
    goto out;
  }
  ssize_t length = pread(descriptor, bytes, TENSOR_HEADER_MAX, 0);
  if (!S_ISREG(found.st_mode) || length < 0)
    status = fault_set(fault, TAMIS_IO, "cannot read %s: not a file of bytes", path);
  else
    status = layout_parse(bytes, (size_t)length, (uint64_t)found.st_size, layout, fault);
out:
  if (descriptor >= 0) close(descriptor);
  free(bytes);
  return status;
}

static enum tamis_status read_policy(const struct arguments *arguments, json_t *policy,
                                     struct fault *fault) {
  for (size_t i = 0; i < arguments->value_count; i++) {
    if (arguments->value[i].row->kind != VALUE_SETTING) continue;
    const char *text = arguments->value[i].text;
    size_t length = strcspn(text, "=");
    double number = 0;
    char name[TEXT_NAME_MAX + 1];
    if (length > TEXT_NAME_MAX)
      return fault_set(fault, TAMIS_BAD_REQUEST, "--policy %.60s...: the name is too long", text);
    snprintf(name, sizeof name, "%.*s", (int)length, text);
    human_real_read(text + length + 1, &number);
    json_object_set_new(policy, name, canonical_f64(number));
  }
  return TAMIS_OK;
}

/* Each --shadow is a rule, or rules with `;` between: all of them in one text. */
static json_t *shadows_text(const struct arguments *arguments) {
  char *text = NULL;
  size_t length;
  FILE *out = open_memstream(&text, &length);
  if (out == NULL) return NULL;
  for (size_t i = 0; i < arguments->value_count; i++) {
    if (strcmp(arguments->value[i].row->name, "shadow") != 0) continue;
    fprintf(out, "%s%s", ftell(out) > 0 ? "; " : "", arguments->value[i].text);
  }
  fclose(out);
  json_t *shadows = json_string(text);
  free(text);
  return shadows;
}

/* Everything the federation promises, from the command line and the model's header. */
static json_t *make_terms(const struct arguments *arguments, const struct layout *layout,
                          json_t *policy) {
  char hex[DIGEST_HEX_SIZE];
  digest_to_hex(&layout->digest, hex);
  json_t *terms = json_pack(
      "{s:s, s:s, s:s*, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:I, s:O}", "federation",
      arguments->word[0], "rule", arguments_text(arguments, "rule", ""), "optimiser",
      arguments_text(arguments, "optimiser", NULL), "layout", hex, "parameters",
      (json_int_t)layout->parameters, "quorum", (json_int_t)arguments_count(arguments, "quorum", 2),
      "cohort", (json_int_t)arguments_count(arguments, "cohort", 0), "over_selection_percent",
      (json_int_t)arguments_count(arguments, "over-selection", 0), "deadline_ms",
      (json_int_t)arguments_duration_ms(arguments, "deadline", 60000), "rounds_max",
      (json_int_t)arguments_count(arguments, "rounds", 0), "norm_max",
      canonical_f64(arguments_real(arguments, "norm-max", 1e6)), "examples_max",
      (json_int_t)arguments_count(arguments, "examples-max", 1000000), "policy", policy);
  if (terms && arguments_has(arguments, "witness-quorum")) {
    uint64_t organisations = arguments_count(arguments, "witness-quorum", 0);
    uint64_t each = arguments_count(arguments, "witness-per-organisation", 1);
    json_object_set_new(terms, "witness_organisations", json_integer((json_int_t)organisations));
    json_object_set_new(terms, "witness_per_organisation", json_integer((json_int_t)each));
  }
  if (arguments_has(arguments, "shadow"))
    json_object_set_new(terms, "shadows", shadows_text(arguments));
  if (arguments_has(arguments, "keep-rounds"))
    json_object_set_new(terms, "keep_rounds",
                        json_integer((json_int_t)arguments_count(arguments, "keep-rounds", 0)));
  if (arguments_has(arguments, "gates"))
    json_object_set_new(terms, "gates", json_string(arguments_text(arguments, "gates", "")));
  if (arguments_has(arguments, "suite"))
    json_object_set_new(terms, "suite", json_string(arguments_text(arguments, "suite", "")));
  if (arguments_has(arguments, "freeze-after"))
    json_object_set_new(terms, "freeze_after",
                        json_integer((json_int_t)arguments_count(arguments, "freeze-after", 0)));
  return terms;
}

static enum tamis_status create(struct context *context, const struct arguments *arguments,
                                const json_t *terms) {
  bool dry_run = arguments_has(arguments, "dry-run");
  char hex[DIGEST_HEX_SIZE];
  struct digest model;
  uint64_t index = 0;
  json_t *result = NULL;
  enum tamis_status status = context_operator(context);
  if (status == TAMIS_OK)
    status = operator_put_file(context->operator, arguments_text(arguments, "model", ""), &model,
                               &context->fault);
  if (status != TAMIS_OK) return status;
  digest_to_hex(&model, hex);
  context_detail(context, "the model is on the server: %s", hex);
  status =
      operator_submit(context->operator, STATEMENT_FEDERATION_CREATE, (json_t *)(uintptr_t)terms,
                      "model", &model, dry_run, &index, &result, &context->fault);
  if (status == TAMIS_RULE_NOT_FEASIBLE)
    context_hint(context, status, "ask for more updates (--quorum) or a smaller f");
  if (status != TAMIS_OK) return status;
  json_t *data = json_pack("{s:s, s:I, s:s, s:I, s:b, s:o*}", "federation", arguments->word[0],
                           "index", (json_int_t)index, "model", hex, "parameters",
                           (json_int_t)output_integer(terms, "parameters"), "dry_run", dry_run,
                           "result", result);
  output_change(context, "federation", arguments->word[0], "created", dry_run, data);
  json_decref(data);
  if (output_is_for_people(context) && !dry_run)
    context_say(context, "Next:  tamis client invite CLIENT;  tamis watch %s", arguments->word[0]);
  return TAMIS_OK;
}

enum tamis_status federation_create(struct context *context, const struct arguments *arguments) {
  struct layout layout = {.tensor_count = 0};
  const char *name = arguments->word[0];
  if (!text_is_name(name, strlen(name)))
    return fault_set(&context->fault, TAMIS_BAD_REQUEST,
                     "a federation's name is 1 to 64 of a-z 0-9 . _ -, not \"%.60s\"", name);
  enum tamis_status status =
      read_layout(arguments_text(arguments, "model", ""), &layout, &context->fault);
  if (status != TAMIS_OK) return status;
  json_t *policy = json_object(), *terms = NULL;
  status = read_policy(arguments, policy, &context->fault);
  if (status == TAMIS_OK) {
    terms = make_terms(arguments, &layout, policy);
    status = create(context, arguments, terms);
  }
  json_decref(terms);
  json_decref(policy);
  layout_close(&layout);
  return status;
}

/* ---- retain ---- */

static enum tamis_status first_model(struct context *context, const char *federation,
                                     struct digest *model) {
  json_t *rows = NULL;
  enum tamis_status status = context_query_federation(context, "models", 1, &federation, &rows);
  if (status != TAMIS_OK) return status;
  const char *hex = json_string_value(json_object_get(json_array_get(rows, 0), "model"));
  if (hex == NULL || !digest_from_hex(hex, strlen(hex), model))
    status = fault_set(&context->fault, TAMIS_CORRUPT, "the server names no first model of %.64s",
                       federation);
  json_decref(rows);
  return status;
}

static enum tamis_status submit_retention(struct context *context,
                                          const struct arguments *arguments,
                                          const struct digest *model, bool dry_run, uint64_t *index,
                                          json_t **result) {
  json_t *predicate = json_pack("{s:s, s:I, s:s}", "federation", arguments->word[0], "keep_rounds",
                                (json_int_t)arguments_count(arguments, "rounds", 0), "reason",
                                arguments_text(arguments, "reason", ""));
  enum tamis_status status =
      operator_submit(context->operator, STATEMENT_RETENTION, predicate, "model", model, dry_run,
                      index, result, &context->fault);
  json_decref(predicate);
  return status;
}

/* The server says what would go before it is asked to let it go. */
static enum tamis_status retain_plan(struct context *context, const struct arguments *arguments,
                                     const struct digest *model) {
  json_t *result = NULL;
  uint64_t index;
  enum tamis_status status = submit_retention(context, arguments, model, true, &index, &result);
  if (status != TAMIS_OK) return status;
  const char *sentence = json_string_value(json_object_get(result, "sentence"));
  if (output_is_for_people(context)) context_say(context, "Plan: %s.", sentence ? sentence : "");
  json_decref(result);
  return context_confirm(context, "letting updates go", "They cannot be had back. Go on?");
}

enum tamis_status federation_retain(struct context *context, const struct arguments *arguments) {
  const char *federation = arguments->word[0];
  bool dry_run = arguments_has(arguments, "dry-run");
  struct digest model;
  uint64_t index = 0;
  json_t *result = NULL;
  enum tamis_status status = context_operator(context);
  if (status == TAMIS_OK) status = first_model(context, federation, &model);
  if (status == TAMIS_OK && !dry_run && !arguments_has(arguments, "yes") &&
      arguments_count(arguments, "rounds", 0) > 0)
    status = retain_plan(context, arguments, &model);
  if (status == TAMIS_OK)
    status = submit_retention(context, arguments, &model, dry_run, &index, &result);
  if (status != TAMIS_OK) return status;
  const char *sentence = json_string_value(json_object_get(result, "sentence"));
  if (output_is_for_people(context) && sentence != NULL) context_say(context, "%s.", sentence);
  json_t *data = json_pack("{s:s, s:I, s:I, s:b, s:o*}", "federation", federation, "keep_rounds",
                           (json_int_t)arguments_count(arguments, "rounds", 0), "index",
                           (json_int_t)index, "dry_run", dry_run, "result", result);
  output_change(context, "federation", federation, "retention changed", dry_run, data);
  json_decref(data);
  return TAMIS_OK;
}
