/* Two manifests side by side: the verdicts have every update, the weights those that counted, both
 * in the same order. */
#include "aggregator/redo.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "aggregator/manifest.h"
#include "proto/canonical.h"

static bool is_without(const struct redo *redo, const char *name) {
  for (size_t i = 0; i < redo->without_count; i++)
    if (strcmp(redo->without[i], name) == 0) return true;
  return false;
}

static enum tamis_status rows_read(const json_t *updates, struct redo_row *rows,
                                   struct fault *fault) {
  for (size_t i = 0; i < json_array_size(updates); i++) {
    struct manifest_update update;
    enum tamis_status status = manifest_update_read(json_array_get(updates, i), &update, fault);
    if (status != TAMIS_OK) return status;
    if (strlen(update.client) >= STATE_NAME_SIZE)
      return fault_set(fault, TAMIS_CORRUPT, "the manifest has no good \"client\"");
    rows[i] = (struct redo_row){
        .index = update.index, .update = update.update, .examples = update.examples};
    state_name_set(rows[i].name, update.client);
  }
  return TAMIS_OK;
}

static enum tamis_status weights_read(const struct redo *redo, const json_t *updates,
                                      struct redo_row *rows, size_t count, struct fault *fault) {
  size_t k = 0;
  for (size_t i = 0; i < count && k < json_array_size(updates); i++) {
    const json_t *element = json_array_get(updates, k);
    int64_t index = -1;
    if (!canonical_integer(element, "index", &index) || (uint64_t)index != rows[i].index) continue;
    if (!canonical_double(element, "weight", &rows[i].weight))
      return fault_set(fault, TAMIS_CORRUPT, "the manifest has no good \"weight\"");
    rows[i].counted = true;
    rows[i].counts = !is_without(redo, rows[i].name);
    k++;
  }
  if (k == json_array_size(updates)) return TAMIS_OK;
  return fault_set(fault, TAMIS_CORRUPT,
                   "the weights of round %" PRId64 " are of other updates than its verdicts",
                   redo->of);
}

static enum tamis_status list_load(struct blob_store *blobs, const struct digest *digest,
                                   const char *federation, int64_t round, json_t **manifest,
                                   const json_t **updates, struct fault *fault) {
  enum tamis_status status = manifest_load(blobs, digest, manifest, fault);
  if (status != TAMIS_OK) return status;
  return manifest_list(*manifest, federation, round, "updates", updates, fault);
}

enum tamis_status redo_read(struct blob_store *blobs, const struct redo *redo,
                            struct redo_row **rows, size_t *count, struct fault *fault) {
  json_t *verdicts = NULL, *weights = NULL;
  const json_t *judged, *weighed = NULL;
  *rows = NULL;
  enum tamis_status status =
      list_load(blobs, &redo->verdicts, redo->federation, redo->judged, &verdicts, &judged, fault);
  if (status == TAMIS_OK)
    status =
        list_load(blobs, &redo->weights, redo->federation, redo->of, &weights, &weighed, fault);
  if (status == TAMIS_OK) {
    *count = json_array_size(judged);
    *rows = calloc(*count + 1, sizeof **rows);
    if (!*rows) status = fault_plain(fault, TAMIS_NO_MEMORY);
  }
  if (status == TAMIS_OK) status = rows_read(judged, *rows, fault);
  if (status == TAMIS_OK) status = weights_read(redo, weighed, *rows, *count, fault);
  json_decref(weights);
  json_decref(verdicts);
  if (status == TAMIS_OK) return TAMIS_OK;
  free(*rows);
  *rows = NULL;
  return status;
}
