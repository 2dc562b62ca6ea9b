/* A seeded shuffle that another program can write again from PROTOCOL.md. */
#include "aggregator/cohort.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { LABEL_MAX = 16, NUMBERS_PER_BLOCK = DIGEST_SIZE / 8 };

struct digest cohort_randomness(const struct digest *root, const char *federation, int64_t round) {
  char text[DIGEST_SIZE + 128];
  memcpy(text, root->byte, DIGEST_SIZE);
  int length =
      snprintf(text + DIGEST_SIZE, sizeof text - DIGEST_SIZE, "%s\n%" PRId64, federation, round);
  assert(length > 0 && (size_t)length < sizeof text - DIGEST_SIZE);
  return digest_of(text, DIGEST_SIZE + (size_t)length);
}

struct numbers {
  uint8_t seed[DIGEST_SIZE + LABEL_MAX + 8];
  size_t counter_at;
  uint64_t counter;
  struct digest block;
  size_t used;
};

static void big_endian(uint8_t out[8], uint64_t number) {
  for (int i = 7; i >= 0; i--, number >>= 8) out[i] = (uint8_t)number;
}

static struct numbers numbers_start(const struct digest *randomness, const char *label) {
  struct numbers numbers = {.used = NUMBERS_PER_BLOCK};
  size_t length = strlen(label);
  assert(length <= LABEL_MAX);
  memcpy(numbers.seed, randomness->byte, DIGEST_SIZE);
  memcpy(numbers.seed + DIGEST_SIZE, label, length);
  numbers.counter_at = DIGEST_SIZE + length;
  return numbers;
}

static uint64_t numbers_next(struct numbers *numbers) {
  if (numbers->used == NUMBERS_PER_BLOCK) {
    big_endian(numbers->seed + numbers->counter_at, numbers->counter++);
    numbers->block = digest_of(numbers->seed, numbers->counter_at + 8);
    numbers->used = 0;
  }
  uint64_t number = 0;
  for (size_t i = 0; i < 8; i++) number = number << 8 | numbers->block.byte[8 * numbers->used + i];
  numbers->used++;
  return number;
}

/* Numbers at or above the largest multiple of `bound` are thrown away. */
static size_t numbers_below(struct numbers *numbers, uint64_t bound) {
  uint64_t limit = UINT64_MAX - UINT64_MAX % bound, number;
  do number = numbers_next(numbers);
  while (number >= limit);
  return (size_t)(number % bound);
}

void cohort_shuffle(const struct digest *randomness, const char *label, size_t *order,
                    size_t count) {
  struct numbers numbers = numbers_start(randomness, label);
  for (size_t i = 0; i < count; i++) order[i] = i;
  for (size_t i = count; i > 1; i--) {
    size_t j = numbers_below(&numbers, i), last = order[i - 1];
    order[i - 1] = order[j];
    order[j] = last;
  }
}
