/* Leaving out as few rows as possible so that no two of the rest stand too far apart: vertex cover,
 * by a search whose effort is bounded. Internal. */
#ifndef ROBUST_CLIQUE_H
#define ROBUST_CLIQUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Sets of rows are bit sets of `words` words: row i is bit i % 64 of word i / 64. Bits from n on
 * are 0. The memory is the caller's. */
struct clique {
  size_t n;
  size_t words;  /* clique_words(n) */
  uint64_t *far; /* n x words, symmetric: set i holds the rows that may not stay together with i */
  uint64_t *stack;    /* clique_stack_words(n, most that will be left out) */
  size_t effort_left; /* words of `far` that may still be looked at */
  bool is_capped;     /* an answer was no because the effort ran out; the caller clears it */
};

size_t clique_words(size_t n);
size_t clique_stack_words(size_t n, size_t left_out_max);

/* Fills `far` with the pairs whose distance is above the limit. */
void clique_set_far(struct clique *clique, const double *distances, double limit);

/* Removes at most `left_out` members from `rows` so that no two of the rest are far from each
 * other, and says whether it can be done. When not, `rows` is as it was. A member that is far from
 * no other is never removed. Exact unless is_capped.
 *
 * Cost: n words to look at in each node. A node branches on the row with most far ones: it stays,
 * or it goes; rows with one or more than `left_out` of them decide themselves, and so do cycles. */
bool clique_leave_out(struct clique *clique, size_t left_out, uint64_t *rows);

/* The words of sets that callers need. */
bool clique_has(const uint64_t *set, size_t i);
void clique_add(uint64_t *set, size_t i);
void clique_remove(uint64_t *set, size_t i);
void clique_fill(uint64_t *set, size_t n);
size_t clique_subtract(uint64_t *set, const uint64_t *other, size_t words); /* how many went */

#endif
