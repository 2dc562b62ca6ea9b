/* Everything here is linear in the updates until the last square root, so it may as well be done on
 * sketches: who needed d numbers for each client and round needs 256. */
#include "aggregator/sketches.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "proto/tensor.h"
#include "robust/fldetector.h"
#include "robust/gram.h"
#include "robust/kernel.h"
#include "robust/score.h"

enum { SIZE = ROBUST_SKETCH_SIZE };

static const double past_kept = 0.95; /* of what was remembered, each round */

/* ---- the file ---- */

static void place(struct sketches *sketches) {
  sketches->update = sketches->memory;
  sketches->past = sketches->update + sketches->count * SIZE;
  sketches->step = sketches->past + sketches->count * SIZE;
  sketches->centre = sketches->step + sketches->trail * SIZE;
}

static size_t floats_of(const struct sketches *sketches) {
  return 2 * (sketches->count + sketches->trail) * SIZE;
}

bool sketches_new(size_t count, size_t trail, struct sketches *sketches) {
  *sketches = (struct sketches){.count = count, .trail = trail};
  sketches->memory = calloc(floats_of(sketches) + 1, sizeof *sketches->memory);
  if (sketches->memory) place(sketches);
  return sketches->memory != NULL;
}

void sketches_close(struct sketches *sketches) {
  free(sketches->memory);
  *sketches = (struct sketches){0};
}

static enum tamis_status layout_of(size_t count, size_t trail, struct layout *layout,
                                   struct fault *fault) {
  const struct tensor tensors[] = {{.name = "update", .rank = 2, .shape = {count, SIZE}},
                                   {.name = "past", .rank = 2, .shape = {count, SIZE}},
                                   {.name = "step", .rank = 2, .shape = {trail, SIZE}},
                                   {.name = "centre", .rank = 2, .shape = {trail, SIZE}}};
  return layout_make(tensors, 4, layout, fault);
}

enum tamis_status sketches_write(const struct sketches *sketches, uint8_t **bytes, size_t *length,
                                 struct fault *fault) {
  struct layout layout;
  enum tamis_status status = layout_of(sketches->count, sketches->trail, &layout, fault);
  if (status != TAMIS_OK) return status;
  *length = (size_t)layout_file_size(&layout);
  *bytes = malloc(*length);
  if (*bytes) {
    memcpy(*bytes, layout.header, layout.header_size);
    memcpy(*bytes + layout.header_size, sketches->memory,
           floats_of(sketches) * sizeof *sketches->memory);
  } else {
    status = fault_plain(fault, TAMIS_NO_MEMORY);
  }
  layout_close(&layout);
  return status;
}

/* Only a header that we would have written ourselves is read. */
static bool is_ours(const struct layout *layout, struct layout *ours) {
  return layout->tensor_count == 4 && layout->tensor[0].rank == 2 && layout->tensor[2].rank == 2 &&
         layout->tensor[0].shape[0] > 0 && layout->tensor[2].shape[0] > 0 &&
         layout->tensor[2].shape[0] <= SKETCHES_TRAIL_MAX &&
         layout_of((size_t)layout->tensor[0].shape[0], (size_t)layout->tensor[2].shape[0], ours,
                   NULL) == TAMIS_OK;
}

enum tamis_status sketches_read(const uint8_t *bytes, size_t length, struct sketches *sketches,
                                struct fault *fault) {
  struct layout layout, ours = {0};
  enum tamis_status status = layout_parse(bytes, length, length, &layout, fault);
  if (status != TAMIS_OK) return fault_set(fault, TAMIS_CORRUPT, "this is no file of sketches");
  if (!is_ours(&layout, &ours) || !digest_equal(&ours.digest, &layout.digest))
    status = fault_set(fault, TAMIS_CORRUPT, "this is no file of sketches of ours");
  else if (!sketches_new((size_t)ours.tensor[0].shape[0], (size_t)ours.tensor[2].shape[0],
                         sketches))
    status = fault_plain(fault, TAMIS_NO_MEMORY);
  else
    memcpy(sketches->memory, bytes + ours.header_size,
           floats_of(sketches) * sizeof *sketches->memory);
  layout_close(&ours);
  layout_close(&layout);
  return status;
}

/* ---- each client's own past ---- */

static double dot(const float *x, const float *y) {
  return robust_dot(x, y, SIZE);
}

static void compare_own(const struct sketches_past *past, const float *update, float *next,
                        struct evidence *evidence) {
  if (past->is_there)
    evidence->history_cosine =
        robust_cosine(dot(update, past->past), dot(update, update), dot(past->past, past->past));
  for (size_t k = 0; k < SIZE; k++)
    next[k] = (float)((past->is_there ? past_kept * (double)past->past[k] : 0) + (double)update[k]);
}

