/* `tamis policy`: what a federation judges by, what it judged by before, and a new version of it.
 */
#include <stdlib.h>
#include <string.h>

#include "aggregator/policy_lint.h"
#include "cli/command_run.h"
#include "cli/offline.h"
#include "cli/policy_file.h"
#include "proto/canonical.h"

/* ---- reading what there is ---- */

/* Versions of a federation's policy, oldest first; there is one at least. */
static enum tamis_status query_versions(struct context *context, const char *federation,
                                        json_t **rows) {
  return context_query_federation(context, "policies", 1, &federation, rows);
}

/* The version asked for, or the one in force: borrowed from `rows`. */
static enum tamis_status find_version(struct context *context, const struct arguments *arguments,
                                      const json_t *rows, const json_t **row) {
  size_t count = json_array_size(rows);
  uint64_t version = count;
  if (arguments->word[1]) {
    enum tamis_status status = arguments_word_count(arguments, 1, &version, &context->fault);
    if (status != TAMIS_OK) return status;
  }
  *row = version >= 1 ? json_array_get(rows, (size_t)version - 1) : NULL;
  if (*row && output_integer(*row, "version") == (json_int_t)version) return TAMIS_OK;
  return fault_set(&context->fault, TAMIS_NOT_FOUND,
                   "the policy of %.64s has versions 1 to %zu, not %llu", arguments->word[0], count,
                   (unsigned long long)version);
}

/* ---- show ---- */

static const struct column threshold_columns[] = {
    {" ", "mark", CELL_TEXT, false},
    {"THRESHOLD", "name", CELL_TEXT, false},
    {"VALUE", "value_text", CELL_TEXT, false},
    {"DEFAULT", "default_text", CELL_TEXT, false},
    {"LEAST", "least_text", CELL_TEXT, true},
    {"MOST", "most_text", CELL_TEXT, true},
    {"MEANING", "meaning", CELL_SENTENCE, false},
};
static const struct sheet threshold_sheet = {"threshold", "No thresholds.",
                                             sizeof threshold_columns / sizeof *threshold_columns,
                                             threshold_columns};

/* Every threshold, with what `policy` (a JSON object of numbers; NULL: nothing) says of it. */
static json_t *thresholds_json(const json_t *policy) {
  size_t count;
  const struct policy_row *row = policy_table(&count);
  json_t *list = json_array();
  for (size_t i = 0; i < count; i++) {
    const json_t *given = json_object_get(policy, row[i].name);
    double value = json_is_number(given) ? json_number_value(given) : row[i].fallback;
    const struct policy_effect *effect = policy_effect_of(row[i].name);
    json_array_append_new(
        list, json_pack("{s:s, s:f, s:f, s:f, s:f, s:b, s:s, s:s, s:s, s:i}", "name", row[i].name,
                        "value", value, "default", row[i].fallback, "least", row[i].least, "most",
                        row[i].most, "changed", value != row[i].fallback, "meaning", row[i].meaning,
                        "more", effect ? effect->more : "", "less", effect ? effect->less : "",
                        "weaker", effect ? effect->weaker : 0));
  }
  return list;
}

static void add_text(json_t *row, const char *key, const char *text_key) {
  char text[32];
  snprintf(text, sizeof text, "%g", output_real(row, key));
  json_object_set_new(row, text_key, json_string(text));
}

static void print_thresholds(struct context *context, const json_t *thresholds) {
  json_t *rows = json_deep_copy(thresholds), *row;
  size_t i;
  json_array_foreach(rows, i, row) {
    add_text(row, "value", "value_text");
    add_text(row, "default", "default_text");
    add_text(row, "least", "least_text");
    add_text(row, "most", "most_text");
    json_object_set_new(row, "mark", json_string(output_flag(row, "changed") ? "*" : ""));
  }
  output_rows(context, &threshold_sheet, rows);
  json_decref(rows);
}

static void print_rounds(struct context *context, const json_t *data) {
  long long rounds = output_integer(data, "rounds");
  if (rounds == 0)
    output_field(context, "rounds", "none opened under it yet");
  else
    output_field(context, "rounds", "%lld, from %lld to %lld", rounds,
                 (long long)output_integer(data, "first_round"),
                 (long long)output_integer(data, "last_round"));
}

