/* Leave-one-out influence: what a model would be without each of the clients that shaped it.
 *
 * Without client c, every round from `since` to the model's own is aggregated again from the stored
 * updates with c's counted out: each on the model that the round before it then gave, with what
 * rule and optimiser then remember, by its own plan and randomness. Everybody else's verdict stays
 * what was logged, later updates stay what they were although they were computed on the old models,
 * and quorums are not asked for. A round whose rule cannot keep its promise without c is skipped:
 * the model passes it unchanged. This is what `rebuild --since S --without c` would give, to the
 * bit.
 *
 *   influence  |M - M_c|, M the model and M_c the one without c
 *   share      influence / |M - B|, B the base of round `since`
 *   direction  the cosine of M - M_c with M - B: near 1, c drove the model where it went; below 0,
 *              it pulled against it
 *   gain       evaluation of M_c less that of M: above 0, the model would be better without c */
#ifndef TAMIS_BLAME_H
#define TAMIS_BLAME_H

#include "audit/archive.h"
#include "audit/evaluator.h"

struct blame_question {
  const char *federation;
  int64_t since;               /* the first round counted out of; 0: from the first model on */
  int64_t round;               /* whose model; DESCENT_HEAD: the head */
  struct evaluator *evaluator; /* NULL: no gains */
  bool never_by_gram;          /* for checking one way against the other */
  int threads;                 /* 0: one a processor; changes no bit */
  uint64_t memory_bytes;       /* for the variants that are held at once; 0: a quarter of all */
  void (*progress)(void *context, size_t done, size_t total); /* NULL: none */
  void *context;
};

struct blame_row {
  const char *client;     /* lent by the archive */
  size_t rounds, skipped; /* its update counted in; could not do without it */
  double influence, share, direction, value, gain;
};

struct blame {
  int64_t since, round; /* first and last of the rounds */
  size_t rounds;
  bool by_gram; /* from the logged Gram matrix alone: one round, a rule of weights, no optimiser */
  bool is_evaluated;
  double length, value; /* |M - B|; of M */
  size_t count;
  struct blame_row *row; /* owned; by gain when evaluated, then by influence, largest first */
};

/* In an archive that was walked and has kept the rounds. Time: a round's aggregation for each
 * client and round after its first; by the Gram matrix n^2 steps a client. The files of a round are
 * read once for all variants that fit into memory_bytes, as far as the page cache holds them.
 * Refusals are those of descent_open, and RULE_NOT_FEASIBLE never. The caller closes the blame. */
enum tamis_status blame_model(const struct archive *archive, const struct blame_question *question,
                              struct blame *blame, struct fault *fault);
void blame_close(struct blame *blame);

/* Since when? The earliest round from which on, without a gap, up to and with `question->round`,
 * `client` led: no client had more influence on its round, and half of them had at most half as
 * much. There a rebuild should begin. Evaluator and `since` of the question are not looked at. 0
 * when it did not lead in the last of them. */
enum tamis_status blame_since(const struct archive *archive, const struct blame_question *question,
                              const char *client, int64_t *since, struct fault *fault);

#endif
