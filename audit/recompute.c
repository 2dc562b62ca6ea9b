/* The server's own passes over the server's own files, and the decider's words after them. */
#include "audit/recompute.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "aggregator/manifest.h"
#include "aggregator/round.h"
#include "proto/canonical.h"
#include "proto/envelope.h"

void recompute_close(struct recompute *recompute) {
  state_free(recompute->state);
  work_free(recompute->work);
  statement_close(&recompute->statement);
  json_decref(recompute->manifest);
  free(recompute->bytes);
  *recompute = (struct recompute){0};
}

void recomputation_close(struct recomputation *out) {
  free(out->absent);
  *out = (struct recomputation){0};
}

/* ---- files ---- */

static void add_absent(struct recomputation *out, const struct digest *file, uint64_t index) {
  out->absent =
      decision_memory(realloc(out->absent, (out->absent_count + 1) * sizeof *out->absent));
  out->absent[out->absent_count++] = (struct recompute_absent){*file, index};
  out->recomputed = RECOMPUTED_ABSENT;
}

static void differ_in(struct recomputation *out, const char *what, const char *expected,
                      const char *found) {
  out->recomputed = RECOMPUTED_DIFFERENT;
  snprintf(out->difference.what, sizeof out->difference.what, "%.150s", what);
  snprintf(out->difference.expected, sizeof out->difference.expected, "%.150s", expected);
  snprintf(out->difference.found, sizeof out->difference.found, "%.150s", found);
}

bool recompute_file(struct blob_store *blobs, const struct digest *digest,
                    struct recomputation *out) {
  char hex[DIGEST_HEX_SIZE];
  struct blob_view view;
  enum tamis_status status = blob_map(blobs, digest, true, &view, &out->fault);
  if (status == TAMIS_OK) {
    out->files++;
    out->bytes += view.length;
    blob_unmap(&view);
    return true;
  }
  digest_to_hex(digest, hex);
  if (status == TAMIS_NOT_FOUND) {
    add_absent(out, digest, out->index);
  } else if (status == TAMIS_CORRUPT) {
    differ_in(out, "the file", hex, "it has other bytes");
  } else {
    out->recomputed = RECOMPUTED_FAILED;
  }
  return false;
}

/* A file that the computation reads, and the entry that named it. */
struct input {
  const struct digest *file;
  uint64_t index;
  size_t past_of; /* the row that is compared with it; SIZE_MAX: it is no such file */
};

/* Files of sketches, those of one round next to each other once. */
static size_t sketches_list(const struct recompute *recompute, struct input *input) {
  const struct work *work = recompute->work;
  size_t count = 0;
  if (work->trail.count > 0)
    input[count++] = (struct input){&work->trail.file, recompute->index, SIZE_MAX};
  for (size_t i = 0; i < work->count; i++) {
    const struct digest *file = &work->row[i].sketch.file;
    if (digest_is_zero(file) || (count > 0 && digest_equal(file, input[count - 1].file))) continue;
    input[count++] = (struct input){file, recompute->index, SIZE_MAX};
  }
  return count;
}

static size_t inputs_list(const struct recompute *recompute, struct input *input) {
  const struct work *work = recompute->work;
  bool measures = work->kind == WORK_MEASURE;
  size_t count = 0;
  input[count++] = (struct input){&work->base, recompute->index, SIZE_MAX};
  for (size_t i = 0; i < work->count; i++) {
    if (!measures && !work->counts[i]) continue;
    input[count++] = (struct input){&work->row[i].update, work->row[i].index, SIZE_MAX};
    if (measures && !digest_is_zero(&work->row[i].before))
      input[count++] = (struct input){&work->row[i].before, recompute->index, i};
  }
  if (work->of != 0) { /* where the rows of a rebuilt round are from */
    input[count++] = (struct input){&work->verdicts, recompute->index, SIZE_MAX};
    input[count++] = (struct input){&work->weights, recompute->index, SIZE_MAX};
  }
  if (measures && !digest_is_zero(&work->base_before))
    input[count++] = (struct input){&work->base_before, recompute->index, SIZE_MAX};
  if (measures) count += sketches_list(recompute, input + count);
  if (!measures) input[count++] = (struct input){&work->gram, recompute->index, SIZE_MAX};
  for (size_t i = 0; !measures && i < work->before.count; i++)
    input[count++] = (struct input){&work->before.vector[i].blob, recompute->index, SIZE_MAX};
  return count;
}

