/* A partition is made as one owner for each example; the lists per client are counted out of it at
 * the end. */
#include "lab/partition.h"
#include "lab/random.h"

#include <assert.h>
#include <stdlib.h>

enum { CLASSES_MAX = 256 };

static bool partition_new(struct partition *out, size_t example_count, size_t client_count) {
  *out = (struct partition){.client_count = client_count};
  out->start = calloc(client_count + 1, sizeof *out->start);
  out->members = malloc((example_count + 1) * sizeof *out->members);
  if (out->start && out->members) return true;
  partition_free(out);
  return false;
}

void partition_free(struct partition *partition) {
  free(partition->start);
  free(partition->members);
  *partition = (struct partition){0};
}

/* The examples 0 .. count-1 in random order. */
static uint32_t *shuffled(size_t count, struct random *random) {
  uint32_t *order = malloc((count + 1) * sizeof *order);
  if (!order) return NULL;
  for (size_t i = 0; i < count; i++) order[i] = (uint32_t)i;
  random_shuffle(random, order, count);
  return order;
}

bool partition_iid(struct partition *out, size_t example_count, size_t client_count,
                   uint64_t seed) {
  *out = (struct partition){0};
  if (client_count == 0 || client_count > example_count || example_count > UINT32_MAX) return false;
  struct random random;
  random_seed(&random, seed);
  uint32_t *order = shuffled(example_count, &random);
  if (!order || !partition_new(out, example_count, client_count)) {
    free(order);
    return false;
  }
  for (size_t c = 0; c <= client_count; c++) out->start[c] = example_count * c / client_count;
  free(out->members);
  out->members = order;
  return true;
}

/* Gives out one class, listed in `examples`, in proportion to `shares`, which sum to 1 but for
 * rounding: the last client takes what that leaves over. */
static void deal_class(const uint32_t *examples, size_t count, const double *shares,
                       size_t client_count, uint32_t *owner, size_t *held) {
  double reached = 0;
  size_t next = 0;
  for (size_t c = 0; c < client_count; c++) {
    reached += shares[c];
    size_t end = c + 1 == client_count ? count : (size_t)(reached * (double)count + 0.5);
    for (; next < end && next < count; next++) {
      owner[examples[next]] = (uint32_t)c;
      held[c]++;
    }
  }
}

/* Index of the client with the most examples, the first of equals. */
static uint32_t richest(const size_t *held, size_t client_count) {
  size_t best = 0;
  for (size_t c = 1; c < client_count; c++)
    if (held[c] > held[best]) best = c;
  return (uint32_t)best;
}

/* Each short client takes, in shuffled order, whatever the richest of the moment holds. While
 * somebody is below share_min <= mean, the richest is above it, so this ends and makes nobody
 * short. */
static void top_up(const uint32_t *order, size_t example_count, uint32_t *owner, size_t *held,
                   size_t client_count, size_t share_min) {
  for (uint32_t c = 0; c < client_count; c++)
    for (size_t i = 0; held[c] < share_min; i = (i + 1) % example_count) {
      uint32_t from = richest(held, client_count);
      if (owner[order[i]] != from) continue;
      owner[order[i]] = c;
      held[from]--;
      held[c]++;
    }
}

/* Counting sort of the shuffled examples by owner. */
static void collect(struct partition *out, const uint32_t *order, size_t example_count,
                    const uint32_t *owner, const size_t *held) {
  for (size_t c = 0; c < out->client_count; c++) out->start[c + 1] = out->start[c] + held[c];
  for (size_t i = 0; i < example_count; i++) out->members[out->start[owner[order[i]]]++] = order[i];
  for (size_t c = out->client_count; c > 0; c--) out->start[c] = out->start[c - 1];
  out->start[0] = 0;
}

bool partition_dirichlet(struct partition *out, const uint8_t *labels, size_t example_count,
                         size_t client_count, double alpha, size_t share_min, uint64_t seed) {
  *out = (struct partition){0};
  if (client_count == 0 || example_count > UINT32_MAX || !(alpha > 0)) return false;
  if (share_min > example_count / client_count) return false;

  struct random random;
  random_seed(&random, seed);
  bool made = false;
  uint32_t *order = shuffled(example_count, &random);
  uint32_t *of_class = malloc((example_count + 1) * sizeof *of_class);
  uint32_t *owner = calloc(example_count + 1, sizeof *owner);
  size_t *held = calloc(client_count, sizeof *held);
  double *shares = calloc(client_count, sizeof *shares);
  if (!order || !of_class || !owner || !held || !shares) goto out;
  if (!partition_new(out, example_count, client_count)) goto out;

  for (unsigned label = 0; label < CLASSES_MAX; label++) {
    size_t count = 0;
    for (size_t i = 0; i < example_count; i++)
      if (labels[order[i]] == label) of_class[count++] = order[i];
    if (count == 0) continue;
    random_dirichlet(&random, alpha, shares, client_count);
    deal_class(of_class, count, shares, client_count, owner, held);
  }
  top_up(order, example_count, owner, held, client_count, share_min);
  collect(out, order, example_count, owner, held);
  made = true;
out:
  free(shares);
  free(held);
  free(owner);
  free(of_class);
  free(order);
  return made;
}
