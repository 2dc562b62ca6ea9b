/* Log lines: an event and its facts, `upload refused client=c17 status=TOO_SLOW`, as text or as
 * JSON. */
#ifndef TAMIS_LOG_H
#define TAMIS_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What an operator must act on, may want to know, never sees unless looking for a fault. 0 is what
 * one gets without asking. */
enum log_level { LOG_LEVEL_ERROR = -2, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON, LOG_FORMAT_COUNT };

const char *log_level_name(enum log_level level);
const char *log_format_name(enum log_format format);

enum { LOG_LINE_MAX = 2048 }; /* longer lines are cut, and say so */

struct log {
  int descriptor;
  enum log_level level;
  enum log_format format;
};

/* One `key=value`. Values may be hostile bytes: what is not printable ASCII is escaped. */
struct log_field {
  enum { LOG_FIELD_END, LOG_FIELD_TEXT, LOG_FIELD_INTEGER, LOG_FIELD_SECONDS } kind;
  const char *key;
  const char *text;
  int64_t integer;
  double seconds;
};
struct log_field log_text(const char *key, const char *text); /* NULL is written as "" */
struct log_field log_integer(const char *key, int64_t integer);
struct log_field log_seconds(const char *key, double seconds);
struct log_field log_end(void);

/* Fields by value, the last one log_end(). One write per line; any thread. `log` may be NULL:
 * silence. */
void log_event(const struct log *log, enum log_level level, const char *event, ...);

/* What log_event writes, for tests: the line with its newline, terminated; gives back its length.
 */
size_t log_format_line(const struct log *log, enum log_level level, uint64_t unix_ms,
                       const char *event, const struct log_field *fields, size_t count,
                       char line[LOG_LINE_MAX]);

#endif