static struct input *inputs_of(const struct recompute *recompute, size_t *count) {
  size_t most = 3 * recompute->work->count + 5 + STATE_VECTORS_MAX;
  struct input *input = decision_memory(calloc(most, sizeof *input));
  *count = inputs_list(recompute, input);
  return input;
}

/* The first input with other bytes than its digest is told; false when there is none. */
static bool inputs_find_bad(struct recompute *recompute, struct recomputation *out) {
  size_t count;
  struct input *input = inputs_of(recompute, &count);
  bool is_good = true;
  for (size_t i = 0; i < count && is_good; i++) {
    out->index = input[i].index;
    is_good = recompute_file(recompute->blobs, input[i].file, out);
  }
  free(input);
  return !is_good;
}

/* Which inputs are not here. `past` (a flag a row) says whose update of before is not. */
static void inputs_find_absent(struct recompute *recompute, bool *past, struct recomputation *out) {
  size_t count;
  struct input *input = inputs_of(recompute, &count);
  out->is_only_past = true;
  for (size_t i = 0; i < count; i++) {
    if (blob_exists(recompute->blobs, input[i].file)) continue;
    add_absent(out, input[i].file, input[i].index);
    if (input[i].past_of == SIZE_MAX)
      out->is_only_past = false;
    else
      past[input[i].past_of] = true;
  }
  free(input);
}

/* Updates and base, which round_find has checked as it read them for the first time. */
static void count_inputs(const struct recompute *recompute, struct recomputation *out) {
  const struct work *work = recompute->work;
  if (work->kind != WORK_MEASURE) return;
  out->files += work->count + 1;
  out->bytes += (work->count + 1) * blob_size(recompute->blobs, &work->base);
}

/* What was found has the digests that the log names, so the stored files must be these bytes. */
static void check_stored(struct recompute *recompute, const struct found *found,
                         struct recomputation *out) {
  for (size_t i = 0; i < found->count && out->recomputed == RECOMPUTED_SAME; i++) {
    const struct found_file *file = &found->file[i];
    char hex[DIGEST_HEX_SIZE];
    struct blob_view view;
    enum tamis_status status = blob_map(recompute->blobs, &file->digest, false, &view, &out->fault);
    digest_to_hex(&file->digest, hex);
    if (status == TAMIS_NOT_FOUND) {
      add_absent(out, &file->digest, recompute->index);
    } else if (status != TAMIS_OK) {
      out->recomputed = RECOMPUTED_FAILED;
    } else if (view.length != file->length || memcmp(view.bytes, file->bytes, file->length) != 0) {
      differ_in(out, "the stored file of the result", hex, "it has other bytes");
    }
    if (status == TAMIS_OK) blob_unmap(&view);
    out->files++;
    out->bytes += file->length;
  }
}

/* ---- words ---- */

static struct digest digest_answer(const struct recompute *recompute,
                                   const struct proposal *proposal) {
  char *payload = NULL;
  size_t length = 0;
  struct digest_stream *stream = digest_stream_new();
  if (statement_write(state_origin(recompute->state), proposal->kind, proposal->predicate,
                      proposal->subject_count, proposal->subject_name, proposal->subject, &payload,
                      &length, NULL) == TAMIS_OK)
    digest_stream_add(stream, payload, length);
  if (proposal->manifest) digest_stream_add(stream, proposal->manifest, proposal->manifest_length);
  struct digest answer = digest_stream_finish(stream);
  digest_stream_free(stream);
  free(payload);
  return answer;
}

static void compare(struct recompute *recompute, struct recomputation *out) {
  struct moment moment = {.now_ms = recompute->now_ms, .is_settled = true};
  struct decision decision = {0};
  if (!federation_worked(recompute->state, recompute->work, &moment, &decision) ||
      decision.count == 0) {
    differ_in(out, "what follows here", "nothing yet",
              statement_kind_name(recompute->statement.kind));
  } else {
    out->recomputed =
        differ(&decision.proposal[0], &recompute->statement, recompute->manifest, &out->difference)
            ? RECOMPUTED_DIFFERENT
            : RECOMPUTED_SAME;
    out->answer = digest_answer(recompute, &decision.proposal[0]);
  }
  decision_close(&decision);
}

/* ---- all of it ---- */

static const json_t *logged_updates(const struct recompute *recompute) {
  return json_object_get(recompute->manifest, "updates");
}

