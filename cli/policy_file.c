/* libyaml's events and no more of it: a flat mapping of plain scalars. Anchors, tags and nesting
 * are refused, so that a file says what it seems to say. */
#include "cli/policy_file.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

#include "aggregator/policy.h"
#include "cli/human.h"
#include "proto/canonical.h"

enum { FILE_MAX = 64 << 10, NAMES_MAX = 64 };

struct reading {
  const char *path;
  yaml_parser_t parser;
  json_t *policy, *findings; /* owned by the caller */
  struct fault *fault;
};

__attribute__((format(printf, 4, 5))) static void
find(struct reading *reading, size_t line, const char *threshold, const char *format, ...) {
  char sentence[256], name[64];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(sentence, sizeof sentence, format, arguments);
  va_end(arguments);
  human_printable(threshold, strlen(threshold), name, sizeof name);
  json_array_append_new(reading->findings,
                        json_pack("{s:s, s:I, s:s, s:s}", "level", "error", "line",
                                  (json_int_t)line, "threshold", name, "sentence", sentence));
}

static const struct policy_row *row_of(const char *name) {
  size_t count;
  const struct policy_row *row = policy_table(&count);
  for (size_t i = 0; i < count; i++)
    if (strcmp(row[i].name, name) == 0) return &row[i];
  return NULL;
}

static const char *closest(const char *name) {
  const char *names[NAMES_MAX];
  size_t count;
  const struct policy_row *row = policy_table(&count);
  if (count > NAMES_MAX) count = NAMES_MAX;
  for (size_t i = 0; i < count; i++) names[i] = row[i].name;
  return human_closest(name, names, count);
}

static void take(struct reading *reading, size_t line, const char *name, const char *text) {
  const struct policy_row *row = row_of(name);
  char shown[64];
  double number;
  if (!row) {
    const char *meant = closest(name);
    find(reading, line, name, "there is no such threshold%s%s%s", meant ? "; did you mean " : "",
         meant ? meant : "", meant ? "?" : "");
    return;
  }
  human_printable(text, strlen(text), shown, sizeof shown);
  if (json_object_get(reading->policy, name))
    find(reading, line, name, "it is given twice");
  else if (!human_real_read(text, &number))
    find(reading, line, name, "\"%s\" is not a number", shown);
  else if (!(number >= row->least && number <= row->most))
    find(reading, line, name, "%s is not from %g to %g", shown, row->least, row->most);
  else
    json_object_set_new(reading->policy, name, canonical_f64(number));
}

static enum tamis_status refuse(const struct reading *reading, size_t line, const char *why) {
  return fault_set(reading->fault, TAMIS_BAD_REQUEST, "%s, line %zu: %s", reading->path, line, why);
}

static enum tamis_status next(struct reading *reading, yaml_event_t *event) {
  if (yaml_parser_parse(&reading->parser, event)) return TAMIS_OK;
  const char *problem = reading->parser.problem;
  return refuse(reading, reading->parser.problem_mark.line + 1,
                problem ? problem : "it cannot be read");
}

static bool is_plain(const yaml_event_t *event) {
  return event->type == YAML_SCALAR_EVENT && !event->data.scalar.anchor &&
         !event->data.scalar.tag &&
         memchr(event->data.scalar.value, '\0', event->data.scalar.length) == NULL;
}

/* The value of the key just read. */
static enum tamis_status read_value(struct reading *reading, const char *name, size_t line) {
  yaml_event_t event;
  enum tamis_status status = next(reading, &event);
  if (status != TAMIS_OK) return status;
  if (is_plain(&event))
    take(reading, line, name, (const char *)event.data.scalar.value);
  else
    status = refuse(reading, line, "a policy is one `threshold: number` a line and nothing deeper");
  yaml_event_delete(&event);
  return status;
}

/* Up to the end of the mapping. */
static enum tamis_status read_pairs(struct reading *reading) {
  enum tamis_status status = TAMIS_OK;
  bool is_over = false;
  while (status == TAMIS_OK && !is_over) {
    yaml_event_t event;
    status = next(reading, &event);
    if (status != TAMIS_OK) return status;
    is_over = event.type == YAML_MAPPING_END_EVENT;
    size_t line = event.start_mark.line + 1;
    if (is_plain(&event))
      status = read_value(reading, (const char *)event.data.scalar.value, line);
    else if (!is_over)
      status = refuse(reading, line, "the name of a threshold is a plain word");
    yaml_event_delete(&event);
  }
  return status;
}

