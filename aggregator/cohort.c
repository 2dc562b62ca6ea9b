/* A seeded shuffle that another program can write again from PROTOCOL.md. */
#include "aggregator/cohort.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
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

/* ---- shares ---- */

static int by_text(const void *left, const void *right) {
  return strcmp(*(const char *const *)left, *(const char *const *)right);
}

struct draw {
  const struct cohort_candidate *candidate;
  size_t count;
  const char **organisation; /* sorted, some more than once: the first place is its number */
  size_t *taken;             /* seats of each organisation, at its number */
  size_t taken_new, organisation_most, new_most;
  size_t *order;
  bool *is_seated; /* by place in the order */
};

static size_t *seats_of(struct draw *draw, const struct cohort_candidate *candidate) {
  size_t low = 0, high = draw->count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (strcmp(draw->organisation[middle], candidate->organisation) < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return &draw->taken[low];
}

static size_t most_of(double share, size_t seats) {
  size_t most = (size_t)(share * (double)seats);
  return most > 0 ? most : 1;
}

/* Those within the shares; returns how many sit now. */
static size_t seat_within(struct draw *draw, size_t seats, size_t *chosen) {
  size_t seated = 0;
  for (size_t i = 0; i < draw->count && seated < seats; i++) {
    const struct cohort_candidate *candidate = &draw->candidate[draw->order[i]];
    size_t *its = seats_of(draw, candidate);
    if (*its >= draw->organisation_most) continue;
    if (candidate->is_new && draw->taken_new >= draw->new_most) continue;
    ++*its;
    draw->taken_new += candidate->is_new;
    draw->is_seated[i] = true;
    chosen[seated++] = draw->order[i];
  }
  return seated;
}

static size_t seat_others(const struct draw *draw, size_t seated, size_t seats, size_t *chosen) {
  for (size_t i = 0; i < draw->count && seated < seats; i++)
    if (!draw->is_seated[i]) chosen[seated++] = draw->order[i];
  return seated;
}

size_t cohort_draw(const struct digest *randomness, const struct cohort_candidate *candidate,
                   size_t count, const struct cohort_seats *seats, size_t *chosen, bool *is_good) {
  struct draw draw = {.candidate = candidate,
                      .count = count,
                      .organisation = calloc(count + 1, sizeof *draw.organisation),
                      .taken = calloc(count + 1, sizeof *draw.taken),
                      .organisation_most = most_of(seats->organisation, seats->count),
                      .new_most = most_of(seats->new, seats->count),
                      .order = calloc(count + 1, sizeof *draw.order),
                      .is_seated = calloc(count + 1, sizeof *draw.is_seated)};
  size_t seated = 0;
  assert(seats->count <= count);
  *is_good = draw.organisation && draw.taken && draw.order && draw.is_seated;
  if (*is_good) {
    for (size_t i = 0; i < count; i++) draw.organisation[i] = candidate[i].organisation;
    qsort(draw.organisation, count, sizeof *draw.organisation, by_text);
    cohort_shuffle(randomness, "cohort", draw.order, count);
    seated = seat_within(&draw, seats->count, chosen);
    seated = seat_others(&draw, seated, seats->is_strict ? seats->least : seats->count, chosen);
  }
  free(draw.is_seated);
  free(draw.order);
  free(draw.taken);
  free(draw.organisation);
  return seated;
}