static void print_policy(struct context *context, const json_t *data) {
  char a[OUTPUT_CELL_SIZE];
  const json_t *thresholds = json_object_get(data, "thresholds"), *row;
  size_t changed = 0, i;
  json_array_foreach((json_t *)(uintptr_t)thresholds, i, row) changed +=
      output_flag(row, "changed");
  if (json_object_get(data, "federation")) {
    output_field(context, "federation", "%s", output_text(data, "federation", a, sizeof a));
    output_field(context, "version", "%lld of %lld%s", (long long)output_integer(data, "version"),
                 (long long)output_integer(data, "versions"),
                 output_flag(data, "in_force") ? ", in force for the next round" : "");
    output_field(context, "set by", "%s, entry %lld", output_text(data, "signer", a, sizeof a),
                 (long long)output_integer(data, "index"));
    if (json_is_string(json_object_get(data, "note")))
      output_field(context, "note", "%s", output_text(data, "note", a, sizeof a));
    if (json_is_string(json_object_get(data, "report")))
      output_field(context, "dry run", "%s", output_text(data, "report", a, sizeof a));
    print_rounds(context, data);
  }
  if (json_object_get(data, "federation"))
    output_field(context, "changed", "%zu of %zu from the default, marked *", changed,
                 json_array_size(thresholds));
  print_thresholds(context, thresholds);
}

static void show_defaults(struct context *context) {
  json_t *data = json_pack("{s:o}", "thresholds", thresholds_json(NULL));
  output_thing(context, "policy", "default", data, print_policy);
  json_decref(data);
}

enum tamis_status policy_show(struct context *context, const struct arguments *arguments) {
  json_t *rows = NULL;
  const json_t *row = NULL;
  const char *federation = arguments->word[0];
  if (!federation) {
    show_defaults(context);
    return TAMIS_OK;
  }
  enum tamis_status status = offline_choose(context, arguments);
  if (status == TAMIS_OK) status = query_versions(context, federation, &rows);
  if (status == TAMIS_OK) status = find_version(context, arguments, rows, &row);
  if (status == TAMIS_OK) {
    size_t count = json_array_size(rows);
    json_t *data = json_copy((json_t *)(uintptr_t)row);
    json_object_set_new(data, "versions", json_integer((json_int_t)count));
    json_object_set_new(data, "in_force",
                        json_boolean(output_integer(row, "version") == (json_int_t)count));
    json_object_set_new(data, "thresholds", thresholds_json(json_object_get(row, "policy")));
    output_thing(context, "policy", federation, data, print_policy);
    json_decref(data);
  }
  json_decref(rows);
  return status;
}

/* ---- history ---- */

static const struct column version_columns[] = {
    {"VERSION", "version", CELL_COUNT, false},  {"ENTRY", "index", CELL_COUNT, false},
    {"SET-BY", "signer", CELL_TEXT, false},     {"ROUNDS", "rounds", CELL_COUNT, false},
    {"FROM", "first_round", CELL_COUNT, false}, {"TO", "last_round", CELL_COUNT, false},
    {"REPORT", "report", CELL_DIGEST, true},    {"CHANGED", "changed", CELL_SENTENCE, false},
    {"NOTE", "note", CELL_SENTENCE, false},
};
static const struct sheet version_sheet = {
    "policy", "No versions.", sizeof version_columns / sizeof *version_columns, version_columns};

/* "ratio_low 2.6 -> 2.4, z_high 4 -> 5": what this version says otherwise than the one before; of
 * the first: than the defaults. */
static void describe_change(const json_t *before, const json_t *after, char *out, size_t size) {
  size_t count, used = 0;
  const struct policy_row *row = policy_table(&count);
  out[0] = '\0';
  for (size_t i = 0; i < count && used + 1 < size; i++) {
    const json_t *old = json_object_get(before, row[i].name);
    const json_t *new = json_object_get(after, row[i].name);
    double from = json_is_number(old) ? json_number_value(old) : row[i].fallback;
    double to = json_is_number(new) ? json_number_value(new) : row[i].fallback;
    if (from == to) continue;
    int more = snprintf(out + used, size - used, "%s%s %g -> %g", used > 0 ? ", " : "", row[i].name,
                        from, to);
    used += more > 0 ? (size_t)more : 0;
  }
  if (out[0] == '\0') snprintf(out, size, "nothing");
}