/* Of a comparison with an update that is gone. */
static void believe_own(struct recompute *recompute, const bool *which) {
  struct work *work = recompute->work;
  for (size_t i = 0; work->evidence && i < work->count; i++)
    if (which[i])
      canonical_double(json_array_get(logged_updates(recompute), i), "own_cosine",
                       &work->evidence[i].own_cosine);
}

/* The row of the client that the log names; EVIDENCE_NOBODY: of none. */
static int logged_row(const struct recompute *recompute, size_t i, const char *field) {
  const struct work *work = recompute->work;
  const char *name;
  if (!canonical_text(json_array_get(logged_updates(recompute), i), field, &name))
    return EVIDENCE_NOBODY;
  for (size_t k = 0; k < work->count; k++)
    if (strcmp(work->row[k].name, name) == 0) return (int)k;
  return EVIDENCE_NOBODY;
}

/* The numbers of the evidence that the Gram matrix does not have, and the file of sketches. */
static void believe_bodies(struct recompute *recompute) {
  struct work *work = recompute->work;
  struct trail trail;
  size_t count;
  const struct evidence_row *row = evidence_table(&count);
  if (manifest_trail_read(recompute->manifest, &trail, NULL) == TAMIS_OK)
    work->sketches = trail.file;
  for (size_t i = 0; i < work->count; i++)
    work->evidence[i].history_neighbour = logged_row(recompute, i, "history_neighbour");
  for (size_t i = 0; i < work->count; i++)
    for (size_t k = 0; k < count; k++) {
      double value;
      if (row[k].source == EVIDENCE_OF_BODIES &&
          canonical_double(json_array_get(logged_updates(recompute), i), row[k].name, &value))
        evidence_set(&work->evidence[i], &row[k], value);
    }
}

/* What only the bodies say of an aggregate. */
static void believe_aggregate(struct recompute *recompute, bool is_whole) {
  struct work *work = recompute->work;
  size_t k = 0;
  work->candidate = recompute->statement.subject[0];
  manifest_memory_read(recompute->manifest, &work->after, NULL);
  if (is_whole) {
    if (work->after.count > 0)
      canonical_double(recompute->manifest, "reference_weight", &work->reference_weight);
    return;
  }
  canonical_double(recompute->manifest, "margin", &work->margin);
  canonical_double(recompute->manifest, "reference_weight", &work->reference_weight);
  for (size_t i = 0; i < work->count; i++)
    if (work->counts[i])
      canonical_double(json_array_get(logged_updates(recompute), k++), "weight", &work->weight[i]);
}

/* Of a round that did not get so far the log has no numbers; one that was held or failed in the
 * passes themselves has nothing to compare with. */
static void run_light(struct recompute *recompute, struct recomputation *out) {
  struct work *work = recompute->work;
  enum statement_kind kind = recompute->statement.kind;
  bool is_whole = false;
  if (work->kind == WORK_MEASURE && kind == STATEMENT_VERDICTS)
    work->gram = statement_digest(&recompute->statement, "gram");
  else if (work->kind == WORK_MEASURE) {
    out->recomputed = RECOMPUTED_TROUBLE;
    return;
  }
  round_find_light(recompute->blobs, work, &is_whole);
  if (work->status == TAMIS_CORRUPT || work->status == TAMIS_NOT_FOUND) {
    out->fault.status = TAMIS_OK;
    if (!recompute_file(recompute->blobs, &work->gram, out)) return;
    differ_in(out, "the Gram matrix", "a row and a column an update", work->fault.text);
    return;
  }
  if (work->status != TAMIS_OK && work->status != TAMIS_RULE_NOT_FEASIBLE) {
    out->recomputed = RECOMPUTED_FAILED;
    out->fault = work->fault;
    return;
  }
  if (work->kind == WORK_SHADOW && !is_whole) { /* its Gram matrix was good */
    out->shadow_believed = true;
    return;
  }
  if (work->status == TAMIS_OK && work->kind == WORK_MEASURE) believe_bodies(recompute);
  if (work->status == TAMIS_OK && work->kind == WORK_AGGREGATE) {
    bool is_aggregate =
        kind == STATEMENT_AGGREGATE ||
        (kind == STATEMENT_REBUILT && statement_integer(&recompute->statement, "updates") > 0);
    if (!is_aggregate && (kind == STATEMENT_ABANDON || !is_whole)) {
      out->recomputed = RECOMPUTED_TROUBLE; /* only the bodies can tell */
      return;
    }
    if (is_aggregate) believe_aggregate(recompute, is_whole);
    out->weights_believed = is_aggregate && !is_whole;
  }
  compare(recompute, out);
  out->files++; /* the Gram matrix */
  out->bytes += blob_size(recompute->blobs, &work->gram);
}

