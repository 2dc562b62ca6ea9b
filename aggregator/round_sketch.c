/* Clients of one round may have been seen last in many others: each file is opened once for all the
 * rows that are in it. */
#include "aggregator/round_sketch.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include "aggregator/sketches.h"

enum { SIZE = ROBUST_SKETCH_SIZE };

static_assert((int)STATE_TRAIL_MAX == (int)SKETCHES_TRAIL_MAX,
              "a round of the trail is a row of its file");

static enum tamis_status file_read(struct blob_store *blobs, const struct digest *digest,
                                   struct sketches *sketches, struct fault *fault) {
  struct blob_view view;
  enum tamis_status status = blob_map(blobs, digest, true, &view, fault);
  if (status != TAMIS_OK) return status;
  status = sketches_read(view.bytes, view.length, sketches, fault);
  blob_unmap(&view);
  return status;
}

/* None is a file of no rounds. */
static enum tamis_status trail_read(struct blob_store *blobs, const struct trail *trail,
                                    struct sketches *before, struct fault *fault) {
  *before = (struct sketches){.trail = 0};
  if (trail->count == 0) return TAMIS_OK;
  enum tamis_status status = file_read(blobs, &trail->file, before, fault);
  if (status != TAMIS_OK || before->trail == trail->count) return status;
  sketches_close(before);
  return fault_set(fault, TAMIS_CORRUPT, "the file of sketches is not of %zu rounds", trail->count);
}

static size_t place_of(const struct trail *trail, int64_t round) {
  for (size_t i = 0; i < trail->count; i++)
    if (trail->round[i] == round) return i;
  return SIZE_MAX;
}

static void copy_past(const struct sketches *file, uint32_t row, struct sketches_past *past) {
  past->is_there = true;
  memcpy(past->update, file->update + row * SIZE, sizeof past->update);
  memcpy(past->past, file->past + row * SIZE, sizeof past->past);
}

/* All rows whose sketches are in the file of row `first`. */
static enum tamis_status file_share(struct blob_store *blobs, const struct work *work, size_t first,
                                    struct sketches_past *past, struct fault *fault) {
  const struct digest *its = &work->row[first].sketch.file;
  struct sketches file;
  enum tamis_status status = file_read(blobs, its, &file, fault);
  if (status != TAMIS_OK) return status;
  for (size_t i = first; i < work->count && status == TAMIS_OK; i++) {
    const struct sketch_place *place = &work->row[i].sketch;
    if (!digest_equal(&place->file, its)) continue;
    past[i].seen = place_of(&work->trail, place->round);
    if (place->row < file.count)
      copy_past(&file, place->row, &past[i]);
    else
      status = fault_set(fault, TAMIS_CORRUPT, "the file of sketches has no row %u", place->row);
  }
  sketches_close(&file);
  return status;
}

static enum tamis_status pasts_read(struct blob_store *blobs, const struct work *work,
                                    struct sketches_past *past, struct fault *fault) {
  enum tamis_status status = TAMIS_OK;
  for (size_t i = 0; i < work->count && status == TAMIS_OK; i++)
    if (!past[i].is_there && !digest_is_zero(&work->row[i].sketch.file))
      status = file_share(blobs, work, i, past, fault);
  return status;
}

static void rows_sketch(const struct measure *measure, const struct work *work,
                        struct sketches *now) {
  for (size_t i = 0; i < work->count; i++) measure_sketch(measure, i, now->update + i * SIZE);
  if (work->trail.count > 0 && !work->is_same_base)
    measure_sketch(measure, work->count, now->step + (now->trail - 1) * SIZE);
}

static enum tamis_status keep(const struct sketches *now, struct work *work, struct found *found,
                              struct fault *fault) {
  uint8_t *bytes;
  size_t length;
  enum tamis_status status = sketches_write(now, &bytes, &length, fault);
  if (status == TAMIS_OK) work->sketches = found_add(found, bytes, length);
  return status;
}

enum tamis_status round_sketch(struct blob_store *blobs, const struct measure *measure,
                               const double *centre, int threads, struct work *work,
                               struct found *found, struct fault *fault) {
  struct sketches before = {.trail = 0}, now = {.trail = 0};
  struct sketches_past *past = calloc(work->count, sizeof *past);
  enum tamis_status status =
      past ? trail_read(blobs, &work->trail, &before, fault) : fault_plain(fault, TAMIS_NO_MEMORY);
  size_t rounds = before.trail < SKETCHES_TRAIL_MAX ? before.trail + 1 : SKETCHES_TRAIL_MAX;
  if (status == TAMIS_OK) status = pasts_read(blobs, work, past, fault);
  bool has_room = status == TAMIS_OK && sketches_new(work->count, rounds, &now);
  if (has_room) rows_sketch(measure, work, &now);
  if (status == TAMIS_OK &&
      !(has_room && sketches_compare(&before, past, centre, threads, &now, work->evidence)))
    status = fault_plain(fault, TAMIS_NO_MEMORY);
  if (status == TAMIS_OK) status = keep(&now, work, found, fault);
  sketches_close(&now);
  sketches_close(&before);
  free(past);
  return status;
}
