/* Krum scores: how tightly a row sits among its nearest neighbours; once for all rows, or again
 * after each choice. Internal. */
#ifndef ROBUST_KRUM_H
#define ROBUST_KRUM_H

#include <stdbool.h>
#include <stddef.h>

/* What the score adds up: the `neighbours` smallest distances to other rows (below n), each to the
 * power of 1, 2 or 4. */
struct krum_kind {
  size_t neighbours;
  unsigned power;
};

/* score[i], added upwards from the smallest, so that the numbering of rows cannot change a bit.
 * `work` holds n doubles. About n^2 log n steps. */
void krum_scores(size_t n, const double *gram, const struct krum_kind *kind, double *score,
                 double *work);

/* Krum again and again: the row of lowest score is taken, the first of equals, and the others are
 * scored anew without it, each time with one neighbour fewer, down to one. Every row keeps a sorted
 * list of its distances to those left, so a choice costs n neighbours additions and no sort. */
struct krum_race {
  size_t n;
  size_t left;
  const double *gram;
  struct krum_kind kind; /* of the next choice */
  double *near;          /* n x n: a row's distances to those left, ascending */
  bool *is_left;         /* n */
  double margin; /* the smallest of all choices so far (science.md 9.2); 1 before the first */
};

/* kind as for krum_scores, for the first choice. `work` holds krum_race_work(n) doubles and is used
 * until the end. */
void krum_race_start(struct krum_race *race, size_t n, const double *gram,
                     const struct krum_kind *kind, double *work);
size_t krum_race_work(size_t n);

/* Takes the next row and returns its number. At most n times. */
size_t krum_race_take(struct krum_race *race);

#endif