/* `past`: whose own_cosine is believed. */
static void run_full(struct recompute *recompute, int threads, const bool *past,
                     struct recomputation *out) {
  struct work *work = recompute->work;
  struct found found;
  for (size_t i = 0; i < work->count; i++)
    if (past[i]) work->row[i].before = (struct digest){{0}};
  round_find(recompute->blobs, threads, work, &found);
  bool is_decided = work->status == TAMIS_OK || work->status == TAMIS_RULE_NOT_FEASIBLE ||
                    work->status == TAMIS_NOT_FINITE;
  if (is_decided) {
    believe_own(recompute, past);
    count_inputs(recompute, out);
    compare(recompute, out);
    if (out->recomputed == RECOMPUTED_SAME) check_stored(recompute, &found, out);
  } else if (!inputs_find_bad(recompute, out)) {
    out->recomputed = RECOMPUTED_FAILED;
    out->fault = work->fault;
  }
  found_close(&found);
}

/* The server's own machine failed it: nobody can make that again. */
static bool is_trouble(const struct recompute *recompute) {
  if (recompute->statement.kind != STATEMENT_ABANDON) return false;
  switch (tamis_status_from_name(statement_text(&recompute->statement, "status"))) {
  case TAMIS_CORRUPT:
  case TAMIS_IO:
  case TAMIS_NOT_FOUND:
  case TAMIS_INTERNAL: return true;
  default: return false;
  }
}

/* With files missing: what can be made without them is held against the log all the same. */
static void run_partly(struct recompute *recompute, int threads, const bool *past,
                       struct recomputation *out) {
  struct recomputation part = {.recomputed = RECOMPUTED_SAME, .index = recompute->index};
  if (out->is_only_past)
    run_full(recompute, threads, past, &part);
  else
    run_light(recompute, &part);
  out->files = part.files;
  out->bytes = part.bytes;
  out->answer = part.answer;
  out->fault = part.fault;
  out->difference = part.difference;
  out->is_different = part.recomputed == RECOMPUTED_DIFFERENT;
  if (part.recomputed == RECOMPUTED_FAILED) out->recomputed = RECOMPUTED_FAILED;
  for (size_t i = 0; i < part.absent_count; i++)
    add_absent(out, &part.absent[i].file, part.absent[i].index);
  if (part.absent_count > 0) out->is_only_past = false;
  recomputation_close(&part);
}

static void run(struct recompute *recompute, int threads, struct recomputation *out) {
  bool *past = decision_memory(calloc(recompute->work->count + 1, sizeof *past));
  inputs_find_absent(recompute, past, out);
  if (out->absent_count > 0 && recompute->work->kind == WORK_SHADOW)
    ; /* a shadow is of the updates' bytes alone: nothing follows without them */
  else if (out->absent_count > 0)
    run_partly(recompute, threads, past, out);
  else
    run_full(recompute, threads, past, out);
  free(past);
}

/* The walk has read and checked both a moment ago. */
static enum tamis_status read_entry(struct recompute *recompute, struct fault *fault) {
  struct envelope envelope;
  enum tamis_status status = envelope_open(recompute->bytes, recompute->length, &envelope, fault);
  if (status != TAMIS_OK) return status;
  status = statement_read(envelope.payload, envelope.payload_length, state_origin(recompute->state),
                          &recompute->statement, fault);
  envelope_close(&envelope);
  if (status != TAMIS_OK || !recompute->has_manifest) return status;
  return manifest_load(recompute->blobs, &recompute->manifest_digest, &recompute->manifest, fault);
}

void recompute_run(struct recompute *recompute, int threads, struct recomputation *out) {
  *out = (struct recomputation){.recomputed = RECOMPUTED_SAME, .index = recompute->index};
  if (read_entry(recompute, &out->fault) != TAMIS_OK)
    out->recomputed = RECOMPUTED_FAILED;
  else if (is_trouble(recompute))
    out->recomputed = RECOMPUTED_TROUBLE;
  else if (round_rows(recompute->blobs, recompute->work, &out->fault) != TAMIS_OK)
    out->recomputed = inputs_find_bad(recompute, out) ? out->recomputed : RECOMPUTED_FAILED;
  else if (recompute->is_light)
    run_light(recompute, out);
  else
    run(recompute, threads, out);
}
