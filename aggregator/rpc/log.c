/* Bytes from outside reach a terminal or a log collector only through escape(), and a line never
 * outgrows its buffer. */
#include "aggregator/rpc/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
  FIELDS_MAX = 16,
  TAIL = 8
}; /* TAIL: room kept for the mark of a cut line, the brace and the newline */

static const char *const level_names[] = {"error", "warn", "info", "debug"};
static const char *const format_names[LOG_FORMAT_COUNT] = {"text", "json"};

const char *log_level_name(enum log_level level) {
  return level_names[level - LOG_LEVEL_ERROR];
}

const char *log_format_name(enum log_format format) {
  return format_names[format];
}

struct log_field log_text(const char *key, const char *text) {
  return (struct log_field){.kind = LOG_FIELD_TEXT, .key = key, .text = text ? text : ""};
}

struct log_field log_integer(const char *key, int64_t integer) {
  return (struct log_field){.kind = LOG_FIELD_INTEGER, .key = key, .integer = integer};
}

struct log_field log_seconds(const char *key, double seconds) {
  return (struct log_field){.kind = LOG_FIELD_SECONDS, .key = key, .seconds = seconds};
}

struct log_field log_end(void) {
  return (struct log_field){.kind = LOG_FIELD_END};
}

struct line {
  char *text;
  size_t length;
  bool is_cut;
};

static void put(struct line *line, const char *text, size_t length) {
  if (line->is_cut || line->length + length > LOG_LINE_MAX - TAIL) {
    line->is_cut = true;
    return;
  }
  memcpy(line->text + line->length, text, length);
  line->length += length;
}

static void put_text(struct line *line, const char *text) {
  put(line, text, strlen(text));
}

/* Quotes and backslashes as JSON writes them, the rest of what is not printable as \u00xx: one form
 * for both formats. */
static void escape(struct line *line, const char *text) {
  for (const unsigned char *c = (const unsigned char *)text; *c && !line->is_cut; c++) {
    char code[8] = {(char)*c, 0};
    if (*c == '"' || *c == '\\')
      snprintf(code, sizeof code, "\\%c", *c);
    else if (*c < 0x20 || *c > 0x7e)
      snprintf(code, sizeof code, "\\u%04x", *c);
    put_text(line, code);
  }
}

static bool is_plain(const char *text) {
  if (!*text) return false;
  for (const unsigned char *c = (const unsigned char *)text; *c; c++)
    if (*c <= 0x20 || *c > 0x7e || *c == '"' || *c == '\\' || *c == '=') return false;
  return true;
}

static void put_value(struct line *line, const struct log_field *field, bool is_json) {
  char number[32];
  if (field->kind == LOG_FIELD_TEXT) {
    bool is_quoted = is_json || !is_plain(field->text);
    if (is_quoted) put_text(line, "\"");
    escape(line, field->text);
    if (is_quoted) put_text(line, "\"");
  } else {
    if (field->kind == LOG_FIELD_INTEGER)
      snprintf(number, sizeof number, "%lld", (long long)field->integer);
    else
      snprintf(number, sizeof number, "%.3f", field->seconds);
    put_text(line, number);
  }
}

static void put_time(struct line *line, uint64_t unix_ms) {
  char text[40];
  time_t seconds = (time_t)(unix_ms / 1000);
  struct tm utc;
  gmtime_r(&seconds, &utc);
  size_t length = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
  snprintf(text + length, sizeof text - length, ".%03uZ", (unsigned)(unix_ms % 1000));
  put_text(line, text);
}

/* A JSON line that is too long loses whole fields, so that it stays JSON. */
static void put_field(struct line *line, const struct log_field *field, bool is_json) {
  size_t before = line->length;
  put_text(line, is_json ? ",\"" : " ");
  put_text(line, field->key);
  put_text(line, is_json ? "\":" : "=");
  put_value(line, field, is_json);
  if (line->is_cut) line->length = before;
}

size_t log_format_line(const struct log *log, enum log_level level, uint64_t unix_ms,
                       const char *event, const struct log_field *fields, size_t count,
                       char text[LOG_LINE_MAX]) {
  struct line line = {.text = text};
  bool is_json = log->format == LOG_FORMAT_JSON;
  if (is_json) put_text(&line, "{\"time\":\"");
  put_time(&line, unix_ms);
  put_text(&line, is_json ? "\",\"level\":\"" : " ");
  put_text(&line, log_level_name(level));
  put_text(&line, is_json ? "\",\"event\":\"" : " ");
  escape(&line, event);
  if (is_json) put_text(&line, "\"");
  for (size_t i = 0; i < count; i++) put_field(&line, &fields[i], is_json);
  bool is_cut = line.is_cut;
  line.is_cut = false;
  if (is_cut && !is_json) memcpy(text + line.length, " ...", 4), line.length += 4;
  if (is_json) text[line.length++] = '}';
  text[line.length++] = '\n';
  text[line.length] = '\0';
  return line.length;
}

static uint64_t unix_ms_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void log_event(const struct log *log, enum log_level level, const char *event, ...) {
  struct log_field fields[FIELDS_MAX];
  char line[LOG_LINE_MAX];
  size_t count = 0;
  va_list list;
  if (!log || level > log->level) return;
  va_start(list, event);
  for (; count < FIELDS_MAX; count++) {
    fields[count] = va_arg(list, struct log_field);
    if (fields[count].kind == LOG_FIELD_END) break;
  }
  va_end(list);
  size_t length = log_format_line(log, level, unix_ms_now(), event, fields, count, line);
  ssize_t written = write(log->descriptor, line, length);
  (void)written; /* nobody is left to tell */
}
