/* The decider is asked with the state at the log's end; the line is then computed in memory. */
#include "audit/preview.h"

#include <stdlib.h>
#include <string.h>
#include "aggregator/undo_plan.h"
#include "audit/descent.h"
#include "audit/variant.h"

static const char no_nonce[] = "00000000000000000000000000000000";

/* The statement as it would be signed. */
static enum tamis_status statement_make(const struct archive *archive, enum statement_kind kind,
                                        json_t *predicate, const struct digest *model,
                                        struct statement *statement, struct fault *fault) {
  const char *origin = state_origin(archive_state(archive)), *name = "model";
  char *payload = NULL;
  size_t length = 0;
  if (!json_object_get(predicate, "nonce"))
    json_object_set_new(predicate, "nonce", json_string(no_nonce));
  enum tamis_status status =
      statement_write(origin, kind, predicate, 1, &name, model, &payload, &length, fault);
  if (status == TAMIS_OK) status = statement_read(payload, length, origin, statement, fault);
  free(payload);
  return status;
}

struct without {
  const json_t *names;
  const struct state *state;
};

static bool is_without(const void *context, uint32_t client) {
  const struct without *without = context;
  const json_t *name;
  size_t i;
  json_array_foreach(without->names, i, name) {
    if (strcmp(json_string_value(name), without->state->client[client].name) == 0) return true;
  }
  return false;
}

static enum tamis_status variant_value(const struct variant *variant, struct archive *archive,
                                       struct evaluator *evaluator, double *value,
                                       struct fault *fault) {
  struct blob_view view;
  enum tamis_status status = variant_model(variant, archive_blobs(archive), &view, fault);
  if (status != TAMIS_OK) return status;
  status = evaluator_bytes(evaluator, view.bytes, view.length, &variant->head, value, fault);
  blob_unmap(&view);
  return status;
}

static enum tamis_status rounds_redo(struct archive *archive, const struct descent *descent,
                                     const struct without *without, int threads,
                                     struct variant *variant, struct fault *fault) {
  for (size_t i = 0; i < descent->count; i++) {
    const struct work *work = descent->round[i]->aggregate;
    if (!work)
      return fault_set(fault, TAMIS_NOT_FOUND, "the updates of round %lld cannot be read",
                       (long long)descent->round[i]->number);
    if (i == 0) *variant = variant_at(work);
    enum tamis_status status = variant_round(variant, archive_blobs(archive), threads, work,
                                             is_without, without, NULL, fault);
    if (status != TAMIS_OK && status != TAMIS_RULE_NOT_FEASIBLE) return status;
  }
  return TAMIS_OK;
}

static enum tamis_status rebuilt_value(struct archive *archive, const struct statement *statement,
                                       struct evaluator *evaluator, int threads, double *value,
                                       struct fault *fault) {
  struct without without = {json_object_get(statement->predicate, "without"),
                            archive_state(archive)};
  struct variant variant = {0};
  struct descent descent;
  enum tamis_status status =
      descent_open(archive, statement_text(statement, "federation"),
                   statement_integer(statement, "since"), DESCENT_HEAD, &descent, fault);
  if (status == TAMIS_OK)
    status = rounds_redo(archive, &descent, &without, threads, &variant, fault);
  if (status == TAMIS_OK) status = variant_value(&variant, archive, evaluator, value, fault);
  variant_close(&variant);
  descent_close(&descent);
  return status;
}

static enum tamis_status evaluate(struct archive *archive, const struct statement *statement,
                                  struct evaluator *evaluator, int threads, json_t *plan,
                                  struct fault *fault) {
  const struct federation *federation =
      state_federation_find(archive_state(archive), statement_text(statement, "federation"));
  double before = 0, after = 0;
  enum tamis_status status =
      evaluator_blob(evaluator, archive_blobs(archive), &federation->head, &before, fault);
  if (status == TAMIS_OK && statement->kind == STATEMENT_ROLLBACK)
    status =
        evaluator_blob(evaluator, archive_blobs(archive), &statement->subject[0], &after, fault);
  else if (status == TAMIS_OK)
    status = rebuilt_value(archive, statement, evaluator, threads, &after, fault);
  if (status != TAMIS_OK) return status;
  json_object_set_new(plan, "before", json_real(before));
  json_object_set_new(plan, "after", json_real(after));
  return TAMIS_OK;
}

enum tamis_status preview_undo(struct archive *archive, enum statement_kind kind, json_t *predicate,
                               const struct digest *model, struct evaluator *evaluator, int threads,
                               json_t **json, struct fault *fault) {
  const struct state *state = archive_state(archive);
  struct moment moment = {.is_settled = true, .is_preview = true};
  struct entry entry = {0};
  struct undo_plan plan;
  *json = NULL;
  enum tamis_status status =
      statement_make(archive, kind, predicate, model, &entry.statement, fault);
  if (status != TAMIS_OK) return status;
  status = federation_admit(state, &entry, &moment, fault);
  if (status == TAMIS_OK && undo_plan_of(state, &entry.statement, archive_blobs(archive), &plan)) {
    moment.plan = &plan;
    status = federation_admit(state, &entry, &moment, fault);
    if (status == TAMIS_OK) *json = undo_plan_json(&plan);
    undo_plan_close(&plan);
  }
  if (status == TAMIS_OK && evaluator)
    status = evaluate(archive, &entry.statement, evaluator, threads, *json, fault);
  statement_close(&entry.statement);
  if (status == TAMIS_OK) return TAMIS_OK;
  json_decref(*json);
  *json = NULL;
  return status;
}
