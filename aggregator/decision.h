/* What the aggregator wants to say: statements in the order in which they are to be signed and
 * appended, with the manifests that must be durable first. */
#ifndef TAMIS_DECISION_H
#define TAMIS_DECISION_H

#include <jansson.h>
#include <stddef.h>
#include "aggregator/state.h"
#include "proto/digest.h"
#include "proto/statement.h"
#include "proto/status.h"

/* A statement to be signed by the aggregator and appended. */
struct proposal {
  enum statement_kind kind;
  json_t *predicate; /* owned */
  size_t subject_count;
  const char *subject_name[2]; /* literals */
  struct digest subject[2];
  char *manifest; /* owned; canonical JSON that must be a durable blob first; NULL: none */
  size_t manifest_length;
  json_t *manifest_json; /* owned; the same */
};

struct decision { /* in the order in which they are to be appended */
  struct proposal *proposal;
  size_t count, capacity;
};
void decision_close(struct decision *decision);

/* Adds a statement with one subject (`subject` may be filled in later) and takes over the
 * predicate, whose NULL means that there was no memory: the process ends, as a decision cannot be
 * half made. */
struct proposal *decision_add(struct decision *decision, enum statement_kind kind,
                              const char *subject_name, const struct digest *subject,
                              json_t *predicate);
/* Takes over the manifest and gives back its digest, for the statement to name. */
struct digest decision_attach(struct proposal *proposal, json_t *manifest);
/* `memory`, which is not NULL afterwards. */
void *decision_memory(void *memory);

/* Two ends of the open round that come from more than one reason. */
void decision_add_abandon(const struct federation *federation, int64_t now_ms,
                          enum tamis_status status, const char *sentence,
                          struct decision *decision);
void decision_add_hold(const struct federation *federation, int64_t now_ms, const char *sentence,
                       struct decision *decision);

#endif
