/* The centre is a weighted sum of rows, so every distance and cosine to it is a small sum over the
 * Gram matrix, for those who shaped it and for those who did not. */
#include "aggregator/evidence.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "robust/score.h"

static const struct robust_score_options centre_options = {
    .neighbours = 1, .nu_rel = 0.1, .iterations = 32};

/* ---- the numbers by name ---- */

static const struct evidence_row table[] = {
#define X(name, source, meaning) {#name, source, meaning, offsetof(struct evidence, name)},
    EVIDENCE_MAP(X)
#undef X
};

const struct evidence_row *evidence_table(size_t *count) {
  *count = sizeof table / sizeof *table;
  return table;
}

double evidence_get(const struct evidence *evidence, const struct evidence_row *row) {
  return *(const double *)(const void *)((const char *)evidence + row->offset);
}

void evidence_set(struct evidence *evidence, const struct evidence_row *row, double value) {
  *(double *)(void *)((char *)evidence + row->offset) = value;
}

/* ---- the robust centre ---- */

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

/* ---- others ---- */

/* Krum's f is not the plan's here but the most that so many voters can bear (2f + 3 <= voters): the
 * numbers then say the same whatever rule the plan has. */
static bool find_neighbourhood(size_t n, const double *gram, const size_t *voter, size_t voters,
                               struct evidence *evidence) {
  size_t most = (voters - 1) / 2;
  size_t neighbours = voters > most + 3 ? voters - most - 2 : 1;
  bool *chosen = calloc(n, sizeof *chosen);
  size_t *degree = calloc(n, sizeof *degree);
  double *krum = calloc(n, sizeof *krum), *work = calloc(2 * n, sizeof *work);
  bool is_good = chosen && degree && krum && work;
  for (size_t i = 0; is_good && i < voters; i++) chosen[voter[i]] = true;
  if (is_good) robust_neighbourhood(n, gram, chosen, neighbours, krum, degree, work);
  for (size_t i = 0; is_good && i < n; i++) {
    evidence[i].krum = krum[i];
    evidence[i].degree = (double)degree[i];
  }
  free(work);
  free(krum);
  free(degree);
  free(chosen);
  return is_good;
}

/* The first of its cluster, on a path that gets shorter each time it is walked. */
static size_t first_of(size_t *parent, size_t i) {
  while (parent[i] != i) {
    parent[i] = parent[parent[i]];
    i = parent[i];
  }
  return i;
}

static double cosine_of(size_t n, const double *gram, size_t i, size_t j) {
  return robust_cosine(gram[i * n + j], gram[i * n + i], gram[j * n + j]);
}

static bool find_clusters(size_t n, const double *gram, double copy_cosine,
                          struct evidence *evidence) {
  size_t *parent = malloc(n * sizeof *parent);
  if (!parent) return false;
  for (size_t i = 0; i < n; i++) parent[i] = i;
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < i; j++)
      if (cosine_of(n, gram, i, j) >= copy_cosine)
        parent[first_of(parent, i)] = first_of(parent, j);
  for (size_t i = 0; i < n; i++) evidence[first_of(parent, i)].cluster++;
  for (size_t i = 0; i < n; i++) evidence[i].cluster = evidence[first_of(parent, i)].cluster;
  free(parent);
  return true;
}

void evidence_find_neighbour(size_t n, const double *gram, size_t i, int *neighbour,
                             double *cosine) {
  *neighbour = EVIDENCE_NOBODY;
  *cosine = 0;
  for (size_t j = 0; j < n; j++) {
    if (j == i) continue;
    double its = cosine_of(n, gram, i, j);
    if (*neighbour != EVIDENCE_NOBODY && its <= *cosine) continue;
    *neighbour = (int)j;
    *cosine = its;
  }
}

/* <x_i - z, x_j - z> and the squared distances to z are all that a cosine about the centre needs:
 * in a cohort that agrees every cosine is near 1, and what two of them share beyond that shows only
 * once it is gone. */
static void find_residual_neighbour(size_t n, const double *gram, const double *with_centre,
                                    double square, size_t i, const struct evidence *all,
                                    struct evidence *evidence) {
  evidence->residual_neighbour = EVIDENCE_NOBODY;
  for (size_t j = 0; j < n; j++) {
    if (j == i) continue;
    double inner = gram[i * n + j] - with_centre[i] - with_centre[j] + square;
    double cosine =
        robust_cosine(inner, all[i].distance * all[i].distance, all[j].distance * all[j].distance);
    if (evidence->residual_neighbour != EVIDENCE_NOBODY && cosine <= evidence->residual_cosine)
      continue;
    evidence->residual_neighbour = (int)j;
    evidence->residual_cosine = cosine;
  }
}

/* ---- all of it ---- */

bool evidence_measure(size_t n, const double *gram, const bool *votes, double copy_cosine,
                      double *centre, struct evidence *evidence) {
  size_t *voter = calloc(n, sizeof *voter);
  double *with_centre = calloc(n, sizeof *with_centre);
  size_t voters = voter ? voters_list(n, votes, voter) : 0;
  memset(evidence, 0, n * sizeof *evidence);
  bool is_good = voter && with_centre && centre_weights(n, gram, voter, voters, centre) &&
                 find_neighbourhood(n, gram, voter, voters, evidence) &&
                 find_clusters(n, gram, copy_cosine, evidence);
  double square = is_good ? project(n, gram, centre, with_centre) : 0;
  for (size_t i = 0; is_good && i < n; i++) {
    double own_square = gram[i * n + i];
    evidence[i].norm = sqrt(own_square);
    evidence[i].distance = sqrt(fmax(0, own_square - 2 * with_centre[i] + square));
    evidence[i].cosine = robust_cosine(with_centre[i], own_square, square);
    evidence_find_neighbour(n, gram, i, &evidence[i].neighbour, &evidence[i].neighbour_cosine);
    evidence[i].history_neighbour = EVIDENCE_NOBODY;
  }
  for (size_t i = 0; is_good && i < n; i++)
    find_residual_neighbour(n, gram, with_centre, square, i, evidence, &evidence[i]);
  free(with_centre);
  free(voter);
  return is_good;
}
