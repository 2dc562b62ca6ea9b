/* Names for the answers in status.h, made from the one list there. */
#include "robust/status.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

static const char *const names[] = {
#define ROBUST_STATUS_NAME(name, words) #name,
    ROBUST_STATUS_LIST(ROBUST_STATUS_NAME)
#undef ROBUST_STATUS_NAME
};

static const char *const sentences[] = {
#define ROBUST_STATUS_WORDS(name, words) words,
    ROBUST_STATUS_LIST(ROBUST_STATUS_WORDS)
#undef ROBUST_STATUS_WORDS
};

static const size_t status_count = sizeof names / sizeof names[0];

const char *robust_status_name(enum robust_status status) {
  return (size_t)status < status_count ? names[status] : "UNKNOWN";
}

const char *robust_status_words(enum robust_status status) {
  return (size_t)status < status_count ? sentences[status] : "unknown status";
}

void robust_error_set(struct robust_error *error, const char *format, ...) {
  if (error == NULL) return;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(error->text, sizeof error->text, format, arguments);
  va_end(arguments);
}
