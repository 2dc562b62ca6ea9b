/* A variant of one round, laid beside what was logged. */
#include "audit/replay.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "aggregator/manifest.h"
#include "audit/descent.h"
#include "audit/variant.h"
#include "proto/canonical.h"
#include "robust/optimiser.h"
#include "robust/pipeline.h"

/* ---- the question ---- */

static enum tamis_status take_rule(const char *text, char rule[STATE_RULE_SIZE],
                                   struct fault *fault) {
  struct robust_pipeline *pipeline;
  struct robust_error error;
  if (strlen(text) >= STATE_RULE_SIZE)
    return fault_set(fault, TAMIS_BAD_REQUEST, "a rule has at most %d bytes", STATE_RULE_SIZE - 1);
  if (robust_pipeline_parse(text, &pipeline, &error) != ROBUST_OK)
    return fault_set(fault, TAMIS_BAD_REQUEST, "rule: %s", error.text);
  bool needs = robust_pipeline_needs_reference(pipeline) || robust_pipeline_reads_history(pipeline);
  robust_pipeline_free(pipeline);
  if (needs)
    return fault_set(fault, TAMIS_BAD_REQUEST,
                     "%.120s compares with something that a federation's rounds do not have", text);
  strcpy(rule, text);
  return TAMIS_OK;
}

static enum tamis_status take_optimiser(const char *text, char optimiser[STATE_RULE_SIZE],
                                        struct fault *fault) {
  struct robust_optimiser *parsed;
  struct robust_error error;
  optimiser[0] = '\0';
  if (text[0] == '\0') return TAMIS_OK;
  if (strlen(text) >= STATE_RULE_SIZE)
    return fault_set(fault, TAMIS_BAD_REQUEST, "an optimiser has at most %d bytes",
                     STATE_RULE_SIZE - 1);
  if (robust_optimiser_parse(text, &parsed, &error) != ROBUST_OK)
    return fault_set(fault, TAMIS_BAD_REQUEST, "optimiser: %s", error.text);
  robust_optimiser_free(parsed);
  strcpy(optimiser, text);
  return TAMIS_OK;
}

static enum tamis_status find_round(const struct archive *archive,
                                    const struct replay_question *question,
                                    const struct archive_round **round, struct fault *fault) {
  if (!state_federation_find(archive_state(archive), question->federation))
    return fault_set(fault, TAMIS_UNKNOWN_FEDERATION, "the log has no federation %s",
                     question->federation);
  *round = descent_round(archive, question->federation, question->round);
  if (!*round)
    return fault_set(fault, TAMIS_NOT_FOUND, "there is no round %" PRId64 " in %s", question->round,
                     question->federation);
  if (!(*round)->aggregate)
    return fault_set(fault, TAMIS_NOT_FOUND, "round %" PRId64 " of %s did not come to verdicts",
                     question->round, question->federation);
  return TAMIS_OK;
}

/* The work to be done, and in `replay` what was asked beside what was planned. */
static enum tamis_status vary(const struct replay_question *question,
                              const struct archive_round *round, struct work *work,
                              struct replay *replay, struct fault *fault) {
  enum tamis_status status = TAMIS_OK;
  memcpy(replay->logged_rule, work->rule, sizeof work->rule);
  memcpy(replay->logged_optimiser, work->optimiser, sizeof work->optimiser);
  if (question->rule) status = take_rule(question->rule, work->rule, fault);
  if (status == TAMIS_OK && question->optimiser)
    status = take_optimiser(question->optimiser, work->optimiser, fault);
  memcpy(replay->rule, work->rule, sizeof work->rule);
  memcpy(replay->optimiser, work->optimiser, sizeof work->optimiser);
  replay->base = work->base;
  replay->updates = work->count;
  replay->outcome = round->outcome;
  replay->has_logged = round->aggregate_index != ARCHIVE_NOWHERE;
  replay->logged = round->candidate;
  return status;
}

/* ---- what was logged ---- */

static enum tamis_status corrupt_weights(struct fault *fault) {
  return fault_set(fault, TAMIS_CORRUPT, "the weights of the round are not in their manifest");
}

static enum tamis_status read_weights(const json_t *manifest, const json_t *list,
                                      struct replay *replay, struct fault *fault) {
  if (json_array_size(list) != replay->count ||
      !canonical_double(manifest, "margin", &replay->logged_margin))
    return corrupt_weights(fault);
  for (size_t i = 0; i < replay->count; i++) {
    const json_t *element = json_array_get(list, i);
    const char *client;
    if (!canonical_text(element, "client", &client) || strcmp(client, replay->row[i].client) != 0 ||
        !canonical_double(element, "weight", &replay->row[i].logged))
      return corrupt_weights(fault);
  }
  return TAMIS_OK;
}

