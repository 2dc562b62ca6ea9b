/* What can be said in numbers about each update of a round, from inner products alone. */
#ifndef TAMIS_EVIDENCE_H
#define TAMIS_EVIDENCE_H

#include <stdbool.h>
#include <stddef.h>

enum { EVIDENCE_NOBODY = -1 };

struct evidence {
  double norm;
  double distance;         /* to the robust centre of the voting rows */
  double cosine;           /* with that centre; 0 when either is zero */
  double own_cosine;       /* with the client's update before; 0 when there is none */
  double neighbour_cosine; /* with the most similar other row; 0 when alone */
  int neighbour;           /* that row, the first among equals; EVIDENCE_NOBODY when alone */
};

/* The client's update before this one. */
struct evidence_own {
  double product; /* with the update of now */
  double norm;    /* its length; 0: there is none */
};

/* `gram` is n x n with n >= 1. `votes[i]`: may row i shape the centre? When none may, all do. False
 * only when out of memory. */
bool evidence_measure(size_t n, const double *gram, const bool *votes,
                      const struct evidence_own *own, struct evidence *evidence);

#endif
