/* A refusal and the sentence that goes with it: what happened, why, what to do. */
#ifndef TAMIS_FAULT_H
#define TAMIS_FAULT_H

#include "proto/status.h"

struct fault {
  enum tamis_status status;
  char text[320]; /* printable; always terminated; empty when status is TAMIS_OK */
};

/* Fills `fault` (which may be NULL) and returns `status`, so that a caller can `return
 * fault_set(...)`. Truncates. Bytes that are not printable ASCII, as they may come from outside,
 * become '?'. */
enum tamis_status fault_set(struct fault *fault, enum tamis_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* As fault_set with the words of the status list. */
enum tamis_status fault_plain(struct fault *fault, enum tamis_status status);

#endif