/* FoolsGold's: who has been going the same way all the time. */
static bool compare_pasts(struct sketches *now, int threads, struct evidence *evidence) {
  size_t n = now->count, bytes = (robust_gram_scratch_bytes(n, SIZE, threads) + 63) / 64 * 64;
  const void **row = calloc(n, sizeof *row);
  double *gram = calloc(n * n, sizeof *gram);
  struct robust_scratch scratch = {
      .memory = aligned_alloc(64, bytes ? bytes : 64), .bytes = bytes, .threads = threads};
  struct robust_rows rows = {.n = n, .d = SIZE, .row = row};
  for (size_t i = 0; row && i < n; i++) row[i] = now->past + i * SIZE;
  bool is_good =
      row && gram && scratch.memory && robust_gram(&rows, &scratch, gram, NULL) == ROBUST_OK;
  for (size_t i = 0; is_good && i < n; i++)
    evidence_find_neighbour(n, gram, i, &evidence[i].history_neighbour,
                            &evidence[i].history_similarity);
  free(scratch.memory);
  free(gram);
  free(row);
  return is_good;
}

/* ---- the trail ---- */

static void extend_trail(const struct sketches *before, const double *weight,
                         struct sketches *now) {
  size_t kept = now->trail - 1, from = before->trail - kept;
  for (size_t k = 0; k < kept * SIZE; k++) now->step[k] = before->step[from * SIZE + k];
  for (size_t k = 0; k < kept * SIZE; k++) now->centre[k] = before->centre[from * SIZE + k];
  for (size_t k = 0; k < SIZE; k++) {
    double sum = 0;
    for (size_t i = 0; i < now->count; i++)
      if (weight[i] > 0) sum += weight[i] * (double)now->update[i * SIZE + k];
    now->centre[kept * SIZE + k] = (float)sum;
  }
}

/* What is foretold of clients that were seen last in the round at place `seen` of the trail before:
 * the base has moved since by the steps of later rounds and of this one. An update goes against the
 * gradient, so everything is taken with the other sign than in FLDetector. */
static void foretell(const struct sketches *before, const float *step, size_t seen,
                     double change[SIZE]) {
  struct fldetector_products products;
  struct fldetector_forecast forecast;
  const float *steps[SKETCHES_TRAIL_MAX], *changes[SKETCHES_TRAIL_MAX];
  static const size_t pairs_max = SKETCHES_TRAIL_MAX - 1;
  float against[SKETCHES_TRAIL_MAX][SIZE], move[SIZE];
  size_t pairs = before->trail - 1 < pairs_max ? before->trail - 1 : pairs_max;
  for (size_t p = 0; p < pairs; p++) {
    const float *centre = before->centre + (before->trail - pairs + p) * SIZE;
    for (size_t k = 0; k < SIZE; k++) against[p][k] = centre[k - SIZE] - centre[k];
    steps[p] = before->step + (before->trail - pairs + p) * SIZE;
    changes[p] = against[p];
  }
  for (size_t k = 0; k < SIZE; k++) {
    double sum = (double)step[k];
    for (size_t t = before->trail; t-- > seen + 1;) sum += (double)before->step[t * SIZE + k];
    move[k] = (float)sum;
  }
  struct fldetector_window window = {pairs, SIZE, steps, changes, move};
  fldetector_measure(&window, &products);
  fldetector_solve(pairs, &products, &forecast);
  fldetector_foretell(&window, &forecast, 0, SIZE, change);
  for (size_t k = 0; k < SIZE; k++) change[k] = -change[k];
}

static double error_of(const float *now, const float *last, const double *change) {
  double sum = 0;
  for (size_t k = 0; k < SIZE; k++) {
    double error = (double)now[k] - (double)last[k] - change[k];
    sum += error * error;
  }
  return sqrt(sum);
}

/* In units of the mean of those that can be told. */
static void predict(const struct sketches *before, const struct sketches_past *past,
                    const struct sketches *now, struct evidence *evidence) {
  const float *step = now->step + (now->trail - 1) * SIZE;
  double change[SIZE], total = 0;
  size_t told = 0;
  if (before->trail < SKETCHES_TRAIL_LEAST) return;
  for (size_t seen = 0; seen < before->trail; seen++) {
    foretell(before, step, seen, change);
    for (size_t i = 0; i < now->count; i++) {
      if (!past[i].is_there || past[i].seen != seen) continue;
      evidence[i].prediction_error = error_of(now->update + i * SIZE, past[i].update, change);
      total += evidence[i].prediction_error;
      told++;
    }
  }
  for (size_t i = 0; i < now->count; i++)
    evidence[i].prediction_error *= total > 0 ? (double)told / total : 0;
}

bool sketches_compare(const struct sketches *before, const struct sketches_past *past,
                      const double *centre, int threads, struct sketches *now,
                      struct evidence *evidence) {
  for (size_t i = 0; i < now->count; i++)
    compare_own(&past[i], now->update + i * SIZE, now->past + i * SIZE, &evidence[i]);
  extend_trail(before, centre, now);
  predict(before, past, now, evidence);
  return compare_pasts(now, threads, evidence);
}
