/* A bounded search tree for vertex cover (Downey and Fellows; the reductions are the usual ones),
 * on bit sets. */
#include "robust/clique.h"

#include <string.h>

static const size_t none = SIZE_MAX;

size_t clique_words(size_t n) {
  return n / 64 + (n % 64 != 0);
}

/* The rows themselves, and a set for each branch: one that keeps a row removes at least three. */
size_t clique_stack_words(size_t n, size_t left_out_max) {
  return clique_words(n) * (left_out_max / 3 + 1);
}

bool clique_has(const uint64_t *set, size_t i) {
  return (set[i / 64] >> (i % 64) & 1U) != 0;
}

void clique_add(uint64_t *set, size_t i) {
  set[i / 64] |= UINT64_C(1) << (i % 64);
}

void clique_remove(uint64_t *set, size_t i) {
  set[i / 64] &= ~(UINT64_C(1) << (i % 64));
}

void clique_fill(uint64_t *set, size_t n) {
  memset(set, 0, clique_words(n) * sizeof *set);
  for (size_t i = 0; i < n; i++) clique_add(set, i);
}

size_t clique_subtract(uint64_t *set, const uint64_t *other, size_t words) {
  size_t gone = 0;
  for (size_t w = 0; w < words; w++) {
    gone += (size_t)__builtin_popcountll(set[w] & other[w]);
    set[w] &= ~other[w];
  }
  return gone;
}

void clique_set_far(struct clique *clique, const double *distances, double limit) {
  size_t n = clique->n;
  memset(clique->far, 0, n * clique->words * sizeof *clique->far);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++)
      if (distances[i * n + j] > limit) clique_add(clique->far + i * clique->words, j);
}

/* What one look at the conflicts among some rows tells. Of several, the first row counts. */
struct survey {
  size_t ends; /* twice the number of conflicting pairs */
  size_t most; /* conflicts of `busiest` */
  size_t busiest;
  size_t rival; /* of the first row that has a single conflict, the other; none */
};

static size_t first_common(const uint64_t *a, const uint64_t *b, size_t words) {
  for (size_t w = 0; w < words; w++)
    if ((a[w] & b[w]) != 0) return 64 * w + (size_t)__builtin_ctzll(a[w] & b[w]);
  return none;
}

static struct survey survey_conflicts(struct clique *clique, const uint64_t *rows) {
  struct survey survey = {.busiest = none, .rival = none};
  size_t effort = 0;
  for (size_t i = 0; i < clique->n; i++) {
    if (!clique_has(rows, i)) continue;
    const uint64_t *far = clique->far + i * clique->words;
    size_t conflicts = 0;
    for (size_t w = 0; w < clique->words; w++)
      conflicts += (size_t)__builtin_popcountll(far[w] & rows[w]);
    survey.ends += conflicts;
    if (conflicts > survey.most) {
      survey.most = conflicts;
      survey.busiest = i;
    }
    if (conflicts == 1 && survey.rival == none)
      survey.rival = first_common(far, rows, clique->words);
    effort += clique->words;
  }
  clique->effort_left -= effort < clique->effort_left ? effort : clique->effort_left;
  return survey;
}

/* Works on `rows` itself, with the sets above it for the branches. */
static bool search(struct clique *clique, size_t left_out, uint64_t *rows) {
  uint64_t *branch = rows + clique->words;
  for (;;) {
    struct survey survey = survey_conflicts(clique, rows);
    if (survey.ends == 0) return true;
    if (left_out == 0 || survey.ends > 2 * left_out * survey.most) return false;
    if (clique->effort_left == 0) {
      clique->is_capped = true;
      return false;
    }
    bool has_choice = survey.rival == none && survey.most > 2 && survey.most <= left_out;
    if (has_choice) { /* the busiest row stays: all its rivals go */
      memcpy(branch, rows, clique->words * sizeof *rows);
      clique_subtract(branch, clique->far + survey.busiest * clique->words, clique->words);
      if (search(clique, left_out - survey.most, branch)) {
        memcpy(rows, branch, clique->words * sizeof *rows);
        return true;
      }
    }
    clique_remove(rows, survey.rival != none ? survey.rival : survey.busiest);
    left_out--;
  }
}

bool clique_leave_out(struct clique *clique, size_t left_out, uint64_t *rows) {
  memcpy(clique->stack, rows, clique->words * sizeof *rows);
  if (!search(clique, left_out, clique->stack)) return false;
  memcpy(rows, clique->stack, clique->words * sizeof *rows);
  return true;
}
