/* The centre is a weighted sum of rows, so every distance and cosine to it is a small sum over the
 * Gram matrix, for those who shaped it and for those who did not. */
#include "aggregator/evidence.h"

#include <math.h>
#include <stdlib.h>
#include "robust/score.h"

static const struct robust_score_options centre_options = {
    .neighbours = 1, .nu_rel = 0.1, .iterations = 32};

/* Weights of the voters' robust centre, scattered to all n rows; zero for the others. */
static bool centre_weights(size_t n, const double *gram, const size_t *voter, size_t voters,
                           double *weight) {
  struct robust_scratch scratch = {.bytes = robust_score_scratch_bytes(voters), .threads = 1};
  double *sub = calloc(voters * voters, sizeof *sub), *sub_weight = calloc(voters, sizeof *sub);
  struct robust_score *score = calloc(voters, sizeof *score);
  scratch.bytes = (scratch.bytes + 63) / 64 * 64;
  scratch.memory = aligned_alloc(64, scratch.bytes ? scratch.bytes : 64);
  bool is_good = sub && sub_weight && score && scratch.memory;
  for (size_t i = 0; is_good && i < voters; i++)
    for (size_t j = 0; j < voters; j++) sub[i * voters + j] = gram[voter[i] * n + voter[j]];
  is_good = is_good && robust_score(voters, sub, NULL, &centre_options, &scratch, score, sub_weight,
                                    NULL) == ROBUST_OK;
  for (size_t i = 0; i < n; i++) weight[i] = 0;
  for (size_t i = 0; is_good && i < voters; i++) weight[voter[i]] = sub_weight[i];
  free(scratch.memory);
  free(score);
  free(sub_weight);
  free(sub);
  return is_good;
}

static size_t voters_list(size_t n, const bool *votes, size_t *voter) {
  size_t voters = 0;
  for (size_t i = 0; i < n; i++)
    if (votes[i]) voter[voters++] = i;
  for (size_t i = 0; voters == 0 && i < n; i++) voter[i] = i;
  return voters ? voters : n;
}

/* with_centre[i] = <x_i, z>; gives back |z|^2. */
static double project(size_t n, const double *gram, const double *weight, double *with_centre) {
  double square = 0;
  for (size_t i = 0; i < n; i++) {
    with_centre[i] = 0;
    for (size_t j = 0; j < n; j++) with_centre[i] += weight[j] * gram[i * n + j];
    square += weight[i] * with_centre[i];
  }
  return square > 0 ? square : 0;
}

static void find_neighbour(size_t n, const double *gram, size_t i, struct evidence *evidence) {
  evidence->neighbour = EVIDENCE_NOBODY;
  evidence->neighbour_cosine = 0;
  for (size_t j = 0; j < n; j++) {
    if (j == i) continue;
    double cosine = robust_cosine(gram[i * n + j], gram[i * n + i], gram[j * n + j]);
    if (evidence->neighbour != EVIDENCE_NOBODY && cosine <= evidence->neighbour_cosine) continue;
    evidence->neighbour = (int)j;
    evidence->neighbour_cosine = cosine;
  }
}

bool evidence_measure(size_t n, const double *gram, const bool *votes,
                      const struct evidence_own *own, struct evidence *evidence) {
  size_t *voter = calloc(n, sizeof *voter);
  double *weight = calloc(n, sizeof *weight), *with_centre = calloc(n, sizeof *with_centre);
  bool is_good = voter && weight && with_centre &&
                 centre_weights(n, gram, voter, voters_list(n, votes, voter), weight);
  double square = is_good ? project(n, gram, weight, with_centre) : 0;
  for (size_t i = 0; is_good && i < n; i++) {
    double own_square = gram[i * n + i];
    evidence[i].norm = sqrt(own_square);
    evidence[i].distance = sqrt(fmax(0, own_square - 2 * with_centre[i] + square));
    evidence[i].cosine = robust_cosine(with_centre[i], own_square, square);
    evidence[i].own_cosine = robust_cosine(own[i].product, own_square, own[i].norm * own[i].norm);
    find_neighbour(n, gram, i, &evidence[i]);
  }
  free(with_centre);
  free(weight);
  free(voter);
  return is_good;
}
