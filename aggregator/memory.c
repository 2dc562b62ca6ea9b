/* A vector that is not there is one that begins: after the first model nothing is remembered. */
#include "aggregator/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include "robust/optimiser.h"

enum tamis_status memory_map(struct blob_store *blobs, const struct memory *memory,
                             const char *name, const struct layout *layout, struct blob_view *view,
                             const float **values, struct fault *fault) {
  *view = (struct blob_view){0};
  *values = NULL;
  for (size_t i = 0; i < memory->count; i++) {
    if (strcmp(memory->vector[i].name, name) != 0) continue;
    enum tamis_status status = blob_map(blobs, &memory->vector[i].blob, true, view, fault);
    if (status != TAMIS_OK) return status;
    if (view->length != layout_file_size(layout) ||
        memcmp(view->bytes, layout->header, layout->header_size) != 0) {
      blob_unmap(view);
      return fault_set(fault, TAMIS_CORRUPT, "the remembered %s is not of the model's layout",
                       name);
    }
    *values = (const float *)(const void *)(view->bytes + layout->header_size);
    return TAMIS_OK;
  }
  return TAMIS_OK;
}

void memory_note(struct found *found, const char *name, uint8_t *file, const struct layout *layout,
                 struct memory *memory) {
  assert(memory->count < STATE_VECTORS_MAX);
  struct memory_vector *vector = &memory->vector[memory->count++];
  state_name_set(vector->name, name);
  vector->blob = found_add(found, file, layout_file_size(layout));
}

/* The vectors of one step: what is read, what is written. */
struct vectors {
  size_t count;
  const char *name[ROBUST_OPTIMISER_STATES_MAX];
  struct blob_view view[ROBUST_OPTIMISER_STATES_MAX];
  const float *in[ROBUST_OPTIMISER_STATES_MAX];
  uint8_t *file[ROBUST_OPTIMISER_STATES_MAX];
  float *out[ROBUST_OPTIMISER_STATES_MAX];
};

static void vectors_close(struct vectors *vectors) {
  for (size_t i = 0; i < vectors->count; i++) {
    blob_unmap(&vectors->view[i]);
    free(vectors->file[i]);
  }
}

static enum tamis_status vectors_open(struct blob_store *blobs, const struct layout *layout,
                                      const struct robust_optimiser *optimiser,
                                      const struct memory *before, struct vectors *vectors,
                                      struct fault *fault) {
  enum tamis_status status = TAMIS_OK;
  memset(vectors, 0, sizeof *vectors);
  vectors->count = robust_optimiser_states(optimiser);
  for (size_t i = 0; status == TAMIS_OK && i < vectors->count; i++) {
    vectors->name[i] = robust_optimiser_state_name(optimiser, i);
    status = memory_map(blobs, before, vectors->name[i], layout, &vectors->view[i], &vectors->in[i],
                        fault);
    vectors->file[i] = aligned_alloc(64, (layout_file_size(layout) + 63) / 64 * 64);
    if (!vectors->file[i]) return fault_plain(fault, TAMIS_NO_MEMORY);
    memcpy(vectors->file[i], layout->header, layout->header_size);
    vectors->out[i] = (float *)(void *)(vectors->file[i] + layout->header_size);
  }
  return status;
}

enum tamis_status memory_step(struct blob_store *blobs, int threads, const char *text,
                              const struct layout *layout, const struct memory *before,
                              float *delta, struct memory *after, struct found *found,
                              struct fault *fault) {
  struct robust_optimiser *optimiser;
  struct robust_error error;
  struct vectors vectors;
  if (robust_optimiser_parse(text, &optimiser, &error) != ROBUST_OK)
    return fault_set(fault, TAMIS_INTERNAL, "optimiser: %s", error.text);
  enum tamis_status status = vectors_open(blobs, layout, optimiser, before, &vectors, fault);
  if (status == TAMIS_OK && robust_optimise(optimiser, layout->parameters, delta, vectors.in,
                                            vectors.out, delta, threads, &error) != ROBUST_OK)
    status = fault_set(fault, TAMIS_NOT_FINITE, "optimiser: %s", error.text);
  for (size_t i = 0; status == TAMIS_OK && i < vectors.count; i++) {
    memory_note(found, vectors.name[i], vectors.file[i], layout, after);
    vectors.file[i] = NULL; /* taken over */
  }
  vectors_close(&vectors);
  robust_optimiser_free(optimiser);
  return status;
}
