/* Numbers are found by their spelling, so that what a manifest gains is measured the same day. */
#include "roc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "proto/canonical.h"

enum { NUMBERS_MAX = 96, NAME_MAX_BYTES = 48 };

struct sample {
  double value;
  bool is_liar;
  size_t round;
};

struct number {
  char name[NAME_MAX_BYTES];
  size_t count, capacity;
  struct sample *sample;
};

struct roc {
  size_t count;
  struct number number[NUMBERS_MAX];
};

struct roc *roc_new(void) {
  return calloc(1, sizeof(struct roc));
}

void roc_free(struct roc *roc) {
  for (size_t i = 0; roc && i < roc->count; i++) free(roc->number[i].sample);
  free(roc);
}

static struct number *number_of(struct roc *roc, const char *name) {
  for (size_t i = 0; i < roc->count; i++)
    if (strcmp(roc->number[i].name, name) == 0) return &roc->number[i];
  if (roc->count == NUMBERS_MAX || strlen(name) >= NAME_MAX_BYTES) return NULL;
  struct number *number = &roc->number[roc->count++];
  strcpy(number->name, name);
  return number;
}

static void add(struct roc *roc, const char *name, struct sample sample) {
  struct number *number = number_of(roc, name);
  if (!number) return;
  if (number->count == number->capacity) {
    size_t capacity = number->capacity ? 2 * number->capacity : 1024;
    struct sample *more = realloc(number->sample, capacity * sizeof *more);
    if (!more) abort();
    number->sample = more;
    number->capacity = capacity;
  }
  number->sample[number->count++] = sample;
}

void roc_add(struct roc *roc, const char *prefix, const json_t *object, bool is_liar,
             size_t round) {
  const char *name;
  char whole[NAME_MAX_BYTES];
  json_t *value;
  json_object_foreach((json_t *)(uintptr_t)object, name, value) {
    double number;
    bool is_count = json_is_integer(value) && strcmp(name, "index") != 0;
    if (is_count)
      number = (double)json_integer_value(value);
    else if (!canonical_f64_read(value, &number))
      continue;
    snprintf(whole, sizeof whole, "%s%s", prefix, name);
    add(roc, whole, (struct sample){number, is_liar, round});
  }
}

/* Of the samples from `from` to `to`, all pairs; -1 when one side is missing. */
static double auc(const struct sample *sample, size_t from, size_t to) {
  double won = 0, pairs = 0;
  for (size_t i = from; i < to; i++) {
    if (!sample[i].is_liar) continue;
    for (size_t j = from; j < to; j++) {
      if (sample[j].is_liar) continue;
      won += sample[i].value > sample[j].value ? 1 : sample[i].value == sample[j].value ? 0.5 : 0;
      pairs++;
    }
  }
  return pairs > 0 ? won / pairs : -1;
}

static double auc_by_round(const struct number *number) {
  double sum = 0, rounds = 0;
  for (size_t from = 0, to; from < number->count; from = to) {
    for (to = from; to < number->count && number->sample[to].round == number->sample[from].round;)
      to++;
    double one = auc(number->sample, from, to);
    if (one < 0) continue;
    sum += one;
    rounds++;
  }
  return rounds > 0 ? sum / rounds : -1;
}

static int descending(const void *left, const void *right) {
  double a = *(const double *)left, b = *(const double *)right;
  return (a < b) - (a > b);
}

static const double false_shares[] = {0, 0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5};

enum { FALSE_SHARES = sizeof false_shares / sizeof *false_shares };

/* `sign` times the numbers of one side, largest first; how many. */
static size_t side_of(const struct number *number, bool is_liar, double sign, double *value) {
  size_t n = 0;
  for (size_t i = 0; i < number->count; i++)
    if (number->sample[i].is_liar == is_liar) value[n++] = sign * number->sample[i].value;
  qsort(value, n, sizeof *value, descending);
  return n;
}

static json_t *curve_of(const struct number *number, double sign) {
  double *honest = calloc(number->count + 1, sizeof *honest);
  double *lies = calloc(number->count + 1, sizeof *lies);
  json_t *curve = json_array();
  if (!honest || !lies) abort();
  size_t n = side_of(number, false, sign, honest), k = side_of(number, true, sign, lies), at = 0;
  for (size_t i = 0; i < FALSE_SHARES && n > 0 && k > 0; i++) {
    double threshold = honest[(size_t)(false_shares[i] * (double)n)];
    while (at < k && lies[at] > threshold) at++;
    json_array_append_new(
        curve, json_pack("[f, f, f]", false_shares[i], sign * threshold, (double)at / (double)k));
  }
  free(lies);
  free(honest);
  return curve;
}

static bool is_constant(const struct number *number) {
  for (size_t i = 1; i < number->count; i++)
    if (number->sample[i].value != number->sample[0].value) return false;
  return true;
}

json_t *roc_tell(const struct roc *roc) {
  json_t *all = json_object();
  for (size_t i = 0; i < roc->count; i++) {
    const struct number *number = &roc->number[i];
    double area = is_constant(number) ? -1 : auc_by_round(number);
    if (area < 0) continue;
    json_object_set_new(
        all, number->name,
        json_pack("{s:f, s:o}", "auc", area, "at", curve_of(number, area < 0.5 ? -1 : 1)));
  }
  return all;
}
