/* A Feistel network over the smallest even number of bits that holds d, walked until it lands below
 * d (Black and Rogaway, CT-RSA 2002): a permutation of 0..d-1 without a table. */
#include "robust/draws.h"
#include "robust/splitmix.h"

enum { DRAWS_ROUNDS = 6 };

static uint64_t feistel(uint64_t key, unsigned half_bits, uint64_t value) {
  uint64_t mask = (UINT64_C(1) << half_bits) - 1;
  uint64_t left = value >> half_bits;
  uint64_t right = value & mask;
  for (uint64_t round = 0; round < DRAWS_ROUNDS; round++) {
    uint64_t next = left ^ (splitmix_mix(key + splitmix_mix(right + (round << 56))) & mask);
    left = right;
    right = next;
  }
  return left << half_bits | right;
}

static uint64_t place_of(uint64_t key, unsigned half_bits, uint64_t index, uint64_t d) {
  do {
    index = feistel(key, half_bits, index);
  } while (index >= d);
  return index;
}

static void sift_down(size_t *heap, size_t root, size_t count) {
  for (size_t child = 2 * root + 1; child < count; child = 2 * root + 1) {
    if (child + 1 < count && heap[child + 1] > heap[child]) child++;
    if (heap[root] >= heap[child]) return;
    size_t swapped = heap[root];
    heap[root] = heap[child];
    heap[child] = swapped;
    root = child;
  }
}

static void sort_rising(size_t *values, size_t count) {
  for (size_t root = count / 2; root-- > 0;) sift_down(values, root, count);
  for (size_t last = count; last-- > 1;) {
    size_t largest = values[0];
    values[0] = values[last];
    values[last] = largest;
    sift_down(values, 0, last);
  }
}

size_t draws_choose(uint64_t seed, size_t draw, size_t size, size_t d, size_t *coordinates) {
  if (size >= d) {
    for (size_t k = 0; k < d; k++) coordinates[k] = k;
    return d;
  }
  unsigned half_bits = 1;
  while (half_bits < 31 && UINT64_C(1) << (2 * half_bits) < d) half_bits++;
  uint64_t key = splitmix_mix(seed + UINT64_C(0x9e3779b97f4a7c15) * ((uint64_t)draw + 1));
  for (size_t i = 0; i < size; i++) coordinates[i] = place_of(key, half_bits, i, d);
  sort_rising(coordinates, size);
  return size;
}
