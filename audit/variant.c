/* The files of a variant are lent to the blob store while a round is computed, so that the code
 * that computes is the server's own. */
#include "audit/variant.h"

#include "aggregator/round.h"

struct variant variant_at(const struct work *work) {
  return (struct variant){.head = work->base, .memory = work->before};
}

void variant_close(struct variant *variant) {
  found_close(&variant->files);
}

void variant_leave_out(struct work *work, bool (*is_out)(const void *context, uint32_t client),
                       const void *context) {
  for (size_t i = 0; is_out && i < work->count; i++) {
    if (!work->counts[i] || !is_out(context, work->row[i].client)) continue;
    work->counts[i] = false;
    work->accepted--;
  }
}

/* round_find with the variant's files among the blobs. */
static void find(struct variant *variant, struct blob_store *blobs, int threads, struct work *work,
                 struct found *found) {
  struct blob_loan loan[FOUND_FILES_MAX];
  for (size_t i = 0; i < variant->files.count; i++) {
    const struct found_file *file = &variant->files.file[i];
    loan[i] = (struct blob_loan){file->digest, file->bytes, file->length, NULL};
    blob_lend(blobs, &loan[i]);
  }
  round_find(blobs, threads, work, found);
  for (size_t i = 0; i < variant->files.count; i++) blob_return(blobs, &loan[i]);
}

enum tamis_status variant_round(struct variant *variant, struct blob_store *blobs, int threads,
                                const struct work *logged,
                                bool (*is_out)(const void *context, uint32_t client),
                                const void *context, struct work **done, struct fault *fault) {
  struct found found;
  struct work *work = work_copy(logged);
  work->base = variant->head;
  work->before = variant->memory;
  variant_leave_out(work, is_out, context);
  find(variant, blobs, threads, work, &found);
  enum tamis_status status = work->status;
  if (status == TAMIS_OK) {
    variant_close(variant);
    *variant = (struct variant){.head = work->candidate, .memory = work->after, .files = found};
  } else {
    found_close(&found);
    if (fault) *fault = work->fault;
  }
  if (done && status == TAMIS_OK)
    *done = work;
  else
    work_free(work);
  return status;
}

enum tamis_status variant_model(const struct variant *variant, struct blob_store *blobs,
                                struct blob_view *view, struct fault *fault) {
  const struct found_file *file = found_file(&variant->files, &variant->head);
  if (!file) return blob_map(blobs, &variant->head, true, view, fault);
  *view = (struct blob_view){file->bytes, file->length, true};
  return TAMIS_OK;
}
