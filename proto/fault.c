/* Sentences for people, made safe for terminals, logs and gRPC metadata whatever outside bytes went
 * into them. */
#include <stdarg.h>
#include <stdio.h>
#include "proto/fault.h"

enum tamis_status fault_set(struct fault *fault, enum tamis_status status, const char *format,
                            ...) {
  if (!fault) return status;
  va_list arguments;
  va_start(arguments, format);
  int written = vsnprintf(fault->text, sizeof fault->text, format, arguments);
  va_end(arguments);
  if (written < 0) fault->text[0] = '\0';
  fault->status = status;
  for (char *c = fault->text; *c; c++)
    if (*c < 0x20 || *c > 0x7e) *c = '?';
  return status;
}

enum tamis_status fault_plain(struct fault *fault, enum tamis_status status) {
  return fault_set(fault, status, "%s", status == TAMIS_OK ? "" : tamis_status_words(status));
}