enum tamis_status policy_history(struct context *context, const struct arguments *arguments) {
  json_t *rows = NULL, *row;
  const json_t *before = NULL;
  char changed[OUTPUT_CELL_SIZE];
  size_t i;
  enum tamis_status status = offline_choose(context, arguments);
  if (status == TAMIS_OK) status = query_versions(context, arguments->word[0], &rows);
  if (status != TAMIS_OK) return status;
  json_array_foreach(rows, i, row) {
    describe_change(before, json_object_get(row, "policy"), changed, sizeof changed);
    json_object_set_new(row, "changed", json_string(changed));
    before = json_object_get(row, "policy");
  }
  output_rows(context, &version_sheet, rows);
  json_decref(rows);
  return TAMIS_OK;
}

/* ---- lint ---- */

static const struct column finding_columns[] = {
    {"LEVEL", "level", CELL_TEXT, false},
    {"LINE", "line", CELL_COUNT, false},
    {"THRESHOLD", "threshold", CELL_TEXT, false},
    {"WHY", "sentence", CELL_SENTENCE, false},
};
static const struct sheet finding_sheet = {"threshold", "Nothing to be said about it.",
                                           sizeof finding_columns / sizeof *finding_columns,
                                           finding_columns};

static size_t count_level(const json_t *findings, enum policy_level level) {
  size_t count = 0, i;
  const json_t *finding;
  json_array_foreach((json_t *)(uintptr_t)findings, i, finding) {
    const char *text = json_string_value(json_object_get(finding, "level"));
    count += text && strcmp(text, policy_level_name(level)) == 0;
  }
  return count;
}

/* What is wrong with the file is known; what is wrong with the policy is added. */
static enum tamis_status add_findings(struct context *context, const json_t *policy,
                                      json_t *findings) {
  struct policy_finding finding[POLICY_FINDINGS_MAX];
  struct policy read;
  enum tamis_status status = policy_read(policy, &read, &context->fault);
  if (status != TAMIS_OK) return status;
  size_t count = policy_lint(&read, finding);
  for (size_t i = 0; i < count; i++)
    json_array_append_new(findings,
                          json_pack("{s:s, s:s, s:s}", "level", policy_level_name(finding[i].level),
                                    "threshold", finding[i].name, "sentence", finding[i].sentence));
  return TAMIS_OK;
}

static void print_findings(struct context *context, const json_t *data) {
  const json_t *findings = json_object_get(data, "findings"), *finding;
  char a[OUTPUT_CELL_SIZE], b[OUTPUT_CELL_SIZE];
  size_t i;
  if (context->form == OUTPUT_WIDE) {
    output_rows(context, &finding_sheet, findings);
    return;
  }
  json_array_foreach((json_t *)(uintptr_t)findings, i, finding) {
    long long line = (long long)output_integer(finding, "line");
    output_text(finding, "level", a, sizeof a);
    if (line > 0)
      output_field(context, a, "%s, line %lld", output_text(finding, "threshold", b, sizeof b),
                   line);
    else
      output_field(context, a, "%s", output_text(finding, "threshold", b, sizeof b));
    output_paragraph(context, output_text(finding, "sentence", b, sizeof b));
  }
  output_field(
      context, "findings", "%zu error%s, %zu warning%s, %zu note%s",
      count_level(findings, POLICY_ERROR), count_level(findings, POLICY_ERROR) == 1 ? "" : "s",
      count_level(findings, POLICY_WARNING), count_level(findings, POLICY_WARNING) == 1 ? "" : "s",
      count_level(findings, POLICY_NOTE), count_level(findings, POLICY_NOTE) == 1 ? "" : "s");
}

/* Errors are a wrong value; warnings only with --strict. */
static enum tamis_status lint_verdict(struct context *context, const struct arguments *arguments,
                                      const json_t *findings) {
  size_t errors = count_level(findings, POLICY_ERROR);
  size_t warnings = count_level(findings, POLICY_WARNING);
  if (errors > 0)
    return fault_set(&context->fault, TAMIS_BAD_STATEMENT, "%s: %zu error%s", arguments->word[0],
                     errors, errors == 1 ? "" : "s");
  if (warnings > 0 && arguments_has(arguments, "strict"))
    return fault_set(&context->fault, TAMIS_BAD_STATEMENT,
                     "%s: %zu setting%s weaker than the default", arguments->word[0], warnings,
                     warnings == 1 ? " is" : "s are");
  return TAMIS_OK;
}

