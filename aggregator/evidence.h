/* What can be said in numbers about each update of a round: nothing here is a judgement. */
#ifndef TAMIS_EVIDENCE_H
#define TAMIS_EVIDENCE_H

#include <stdbool.h>
#include <stddef.h>

enum { EVIDENCE_NOBODY = -1 };

/* Where a number comes from, which says who can make it again: of the logged Gram matrix alone, or
 * only with the updates. */
enum evidence_source { EVIDENCE_OF_GRAM, EVIDENCE_OF_BODIES };

/* name, source, what it means: the struct, the verdict manifest, the projection, the audit and
 * PROTOCOL.md's table are this list. What cannot be measured is 0. */
#define EVIDENCE_MAP(X)                                                                            \
  X(norm, EVIDENCE_OF_GRAM, "its length")                                                          \
  X(distance, EVIDENCE_OF_GRAM, "to the robust centre of the voting updates")                      \
  X(cosine, EVIDENCE_OF_GRAM, "with that centre; 0 when either is zero")                           \
  X(krum, EVIDENCE_OF_GRAM, "sum of squared distances to its nearest voting updates")              \
  X(degree, EVIDENCE_OF_GRAM, "how many voting updates have it among their nearest")               \
  X(neighbour_cosine, EVIDENCE_OF_GRAM, "with the most similar other update; 0 when alone")        \
  X(cluster, EVIDENCE_OF_GRAM, "how many, itself included, are copies of each other")              \
  X(residual_cosine, EVIDENCE_OF_GRAM,                                                             \
    "largest with another one, the centre taken from both; 0 when alone")                          \
  X(own_cosine, EVIDENCE_OF_BODIES, "with the client's update before; 0 when there is none")       \
  X(aggregate_cosine, EVIDENCE_OF_BODIES,                                                          \
    "with the model's last step, which who trains nothing can send; 0 when there was none")        \
  X(layer_share, EVIDENCE_OF_BODIES,                                                               \
    "total variation of its layers' shares of the energy from the median shares")                  \
  X(output_cosine, EVIDENCE_OF_BODIES, "of the output layer, with that of the centre")             \
  X(output_opposed, EVIDENCE_OF_BODIES,                                                            \
    "share of the output layer's energy in classes that point against the centre's")               \
  X(history_cosine, EVIDENCE_OF_BODIES, "of its sketch with that of the client's own past")        \
  X(history_similarity, EVIDENCE_OF_BODIES,                                                        \
    "largest of the past, this round included, with that of another client")                       \
  X(prediction_error, EVIDENCE_OF_BODIES,                                                          \
    "how far from what was foretold, 1 being the mean; 0 when nothing was")

struct evidence {
#define X(name, source, meaning) double name;
  EVIDENCE_MAP(X)
#undef X
  int neighbour; /* the most similar row, the first among equals; EVIDENCE_NOBODY when alone */
  int residual_neighbour, history_neighbour; /* the same for the other two likenesses */
};

struct evidence_row {
  const char *name;
  enum evidence_source source;
  const char *meaning;
  size_t offset; /* of the double in struct evidence */
};

const struct evidence_row *evidence_table(size_t *count);
double evidence_get(const struct evidence *evidence, const struct evidence_row *row);
void evidence_set(struct evidence *evidence, const struct evidence_row *row, double value);

/* The row most like row i by a Gram matrix, the first among equals, and its cosine;
 * EVIDENCE_NOBODY and 0 when it is alone. */
void evidence_find_neighbour(size_t n, const double *gram, size_t i, int *neighbour,
                             double *cosine);

/* Everything of EVIDENCE_OF_GRAM; the other numbers become 0. `gram` is n x n with n >= 1.
 * `votes[i]`: may row i shape the centre and be what others are near to? When none may, all do.
 * Rows whose cosine is at least `copy_cosine` are copies. `centre` receives the n weights of the
 * robust centre, zero for rows that do not vote. False only when out of memory. */
bool evidence_measure(size_t n, const double *gram, const bool *votes, double copy_cosine,
                      double *centre, struct evidence *evidence);

#endif