static enum tamis_status expect(struct reading *reading, yaml_event_type_t type, bool *is_it) {
  yaml_event_t event;
  enum tamis_status status = next(reading, &event);
  if (status != TAMIS_OK) return status;
  *is_it = event.type == type;
  yaml_event_delete(&event);
  return TAMIS_OK;
}

/* One document with one mapping; an empty file is a policy of defaults. */
static enum tamis_status read_document(struct reading *reading) {
  bool has_document, has_mapping = false, is_over = false;
  enum tamis_status status = expect(reading, YAML_STREAM_START_EVENT, &is_over);
  if (status == TAMIS_OK) status = expect(reading, YAML_DOCUMENT_START_EVENT, &has_document);
  if (status != TAMIS_OK || !has_document) return status;
  status = expect(reading, YAML_MAPPING_START_EVENT, &has_mapping);
  if (status == TAMIS_OK && !has_mapping)
    return refuse(reading, 1, "a policy is one `threshold: number` a line");
  if (status == TAMIS_OK) status = read_pairs(reading);
  if (status == TAMIS_OK) status = expect(reading, YAML_DOCUMENT_END_EVENT, &is_over);
  if (status == TAMIS_OK) status = expect(reading, YAML_STREAM_END_EVENT, &is_over);
  if (status == TAMIS_OK && !is_over) status = refuse(reading, 1, "there is a second document");
  return status;
}

static enum tamis_status read_bytes(const char *path, char *bytes, size_t *length,
                                    struct fault *fault) {
  FILE *file = fopen(path, "rb");
  if (!file)
    return fault_set(fault, errno == ENOENT ? TAMIS_NOT_FOUND : TAMIS_IO, "cannot read %s: %s",
                     path, strerror(errno));
  *length = fread(bytes, 1, FILE_MAX + 1, file);
  bool is_bad = ferror(file) != 0;
  fclose(file);
  if (is_bad) return fault_set(fault, TAMIS_IO, "cannot read %s: not a file of bytes", path);
  if (*length > FILE_MAX)
    return fault_set(fault, TAMIS_TOO_LARGE, "%s is above %d bytes: that is no policy", path,
                     FILE_MAX);
  return TAMIS_OK;
}

enum tamis_status policy_file_read(const char *path, json_t **policy, json_t **findings,
                                   struct fault *fault) {
  struct reading reading = {.path = path, .fault = fault};
  char bytes[FILE_MAX + 1];
  size_t length = 0;
  enum tamis_status status = read_bytes(path, bytes, &length, fault);
  if (status != TAMIS_OK) return status;
  if (!yaml_parser_initialize(&reading.parser)) return fault_plain(fault, TAMIS_NO_MEMORY);
  yaml_parser_set_input_string(&reading.parser, (const unsigned char *)bytes, length);
  reading.policy = json_object();
  reading.findings = json_array();
  status = read_document(&reading);
  yaml_parser_delete(&reading.parser);
  if (status == TAMIS_OK) {
    *policy = reading.policy;
    *findings = reading.findings;
    return TAMIS_OK;
  }
  json_decref(reading.policy);
  json_decref(reading.findings);
  return status;
}

enum tamis_status policy_file_read_good(const char *path, json_t **policy, struct fault *fault) {
  json_t *findings = NULL;
  enum tamis_status status = policy_file_read(path, policy, &findings, fault);
  if (status != TAMIS_OK) return status;
  const json_t *first = json_array_get(findings, 0);
  if (first) {
    status = fault_set(fault, TAMIS_BAD_REQUEST, "%s, line %lld: %s: %s", path,
                       (long long)json_integer_value(json_object_get(first, "line")),
                       json_string_value(json_object_get(first, "threshold")),
                       json_string_value(json_object_get(first, "sentence")));
    json_decref(*policy);
    *policy = NULL;
  }
  json_decref(findings);
  return status;
}