enum tamis_status policy_lint_run(struct context *context, const struct arguments *arguments) {
  json_t *policy = NULL, *findings = NULL;
  enum tamis_status status =
      policy_file_read(arguments->word[0], &policy, &findings, &context->fault);
  if (status == TAMIS_OK) status = add_findings(context, policy, findings);
  if (status == TAMIS_OK) {
    json_t *data = json_pack("{s:s, s:O}", "file", arguments->word[0], "findings", findings);
    status = lint_verdict(context, arguments, findings);
    if (status == TAMIS_OK || output_is_for_people(context))
      output_thing(context, "policy", arguments->word[0], data, print_findings);
    else
      context->failure = json_incref(data);
    json_decref(data);
  }
  json_decref(findings);
  json_decref(policy);
  return status;
}

/* ---- set ---- */

/* A report that is named must be of this policy and this federation. Everybody may read it. */
static enum tamis_status take_report(struct context *context, const struct arguments *arguments,
                                     const json_t *policy, json_t *predicate) {
  const char *path = arguments_text(arguments, "report", NULL);
  struct digest digest;
  char hex[DIGEST_HEX_SIZE];
  if (path == NULL) return TAMIS_OK;
  json_t *report = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
  const char *format = json_string_value(json_object_get(report, "format"));
  const char *federation = json_string_value(json_object_get(report, "federation"));
  bool is_it = format && strcmp(format, "tamis-dry-run/v1") == 0 && federation &&
               strcmp(federation, arguments->word[0]) == 0 &&
               json_equal(json_object_get(report, "policy"), (json_t *)(uintptr_t)policy);
  json_decref(report);
  if (!is_it)
    return fault_set(&context->fault, TAMIS_BAD_REQUEST,
                     "%s is no report of a dry run of this policy for %.64s", path,
                     arguments->word[0]);
  enum tamis_status status = operator_put_file(context->operator, path, &digest, &context->fault);
  digest_to_hex(&digest, hex);
  if (status == TAMIS_OK) json_object_set_new(predicate, "report", json_string(hex));
  return status;
}

static enum tamis_status submit_policy(struct context *context, const struct arguments *arguments,
                                       json_t *policy, json_int_t version) {
  const char *federation = arguments->word[0];
  bool dry_run = arguments_has(arguments, "dry-run");
  struct digest digest;
  uint64_t index = 0;
  json_t *result = NULL;
  enum tamis_status status = canonical_digest(policy, &digest, &context->fault);
  if (status != TAMIS_OK) return status;
  json_t *predicate =
      json_pack("{s:s, s:I, s:O, s:s}", "federation", federation, "version", version, "policy",
                policy, "note", arguments_text(arguments, "note", ""));
  status = take_report(context, arguments, policy, predicate);
  if (status == TAMIS_OK)
    status = operator_submit(context->operator, STATEMENT_POLICY_SET, predicate, "policy", &digest,
                             dry_run, &index, &result, &context->fault);
  json_decref(predicate);
  if (status != TAMIS_OK) return status;
  const char *sentence = json_string_value(json_object_get(result, "sentence"));
  if (output_is_for_people(context) && sentence != NULL) context_say(context, "%s.", sentence);
  char hex[DIGEST_HEX_SIZE];
  digest_to_hex(&digest, hex);
  json_t *data =
      json_pack("{s:s, s:I, s:s, s:I, s:b, s:o*}", "federation", federation, "version", version,
                "digest", hex, "index", (json_int_t)index, "dry_run", dry_run, "result", result);
  output_change(context, "policy", federation, "set", dry_run, data);
  json_decref(data);
  return TAMIS_OK;
}

enum tamis_status policy_set(struct context *context, const struct arguments *arguments) {
  json_t *policy = NULL, *rows = NULL;
  enum tamis_status status = policy_file_read_good(arguments->word[1], &policy, &context->fault);
  if (status == TAMIS_OK) status = context_operator(context);
  if (status == TAMIS_OK) status = query_versions(context, arguments->word[0], &rows);
  if (status == TAMIS_OK)
    status = submit_policy(context, arguments, policy, (json_int_t)json_array_size(rows) + 1);
  json_decref(rows);
  json_decref(policy);
  return status;
}
