/* The refusal list, turned into tables by the preprocessor so that a new reason is one new line in
 * the header. */
#include <string.h>
#include "proto/status.h"

struct row {
  const char *name;
  const char *words;
  int grpc;
  int retry;
};

static const struct row rows[TAMIS_STATUS_COUNT] = {
#define X(name, grpc, retry, words) {#name, words, grpc, retry},
    TAMIS_STATUS_MAP(X)
#undef X
};

/* A number from outside the list is a fault of ours, and is reported as one. */
static const struct row *row_of(enum tamis_status status) {
  return &rows[(unsigned)status < TAMIS_STATUS_COUNT ? status : TAMIS_INTERNAL];
}

const char *tamis_status_name(enum tamis_status status) {
  return row_of(status)->name;
}

const char *tamis_status_words(enum tamis_status status) {
  return row_of(status)->words;
}

int tamis_status_grpc(enum tamis_status status) {
  return row_of(status)->grpc;
}

int tamis_status_is_retryable(enum tamis_status status) {
  return row_of(status)->retry;
}

enum tamis_status tamis_status_from_name(const char *name) {
  for (unsigned i = 0; i < TAMIS_STATUS_COUNT; i++)
    if (strcmp(rows[i].name, name) == 0) return (enum tamis_status)i;
  return TAMIS_INTERNAL;
}
