/* Who holds which examples: the training set cut into one share for each client. */
#ifndef TAMIS_LAB_PARTITION_H
#define TAMIS_LAB_PARTITION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Client c holds the examples members[start[c]] .. members[start[c + 1] - 1], in random order.
 * Every example of the set is held exactly once. */
struct partition {
  size_t client_count;
  size_t *start;
  uint32_t *members;
};

/* Everybody alike: a shuffle cut into shares whose sizes differ by at most one. False when memory
 * is short or there are more clients than examples. */
bool partition_iid(struct partition *out, size_t example_count, size_t client_count, uint64_t seed);

/* Label skew: the examples of each class are dealt in proportions drawn from Dirichlet(alpha)
 * (Yurochkin et al. 2019, section 4; Li et al., "Federated learning on non-IID data silos", 2022).
 * Small alpha, few classes per client and unequal shares. Then clients below `share_min` examples
 * take random ones from whoever holds most. False when memory is short or client_count * share_min
 * exceeds example_count. */
bool partition_dirichlet(struct partition *out, const uint8_t *labels, size_t example_count,
                         size_t client_count, double alpha, size_t share_min, uint64_t seed);

void partition_free(struct partition *partition);

static inline size_t partition_share(const struct partition *partition, size_t client) {
  return partition->start[client + 1] - partition->start[client];
}

#endif
