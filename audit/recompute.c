/* The server's own passes over the server's own files, and the decider's words after them. */
#include "audit/recompute.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "aggregator/manifest.h"
#include "aggregator/round.h"
#include "proto/canonical.h"

void recompute_close(struct recompute *recompute) {
  state_free(recompute->state);
  work_free(recompute->work);
  statement_close(&recompute->statement);
  json_decref(recompute->manifest);
  *recompute = (struct recompute){0};
}

/* ---- files ---- */

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
    out->recomputed = RECOMPUTED_ABSENT;
    out->absent = *digest;
  } else if (status == TAMIS_CORRUPT) {
    differ_in(out, "the file", hex, "it has other bytes");
  } else {
    out->recomputed = RECOMPUTED_FAILED;
  }
  return false;
}

/* Every file that the computation reads, and the entry that named it. */
static size_t inputs(const struct recompute *recompute, const struct digest **digest,
                     uint64_t *index) {
  const struct work *work = recompute->work;
  bool measures = work->kind == WORK_MEASURE;
  size_t count = 0;
  digest[count] = &work->base;
  index[count++] = recompute->index;
  for (size_t i = 0; i < work->count; i++) {
    if (!measures && !work->counts[i]) continue;
    digest[count] = &work->row[i].update;
    index[count++] = work->row[i].index;
    if (!measures || digest_is_zero(&work->row[i].before)) continue;
    digest[count] = &work->row[i].before;
    index[count++] = recompute->index;
  }
  if (!measures) {
    digest[count] = &work->gram;
    index[count++] = recompute->index;
  }
  for (size_t i = 0; !measures && i < work->before.count; i++) {
    digest[count] = &work->before.vector[i].blob;
    index[count++] = recompute->index;
  }
  return count;
}

/* The first input that `is_wrong` finds fault with is told; false when there is none. */
static bool inputs_find(struct recompute *recompute, struct recomputation *out, bool reads) {
  size_t most = 2 * recompute->work->count + 2 + STATE_VECTORS_MAX;
  const struct digest **digest = decision_memory(calloc(most, sizeof *digest));
  uint64_t *index = decision_memory(calloc(most, sizeof *index));
  size_t count = inputs(recompute, digest, index);
  bool is_found = false;
  for (size_t i = 0; i < count && !is_found; i++) {
    is_found = reads ? !recompute_file(recompute->blobs, digest[i], out)
                     : !blob_exists(recompute->blobs, digest[i]);
    if (!is_found) continue;
    out->index = index[i];
    if (reads) continue;
    out->recomputed = RECOMPUTED_ABSENT;
    out->absent = *digest[i];
  }
  free(index);
  free(digest);
  return is_found;
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
      out->recomputed = RECOMPUTED_ABSENT;
      out->absent = file->digest;
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

static void run_full(struct recompute *recompute, int threads, struct recomputation *out) {
  struct work *work = recompute->work;
  struct found found;
  round_find(recompute->blobs, threads, work, &found);
  bool is_decided = work->status == TAMIS_OK || work->status == TAMIS_RULE_NOT_FEASIBLE ||
                    work->status == TAMIS_NOT_FINITE;
  if (!is_decided && inputs_find(recompute, out, true)) {
    found_close(&found);
    return;
  }
  if (is_decided) {
    count_inputs(recompute, out);
    compare(recompute, out);
    if (out->recomputed == RECOMPUTED_SAME) check_stored(recompute, &found, out);
  } else {
    out->recomputed = RECOMPUTED_FAILED;
    out->fault = work->fault;
  }
  found_close(&found);
}

static const json_t *logged_updates(const struct recompute *recompute) {
  return json_object_get(recompute->manifest, "updates");
}

/* The one number of the evidence that the Gram matrix does not have. */
static void believe_evidence(struct recompute *recompute) {
  struct work *work = recompute->work;
  for (size_t i = 0; i < work->count; i++)
    canonical_double(json_array_get(logged_updates(recompute), i), "own_cosine",
                     &work->evidence[i].own_cosine);
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
  if (work->status == TAMIS_OK && work->kind == WORK_MEASURE) believe_evidence(recompute);
  if (work->status == TAMIS_OK && work->kind == WORK_AGGREGATE) {
    bool is_aggregate = kind == STATEMENT_AGGREGATE;
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

void recompute_run(struct recompute *recompute, int threads, struct recomputation *out) {
  *out = (struct recomputation){.recomputed = RECOMPUTED_SAME, .index = recompute->index};
  if (is_trouble(recompute)) {
    out->recomputed = RECOMPUTED_TROUBLE;
  } else if (recompute->is_light) {
    run_light(recompute, out);
  } else if (inputs_find(recompute, out, false)) {
    struct recomputation light = {.recomputed = RECOMPUTED_SAME, .index = recompute->index};
    run_light(recompute, &light);
    out->is_different = light.recomputed == RECOMPUTED_DIFFERENT;
    out->difference = light.difference;
  } else {
    run_full(recompute, threads, out);
  }
}