static enum tamis_status load_weights(const struct archive *archive,
                                      const struct replay_question *question,
                                      const struct archive_round *round, struct replay *replay,
                                      struct fault *fault) {
  json_t *manifest = NULL;
  const json_t *list = NULL;
  enum tamis_status status =
      manifest_load(archive_blobs(archive), &round->weights, &manifest, fault);
  if (status == TAMIS_OK)
    status =
        manifest_list(manifest, question->federation, question->round, "updates", &list, fault);
  if (status == TAMIS_OK) status = read_weights(manifest, list, replay, fault);
  json_decref(manifest);
  return status;
}

/* ---- the answer ---- */

static enum tamis_status take_rows(const struct archive *archive, const struct work *done,
                                   struct replay *replay, struct fault *fault) {
  replay->row = calloc(done->count + 1, sizeof *replay->row);
  if (!replay->row) return fault_plain(fault, TAMIS_NO_MEMORY);
  for (size_t i = 0; i < done->count; i++)
    if (done->counts[i])
      replay->row[replay->count++] =
          (struct replay_row){.client = archive_state(archive)->client[done->row[i].client].name,
                              .weight = done->weight[i]};
  replay->candidate = done->candidate;
  replay->margin = done->margin;
  return TAMIS_OK;
}

static enum tamis_status take_file(const struct variant *variant, struct replay *replay,
                                   struct fault *fault) {
  const struct found_file *file = found_file(&variant->files, &replay->candidate);
  replay->file = malloc(file->length);
  if (!replay->file) return fault_plain(fault, TAMIS_NO_MEMORY);
  memcpy(replay->file, file->bytes, file->length);
  replay->file_length = file->length;
  return TAMIS_OK;
}

static enum tamis_status compare(struct blob_store *blobs, struct replay *replay,
                                 struct fault *fault) {
  struct blob_view base = {0}, logged = {0}, view = {replay->file, replay->file_length, true};
  const struct digest *other = replay->has_logged ? &replay->logged : &replay->base;
  enum tamis_status status = blob_map(blobs, &replay->base, true, &base, fault);
  if (status == TAMIS_OK) status = blob_map(blobs, other, true, &logged, fault);
  if (status == TAMIS_OK) status = moves_compare(&base, &view, &logged, &replay->moves, fault);
  blob_unmap(&logged);
  blob_unmap(&base);
  return status;
}

static enum tamis_status evaluate(struct evaluator *evaluator, struct blob_store *blobs,
                                  struct replay *replay, struct fault *fault) {
  enum tamis_status status =
      evaluator_blob(evaluator, blobs, &replay->base, &replay->base_value, fault);
  if (status == TAMIS_OK && replay->has_logged)
    status = evaluator_blob(evaluator, blobs, &replay->logged, &replay->logged_value, fault);
  if (status == TAMIS_OK)
    status = evaluator_bytes(evaluator, replay->file, replay->file_length, &replay->candidate,
                             &replay->value, fault);
  replay->is_evaluated = status == TAMIS_OK;
  return status;
}

static enum tamis_status run(const struct archive *archive, const struct replay_question *question,
                             const struct archive_round *round, const struct work *work,
                             struct replay *replay, struct fault *fault) {
  struct blob_store *blobs = archive_blobs(archive);
  struct variant variant = variant_at(work);
  struct work *done = NULL;
  enum tamis_status status =
      variant_round(&variant, blobs, question->threads, work, NULL, NULL, &done, fault);
  if (status == TAMIS_OK) status = take_rows(archive, done, replay, fault);
  if (status == TAMIS_OK) status = take_file(&variant, replay, fault);
  if (status == TAMIS_OK && replay->has_logged)
    status = load_weights(archive, question, round, replay, fault);
  if (status == TAMIS_OK) status = compare(blobs, replay, fault);
  if (status == TAMIS_OK && question->evaluator)
    status = evaluate(question->evaluator, blobs, replay, fault);
  work_free(done);
  variant_close(&variant);
  return status;
}

enum tamis_status replay_round(const struct archive *archive,
                               const struct replay_question *question, struct replay *replay,
                               struct fault *fault) {
  const struct archive_round *round = NULL;
  *replay = (struct replay){0};
  enum tamis_status status = find_round(archive, question, &round, fault);
  if (status != TAMIS_OK) return status;
  struct work *work = work_copy(round->aggregate);
  status = vary(question, round, work, replay, fault);
  if (status == TAMIS_OK) status = run(archive, question, round, work, replay, fault);
  work_free(work);
  return status;
}

void replay_close(struct replay *replay) {
  free(replay->row);
  free(replay->file);
  *replay = (struct replay){0};
}
