/* A list that grows, and the statements that more than one decision ends in. */
#include "aggregator/decision.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include "aggregator/manifest.h"
#include "proto/canonical.h"

void *decision_memory(void *memory) {
  if (!memory) {
    fputs("tamis: out of memory while deciding\n", stderr);
    abort();
  }
  return memory;
}

void decision_close(struct decision *decision) {
  for (size_t i = 0; i < decision->count; i++) {
    json_decref(decision->proposal[i].predicate);
    json_decref(decision->proposal[i].manifest_json);
    free(decision->proposal[i].manifest);
  }
  free(decision->proposal);
  *decision = (struct decision){0};
}

struct proposal *decision_add(struct decision *decision, enum statement_kind kind,
                              const char *subject_name, const struct digest *subject,
                              json_t *predicate) {
  if (decision->count == decision->capacity) {
    decision->capacity = decision->capacity ? 2 * decision->capacity : 4;
    decision->proposal = decision_memory(
        realloc(decision->proposal, decision->capacity * sizeof *decision->proposal));
  }
  struct proposal *proposal = &decision->proposal[decision->count++];
  *proposal = (struct proposal){.kind = kind,
                                .predicate = decision_memory(predicate),
                                .subject_count = 1,
                                .subject_name = {subject_name}};
  if (subject) proposal->subject[0] = *subject;
  return proposal;
}

/* The manifest's digest, which the statement names. */
struct digest decision_attach(struct proposal *proposal, json_t *manifest) {
  struct fault fault;
  proposal->manifest_json = decision_memory(manifest);
  enum tamis_status status =
      canonical_encode(manifest, &proposal->manifest, &proposal->manifest_length, &fault);
  assert(status == TAMIS_OK);
  (void)status;
  return digest_of(proposal->manifest, proposal->manifest_length);
}

void decision_add_abandon(const struct federation *federation, int64_t now_ms,
                          enum tamis_status status, const char *sentence,
                          struct decision *decision) {
  const struct round *round = &federation->round;
  decision_add(decision, STATEMENT_ABANDON, "base", &round->base,
               json_pack("{s:s, s:I, s:s, s:s, s:I, s:I, s:I}", "federation", federation->name,
                         "round", (json_int_t)round->number, "status", tamis_status_name(status),
                         "sentence", sentence, "received", (json_int_t)round->updates, "quorum",
                         (json_int_t)round->quorum, "at_ms", (json_int_t)now_ms));
}

void decision_add_hold(const struct federation *federation, int64_t now_ms, const char *sentence,
                       struct decision *decision) {
  const struct round *round = &federation->round;
  decision_add(decision, STATEMENT_HOLD, "model", &round->base,
               json_pack("{s:s, s:I, s:s, s:I}", "federation", federation->name, "round",
                         (json_int_t)round->number, "sentence", sentence, "at_ms",
                         (json_int_t)now_ms));
}
