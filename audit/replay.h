/* What would another rule have done with the same bytes? A round computed again from its stored
 * updates, on its own base, with its own verdicts; nothing is changed. */
#ifndef TAMIS_REPLAY_H
#define TAMIS_REPLAY_H

#include "audit/archive.h"
#include "audit/evaluator.h"
#include "audit/moves.h"

struct replay_question {
  const char *federation;
  int64_t round;
  const char *rule;            /* NULL: the round's own */
  const char *optimiser;       /* NULL: the round's own; "": none */
  struct evaluator *evaluator; /* NULL: do not ask what the models are worth */
  int threads;                 /* 0: one a processor */
};

struct replay_row {   /* an accepted update */
  const char *client; /* lent by the archive */
  double logged, weight;
};

struct replay {
  char rule[STATE_RULE_SIZE], optimiser[STATE_RULE_SIZE];               /* asked about */
  char logged_rule[STATE_RULE_SIZE], logged_optimiser[STATE_RULE_SIZE]; /* of the plan */
  enum outcome outcome; /* of the round; without a candidate nothing `logged` means anything */
  bool has_logged, is_evaluated;
  struct digest base, logged, candidate;
  double logged_margin, margin; /* see robust_evidence.margin */
  struct moves moves; /* from the base: the candidate's and, as `other`, the logged one's */
  double base_value, logged_value, value; /* of the evaluator */
  size_t updates, count;                  /* of the round; accepted */
  struct replay_row *row;                 /* owned, `count` of them, by client name */
  uint8_t *file;                          /* owned: the candidate, a whole file */
  size_t file_length;
};

/* In an archive that was walked and has kept the round. What rule and optimiser remember is what
 * was logged before the round, where names agree; a memory that the round did not have begins.
 * BAD_REQUEST for a text that is no rule or one that a federation cannot have, NOT_FOUND for a
 * round that did not come to verdicts, RULE_NOT_FEASIBLE. The caller closes the replay. */
enum tamis_status replay_round(const struct archive *archive,
                               const struct replay_question *question, struct replay *replay,
                               struct fault *fault);
void replay_close(struct replay *replay);

#endif
